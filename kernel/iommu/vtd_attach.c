/* SPDX-License-Identifier: MIT */
/*
 * Root and context tables (VT-d 4.1 §3.4, §9.1, §9.3): which domain a requester id has. Without an
 * entry it is blocked: that is the state of all at the start, and again after a detach.
 */

#include "iommu/vtd_unit.h"
#include "mm/layout.h"

enum status iommu_attach_prepare(struct iommu *unit, const uint16_t *sources, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t bus = sources[i] >> 8;

        if (unit->contexts[bus] != NULL) {
            continue;
        }
        /* An empty table blocks as no table does; the kernel keeps it. */
        struct vtd_entry *table = vtd_take_frames(unit, 0);

        if (table == NULL) {
            return STATUS_NO_MEMORY;
        }
        unit->contexts[bus] = table;
        *(volatile uint64_t *)&unit->root[bus].low =
            vtd_root_entry(direct_map_paddr(table).value).low;
        vtd_write_back(unit, &unit->root[bus], sizeof(struct vtd_entry));
    }
    return STATUS_OK;
}

static struct vtd_entry *context_of(const struct iommu *unit, uint16_t source)
{
    struct vtd_entry *table = unit->contexts[source >> 8];

    return table == NULL ? NULL : &table[source & 0xff];
}

bool iommu_attach(struct iommu_domain *domain, const uint16_t *sources, uint32_t count,
                  struct iommu_wait *wait, iommu_done *done)
{
    const struct vtd_entry entry =
        vtd_context_entry(direct_map_paddr(domain->root).value, domain->levels, domain->id);

    for (uint32_t i = 0; i < count; i++) {
        struct vtd_entry *context = context_of(domain->unit, sources[i]);

        KVERIFY(context != NULL && context->low == 0);
        *(volatile uint64_t *)&context->high = entry.high;
        *(volatile uint64_t *)&context->low = entry.low; /* present last */
        vtd_write_back(domain->unit, context, sizeof(*context));
    }
    domain->attached = (uint16_t)(domain->attached + count);
    vtd_begin(wait, domain);
    /* §6.1: what was not present may be cached, under id 0. No unit has anything under the new id:
     * ids are given back only by domains that were detached. */
    wait->count = 2;
    wait->descriptors[0] = vtd_invalidate_domain_contexts(0);
    wait->descriptors[1] = vtd_invalidate_domain(0, 0);
    return vtd_submit(domain->unit, wait, done);
}

bool iommu_detach(struct iommu_domain *domain, const uint16_t *sources, uint32_t count,
                  struct iommu_wait *wait, iommu_done *done)
{
    for (uint32_t i = 0; i < count; i++) {
        struct vtd_entry *context = context_of(domain->unit, sources[i]);

        KVERIFY(context != NULL && (uint16_t)(context->high >> 8) == domain->id &&
                context->low != 0);
        *(volatile uint64_t *)&context->low = 0; /* not present first */
        *(volatile uint64_t *)&context->high = 0;
        vtd_write_back(domain->unit, context, sizeof(*context));
    }
    KVERIFY(domain->attached >= count);
    domain->attached = (uint16_t)(domain->attached - count);
    vtd_begin(wait, domain);
    wait->is_detach = true;
    domain->detaching++;
    /* §6.5.2.1, §6.5.2.3: the old id is what the caches have; contexts first, or they would fill
     * the IOTLB again. Draining has earlier requests of the sources done with. */
    wait->count = 2;
    wait->descriptors[0] = vtd_invalidate_domain_contexts(domain->id);
    wait->descriptors[1] = vtd_invalidate_domain(domain->id, domain->unit->drain);
    return vtd_submit(domain->unit, wait, done);
}
