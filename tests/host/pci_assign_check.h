/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What must be true of any result of pci_assign_run(), by comparing everything with everything: for
 * the test and the fuzz target of lib/pci/assign. `before` are the resources as they were added.
 * Each function returns NULL, or what is wrong.
 */

#include "pci/assign.h"

static inline bool assign_is_placed(const struct pci_resource *resource)
{
    return resource->placement == PCI_PLACEMENT_KEPT || resource->placement == PCI_PLACEMENT_MOVED;
}

static inline bool assign_meets(uint64_t a, uint64_t a_last, uint64_t b, uint64_t b_last)
{
    return a <= b_last && b <= a_last;
}

/* One resource that has an address, against its container, and what it may not touch. */
static inline const char *assign_check_one(const struct pci_assignment *assignment, uint32_t number)
{
    const struct pci_resource *resource = &assignment->resources[number];
    const uint64_t last = resource->address + (resource->size - 1);
    bool is_in_window = false;

    if (resource->size == 0 || resource->address == 0 || last < resource->address) {
        return "an address that is none";
    }
    if (resource->address %
            (resource->is_window ? (resource->is_io ? 0x1000 : 0x100000) : resource->size) !=
        0) {
        return "misaligned";
    }
    if (last > (resource->is_io ? 0xffffull : resource->is_wide ? UINT64_MAX : UINT32_MAX)) {
        return "an address with more bits than it takes";
    }
    for (uint32_t i = 0; i < assignment->taken_count; i++) {
        const struct pci_taken *taken = &assignment->taken[i];

        if (taken->is_io == resource->is_io &&
            assign_meets(resource->address, last, taken->first, taken->last) &&
            !(taken->is_for_firmware && resource->placement == PCI_PLACEMENT_KEPT) &&
            (resource->is_on_root || !taken->is_for_firmware)) {
            return "on what is not for devices";
        }
    }
    if (!resource->is_on_root) {
        const struct pci_resource *window;

        if (resource->container == PCI_NO_RESOURCE || resource->container >= number) {
            return "behind a bridge, and in none of its windows";
        }
        window = &assignment->resources[resource->container];
        return !window->is_window || window->is_io != resource->is_io ||
                       !assign_is_placed(window) || resource->address < window->address ||
                       last > window->address + (window->size - 1)
                   ? "outside the bridge's window"
                   : NULL;
    }
    for (uint32_t i = 0; i < assignment->window_count; i++) {
        const struct pci_root_window *window = &assignment->windows[i];

        is_in_window =
            is_in_window ||
            (window->is_io == resource->is_io && resource->root >= window->first_root &&
             resource->root <= window->last_root && resource->address >= window->first &&
             last <= window->last && (!window->is_prefetchable || resource->is_prefetchable));
    }
    return resource->placement == PCI_PLACEMENT_MOVED && !is_in_window
               ? "moved to where no host bridge forwards"
               : NULL;
}

static inline const char *assign_check(const struct pci_assignment *assignment,
                                       const struct pci_resource *before)
{
    for (uint32_t i = 0; i < assignment->count; i++) {
        const struct pci_resource *one = &assignment->resources[i];
        const char *wrong;

        if (one->placement == PCI_PLACEMENT_WANTED) {
            return "a resource that was left out";
        }
        if (one->placement == PCI_PLACEMENT_NONE && !one->is_window && one->size != 0) {
            return "a BAR that was left out";
        }
        if (one->placement == PCI_PLACEMENT_KEPT &&
            (one->address != before[i].address || one->size != before[i].size)) {
            return "kept, but changed";
        }
        if (one->placement == PCI_PLACEMENT_KEPT   ? one->why != PCI_PLACED_WELL
            : one->placement == PCI_PLACEMENT_NONE ? false
                                                   : one->why == PCI_PLACED_WELL) {
            return "moved for no reason, or kept for one";
        }
        if (!one->is_window && one->size != before[i].size) {
            return "a BAR of another size";
        }
        if (!assign_is_placed(one)) {
            continue;
        }
        wrong = assign_check_one(assignment, i);
        if (wrong != NULL) {
            return wrong;
        }
        for (uint32_t j = 0; j < i; j++) {
            const struct pci_resource *other = &assignment->resources[j];

            if (assign_is_placed(other) && other->is_io == one->is_io &&
                other->container == one->container &&
                assign_meets(one->address, one->address + (one->size - 1), other->address,
                             other->address + (other->size - 1))) {
                return "two at one address";
            }
        }
    }
    return NULL;
}
