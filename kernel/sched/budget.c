/* SPDX-License-Identifier: MIT */
/*
 * CPU time: who is charged for it, and what becomes of those whose budget for a period is spent.
 */
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "object/process.h"
#include "sched/sched.h"
#include "sched/switch.h"
#include "sched/thread.h"

/** The next period: who has overdrawn more than a period's budget waits for another. */
static void refill(struct timer *timer)
{
    struct process *process = CONTAINER_OF(timer, struct process, refill);

    if (process->overspent < process->budget_ticks) {
        sched_unthrottle(process);
        return;
    }
    process->overspent -= process->budget_ticks;
    process->period_end += process->period_ticks;
    timer_arm(&process->refill, process->period_end, refill);
}

/** A new period begins, less what was overspent; less than a whole budget, if it may run. */
static void begin_period(struct process *process, uint64_t start)
{
    process->period_end = start + process->period_ticks;
    process->budget_left = process->budget_ticks - process->overspent;
    process->overspent = 0;
}

void sched_spend(struct process *process, uint64_t now, uint64_t ticks)
{
    if (now >= process->period_end && !process->throttled) {
        /* What was run before the old period's end was in its budget, the timer saw to that. The
         * new one begins there, or when the process began to run again. */
        const uint64_t began = now - ticks;
        uint64_t start = began > process->period_end ? began : process->period_end;

        start += (now - start) / process->period_ticks * process->period_ticks;
        ticks = now - start;
        begin_period(process, start);
    }
    if (ticks < process->budget_left) {
        process->budget_left -= ticks;
        return;
    }
    /* Threads on several CPUs spend the same budget before any of them is stopped, and a timer may
     * be late. Beyond a period the CPUs stood still, if they are virtual. */
    const uint64_t most = process->period_ticks * cpu_count;

    process->overspent += ticks - process->budget_left;
    process->overspent = process->overspent < most ? process->overspent : most;
    process->budget_left = 0;
    if (!process->throttled) {
        process->throttled = true;
        timer_arm(&process->refill, process->period_end, refill);
    }
}

void sched_account(void)
{
    struct cpu *cpu = this_cpu();

    sched_account_time(cpu, cpu->current);
}

void sched_account_all(void)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct cpu *cpu = cpus[i];

        /* Clocks may differ a little: what another CPU has charged already is not yet here. */
        if ((int64_t)(rdtsc() - cpu->charged_until) > 0) {
            sched_account_time(cpu, cpu->current);
        }
    }
}

void sched_unthrottle(struct process *process)
{
    timer_disarm(&process->refill);
    process->throttled = false;
    begin_period(process, rdtsc());
    while (!list_is_empty(&process->throttled_threads)) {
        struct thread *thread = LIST_FIRST(&process->throttled_threads, struct thread, queue);

        list_remove(&thread->queue);
        sched_place(thread);
    }
}
