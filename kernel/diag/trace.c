/* SPDX-License-Identifier: MIT */
#include "diag/trace.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "diag/log.h"
#include "diag/reports.h"
#include "mm/frames.h"
#include "object/process.h"
#include "sched/thread.h"
#include "syscall/cap_enter.h"

#define TRACE_ORDER    4u /* frames of a ring: 64 KiB */
#define TRACE_CAPACITY ((PAGE_BYTES << TRACE_ORDER) / sizeof(struct trace_record))
#define NO_NUMBER      UINT64_MAX
#define NS_PER_US      1000u

/* Submissions of one system call that are recorded; a batch must not push out everything else. */
#define SUBMISSIONS_MAX 8u

/* Of each CPU in the epitaph. */
#define PRINTED_MAX 8u

struct trace_ring {
    struct trace_record *records; /* [I] */
    uint64_t capacity;            /* [I] how many; 0: there was no memory for any */
    uint64_t first;               /* [k] number of the first record since the last start */
    uint64_t written;             /* [k] number of the next one */
};

bool trace_is_on;
uint64_t trace_quick_number = SYSCALL_CAP_ENTER;

static struct trace_ring trace_rings[MAX_CPUS];

void trace_init_cpu(uint32_t index)
{
    uint32_t frame;

    /* A CPU that does not answer leaves its ring to the next of its number. */
    if (trace_rings[index].capacity == 0 &&
        frames_take(TRACE_ORDER, FRAME_PER_CPU, NULL, &frame) == STATUS_OK) {
        trace_rings[index].records = frame_pointer(frame);
        trace_rings[index].capacity = TRACE_CAPACITY;
    }
}

uint32_t trace_capacity(void)
{
    return (uint32_t)trace_rings[0].capacity;
}

/** A thread as one word: process in the upper half, number in the lower; 0: idle. */
static uint64_t identity(const struct thread *thread)
{
    return thread == NULL ? 0 : thread->process->pid << 32 | (uint32_t)thread->number;
}

static void write(const struct cpu *cpu, enum trace_kind kind, uint64_t first, uint64_t second,
                  uint64_t third)
{
    struct trace_ring *ring = &trace_rings[cpu->index];

    if (ring->capacity == 0) {
        return;
    }
    ring->records[ring->written % ring->capacity] = (struct trace_record){
        .ticks = rdtsc(),
        .kind = (uint16_t)kind,
        .pid = cpu->current == NULL ? 0 : (uint32_t)cpu->current->process->pid,
        .words = {first, second, third},
    };
    ring->written++;
}

void trace_control(enum trace_command command)
{
    const bool was_on = trace_is_on;

    if (command == TRACE_COMMAND_LOOK) {
        return;
    }
    trace_is_on = command != TRACE_COMMAND_STOP;
    trace_quick_number = trace_is_on ? NO_NUMBER : SYSCALL_CAP_ENTER;
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (command == TRACE_COMMAND_START) {
            trace_rings[i].first = trace_rings[i].written;
        }
        /* Switches follow from here on without a gap: what each CPU carries changes only under the
         * kernel lock. */
        if (trace_is_on && (!was_on || command == TRACE_COMMAND_START)) {
            write(cpus[i], TRACE_KIND_BEGIN, identity(cpus[i]->current), 0, 0);
        }
    }
}

const struct trace_record *trace_read(uint32_t cpu, uint64_t sequence, uint64_t *found,
                                      uint64_t *lost)
{
    *lost = 0;
    *found = sequence;
    if (cpu >= MAX_CPUS || trace_rings[cpu].capacity == 0) {
        return NULL;
    }
    const struct trace_ring *ring = &trace_rings[cpu];
    const uint64_t kept = ring->written > ring->capacity ? ring->written - ring->capacity : 0;
    const uint64_t wanted = sequence < ring->first ? ring->first : sequence;

    *found = wanted < kept ? kept : wanted;
    *lost = *found - wanted;
    if (*found >= ring->written) {
        *found = ring->written;
        return NULL;
    }
    return &ring->records[*found % ring->capacity];
}

/* ------------------------------------------------------------------------------------------
 * The report. Places: CPU << 24 | how many records of it are before. While the trace runs the
 * oldest are overwritten meanwhile, and some of the report is left out; it ends all the same.
 * ------------------------------------------------------------------------------------------ */

#define PLACE_CPU_SHIFT 24u
static_assert(MAX_CPUS <= 1u << (32 - PLACE_CPU_SHIFT), "a place holds a CPU's number");

static bool record_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    for (uint32_t cpu = *place >> PLACE_CPU_SHIFT; cpu < cpu_count; cpu++) {
        const bool is_first = cpu != *place >> PLACE_CPU_SHIFT;
        const uint32_t before = is_first ? 0 : *place & ((1u << PLACE_CPU_SHIFT) - 1);
        const struct trace_record *record;
        uint64_t number;
        uint64_t lost;

        if (trace_read(cpu, 0, &number, &lost) == NULL) {
            continue;
        }
        record = trace_read(cpu, number + before, &number, &lost);
        if (record == NULL) {
            continue;
        }
        *place = (cpu << PLACE_CPU_SHIFT | before) + 1;
        report_set_number(row, 0, cpu);
        report_set_number(row, 1, clock_duration_ns(record->ticks - clock_boot_ticks) / NS_PER_US);
        report_set_text(row, 2, trace_kind_name(record->kind));
        report_set_number(row, 3, record->pid);
        for (uint32_t i = 0; i < ARRAY_COUNT(record->words); i++) {
            report_set_made(row, 4 + i, "0x%llx", (unsigned long long)record->words[i]);
        }
        report_set_number(row, 7, number);
        return true;
    }
    return false;
}

