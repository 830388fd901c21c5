/* SPDX-License-Identifier: MIT */
#include "object/boot_package.h"

#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "diag/log.h"
#include "manifest/manifest.h"
#include "mm/frames.h"
#include "mm/layout.h"
#include "object/memory.h"
#include "object/process.h"
#include "object/services.h"
#include "object/spawner.h"
#include "wire/build.h"

#define START_MESSAGE_BYTES 512u
/* Places of the object table that init's account does not get: they are for what nobody pays. */
#define BOOT_OBJECTS_MAX 64u

/** What init is given, in this order, and under which names. */
static const struct {
    enum object_kind kind;
    const char *name;
} gifts[] = {
    {OBJECT_KIND_MEMORY, "bootPackage"},
    {OBJECT_KIND_CONSOLE, "console"},
    {OBJECT_KIND_DIAGNOSTICS, "diagnostics"},
    {OBJECT_KIND_POWER, "power"},
    {OBJECT_KIND_PROCESS_SPAWNER, "spawner"},
    {OBJECT_KIND_DEVICE_MANAGER, "deviceManager"},
    {OBJECT_KIND_AUDIT_LOG, "auditLog"},
    {OBJECT_KIND_INTERRUPT_ROUTING, "interruptRouting"},
    {OBJECT_KIND_ACPI_FIRMWARE, "acpiFirmware"},
};

static struct boot_package package;
static uint8_t start_message[START_MESSAGE_BYTES] __attribute__((aligned(8)));

NORETURN static void refuse(const struct manifest_fault *fault)
{
    char text[160];

    manifest_fault_format(fault, text, sizeof(text));
    PANIC("boot package: %s", text);
}

static uint32_t build_start_message(void)
{
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list names;
    size_t length;

    wire_build_init(&builder, start_message, sizeof(start_message));
    (void)start_info_init_root(&builder, &root);
    (void)start_info_init_capabilities(&root, ARRAY_COUNT(gifts), &names);
    for (uint32_t i = 0; i < ARRAY_COUNT(gifts); i++) {
        (void)wire_list_set_text(&names, i, gifts[i].name, strlen(gifts[i].name));
    }
    KVERIFY(wire_build_finish(&builder, &length) == WIRE_OK);
    return (uint32_t)length;
}

/** Objects that init is given belong to the kernel: nobody's account pays for them. */
static void make_gifts(struct memory *image, struct message_parcels *parcels)
{
    *parcels = (struct message_parcels){.count = ARRAY_COUNT(gifts)};
    for (uint32_t i = 0; i < ARRAY_COUNT(gifts); i++) {
        parcels->flags[i] = CAP_ORIGIN;
        if (gifts[i].kind == OBJECT_KIND_MEMORY) {
            parcels->objects[i] = &image->object;
        } else if (permission_create(gifts[i].kind, NULL, &parcels->objects[i]) != STATUS_OK) {
            PANIC("memory: too little to start init");
        }
    }
}

static struct process_limits limits_of(const struct manifest_program *program)
{
    struct process_limits limits = {
        .max_priority = PRIORITY_COUNT - 1,
        .budget_ticks = clock_duration_ticks((uint64_t)program->cpu_budget_us * 1000),
        .period_ticks = clock_duration_ticks((uint64_t)program->cpu_period_us * 1000),
    };

    /* Init gets the machine: what it starts lives on what it was given. */
    const uint32_t frames = account_left(&root_account, ACCOUNT_FRAMES);

    limits.resources[ACCOUNT_FRAMES] = frames - frames / 16;
    limits.resources[ACCOUNT_CAP_SLOTS] = UINT32_MAX / 4;
    limits.resources[ACCOUNT_OBJECTS] = OBJECT_COUNT_MAX - BOOT_OBJECTS_MAX;
    limits.resources[ACCOUNT_THREADS] = account_left(&root_account, ACCOUNT_THREADS);
    limits.resources[ACCOUNT_DMA_PAGES] = UINT32_MAX / 4;
    limits.resources[ACCOUNT_MMIO_PAGES] = UINT32_MAX / 4;
    limits.resources[ACCOUNT_INTERRUPTS] = UINT32_MAX / 4;
    return limits;
}

