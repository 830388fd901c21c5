/* SPDX-License-Identifier: MIT */

/*
 * What stays where firmware left it: each resource by itself, parents first, then those that meet
 * another.
 */
#include "pci/assign_steps.h"

/* The window above that holds a resource where it is now. */
static uint32_t window_around(const struct pci_assignment *assignment,
                              const struct pci_resource *resource)
{
    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        const uint32_t number = resource->above[i];

        if (number != PCI_NO_RESOURCE) {
            const struct pci_resource *window = &assignment->resources[number];

            if (window->placement == PCI_PLACEMENT_KEPT && window->is_io == resource->is_io &&
                resource->address >= window->address && resource->size <= window->size &&
                resource->address - window->address <= window->size - resource->size) {
                return number;
            }
        }
    }
    return PCI_NO_RESOURCE;
}

/* The window above that a resource is to be in. Non-prefetchable windows take whatever there is. */
static uint32_t window_for(const struct pci_assignment *assignment,
                           const struct pci_resource *resource)
{
    const uint32_t prefetchable = resource->above[PCI_WINDOW_PREFETCHABLE];

    if (resource->is_io) {
        return resource->above[PCI_WINDOW_IO];
    }
    if (resource->is_prefetchable && resource->is_wide && !resource->is_low &&
        prefetchable != PCI_NO_RESOURCE && assignment->resources[prefetchable].is_wide) {
        return prefetchable;
    }
    return resource->above[PCI_WINDOW_MEMORY];
}

static enum pci_misplacement check(const struct pci_assignment *assignment,
                                   struct pci_resource *resource)
{
    const uint64_t last = resource->address + (resource->size - 1);

    if (resource->address == 0) {
        return PCI_PLACED_NOWHERE;
    }
    if ((resource->address & (resource->alignment - 1)) != 0) {
        return PCI_PLACED_MISALIGNED;
    }
    if (last < resource->address || (resource->is_io && last >= PCI_ASSIGN_IO_END) ||
        (!resource->is_wide && !resource->is_io && last >= PCI_ASSIGN_LOW_END)) {
        return PCI_PLACED_OUTSIDE;
    }
    if (pci_assign_find_taken(assignment, resource->is_io, resource->address, last, true) != NULL) {
        return PCI_PLACED_ON_OTHERS;
    }
    if (!resource->is_on_root) {
        resource->container = window_around(assignment, resource);
        if (resource->container == PCI_NO_RESOURCE) {
            return PCI_PLACED_OUTSIDE;
        }
    }
    return PCI_PLACED_WELL;
}

/* It cannot stay. */
void pci_assign_want(struct pci_assignment *assignment, struct pci_resource *resource,
                     enum pci_misplacement why)
{
    resource->placement = PCI_PLACEMENT_WANTED;
    resource->why = why;
    resource->container = PCI_NO_RESOURCE;
    if (!resource->is_on_root) {
        resource->container = window_for(assignment, resource);
        if (resource->container == PCI_NO_RESOURCE) {
            resource->placement = PCI_PLACEMENT_REFUSED; /* the bridge forwards nothing like it */
        }
    }
}

static void check_all(struct pci_assignment *assignment)
{
    for (uint32_t i = 0; i < assignment->count; i++) {
        struct pci_resource *resource = &assignment->resources[i];
        enum pci_misplacement why;

        if (resource->size == 0) {
            resource->placement = PCI_PLACEMENT_NONE;
            continue;
        }
        why = check(assignment, resource);
        resource->placement = PCI_PLACEMENT_KEPT;
        resource->offset = resource->address;
        if (why != PCI_PLACED_WELL) {
            pci_assign_want(assignment, resource, why);
        } else if (resource->container != PCI_NO_RESOURCE) {
            resource->offset -= assignment->resources[resource->container].address;
        }
    }
}

/* Of two that meet in one container, one has to go. */
static void part_overlaps(struct pci_assignment *assignment)
{
    uint32_t *order = assignment->order;
    struct pci_resource *before = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < assignment->count; i++) {
        if (assignment->resources[i].placement == PCI_PLACEMENT_KEPT) {
            order[count++] = i;
        }
    }
    pci_assign_sort(assignment, PCI_ASSIGN_BY_PLACE, order, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pci_resource *resource = &assignment->resources[order[i]];

        if (before == NULL || before->container != resource->container ||
            before->is_io != resource->is_io || resource->offset - before->offset >= before->size) {
            before = resource;
        } else if (resource->is_window != before->is_window ? before->is_window
                                                            : before < resource) {
            pci_assign_want(assignment, resource, PCI_PLACED_TWICE);
        } else {
            pci_assign_want(assignment, before, PCI_PLACED_TWICE);
            before = resource;
        }
    }
}

void pci_assign_check(struct pci_assignment *assignment)
{
    check_all(assignment);
    part_overlaps(assignment);
}
