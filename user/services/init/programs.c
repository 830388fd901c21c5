/* SPDX-License-Identifier: MIT */
#include "services/init/init.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/spawn.h"
#include "text/text.h"

/** Badges of sending ends: which program a call comes from. 0 is nobody's. */
static uint64_t program_badge(uint32_t index)
{
    return index + 1;
}

void programs_init(struct init *init)
{
    for (uint32_t i = 0; i < init->package.programs.count; i++) {
        struct manifest_fault fault;
        struct manifest_program program;
        struct manifest_grant grant;
        char text[160];

        if (manifest_check_program(&init->package, i, &fault) != MANIFEST_OK ||
            !manifest_get_program(&init->package, i, &program)) {
            manifest_fault_format(&fault, text, sizeof(text));
            rt_print("init: manifest: %s: not started\n", text);
            continue;
        }
        init->programs[i].usable = true;
        for (uint32_t g = 0; g < program.grants.count; g++) {
            if (!manifest_get_grant(&init->package, &program, g, &grant)) {
                continue;
            }
            if (grant.source == GRANT_SOURCE_WHICH_SERVES) {
                service_add(init, grant.service, i);
            } else if (grant.source == GRANT_SOURCE_WHICH_DEVICE) {
                init->programs[i].has_device = true;
            }
        }
    }
}

/**
 * The memory that a program is started from, and where its image is in it.
 *
 * A driver that has died is wanted back soon. So the image of one is copied once, to the start of a
 * page: from there the kernel need not copy what is never written. All others are in the package.
 */
