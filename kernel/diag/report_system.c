/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own things: `cpus`, `caps`, `budgets`, `locks`.
 */
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "diag/reports.h"
#include "object/object.h"
#include "object/process.h"
#include "sched/sched.h"
#include "text/text.h"

#define NS_PER_MS 1000000u
#define NS_PER_US 1000u
#define NO_LIMIT  (1u << 29) /* frames of 2 TiB: limits above are as good as none */

/* ------------------------------------------------------------------------------------------
 * CPUs
 * ------------------------------------------------------------------------------------------ */

static bool cpu_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= cpu_count) {
        return false;
    }
    const struct cpu *cpu = cpus[(*place)++];

    report_set_number(row, 0, cpu->index);
    report_set_number(row, 1, cpu->apic_id);
    report_set_flag(row, 2, cpu == this_cpu() || __atomic_load_n(&cpu->online, __ATOMIC_RELAXED));
    report_set_number(row, 3, clock_duration_ns(cpu->busy_ticks) / NS_PER_MS);
    report_set_number(row, 4, clock_duration_ns(cpu->idle_ticks) / NS_PER_MS);
    report_set_number(row, 5, cpu->switch_count);
    report_set_number(row, 6, cpu->interrupt_count);
    report_set_number(row, 7, cpu->spurious_count);
    report_set_number(row, 8, cpu->stale_interrupts);
    return true;
}

static const struct report_column cpu_columns[] = {
    {"CPU", "cpu", 3, REPORT_DECIMAL},
    {"APIC", "apicId", 5, REPORT_DECIMAL},
    {"ON", "online", 3, REPORT_YES_NO},
    {"BUSY-MS", "busyMs", 10, REPORT_DECIMAL},
    {"IDLE-MS", "idleMs", 10, REPORT_DECIMAL},
    {"SWITCHES", "switches", 11, REPORT_DECIMAL},
    {"INTERRUPTS", "interrupts", 11, REPORT_DECIMAL},
    {"SPURIOUS", "spurious", 8, REPORT_DECIMAL},
    {"STALE", "stale", 7, REPORT_DECIMAL},
};

static const struct report_table cpu_tables[] = {
    {"cpu", NULL, cpu_columns, ARRAY_COUNT(cpu_columns), cpu_row},
};

const struct report cpus_report = {"cpus", "the processors, and what they did", cpu_tables,
                                   ARRAY_COUNT(cpu_tables)};

/* ------------------------------------------------------------------------------------------
 * Capabilities: places of processes are their pids, which the tables can hold up to 32 bits of
 * ------------------------------------------------------------------------------------------ */

static const struct process *process_from(uint32_t pid)
{
    const struct process *process = process_next(NULL);

    while (process != NULL && process->pid < pid) {
        process = process_next(process);
    }
    return process != NULL && process->pid < UINT32_MAX ? process : NULL;
}

static bool process_caps_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct process *process = process_from(*place);

    (void)argument;
    if (process == NULL) {
        return false;
    }
    *place = (uint32_t)process->pid + 1;
    report_set_number(row, 0, process->pid);
    report_set_text(row, 1, process->name);
    report_set_number(row, 2, process->account.used[ACCOUNT_CAP_SLOTS]);
    report_set_number(row, 3, process->account.limit[ACCOUNT_CAP_SLOTS]);
    return true;
}

static const struct report_column process_caps_columns[] = {
    {"PID", "pid", 7, REPORT_DECIMAL},
    {"NAME", "name", 31, REPORT_TEXT},
    {"SLOTS", "slots", 10, REPORT_DECIMAL},
    {"LIMIT", "limit", 10, REPORT_DECIMAL},
};

static const struct report_table caps_tables[] = {
    {"processCaps", "no process exists", process_caps_columns, ARRAY_COUNT(process_caps_columns),
     process_caps_row},
};

const struct report caps_report = {"caps", "[PID] capabilities of all processes, or of one",
                                   caps_tables, ARRAY_COUNT(caps_tables)};

static bool cap_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct process *process = process_find(argument);

    if (process == NULL) {
        return false;
    }
    const uint32_t slot = object_next_slot(process, *place);

    if (slot == CAP_NO_INDEX) {
        return false;
    }
    const struct object *object = cap_entry_object(cap_table_at(&process->caps, slot));

    *place = slot + 1;
    report_set_number(row, 0, slot);
    report_set_text(row, 1,
                    object == NULL ? "stale" : object_kind_name((enum object_kind)object->kind));
    report_set_number(row, 2, object == NULL ? 0 : object->number);
    return true;
}

static const struct report_column cap_columns[] = {
    {"INDEX", "index", 7, REPORT_DECIMAL},
    {"KIND", "kind", 16, REPORT_TEXT},
    {"OBJECT", "object", 10, REPORT_DECIMAL},
};

static const struct report_table caps_of_tables[] = {
    {"capability", "no such process, or it has none", cap_columns, ARRAY_COUNT(cap_columns),
     cap_row},
};

const struct report caps_of_report = {"caps", NULL, caps_of_tables, ARRAY_COUNT(caps_of_tables)};

