/* SPDX-License-Identifier: MIT */

/*
 * Places between what has one: sorting, what is not for devices, and the first gap that is large
 * enough.
 */
#include "pci/assign_steps.h"

/* Whether `a` comes before `b`. Equal ones in the order of their numbers, the same every time. */
static bool is_before(const struct pci_assignment *assignment, enum pci_assign_order by, uint32_t a,
                      uint32_t b)
{
    const struct pci_resource *one = &assignment->resources[a];
    const struct pci_resource *other = &assignment->resources[b];

    if (by == PCI_ASSIGN_BY_SIZE) {
        if (one->alignment != other->alignment) {
            return one->alignment > other->alignment;
        }
        return one->size != other->size ? one->size > other->size : a < b;
    }
    if (one->container != other->container) {
        return one->container < other->container;
    }
    if (one->is_io != other->is_io) {
        return other->is_io;
    }
    return one->offset != other->offset ? one->offset < other->offset : a < b;
}

static void sift(const struct pci_assignment *assignment, enum pci_assign_order by, uint32_t *order,
                 uint32_t count, uint32_t at)
{
    for (;;) {
        const uint32_t left = 2 * at + 1;
        uint32_t last = at;
        uint32_t other;

        for (uint32_t child = left; child < count && child <= left + 1; child++) {
            last = is_before(assignment, by, order[last], order[child]) ? child : last;
        }
        if (last == at) {
            return;
        }
        other = order[last];
        order[last] = order[at];
        order[at] = other;
        at = last;
    }
}

/* A heap: no worse than count * log(count) whatever the devices say. */
void pci_assign_sort(const struct pci_assignment *assignment, enum pci_assign_order by,
                     uint32_t *order, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;) {
        sift(assignment, by, order, count, i);
    }
    for (uint32_t i = count; i-- > 1;) {
        const uint32_t first = order[0];

        order[0] = order[i];
        order[i] = first;
        sift(assignment, by, order, i, 0);
    }
}

static bool overlaps(uint64_t first, uint64_t last, uint64_t other_first, uint64_t other_last)
{
    return first <= other_last && other_first <= last;
}

const struct pci_taken *pci_assign_find_taken(const struct pci_assignment *assignment, bool is_io,
                                              uint64_t first, uint64_t last, bool by_firmware)
{
    for (uint32_t i = 0; i < assignment->taken_count; i++) {
        const struct pci_taken *taken = &assignment->taken[i];

        if (taken->is_io == is_io && !(taken->is_for_firmware && by_firmware) &&
            overlaps(first, last, taken->first, taken->last)) {
            return taken;
        }
    }
    return NULL;
}

bool pci_gaps_find(const struct pci_assignment *assignment, const struct pci_gaps *gaps,
                   const struct pci_resource *resource, uint64_t first, uint64_t last,
                   uint64_t *place, uint32_t *position)
{
    uint64_t candidate;
    uint32_t at = 0;

    if (!pci_assign_align_up(first, resource->alignment, &candidate)) {
        return false;
    }
    while (candidate <= last && resource->size - 1 <= last - candidate) {
        const uint64_t end = candidate + (resource->size - 1);
        const struct pci_taken *taken = NULL;
        uint64_t next;

        while (at < gaps->count) {
            const struct pci_resource *other = &assignment->resources[gaps->order[at]];

            if (other->offset + (other->size - 1) >= candidate) {
                break;
            }
            at++;
        }
        if (at < gaps->count && assignment->resources[gaps->order[at]].offset <= end) {
            const struct pci_resource *other = &assignment->resources[gaps->order[at]];

            next = other->offset + (other->size - 1);
        } else {
            taken = gaps->avoids_taken
                        ? pci_assign_find_taken(assignment, resource->is_io, candidate, end, false)
                        : NULL;
            if (taken == NULL) {
                *place = candidate;
                *position = at;
                return true;
            }
            next = taken->last;
        }
        if (next == UINT64_MAX || !pci_assign_align_up(next + 1, resource->alignment, &candidate)) {
            return false;
        }
    }
    return false;
}

void pci_gaps_fill(struct pci_gaps *gaps, uint32_t number, uint32_t position)
{
    for (uint32_t i = gaps->count; i > position; i--) {
        gaps->order[i] = gaps->order[i - 1];
    }
    gaps->order[position] = number;
    gaps->count++;
}