static void init_root_account(void)
{
    const uint32_t threads = frames_threads_max();
    const uint32_t frames = frames_free() - threads * THREAD_BLOCK_FRAMES;
    const uint32_t everything[ACCOUNT_RESOURCE_COUNT] = {
        [ACCOUNT_FRAMES] = frames,
        [ACCOUNT_CAP_SLOTS] = UINT32_MAX / 2,
        [ACCOUNT_OBJECTS] = OBJECT_COUNT_MAX,
        [ACCOUNT_THREADS] = threads,
        [ACCOUNT_DMA_PAGES] = UINT32_MAX / 2,
        [ACCOUNT_MMIO_PAGES] = UINT32_MAX / 2,
        [ACCOUNT_INTERRUPTS] = UINT32_MAX / 2,
    };

    account_init_root(&root_account, 0, everything);
    frames_set_aside(threads);
}

void boot_package_start(const struct boot_info *info)
{
    struct manifest_fault fault;
    struct manifest_program program;
    struct wire_bytes elf;
    struct memory *image;
    struct spawn *spawn;
    struct spawn_request request;
    char name[MANIFEST_NAME_MAX + 1];

    init_root_account();
    if (info->module_count == 0) {
        PANIC("boot package: none; the loader must bring it as its only module (QEMU: -initrd)");
    }
    const struct boot_module *module = &info->modules[0];
    const uint64_t page_count = page_round_up(module->bytes) >> PAGE_SHIFT;

    if (!is_page_aligned(module->address)) {
        PANIC("boot package: at %lx, not on a page boundary", (unsigned long)module->address);
    }
    if (!boot_info_is_usable(info, module->address, page_count * PAGE_BYTES) ||
        (module->address >> PAGE_SHIFT) + page_count > frames_total()) {
        PANIC("boot package: at %lx, %lu bytes, not all of it in usable memory",
              (unsigned long)module->address, (unsigned long)module->bytes);
    }
    if (boot_package_open(&package, direct_map((struct paddr){module->address}), module->bytes,
                          &fault) != MANIFEST_OK ||
        manifest_check_program(&package, 0, &fault) != MANIFEST_OK) {
        refuse(&fault);
    }
    KVERIFY(manifest_get_program(&package, 0, &program));
    KVERIFY(manifest_find_image(&package, program.image, &elf));
    if (memory_create_borrowed(NULL, paddr_frame((struct paddr){module->address}), page_count,
                               &image) != STATUS_OK) {
        PANIC("memory: too little to start init");
    }
    memcpy(name, program.name.bytes, program.name.length);
    name[program.name.length] = '\0';
    request.name = name;
    request.spawner = NULL;
    request.image = image;
    request.image_offset =
        (uint64_t)(elf.bytes - (const uint8_t *)direct_map((struct paddr){module->address}));
    request.image_length = elf.length;
    request.limits = limits_of(&program);
    request.priority = program.priority;
    request.start_message = start_message;
    request.start_message_length = build_start_message();
    make_gifts(image, &request.grants);

    const enum status status = spawn_start(NULL, &request, &spawn);

    if (status != STATUS_OK) {
        PANIC("boot package: cannot start %s: %s", name, status_name(status));
    }
    for (uint32_t i = 0; i < request.grants.count; i++) {
        if (gifts[i].kind == OBJECT_KIND_PROCESS_SPAWNER) {
            permission_of(request.grants.objects[i])->process = process_next(NULL);
        }
        object_put(request.grants.objects[i]);
    }
    log_info("boot", "starting %s, %lu KiB of boot package", name,
             (unsigned long)(module->bytes >> 10));
}
