/* SPDX-License-Identifier: MIT */
/*
 * The interrupt remapping table (VT-d 4.1 §5.1, §9.10). An entry names the one requester that may
 * use it; what is not in the table is not delivered.
 */

#include "iommu/vtd_unit.h"
#include "vtd/interrupt.h"

uint32_t iommu_route_alloc(struct iommu *unit)
{
    const uint32_t index =
        unit->remaps_interrupts ? vtd_bit_take(unit->route_bits, ROUTE_COUNT) : UINT32_MAX;

    static_assert(IOMMU_NO_ROUTE == UINT32_MAX, "what vtd_bit_take() says");
    unit->route_count += index != IOMMU_NO_ROUTE;
    return index;
}

void iommu_route_free(struct iommu *unit, uint32_t index)
{
    KVERIFY(index < ROUTE_COUNT && unit->routes[index].low == 0);
    vtd_bit_give(unit->route_bits, index);
    unit->route_count--;
}

bool iommu_can_reach_cpu(const struct iommu *unit, uint32_t apic_id)
{
    return unit->extended_mode || apic_id < 0xff; /* 0xff is everyone */
}

static void begin(struct iommu_wait *wait, uint32_t index)
{
    wait->failed = false;
    wait->is_detach = false;
    wait->tables = FRAME_NONE;
    wait->domain = NULL;
    wait->count = 1;
    wait->descriptors[0] = vtd_invalidate_interrupt((uint16_t)index);
}

static void write_entry(struct iommu *unit, uint32_t index, const struct iommu_route *route)
{
    struct vtd_entry *entry = &unit->routes[index];
    const struct vtd_entry value =
        vtd_interrupt_entry(&(struct vtd_interrupt){.source = route->source,
                                                    .vector = route->vector,
                                                    .is_level = route->is_level,
                                                    .apic_id = route->apic_id},
                            unit->extended_mode);

    if (entry->high != value.high) {
        *(volatile uint64_t *)&entry->low = 0;
        *(volatile uint64_t *)&entry->high = value.high;
    }
    *(volatile uint64_t *)&entry->low = value.low; /* present last; a change is seen whole */
    vtd_write_back(unit, entry, sizeof(*entry));
}

bool iommu_route_set(struct iommu *unit, uint32_t index, const struct iommu_route *route,
                     struct iommu_wait *wait, iommu_done *done)
{
    KVERIFY(index < ROUTE_COUNT && iommu_can_reach_cpu(unit, route->apic_id));
    const bool was_present = unit->routes[index].low != 0;

    write_entry(unit, index, route);
    if (!was_present && !unit->invalidates_on_map) {
        wait->failed = unit->is_dead;
        return true;
    }
    begin(wait, index);
    return vtd_submit(unit, wait, done);
}

bool iommu_route_clear(struct iommu *unit, uint32_t index, struct iommu_wait *wait,
                       iommu_done *done)
{
    struct vtd_entry *entry = &unit->routes[index];

    KVERIFY(index < ROUTE_COUNT);
    *(volatile uint64_t *)&entry->low = 0; /* not present first */
    *(volatile uint64_t *)&entry->high = 0;
    vtd_write_back(unit, entry, sizeof(*entry));
    begin(wait, index);
    return vtd_submit(unit, wait, done);
}

struct iommu_message iommu_route_message(const struct iommu *unit, uint32_t index)
{
    (void)unit;
    return (struct iommu_message){.address = vtd_message_address((uint16_t)index)};
}

bool iommu_io_apic(uint8_t io_apic_id, struct iommu **unit, uint16_t *source)
{
    return iommu_find_io_apic(io_apic_id, unit, source) && (*unit)->remaps_interrupts;
}

bool iommu_route_at_boot(uint8_t io_apic_id, const struct iommu_route *route, uint16_t *number)
{
    struct iommu_route from_here = *route;
    struct iommu *unit;

    if (!iommu_io_apic(io_apic_id, &unit, &from_here.source) ||
        !iommu_can_reach_cpu(unit, route->apic_id)) {
        return false;
    }
    const uint32_t index = iommu_route_alloc(unit);

    if (index == IOMMU_NO_ROUTE) {
        return false;
    }
    struct iommu_wait wait;

    write_entry(unit, index, &from_here);
    begin(&wait, index);
    if (!vtd_submit_at_boot(unit, &wait)) {
        vtd_give_up(unit, "it did not complete an invalidation in time");
        return false;
    }
    *number = (uint16_t)index;
    return true;
}
