/* SPDX-License-Identifier: MIT */

/*
 * What is on root buses, the largest first, into the host bridge's windows; then everybody's
 * address.
 */
#include "pci/assign_steps.h"

/* Where a resource may be inside a window of its root bus. False: nowhere. */
static bool clip(const struct pci_resource *resource, const struct pci_root_window *window,
                 bool above_low, uint64_t *first, uint64_t *last)
{
    const uint64_t end = resource->is_io ? PCI_ASSIGN_IO_END : PCI_ASSIGN_LOW_END;

    if (window->is_io != resource->is_io || resource->root < window->first_root ||
        resource->root > window->last_root ||
        (window->is_prefetchable && !resource->is_prefetchable)) {
        return false;
    }
    *first = window->first;
    *last = window->last;
    if (above_low) {
        *first = *first < end ? end : *first;
    } else {
        *last = *last >= end ? end - 1 : *last;
    }
    return *first <= *last;
}

static bool place_in(struct pci_assignment *assignment, struct pci_gaps *gaps, uint32_t number,
                     bool above_low)
{
    struct pci_resource *resource = &assignment->resources[number];

    for (uint32_t i = 0; i < assignment->window_count; i++) {
        uint64_t first, last;
        uint32_t position;

        if (clip(resource, &assignment->windows[i], above_low, &first, &last) &&
            pci_gaps_find(assignment, gaps, resource, first, last, &resource->offset, &position)) {
            pci_gaps_fill(gaps, number, position);
            return true;
        }
    }
    return false;
}

/* Large, prefetchable memory is what space above 4 GiB is for; the rest goes there if it must. */
static bool place_on_root(struct pci_assignment *assignment, struct pci_gaps *gaps, uint32_t number)
{
    const struct pci_resource *resource = &assignment->resources[number];
    const bool can_be_high = resource->is_wide && !resource->is_low && !resource->is_io;
    const bool high_first = can_be_high && resource->is_prefetchable;

    return (high_first && place_in(assignment, gaps, number, true)) ||
           place_in(assignment, gaps, number, false) ||
           (can_be_high && !high_first && place_in(assignment, gaps, number, true));
}

static void place_space(struct pci_assignment *assignment, bool is_io)
{
    struct pci_gaps gaps = {.order = assignment->order, .avoids_taken = true};
    uint32_t *wanted = &assignment->order[assignment->capacity];
    uint32_t count = 0;

    for (uint32_t i = 0; i < assignment->count; i++) {
        const struct pci_resource *resource = &assignment->resources[i];

        if (!resource->is_on_root || resource->is_io != is_io) {
            continue;
        }
        if (resource->placement == PCI_PLACEMENT_KEPT) {
            gaps.order[gaps.count++] = i;
        } else if (resource->placement == PCI_PLACEMENT_WANTED) {
            *--wanted = i;
            count++;
        }
    }
    pci_assign_sort(assignment, PCI_ASSIGN_BY_PLACE, gaps.order, gaps.count);
    pci_assign_sort(assignment, PCI_ASSIGN_BY_SIZE, wanted, count);
    for (uint32_t i = 0; i < count; i++) {
        /* Filling moves the order by one at most, into the place of what is placed now. */
        const uint32_t number = wanted[i];

        assignment->resources[number].placement =
            place_on_root(assignment, &gaps, number) ? PCI_PLACEMENT_MOVED : PCI_PLACEMENT_REFUSED;
    }
}

/* Addresses, from the root down: what is in a window that has no place has none. */
static void settle(struct pci_assignment *assignment)
{
    for (uint32_t i = 0; i < assignment->count; i++) {
        struct pci_resource *resource = &assignment->resources[i];
        uint64_t address = resource->offset;

        if (resource->placement == PCI_PLACEMENT_WANTED) {
            resource->placement = PCI_PLACEMENT_REFUSED; /* its window has no place to be packed */
        }
        if (pci_assign_has_place(resource)) {
            if (resource->container != PCI_NO_RESOURCE) {
                const struct pci_resource *window = &assignment->resources[resource->container];

                if (window->placement == PCI_PLACEMENT_REFUSED) {
                    resource->placement = PCI_PLACEMENT_REFUSED;
                    resource->why = resource->why == PCI_PLACED_WELL ? window->why : resource->why;
                }
                address += window->address;
            }
        }
        if (pci_assign_has_place(resource)) {
            resource->placement =
                resource->placement == PCI_PLACEMENT_KEPT && address == resource->address
                    ? PCI_PLACEMENT_KEPT
                    : PCI_PLACEMENT_MOVED;
            resource->address = address;
        }
        if (!resource->is_window) {
            assignment->moved_count += resource->placement == PCI_PLACEMENT_MOVED ? 1 : 0;
            assignment->refused_count += resource->placement == PCI_PLACEMENT_REFUSED ? 1 : 0;
        }
    }
}

void pci_assign_place(struct pci_assignment *assignment)
{
    place_space(assignment, false);
    place_space(assignment, true);
    settle(assignment);
}
