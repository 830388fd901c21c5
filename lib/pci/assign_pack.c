/* SPDX-License-Identifier: MIT */

/*
 * What is inside windows, the innermost first: between what is kept there, or the window is made
 * anew, large enough for all that is in it.
 */
#include "pci/assign_steps.h"

/* Who is in which window, in the order of numbers. */
static void list_contents(struct pci_assignment *assignment)
{
    for (uint32_t i = assignment->count; i-- > 0;) {
        struct pci_resource *resource = &assignment->resources[i];

        if (resource->container != PCI_NO_RESOURCE &&
            (resource->placement == PCI_PLACEMENT_KEPT ||
             resource->placement == PCI_PLACEMENT_WANTED)) {
            resource->next = assignment->resources[resource->container].inside;
            assignment->resources[resource->container].inside = i;
        }
    }
}

/* A window that was closed and is needed joins the contents of the one around it. */
static void open_window(struct pci_assignment *assignment, uint32_t number)
{
    struct pci_resource *window = &assignment->resources[number];

    pci_assign_want(assignment, window, PCI_PLACED_NOWHERE);
    if (window->container != PCI_NO_RESOURCE) {
        window->next = assignment->resources[window->container].inside;
        assignment->resources[window->container].inside = number;
    }
}

/* What is wanted in a window goes between what is kept there. False: there is no room. */
static bool fill_window(struct pci_assignment *assignment, const struct pci_resource *window)
{
    struct pci_gaps gaps = {.order = assignment->order};
    uint32_t *wanted = &assignment->order[assignment->capacity];
    uint32_t count = 0;

    for (uint32_t i = window->inside; i != PCI_NO_RESOURCE; i = assignment->resources[i].next) {
        if (assignment->resources[i].placement == PCI_PLACEMENT_KEPT) {
            gaps.order[gaps.count++] = i;
        } else if (assignment->resources[i].placement == PCI_PLACEMENT_WANTED) {
            *--wanted = i;
            count++;
        }
    }
    pci_assign_sort(assignment, PCI_ASSIGN_BY_PLACE, gaps.order, gaps.count);
    pci_assign_sort(assignment, PCI_ASSIGN_BY_SIZE, wanted, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pci_resource *resource = &assignment->resources[wanted[i]];
        uint32_t position;

        /* Aligned where it will be, not only in the window. */
        if ((window->address & (resource->alignment - 1)) != 0 ||
            !pci_gaps_find(assignment, &gaps, resource, 0, window->size - 1, &resource->offset,
                           &position)) {
            return false;
        }
        pci_gaps_fill(&gaps, wanted[i], position);
    }
    for (uint32_t i = 0; i < gaps.count; i++) {
        if (assignment->resources[gaps.order[i]].placement == PCI_PLACEMENT_WANTED) {
            assignment->resources[gaps.order[i]].placement = PCI_PLACEMENT_MOVED;
        }
    }
    return true;
}

/* One behind the other, the largest first, which leaves no gaps. */
static void pack_window(struct pci_assignment *assignment, struct pci_resource *window)
{
    const uint64_t granularity = window->is_io ? PCI_ASSIGN_IO_WINDOW : PCI_ASSIGN_MEMORY_WINDOW;
    const bool was_kept = window->placement == PCI_PLACEMENT_KEPT;
    uint64_t end = 0;
    uint32_t count = 0;
    bool fits = true;

    window->placement = PCI_PLACEMENT_WANTED;
    window->alignment = granularity;
    for (uint32_t i = window->inside; i != PCI_NO_RESOURCE; i = assignment->resources[i].next) {
        if (pci_assign_has_place(&assignment->resources[i]) ||
            assignment->resources[i].placement == PCI_PLACEMENT_WANTED) {
            assignment->order[count++] = i;
        }
    }
    if (count == 0 && was_kept) {
        return; /* firmware has set it aside for what may be plugged in: it goes along as it is */
    }
    pci_assign_sort(assignment, PCI_ASSIGN_BY_SIZE, assignment->order, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pci_resource *resource = &assignment->resources[assignment->order[i]];

        fits = fits && pci_assign_align_up(end, resource->alignment, &resource->offset) &&
               resource->size <= UINT64_MAX - resource->offset;
        if (fits) {
            end = resource->offset + resource->size;
        }
        window->is_low = window->is_low || !resource->is_wide || resource->is_low;
        window->alignment =
            resource->alignment > window->alignment ? resource->alignment : window->alignment;
        resource->placement = PCI_PLACEMENT_MOVED;
        resource->why = resource->why == PCI_PLACED_WELL ? window->why : resource->why;
    }
    if (!fits || !pci_assign_align_up(end, granularity, &window->size)) {
        window->placement = PCI_PLACEMENT_REFUSED;
    } else if (count == 0) {
        window->placement = PCI_PLACEMENT_NONE;
    }
}

/*
 * Make a window anew. What firmware had placed inside windows in it may be aligned only where it
 * was: these are made anew, too, the innermost first.
 */
static void remake_window(struct pci_assignment *assignment, uint32_t number)
{
    struct pci_resource *resources = assignment->resources;

    resources[number].is_remade = true;
    for (uint32_t i = number + 1; i < assignment->count; i++) {
        resources[i].is_remade = resources[i].container != PCI_NO_RESOURCE &&
                                 resources[resources[i].container].is_remade;
    }
    for (uint32_t i = assignment->count; i-- > number;) {
        if (resources[i].is_remade && resources[i].is_window &&
            (i == number || resources[i].placement == PCI_PLACEMENT_KEPT)) {
            resources[i].why =
                resources[i].why == PCI_PLACED_WELL ? resources[number].why : resources[i].why;
            pack_window(assignment, &resources[i]);
        }
        resources[i].is_remade = false;
    }
}

static bool wants_something(const struct pci_assignment *assignment,
                            const struct pci_resource *window)
{
    for (uint32_t i = window->inside; i != PCI_NO_RESOURCE; i = assignment->resources[i].next) {
        if (assignment->resources[i].placement == PCI_PLACEMENT_WANTED) {
            return true;
        }
    }
    return false;
}

static void pack_all(struct pci_assignment *assignment)
{
    for (uint32_t i = assignment->count; i-- > 0;) {
        struct pci_resource *window = &assignment->resources[i];

        if (!window->is_window || window->placement == PCI_PLACEMENT_REFUSED) {
            continue;
        }
        if (wants_something(assignment, window)) {
            if (window->placement == PCI_PLACEMENT_NONE) {
                open_window(assignment, i);
            } else if (window->placement == PCI_PLACEMENT_KEPT &&
                       !fill_window(assignment, window)) {
                window->placement = PCI_PLACEMENT_WANTED;
                window->why = PCI_PLACED_TIGHT;
            }
        }
        if (window->placement == PCI_PLACEMENT_WANTED) {
            remake_window(assignment, i);
        }
    }
}

void pci_assign_pack(struct pci_assignment *assignment)
{
    list_contents(assignment);
    pack_all(assignment);
}
