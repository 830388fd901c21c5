/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Has a CPU dispatched every device interrupt that reached it so far?
 *
 * An interrupt that the IOMMU has let through may still be pending in the local APIC when its
 * route is taken away. Pending interrupts are dispatched highest vector first (Intel SDM vol. 3A
 * §11.8.3), so an interprocessor interrupt of the lowest vector of all arrives behind them: when
 * it does, the vector of the old route can be used again (L5). Nobody waits for it.
 *
 * The first arrival may be that of an earlier fence, whose handler was just waiting for the kernel
 * lock. So each fence takes two, the second sent when the first has come.
 *
 * Under the kernel lock.
 */

#include "list.h"
#include "types.h"

struct route_fence {
    struct list link;
    uint32_t arrivals;
    void (*done)(struct route_fence *fence);
};

/** Have `done` called once CPU `cpu` has nothing pending from before. Never at once. */
void route_fence_start(struct route_fence *fence, uint32_t cpu,
                       void (*done)(struct route_fence *fence));

/** VECTOR_ROUTE_FENCE has arrived at this CPU. */
void route_fence_arrived(void);
