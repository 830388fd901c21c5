/* SPDX-License-Identifier: MIT */
#include "device_manager/route_fence.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"

void route_fence_start(struct route_fence *fence, uint32_t cpu,
                       void (*done)(struct route_fence *fence))
{
    fence->done = done;
    fence->arrivals = 0;
    list_append(&cpus[cpu]->route_fences, &fence->link);
    apic_send_ipi(cpus[cpu]->apic_id, VECTOR_ROUTE_FENCE);
}

void route_fence_arrived(void)
{
    struct cpu *cpu = this_cpu();
    struct list passed = LIST_INIT(passed);

    for (struct list *node = cpu->route_fences.next; node != &cpu->route_fences;) {
        struct route_fence *fence = CONTAINER_OF(node, struct route_fence, link);

        node = node->next;
        if (++fence->arrivals == 2) {
            list_move(&passed, &fence->link);
        }
    }
    if (!list_is_empty(&cpu->route_fences)) {
        apic_send_ipi(cpu->apic_id, VECTOR_ROUTE_FENCE);
    }
    while (!list_is_empty(&passed)) {
        struct route_fence *fence = LIST_FIRST(&passed, struct route_fence, link);

        list_remove(&fence->link);
        fence->done(fence);
    }
}