static enum status image_find(struct init *init, uint32_t index, struct wire_bytes elf,
                              uint64_t *memory, uint64_t *offset)
{
    const uint64_t page_count = (elf.length + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES;
    struct init_program *const program = &init->programs[index];
    enum status status = STATUS_OK;
    uint64_t copy = 0;
    void *bytes;

    if (!program->has_device) {
        *memory = init->package_memory;
        *offset = (uint64_t)(elf.bytes - init->package.bytes);
        return STATUS_OK;
    }
    if (program->image == 0) {
        status = memory_create(page_count, &copy);
        if (status == STATUS_OK) {
            status = rt_space_map(copy, 0, (uint32_t)page_count, ACCESS_READ_WRITE, &bytes);
        }
        if (status == STATUS_OK) {
            memcpy(bytes, elf.bytes, elf.length);
            rt_space_unmap(bytes, (uint32_t)page_count);
            status = memory_view(copy, 0, page_count, ACCESS_READ_EXECUTE, &program->image);
        }
        if (copy != 0) {
            capability_release(copy);
        }
    }
    *memory = program->image;
    *offset = 0;
    return status;
}

/** struct device_owners: true if a process that is not init's may be alive, too. */
static bool process_runs(const struct device_owners *owners, uint64_t pid)
{
    const struct init *const init = owners->init;

    for (uint32_t i = 0; i < INIT_PROCESSES_MAX; i++) {
        const struct init_process *const process = &init->processes[i];
        struct process_handle_info_results info;

        if (process->handle != 0 && process->pid == pid) {
            return process_info(process->handle, &info) == STATUS_OK &&
                   (info.state == PROCESS_STATE_RUNNING || info.state == PROCESS_STATE_STARTING);
        }
    }
    return true;
}

/** Capabilities that were made for one start; given up if it fails. */
struct grant_set {
    struct rt_grant grants[MANIFEST_GRANTS_MAX];
    char names[MANIFEST_GRANTS_MAX][MANIFEST_NAME_MAX + 1];
    uint32_t count;
    uint64_t fresh[MANIFEST_GRANTS_MAX]; /* made here, to be moved or given up */
    uint32_t fresh_count;
};

static void grant_set_fini(struct grant_set *set)
{
    for (uint32_t i = 0; i < set->fresh_count; i++) {
        capability_release(set->fresh[i]);
    }
}

/** Give capability number `number` of a grant. The check of the manifest says that there is room.
 */
static void grant_add(struct grant_set *set, const struct manifest_grant *grant, uint32_t number,
                      uint64_t capability, bool fresh)
{
    char *const name = set->names[set->count];

    set->grants[set->count] = (struct rt_grant){
        .name = name,
        .name_length = manifest_grant_name(grant, number, name, sizeof(set->names[0])),
        .capability = capability,
        .mode = fresh ? RING_TRANSFER_MOVE : RING_TRANSFER_COPY,
    };
    set->count++;
    if (fresh) {
        set->fresh[set->fresh_count++] = capability;
    }
}

/** Claim the device of a grant. */
static enum status grant_device(struct init *init, const struct manifest_grant *grant,
                                struct grant_set *set, struct init_outcome *outcome)
{
    uint64_t capabilities[MANIFEST_GRANTS_MAX];
    const struct device_owners owners = {.runs = process_runs, .init = init};
    struct device_state *const device = &outcome->device;
    uint32_t count;
    enum status status;

    /* Looked for before; but a device of the same group may have been claimed since. */
    device_find(&init->devices, &grant->device, &owners, device);
    if (device->answer != DEVICE_READY) {
        return device->answer == DEVICE_REFUSED ? device->status : STATUS_BUSY;
    }
    status = device_claim(&init->devices, &grant->device, device, capabilities, &count);
    if (status == STATUS_UNSUPPORTED) {
        /* The kernel has found out only now why not: that is in the list by this time. */
        device_find(&init->devices, &grant->device, &owners, device);
        if (device->answer == DEVICE_REFUSED) {
            return status;
        }
    }
    if (status != STATUS_OK) {
        text_format(device->reason, sizeof(device->reason), "%s cannot be claimed%s: %s",
                    device->place,
                    status == STATUS_UNSUPPORTED && grant->device.by_pin
                        ? " by its pin (has it one, and is it declared where that leads?)"
                        : "",
                    status_name(status));
        return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        grant_add(set, grant, i, capabilities[i], true);
    }
    return STATUS_OK;
}

/**
 * Find or make what a grant asks for.
 *
 * Returns: STATUS_OK; what the kernel refused; STATUS_PEER_GONE if a service has no server.
 */
static enum status grant_prepare(struct init *init, uint32_t program,
                                 const struct manifest_grant *grant, struct grant_set *set,
                                 struct init_outcome *outcome)
{
    enum status status = STATUS_OK;
    uint64_t capability = 0;
    bool fresh = false;

    switch (grant->source) {
    case GRANT_SOURCE_WHICH_CONSOLE:
        capability = rt_capability("console");
        break;
    case GRANT_SOURCE_WHICH_DIAGNOSTICS:
        capability = rt_capability("diagnostics");
        break;
    case GRANT_SOURCE_WHICH_POWER:
        capability = rt_capability("power");
        break;
    case GRANT_SOURCE_WHICH_SPAWNER:
        capability = rt_capability("spawner");
        break;
    case GRANT_SOURCE_WHICH_BOOT_PACKAGE:
        capability = init->package_memory;
        break;
    case GRANT_SOURCE_WHICH_TIMER:
        status = timer_create(&capability);
        fresh = true;
        break;
    case GRANT_SOURCE_WHICH_SERVES:
        status = service_serve(init, grant->service, &capability);
        break;
    case GRANT_SOURCE_WHICH_USES:
        status = service_use(init, grant->service, program_badge(program), &capability);
        fresh = true;
        break;
    case GRANT_SOURCE_WHICH_DEVICE:
        return grant_device(init, grant, set, outcome);
    case GRANT_SOURCE_WHICH_DEVICE_MANAGER:
        capability = init->devices.manager;
        status = capability == 0 ? STATUS_UNSUPPORTED : STATUS_OK;
        break;
    case GRANT_SOURCE_WHICH_AUDIT_LOG:
        capability = rt_capability("auditLog");
        break;
    case GRANT_SOURCE_WHICH_INTERRUPT_ROUTING:
        capability = rt_capability("interruptRouting");
        break;
    case GRANT_SOURCE_WHICH_ACPI_FIRMWARE:
        capability = rt_capability("acpiFirmware");
        break;
    case GRANT_SOURCE_WHICH_COUNT:
        return STATUS_UNSUPPORTED;
    }
    if (status == STATUS_OK) {
        grant_add(set, grant, 0, capability, fresh);
    }
    return status;
}

/** The arguments of a process: its name, those of the manifest, those of the caller. */
static bool arguments_prepare(const struct manifest_program *program, const struct rt_text *extra,
                              uint32_t extra_count, struct rt_text *arguments, uint32_t capacity,
                              uint32_t *count)
{
    struct wire_bytes text;

    if (1 + program->arguments.count + extra_count > capacity) {
        return false;
    }
    *count = 0;
    arguments[(*count)++] =
        (struct rt_text){(const char *)program->name.bytes, program->name.length};
    for (uint32_t i = 0; i < program->arguments.count; i++) {
        if (wire_list_get_text(&program->arguments, i, &text) != WIRE_OK) {
            return false;
        }
        arguments[(*count)++] = (struct rt_text){(const char *)text.bytes, text.length};
    }
    for (uint32_t i = 0; i < extra_count; i++) {
        arguments[(*count)++] = extra[i];
    }
    return true;
}

static void outcome_refused(struct init_outcome *outcome, enum status status)
{
    outcome->which = LAUNCH_RESULT_WHICH_REFUSED;
    outcome->refused = status;
}

static struct init_process *process_slot(struct init *init)
{
    for (uint32_t i = 0; i < INIT_PROCESSES_MAX; i++) {
        if (init->processes[i].handle == 0 && init->processes[i].gone.state == RT_OPERATION_IDLE) {
            return &init->processes[i];
        }
    }
    return NULL;
}

/** Note a process that has just been spawned, and wait for its end. */
static void process_add(struct init *init, struct init_process *process, uint32_t program,
                        uint64_t handle)
{
    struct process_handle_info_results info = {0};

    process->handle = handle;
    process->program = program;
    process->pid = process_info(handle, &info) == STATUS_OK ? info.pid : 0;
    process->gone = (struct rt_operation){.context = process};
    init->programs[program].instance++;
    if (rt_ring_start_wait(rt_ring_self(), &process->gone, handle, 0) != STATUS_OK) {
        rt_print("init: cannot wait for process %u\n", (unsigned)process->pid);
    }
}

/**
 * See whether every device of a program is there and free, before anything is claimed.
 *
 * Returns: true; false and what became of the start in `outcome`.
 */
static bool devices_ready(struct init *init, const struct manifest_program *program,
                          struct init_outcome *outcome)
{
    const struct device_owners owners = {.runs = process_runs, .init = init};
    struct device_state *const device = &outcome->device;
    struct manifest_grant grant;

    for (uint32_t i = 0; i < program->grants.count; i++) {
        if (!manifest_get_grant(&init->package, program, i, &grant) ||
            grant.source != GRANT_SOURCE_WHICH_DEVICE) {
            continue;
        }
        device_find(&init->devices, &grant.device, &owners, device);
        switch (device->answer) {
        case DEVICE_READY:
            break;
        case DEVICE_MISSING:
            outcome->which = LAUNCH_RESULT_WHICH_MISSING_DEVICE;
            return false;
        case DEVICE_TEARDOWN:
            outcome->which = LAUNCH_RESULT_WHICH_COUNT;
            return false;
        case DEVICE_REFUSED:
            outcome_refused(outcome, device->status);
            return false;
        }
    }
    return true;
}

void program_start(struct init *init, uint32_t index, const struct rt_text *extra,
                   uint32_t extra_count, struct init_outcome *outcome)
{
    struct rt_text arguments[1 + MANIFEST_ARGUMENTS_MAX];
    struct grant_set set = {.count = 0};
    struct init_process *const process = process_slot(init);
    struct manifest_program program;
    struct wire_bytes elf;
    struct rt_spawn spawn;
    uint64_t handle;
    enum status status = STATUS_OK;

    if (!init->programs[index].usable || !manifest_get_program(&init->package, index, &program) ||
        !manifest_find_image(&init->package, program.image, &elf)) {
        outcome_refused(outcome, STATUS_BAD_IMAGE);
        return;
    }
    if (process == NULL) {
        outcome_refused(outcome, STATUS_QUEUE_FULL);
        return;
    }
    spawn = (struct rt_spawn){
        .name = {(const char *)program.name.bytes, program.name.length},
        .image_length = elf.length,
        .priority = program.priority,
        .max_priority = program.max_priority,
        .cpu_budget_us = program.cpu_budget_us,
        .cpu_period_us = program.cpu_period_us,
        .frames = program.frames,
        .cap_slots = program.cap_slots,
        .objects = program.objects,
        .threads = program.threads,
        .dma_pages = program.dma_pages,
        .mmio_pages = program.mmio_pages,
        .interrupts = program.interrupts,
        .arguments = arguments,
        .grants = set.grants,
    };
    status = image_find(init, index, elf, &spawn.image, &spawn.image_offset);
    if (status != STATUS_OK) {
        outcome_refused(outcome, status);
        return;
    }
    if (!arguments_prepare(&program, extra, extra_count, arguments, ARRAY_COUNT(arguments),
                           &spawn.argument_count)) {
        outcome_refused(outcome, STATUS_TOO_LONG);
        return;
    }
    if (!devices_ready(init, &program, outcome)) {
        return;
    }
    services_hand_over(init, index);
    for (uint32_t i = 0; i < program.grants.count && status == STATUS_OK; i++) {
        struct manifest_grant grant;

        status = STATUS_BAD_MESSAGE;
        if (manifest_get_grant(&init->package, &program, i, &grant)) {
            status = grant_prepare(init, index, &grant, &set, outcome);
        }
        if (status == STATUS_PEER_GONE) {
            outcome->which = LAUNCH_RESULT_WHICH_MISSING_SERVICE;
            outcome->missing_service = grant.service;
            goto undo;
        }
    }
    if (status == STATUS_OK) {
        spawn.grant_count = set.count;
        status = process_spawn(rt_capability("spawner"), &spawn, &handle);
    }
    if (status != STATUS_OK) {
        outcome_refused(outcome, status);
        goto undo;
    }
    process_add(init, process, index, handle);
    outcome->which = LAUNCH_RESULT_WHICH_PID;
    outcome->process = process;
    outcome->stays = program.start == START_DEVICE;
    return;

undo:
    grant_set_fini(&set);
    if (init->programs[index].instance == 0) {
        services_end(init, index);
    }
}

void process_gone(struct init *init, struct init_process *process)
{
    capability_release(process->handle);
    process->handle = 0;
    if (--init->programs[process->program].instance == 0) {
        services_end(init, process->program);
    }
}

void outcome_report(const struct init *init, struct wire_bytes name,
                    const struct init_outcome *outcome)
{
    const int length = (int)name.length;
    const char *const text = (const char *)name.bytes;

    (void)init;
    switch (outcome->which) {
    case LAUNCH_RESULT_WHICH_PID:
    case LAUNCH_RESULT_WHICH_COUNT:
        return;
    case LAUNCH_RESULT_WHICH_UNKNOWN_PROGRAM:
        rt_print("init: no program \"%.*s\"\n", length, text);
        return;
    case LAUNCH_RESULT_WHICH_REFUSED:
        if (outcome->device.reason[0] != '\0') {
            rt_print("init: %.*s: %s\n", length, text, outcome->device.reason);
        } else {
            rt_print("init: program \"%.*s\" not started: %s\n", length, text,
                     status_name(outcome->refused));
        }
        return;
    case LAUNCH_RESULT_WHICH_MISSING_SERVICE:
        rt_print("init: program \"%.*s\" not started: no running program serves \"%.*s\"\n", length,
                 text, (int)outcome->missing_service.length,
                 (const char *)outcome->missing_service.bytes);
        return;
    case LAUNCH_RESULT_WHICH_MISSING_DEVICE:
        rt_print("init: program \"%.*s\" not started: no device %s\n", length, text,
                 outcome->device.reason);
        return;
    }
}
