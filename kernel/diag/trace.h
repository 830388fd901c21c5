/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The trace: what each CPU did, as records of fixed size in a ring of its own, the oldest
 * overwritten. Off until somebody with Diagnostics switches it on; then it also slows down what it
 * looks at, because the IPC fast path (syscall/fast_path.h) is left out: all it does has to be
 * seen.
 *
 * Off, it costs one predictable test where something is recorded, and nothing in the paths of IPC:
 * the test for the number of cap_enter compares with trace_quick_number, which is no number while
 * tracing.
 *
 * The words of each kind are in the schema, enum TraceKind. tools/trace-export reads them.
 * Under the kernel lock, but for trace_print().
 */

#include "types.h"

struct cpu;
struct process;
struct thread;

struct trace_record {
    uint64_t ticks;    /* TSC */
    uint16_t kind;     /* enum trace_kind */
    uint16_t reserved; /* zero */
    uint32_t pid;      /* low bits: the process that the CPU carried; 0: none */
    uint64_t words[3];
};

static_assert(sizeof(struct trace_record) == 40, "tools/gdb/trace.py");

extern bool trace_is_on;            /* [k] */
extern uint64_t trace_quick_number; /* [k] of the system call that is not looked at */

/** A CPU is being made: room for its records. Without memory it has none, and records nothing. */
void trace_init_cpu(uint32_t index);

/** Carry out a command. Starting forgets what there is. */
void trace_control(enum trace_command command);

/** Records that one CPU keeps. */
uint32_t trace_capacity(void);

/**
 * Record number `sequence` of a CPU, or the oldest there is after it; NULL: no more, or no such
 * CPU. *found is the number of the one returned, or the next that will be written. *lost: how many
 * from `sequence` on have been overwritten.
 */
const struct trace_record *trace_read(uint32_t cpu, uint64_t sequence, uint64_t *found,
                                      uint64_t *lost);

/** The last records of all CPUs, for the epitaph: no locks, no trust. */
void trace_print(void);

/* The functions behind those below; only while tracing. */
void trace_write(enum trace_kind kind, uint64_t first, uint64_t second, uint64_t third);
void trace_write_switch(const struct cpu *cpu, const struct thread *from, const struct thread *to);
void trace_write_system_call(const struct thread *thread, uint64_t number, uint64_t first,
                             uint64_t second);
void trace_write_interrupt(const struct cpu *cpu, uint32_t vector);
void trace_write_process(enum trace_kind kind, const struct process *process);

/** Something has happened on this CPU. */
static ALWAYS_INLINE void trace_event(enum trace_kind kind, uint64_t first, uint64_t second,
                                      uint64_t third)
{
    if (UNLIKELY(trace_is_on)) {
        trace_write(kind, first, second, third);
    }
}

/** This CPU is about to change from one thread to another; NULL: idle. */
static ALWAYS_INLINE void trace_switch(const struct cpu *cpu, const struct thread *from,
                                       const struct thread *to)
{
    if (UNLIKELY(trace_is_on)) {
        trace_write_switch(cpu, from, to);
    }
}

/** A thread has entered the kernel. */
static ALWAYS_INLINE void trace_system_call(const struct thread *thread, uint64_t number,
                                            uint64_t first, uint64_t second)
{
    if (UNLIKELY(trace_is_on)) {
        trace_write_system_call(thread, number, first, second);
    }
}

static ALWAYS_INLINE void trace_interrupt(const struct cpu *cpu, uint32_t vector)
{
    if (UNLIKELY(trace_is_on)) {
        trace_write_interrupt(cpu, vector);
    }
}

/** A process has been made (TRACE_KIND_PROCESS_START), or has ended (TRACE_KIND_PROCESS_END). */
static ALWAYS_INLINE void trace_process(enum trace_kind kind, const struct process *process)
{
    if (UNLIKELY(trace_is_on)) {
        trace_write_process(kind, process);
    }
}
