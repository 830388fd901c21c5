/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Things that happen at a time. Each CPU keeps its own in a tree by TSC deadline, and programs its
 * timer for the first; without any, it takes no tick at all. Under the kernel lock.
 */

#include "tree/tree.h"
#include "types.h"

struct cpu;

struct timer {
    struct tree_node node; /* key: TSC ticks */
    struct cpu *cpu;       /* in whose tree it is */
    void (*fire)(struct timer *timer);
};

/** Have this CPU's timer interrupt at a TSC value, unless it will do so earlier anyway. */
void timer_program(struct cpu *cpu, uint64_t deadline_ticks);

/** Arrange for `fire` to run at a TSC value, on this CPU. The timer must not be armed. */
void timer_arm(struct timer *timer, uint64_t deadline_ticks, void (*fire)(struct timer *timer));

static inline bool timer_is_armed(const struct timer *timer)
{
    return tree_node_is_linked(&timer->node);
}

/** Disarm an armed timer. */
void timer_disarm_armed(struct timer *timer);

/** Disarm; harmless if it is not armed. */
static inline void timer_disarm(struct timer *timer)
{
    if (UNLIKELY(timer_is_armed(timer))) {
        timer_disarm_armed(timer);
    }
}

/** Run everything on this CPU whose time has come. */
void timer_run_due(void);

/** Nanoseconds since boot for a TSC value, and back; NO_DEADLINE stays NO_DEADLINE. */
uint64_t ticks_to_ns(uint64_t ticks);
uint64_t ns_to_ticks(uint64_t ns);

/** Nanoseconds since boot. */
uint64_t clock_ns(void);
