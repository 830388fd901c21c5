/* SPDX-License-Identifier: MIT */
#include "services/init/init.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/process.h"

/* How long what must come first may keep the others waiting. */
#define FIRST_SECONDS 10u

/* Too large for the stack, and there is one init. */
static struct init init;

/** Map the boot package and begin reading it. */
static void package_init(void)
{
    struct memory_size_results size;
    struct manifest_fault fault;
    void *bytes;
    char text[160];
    enum status status;

    init.package_memory = rt_capability_required("bootPackage");
    status = memory_size(init.package_memory, &size);
    if (status == STATUS_OK) {
        status =
            rt_space_map(init.package_memory, 0, (uint32_t)size.page_count, ACCESS_READ, &bytes);
    }
    if (status != STATUS_OK) {
        rt_panic("the boot package cannot be mapped: %s", status_name(status));
    }
    if (boot_package_open(&init.package, bytes, size.page_count * RT_PAGE_BYTES, &fault) !=
        MANIFEST_OK) {
        manifest_fault_format(&fault, text, sizeof(text));
        rt_panic("boot package: %s", text);
    }
}

/** Say it when a program of the system has ended in a way that nobody asked for. */
static void report_end(const struct init_process *process)
{
    const struct ring_cqe *const cqe = &process->gone.cqe;
    struct manifest_program program;

    if (cqe->status == STATUS_OK && cqe->payload[1] != EXIT_REASON_EXITED &&
        manifest_get_program(&init.package, process->program, &program) &&
        program.start != START_DEMAND) {
        rt_print("init: %.*s (pid %u) was %s, code %u\n", (int)program.name.length,
                 (const char *)program.name.bytes, (unsigned)process->pid,
                 exit_reason_name((enum exit_reason)cqe->payload[1]), (unsigned)cqe->payload[0]);
    }
}

/** Wait for the end of a program that is to come before all others, but not for ever. */
static void await_first(struct wire_bytes name, const struct init_process *process)
{
    uint64_t now;

    if (rt_clock_now(&now) != STATUS_OK) {
        return;
    }
    const uint64_t deadline = now + FIRST_SECONDS * RT_NS_PER_S;

    while (process->handle != 0) {
        struct rt_operation *const done = rt_ring_wait(rt_ring_self(), deadline);

        if (done == NULL) {
            rt_print("init: %.*s takes too long: killed\n", (int)name.length,
                     (const char *)name.bytes);
            (void)!process_kill(process->handle);
            return;
        }
        report_end(done->context);
        process_gone(&init, done->context);
    }
}

/** Start every program that the manifest wants at boot and the machine can have, in its order. */
static void boot_programs(void)
{
    struct manifest_program program;

    for (uint32_t i = 1; i < init.package.programs.count; i++) {
        struct init_outcome outcome = {.which = LAUNCH_RESULT_WHICH_UNKNOWN_PROGRAM};

        if (!init.programs[i].usable || !manifest_get_program(&init.package, i, &program) ||
            program.start == START_DEMAND) {
            continue;
        }
        program_start(&init, i, NULL, 0, &outcome);
        if (program.start != START_DEVICE || outcome.which != LAUNCH_RESULT_WHICH_MISSING_DEVICE) {
            outcome_report(&init, program.name, &outcome);
        }
        if (program.start == START_FIRST && outcome.which == LAUNCH_RESULT_WHICH_PID) {
            await_first(program.name, outcome.process);
        }
    }
}

int main(int count, char **arguments)
{
    static const char first[] = "init: first instruction\n";

    (void)!console_write(rt_capability("console"), first, sizeof(first) - 1);
    (void)count;
    (void)arguments;
    package_init();
    programs_init(&init);
    devices_init(&init.devices, rt_capability("deviceManager"));
    launcher_init(&init);
    boot_programs();
    for (;;) {
        struct rt_operation *done;

        services_settle(&init);
        launcher_arm(&init);
        done = rt_ring_wait(rt_ring_self(), RT_NO_DEADLINE);
        if (done != NULL && !launcher_handle(&init, done) && !service_handle(&init, done)) {
            report_end(done->context);
            process_gone(&init, done->context);
        }
    }
}
