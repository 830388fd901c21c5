/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who runs where.
 *
 * Each CPU has 32 ready lists and a bit mask of the non-empty ones; equal priorities take turns. A
 * thread woken by a system call is first offered as the "handoff": if the caller then blocks and
 * nobody more urgent is ready, the CPU goes straight to it, without touching a queue. Other wakes,
 * and whoever has to make way, go to an idle CPU if there is one, to the CPU with the least urgent
 * work if that is less urgent, else to where the thread last ran. A CPU that runs out of work takes
 * some from another. There is no tick: the timer is programmed for the first deadline,
 * the end of a slice that somebody waits for, or the end of a CPU budget.
 *
 * Under the kernel lock.
 */

#include "arch/x86_64/cpu.h"
#include "types.h"

struct process;
struct thread;

/** Turn of threads of equal priority. */
#define SLICE_NS (10ull * 1000 * 1000)

/**
 * Make a blocked thread ready, wherever it fits best. sched_wake() in sched/thread.h is the way to
 * call it: it does the usual case inline, the first thread woken by a system call.
 */
void sched_wake_slowly(struct thread *thread);

/** Queue a ready thread where it will run soonest. */
void sched_place(struct thread *thread);

/** Whether there are several CPUs, one of which may be the better one for a thread. */
static ALWAYS_INLINE bool sched_has_choice(void)
{
    return cpu_count > 1;
}

/** The current thread of the only CPU has to make way: queue it before its equals. */
struct cpu;
void sched_preempt(struct cpu *cpu, struct thread *current);

/** Take a thread off whatever queue it is on. */
void sched_forget(struct thread *thread);

/** Change a thread's effective priority, wherever it is. */
void sched_set_priority(struct thread *thread, uint8_t priority);

/** Leave the kernel: run what should run now on this CPU. Kernel lock held; it is released. */
NORETURN void sched_exit(void);

/** This CPU's thread, if it has one, cannot go on: the next one that can, or nobody, gets the CPU.
 */
NORETURN void sched_run_next(struct cpu *cpu);

/** First entry of a CPU into its idle loop. No lock held. */
NORETURN void sched_start_cpu(void);

/** Make the CPU that runs a thread enter the kernel soon. */
void sched_interrupt(struct thread *thread);

/** Deferred work was queued: an idle CPU should look at it. */
void sched_kick_for_work(void);

/** A process that owes less than a budget may spend again: its threads become ready. */
void sched_unthrottle(struct process *process);

/** Charge the time since the last call to whoever ran. */
void sched_account(void);

/** The same for all CPUs: without ticks, one that is left alone has charged nobody for long. */
void sched_account_all(void);
