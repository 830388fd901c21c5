/* SPDX-License-Identifier: MIT */
#include "sched/timer.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"

void timer_program(struct cpu *cpu, uint64_t deadline_ticks)
{
    /* A timer that is set too early costs one look; moving it back each time would cost more. */
    if (deadline_ticks < cpu->timer_programmed) {
        cpu->timer_programmed = deadline_ticks;
        apic_timer_program(deadline_ticks);
    }
}

void timer_arm(struct timer *timer, uint64_t deadline_ticks, void (*fire)(struct timer *timer))
{
    KASSERT(!timer_is_armed(timer));
    timer->cpu = this_cpu();
    timer->fire = fire;
    tree_insert(&timer->cpu->timers, &timer->node, deadline_ticks);
    timer_program(timer->cpu, deadline_ticks);
}

void timer_disarm_armed(struct timer *timer)
{
    tree_remove(&timer->cpu->timers, &timer->node);
}

/* Most that one interrupt runs; what is left is due and comes with the next one at once. */
#define DUE_MAX 32u

void timer_run_due(void)
{
    struct cpu *cpu = this_cpu();

    cpu->timer_programmed = NO_DEADLINE;
    for (uint32_t i = 0; i < DUE_MAX; i++) {
        struct tree_node *first = tree_first(&cpu->timers);

        if (first == NULL) {
            return;
        }
        if (first->key > rdtsc()) {
            timer_program(cpu, first->key);
            return;
        }
        struct timer *timer = CONTAINER_OF(first, struct timer, node);

        tree_remove(&cpu->timers, first);
        timer->fire(timer);
    }
    timer_program(cpu, rdtsc());
}

uint64_t ticks_to_ns(uint64_t ticks)
{
    if (ticks == NO_DEADLINE) {
        return NO_DEADLINE;
    }
    const uint64_t since_boot = ticks > clock_boot_ticks ? ticks - clock_boot_ticks : 0;

    return clock_duration_ns(since_boot);
}

uint64_t ns_to_ticks(uint64_t ns)
{
    if (ns == NO_DEADLINE) {
        return NO_DEADLINE;
    }
    const uint64_t ticks = clock_duration_ticks(ns);

    return ticks > UINT64_MAX - 1 - clock_boot_ticks ? UINT64_MAX - 1 : ticks + clock_boot_ticks;
}

uint64_t clock_ns(void)
{
    return ticks_to_ns(rdtsc());
}