/* ------------------------------------------------------------------------------------------
 * Budgets: a process's resources are eight places
 * ------------------------------------------------------------------------------------------ */

#define PLACES_PER_PROCESS 8u
static_assert(ACCOUNT_RESOURCE_COUNT <= PLACES_PER_PROCESS, "a row for each");

static const char *const resource_names[ACCOUNT_RESOURCE_COUNT] = {
    [ACCOUNT_FRAMES] = "frames",         [ACCOUNT_CAP_SLOTS] = "cap slots",
    [ACCOUNT_OBJECTS] = "objects",       [ACCOUNT_THREADS] = "threads",
    [ACCOUNT_DMA_PAGES] = "DMA pages",   [ACCOUNT_MMIO_PAGES] = "MMIO pages",
    [ACCOUNT_INTERRUPTS] = "interrupts",
};

static bool budget_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    uint32_t resource = *place % PLACES_PER_PROCESS;
    uint32_t pid = *place / PLACES_PER_PROCESS;

    (void)argument;
    if (resource >= ACCOUNT_RESOURCE_COUNT) {
        resource = 0;
        pid++;
    }
    const struct process *process = process_from(pid);

    if (process == NULL || process->pid >= UINT32_MAX / PLACES_PER_PROCESS) {
        return false;
    }
    resource = process->pid == pid ? resource : 0;
    *place = (uint32_t)process->pid * PLACES_PER_PROCESS + resource + 1;

    const uint32_t limit = process->account.limit[resource];

    report_set_number(row, 0, process->pid);
    report_set_text(row, 1, process->name);
    report_set_text(row, 2, resource_names[resource]);
    report_set_number(row, 3, process->account.used[resource]);
    if (limit >= NO_LIMIT) {
        report_set_absent(row, 4);
    } else {
        report_set_number(row, 4, limit);
    }
    return true;
}

static const struct report_column budget_columns[] = {
    {"PID", "pid", 7, REPORT_DECIMAL},         {"NAME", "name", 31, REPORT_TEXT},
    {"RESOURCE", "resource", 12, REPORT_TEXT}, {"USED", "used", 11, REPORT_DECIMAL},
    {"LIMIT", "limit", 11, REPORT_DECIMAL},
};

static const struct report_table budget_tables[] = {
    {"budget", "no process exists", budget_columns, ARRAY_COUNT(budget_columns), budget_row},
};

const struct report budgets_report = {"budgets", "what each process may hold, and holds",
                                      budget_tables, ARRAY_COUNT(budget_tables)};

/* ------------------------------------------------------------------------------------------
 * Locks
 * ------------------------------------------------------------------------------------------ */

static const char *const lock_names[LOCK_RANK_COUNT] = {
    [LOCK_RANK_KERNEL] = "kernel",
    [LOCK_RANK_PCI_DEVICE_MANAGER] = "device manager",
    [LOCK_RANK_DEVICE_INTERRUPT_ROUTES] = "interrupt routes",
    [LOCK_RANK_FRAMES] = "frames",
    [LOCK_RANK_LOG] = "log",
    [LOCK_RANK_UART] = "uart",
};

static const struct report_column lock_columns[] = {
    {"RANK", "rank", 4, REPORT_DECIMAL},
    {"LOCK", "lock", 6, REPORT_TEXT},
    {"WAITS", "waits", 10, REPORT_DECIMAL},
    {"LONGEST-US", "longestUs", 10, REPORT_DECIMAL},
    {"HELD-NS", "longestHeldNs", 10, REPORT_DECIMAL}, /* in debug builds, as what follows */
    {"TAKEN", "takenAt", 16, REPORT_TEXT},
    {"GIVEN-BACK", "givenBackAt", 16, REPORT_TEXT},
};

static bool lock_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= LOCK_RANK_COUNT) {
        return false;
    }
    const struct lock_waits *waits = &lock_waits[*place];

    report_set_number(row, 0, *place);
    report_set_text(row, 1, lock_names[*place]);
    report_set_number(row, 2, __atomic_load_n(&waits->count, __ATOMIC_RELAXED));
    report_set_number(row, 3,
                      clock_duration_ns(__atomic_load_n(&waits->worst_ticks, __ATOMIC_RELAXED)) /
                          NS_PER_US);
#ifdef CAPOS_LOCK_TIMES
    report_set_number(row, 4, clock_duration_ns(lock_holds[*place].worst_ticks));
    report_set_made(row, 5, "%llx", (unsigned long long)lock_holds[*place].taken);
    report_set_made(row, 6, "%llx", (unsigned long long)lock_holds[*place].given_back);
#else
    for (uint32_t column = 4; column < ARRAY_COUNT(lock_columns); column++) {
        report_set_absent(row, column);
    }
#endif
    (*place)++;
    return true;
}

static const struct report_table lock_tables[] = {
    {"lock", NULL, lock_columns, ARRAY_COUNT(lock_columns), lock_row},
};

const struct report locks_report = {"locks", "the kernel's locks, and who had to wait", lock_tables,
                                    ARRAY_COUNT(lock_tables)};
