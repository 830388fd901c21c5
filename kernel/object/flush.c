/* SPDX-License-Identifier: MIT */
/* Intel SDM vol. 3A section 4.10.5: propagation of paging-structure changes to other processors. */
#include "object/flush.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "mm/address_space.h"

/* Beyond this many pages one reload of CR3 is cheaper than single invalidations. */
#define FLUSH_SINGLE_MAX 32u

static struct list waits = LIST_INIT(waits); /* struct flush_wait.link, by kernel_lock */
static uint64_t last_sequence;               /* by kernel_lock */

static void flush_here(uint64_t address, uint64_t page_count)
{
    if (page_count > FLUSH_SINGLE_MAX) {
        write_cr3(read_cr3());
        return;
    }
    for (uint64_t page = 0; page < page_count; page++) {
        invlpg(address + page * PAGE_BYTES);
    }
}

bool flush_start(struct address_space *space, uint64_t address, uint64_t page_count,
                 struct flush_wait *wait, void (*done)(struct flush_wait *wait))
{
    const struct cpu *here = this_cpu();

    if (here->space == space) {
        flush_here(address, page_count);
    }
    bool alone = true;

    for (uint32_t i = 0; i < cpu_count; i++) {
        if (LIKELY(cpus[i]->space != space || cpus[i] == here)) {
            continue;
        }
        if (alone) {
            alone = false;
            *wait = (struct flush_wait){.sequence = ++last_sequence, .done = done};
            list_append(&waits, &wait->link);
        }
        cpu_mask_set(&wait->waiting, i);
        apic_send_ipi(cpus[i]->apic_id, VECTOR_FLUSH);
    }
    return alone;
}

void flush_answer(void)
{
    struct cpu *cpu = this_cpu();
    struct list finished = LIST_INIT(finished);

    cpu->flush_done = last_sequence;
    write_cr3(read_cr3());
    for (struct list *node = waits.next; node != &waits;) {
        struct flush_wait *wait = CONTAINER_OF(node, struct flush_wait, link);

        node = node->next;
        if (wait->sequence <= cpu->flush_done) {
            cpu_mask_clear(&wait->waiting, cpu->index);
            if (cpu_mask_is_empty(&wait->waiting)) {
                list_remove(&wait->link);
                list_append(&finished, &wait->link);
            }
        }
    }
    while (!list_is_empty(&finished)) {
        struct flush_wait *wait = LIST_FIRST(&finished, struct flush_wait, link);

        list_remove(&wait->link);
        wait->done(wait);
    }
}