static const struct report_column record_columns[] = {
    {"CPU", "cpu", 3, REPORT_DECIMAL},    {"MICROS", "micros", 10, REPORT_DECIMAL},
    {"KIND", "kind", 12, REPORT_TEXT},    {"PID", "pid", 5, REPORT_DECIMAL},
    {"WORD-0", "word0", 14, REPORT_TEXT}, {"WORD-1", "word1", 14, REPORT_TEXT},
    {"WORD-2", "word2", 0, REPORT_TEXT},  {NULL, "number", 0, REPORT_DECIMAL},
};

static const struct report_table trace_tables[] = {
    {"trace", "no records; `trace on` begins to record", record_columns,
     ARRAY_COUNT(record_columns), record_row},
};

const struct report trace_report = {"trace", "[on|off] what each CPU did", trace_tables,
                                    ARRAY_COUNT(trace_tables)};

void trace_write(enum trace_kind kind, uint64_t first, uint64_t second, uint64_t third)
{
    write(this_cpu(), kind, first, second, third);
}

void trace_write_switch(const struct cpu *cpu, const struct thread *from, const struct thread *to)
{
    const uint64_t state = from == NULL ? THREAD_READY : from->state;
    const uint64_t priority = to == NULL ? 0 : to->priority;

    write(cpu, TRACE_KIND_SWITCH, identity(from), identity(to), state | priority << 8);
}

/** The words of one submission, as they are in shared memory now: the thread may change them. */
static void write_submission(const struct cpu *cpu, const struct thread *thread, uint32_t index)
{
    const struct ring_sqe *entry =
        &thread->ring.memory->sq[(thread->ring.sq_head + index) % RING_DEPTH];
    const volatile ring_word *words = (const volatile ring_word *)entry;

    write(cpu, TRACE_KIND_SUBMISSION, index, words[0], words[2]);
}

void trace_write_system_call(const struct thread *thread, uint64_t number, uint64_t first,
                             uint64_t second)
{
    const struct cpu *cpu = this_cpu();

    write(cpu, TRACE_KIND_SYSTEM_CALL, number, first, second);
    if (number != SYSCALL_CAP_ENTER) {
        return;
    }
    uint32_t count =
        atomic_load_acquire_u32(&thread->ring.memory->header.sq_tail) - thread->ring.sq_head;

    count = count > RING_DEPTH ? 0 : count; /* impossible: the ring will be poisoned */
    count = first < count ? (uint32_t)first : count;
    for (uint32_t i = 0; i < count && i < SUBMISSIONS_MAX; i++) {
        write_submission(cpu, thread, i);
    }
}

void trace_write_interrupt(const struct cpu *cpu, uint32_t vector)
{
    const bool is_device = vector >= VECTOR_DEVICE_FIRST && vector < VECTOR_DEVICE_END;

    write(cpu, TRACE_KIND_INTERRUPT, vector,
          is_device ? cpu->device_routes[vector - VECTOR_DEVICE_FIRST] : 0, 0);
}

void trace_write_process(enum trace_kind kind, const struct process *process)
{
    const uint64_t reason = kind == TRACE_KIND_PROCESS_END ? process->exit_reason : 0;
    uint64_t name[2];

    static_assert(sizeof(name) <= PROCESS_NAME_BYTES, "the first bytes of the name");
    memcpy(name, process->name, sizeof(name));
    write(this_cpu(), kind, (uint32_t)process->pid | reason << 32, name[0], name[1]);
}

void trace_print(void)
{
    bool has_begun = false;

    for (uint32_t cpu = 0; cpu < cpu_count && cpu < MAX_CPUS; cpu++) {
        const struct trace_ring *ring = &trace_rings[cpu];
        uint64_t number = ring->written > PRINTED_MAX ? ring->written - PRINTED_MAX : 0;

        if (ring->capacity == 0 || ring->written == 0) {
            continue;
        }
        if (!has_begun) {
            has_begun = true;
            log_emergency("trace-begin 1 %u %u %lu %lu\n", cpu_count, trace_capacity(),
                          (unsigned long)clock_boot_ticks, (unsigned long)clock_ticks_per_second());
        }
        for (number = number < ring->first ? ring->first : number; number < ring->written;
             number++) {
            const struct trace_record *record = &ring->records[number % ring->capacity];

            log_emergency("trace %u %lu %lu %s %u 0x%lx 0x%lx 0x%lx\n", cpu, (unsigned long)number,
                          (unsigned long)record->ticks, trace_kind_name(record->kind), record->pid,
                          (unsigned long)record->words[0], (unsigned long)record->words[1],
                          (unsigned long)record->words[2]);
        }
    }
}
