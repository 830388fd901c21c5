/* SPDX-License-Identifier: MIT */
#include "pci/assign.h"

#define LOW_END       (1ull << 32) /* of addresses of 32 bits */
#define IO_END        (1ull << 16) /* a PC has 64 KiB of ports */
#define MEMORY_WINDOW (1ull << 20) /* Bridge §3.2.5.6, §3.2.5.8: granularity of windows */
#define IO_WINDOW     (1ull << 12)

const char *pci_misplacement_name(enum pci_misplacement misplacement)
{
    static const char *const names[PCI_MISPLACEMENT_COUNT] = {
        [PCI_PLACED_WELL] = "wellPlaced",         [PCI_PLACED_NOWHERE] = "unassigned",
        [PCI_PLACED_MISALIGNED] = "misaligned",   [PCI_PLACED_OUTSIDE] = "outsideWindow",
        [PCI_PLACED_ON_OTHERS] = "notForDevices", [PCI_PLACED_TWICE] = "overlap",
        [PCI_PLACED_TIGHT] = "windowTooSmall",
    };

    return (uint32_t)misplacement < PCI_MISPLACEMENT_COUNT ? names[misplacement] : "?";
}

/* ------------------------------------------------------------------------------------------
 * What there is
 * ------------------------------------------------------------------------------------------ */

static uint32_t add(struct pci_assignment *assignment, const struct pci_above *above,
                    struct pci_resource resource)
{
    if (assignment->count == assignment->capacity) {
        return PCI_NO_RESOURCE;
    }
    resource.is_on_root = above->is_root;
    resource.root = above->root;
    resource.container = PCI_NO_RESOURCE;
    resource.inside = PCI_NO_RESOURCE;
    resource.next = PCI_NO_RESOURCE;
    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        resource.above[i] = above->is_root ? PCI_NO_RESOURCE : above->windows[i];
    }
    assignment->resources[assignment->count] = resource;
    return assignment->count++;
}

uint32_t pci_assign_bar(struct pci_assignment *assignment, const struct pci_above *above,
                        uint32_t function, uint32_t index, const struct pci_bar *bar)
{
    if ((bar->kind != PCI_BAR_MEMORY && bar->kind != PCI_BAR_IO) || bar->size == 0) {
        return PCI_NO_RESOURCE;
    }
    return add(assignment, above,
               (struct pci_resource){
                   .function = function,
                   .index = (uint8_t)index,
                   .is_io = bar->kind == PCI_BAR_IO,
                   .is_prefetchable = bar->is_prefetchable,
                   .is_wide = bar->is_64,
                   .address = bar->address,
                   .size = bar->size,
                   .alignment = bar->size,
               });
}

uint32_t pci_assign_window(struct pci_assignment *assignment, const struct pci_above *above,
                           uint32_t function, enum pci_window_kind kind,
                           const struct pci_window *window)
{
    /* A window that starts at 0 is one that nobody has set: its registers are 0 after a reset. */
    const bool is_set = window->is_open && window->first != 0 && window->last >= window->first;

    return add(assignment, above,
               (struct pci_resource){
                   .function = function,
                   .index = (uint8_t)kind,
                   .is_window = true,
                   .is_io = kind == PCI_WINDOW_IO,
                   .is_prefetchable = kind == PCI_WINDOW_PREFETCHABLE,
                   .is_wide = kind == PCI_WINDOW_PREFETCHABLE && window->is_wide,
                   .address = is_set ? window->first : 0,
                   .size = is_set ? window->last - window->first + 1 : 0,
                   .alignment = kind == PCI_WINDOW_IO ? IO_WINDOW : MEMORY_WINDOW,
               });
}

/* ------------------------------------------------------------------------------------------
 * Sorting, in assignment->order
 * ------------------------------------------------------------------------------------------ */

enum sort_by { BY_PLACE, BY_SIZE };

/* Whether `a` comes before `b`. Equal ones in the order of their numbers, the same every time. */
static bool is_before(const struct pci_assignment *assignment, enum sort_by by, uint32_t a,
                      uint32_t b)
{
    const struct pci_resource *one = &assignment->resources[a];
    const struct pci_resource *other = &assignment->resources[b];

    if (by == BY_SIZE) {
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

static void sift(const struct pci_assignment *assignment, enum sort_by by, uint32_t *order,
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
static void sort(const struct pci_assignment *assignment, enum sort_by by, uint32_t *order,
                 uint32_t count)
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

/* ------------------------------------------------------------------------------------------
 * Check
 * ------------------------------------------------------------------------------------------ */

static bool overlaps(uint64_t first, uint64_t last, uint64_t other_first, uint64_t other_last)
{
    return first <= other_last && other_first <= last;
}

static const struct pci_taken *find_taken(const struct pci_assignment *assignment, bool is_io,
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
    if (last < resource->address || (resource->is_io && last >= IO_END) ||
        (!resource->is_wide && !resource->is_io && last >= LOW_END)) {
        return PCI_PLACED_OUTSIDE;
    }
    if (find_taken(assignment, resource->is_io, resource->address, last, true) != NULL) {
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
static void want(struct pci_assignment *assignment, struct pci_resource *resource,
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
            want(assignment, resource, why);
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
    sort(assignment, BY_PLACE, order, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pci_resource *resource = &assignment->resources[order[i]];

        if (before == NULL || before->container != resource->container ||
            before->is_io != resource->is_io || resource->offset - before->offset >= before->size) {
            before = resource;
        } else if (resource->is_window != before->is_window ? before->is_window
                                                            : before < resource) {
            want(assignment, resource, PCI_PLACED_TWICE);
        } else {
            want(assignment, before, PCI_PLACED_TWICE);
            before = resource;
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * Pack
 * ------------------------------------------------------------------------------------------ */

static bool align_up(uint64_t number, uint64_t alignment, uint64_t *result)
{
    if (number > UINT64_MAX - (alignment - 1)) {
        return false;
    }
    *result = (number + (alignment - 1)) & ~(alignment - 1);
    return true;
}

/* Gaps between what has a place: order[0..count), sorted by place. */
struct gaps {
    uint32_t *order;
    uint32_t count;
    bool avoids_taken;
};

/*
 * The first place of a resource in [first, last], and where it belongs in the order. False if
 * there is none.
 */
static bool find_gap(const struct pci_assignment *assignment, const struct gaps *gaps,
                     const struct pci_resource *resource, uint64_t first, uint64_t last,
                     uint64_t *place, uint32_t *position)
{
    uint64_t candidate;
    uint32_t at = 0;

    if (!align_up(first, resource->alignment, &candidate)) {
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
                        ? find_taken(assignment, resource->is_io, candidate, end, false)
                        : NULL;
            if (taken == NULL) {
                *place = candidate;
                *position = at;
                return true;
            }
            next = taken->last;
        }
        if (next == UINT64_MAX || !align_up(next + 1, resource->alignment, &candidate)) {
            return false;
        }
    }
    return false;
}

/* order[count] is a resource with a place: put it where it belongs. */
static void gaps_fill(struct gaps *gaps, uint32_t number, uint32_t position)
{
    for (uint32_t i = gaps->count; i > position; i--) {
        gaps->order[i] = gaps->order[i - 1];
    }
    gaps->order[position] = number;
    gaps->count++;
}

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

    want(assignment, window, PCI_PLACED_NOWHERE);
    if (window->container != PCI_NO_RESOURCE) {
        window->next = assignment->resources[window->container].inside;
        assignment->resources[window->container].inside = number;
    }
}

/* What is wanted in a window goes between what is kept there. False: there is no room. */
static bool fill_window(struct pci_assignment *assignment, const struct pci_resource *window)
{
    struct gaps gaps = {.order = assignment->order};
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
    sort(assignment, BY_PLACE, gaps.order, gaps.count);
    sort(assignment, BY_SIZE, wanted, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pci_resource *resource = &assignment->resources[wanted[i]];
        uint32_t position;

        /* Aligned where it will be, not only in the window. */
        if ((window->address & (resource->alignment - 1)) != 0 ||
            !find_gap(assignment, &gaps, resource, 0, window->size - 1, &resource->offset,
                      &position)) {
            return false;
        }
        gaps_fill(&gaps, wanted[i], position);
    }
    for (uint32_t i = 0; i < gaps.count; i++) {
        if (assignment->resources[gaps.order[i]].placement == PCI_PLACEMENT_WANTED) {
            assignment->resources[gaps.order[i]].placement = PCI_PLACEMENT_MOVED;
        }
    }
    return true;
}

static bool has_place(const struct pci_resource *resource)
{
    return resource->placement == PCI_PLACEMENT_KEPT || resource->placement == PCI_PLACEMENT_MOVED;
}

/* One behind the other, the largest first, which leaves no gaps. */
static void pack_window(struct pci_assignment *assignment, struct pci_resource *window)
{
    const uint64_t granularity = window->is_io ? IO_WINDOW : MEMORY_WINDOW;
    const bool was_kept = window->placement == PCI_PLACEMENT_KEPT;
    uint64_t end = 0;
    uint32_t count = 0;
    bool fits = true;

    window->placement = PCI_PLACEMENT_WANTED;
    window->alignment = granularity;
    for (uint32_t i = window->inside; i != PCI_NO_RESOURCE; i = assignment->resources[i].next) {
        if (has_place(&assignment->resources[i]) ||
            assignment->resources[i].placement == PCI_PLACEMENT_WANTED) {
            assignment->order[count++] = i;
        }
    }
    if (count == 0 && was_kept) {
        return; /* firmware has set it aside for what may be plugged in: it goes along as it is */
    }
    sort(assignment, BY_SIZE, assignment->order, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pci_resource *resource = &assignment->resources[assignment->order[i]];

        fits = fits && align_up(end, resource->alignment, &resource->offset) &&
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
    if (!fits || !align_up(end, granularity, &window->size)) {
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

/* ------------------------------------------------------------------------------------------
 * Place
 * ------------------------------------------------------------------------------------------ */

/* Where a resource may be inside a window of its root bus. False: nowhere. */
static bool clip(const struct pci_resource *resource, const struct pci_root_window *window,
                 bool above_low, uint64_t *first, uint64_t *last)
{
    const uint64_t end = resource->is_io ? IO_END : LOW_END;

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

static bool place_in(struct pci_assignment *assignment, struct gaps *gaps, uint32_t number,
                     bool above_low)
{
    struct pci_resource *resource = &assignment->resources[number];

    for (uint32_t i = 0; i < assignment->window_count; i++) {
        uint64_t first, last;
        uint32_t position;

        if (clip(resource, &assignment->windows[i], above_low, &first, &last) &&
            find_gap(assignment, gaps, resource, first, last, &resource->offset, &position)) {
            gaps_fill(gaps, number, position);
            return true;
        }
    }
    return false;
}

/* Large, prefetchable memory is what space above 4 GiB is for; the rest goes there if it must. */
static bool place_on_root(struct pci_assignment *assignment, struct gaps *gaps, uint32_t number)
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
    struct gaps gaps = {.order = assignment->order, .avoids_taken = true};
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
    sort(assignment, BY_PLACE, gaps.order, gaps.count);
    sort(assignment, BY_SIZE, wanted, count);
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
        if (has_place(resource)) {
            if (resource->container != PCI_NO_RESOURCE) {
                const struct pci_resource *window = &assignment->resources[resource->container];

                if (window->placement == PCI_PLACEMENT_REFUSED) {
                    resource->placement = PCI_PLACEMENT_REFUSED;
                    resource->why = resource->why == PCI_PLACED_WELL ? window->why : resource->why;
                }
                address += window->address;
            }
        }
        if (has_place(resource)) {
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

void pci_assign_run(struct pci_assignment *assignment)
{
    assignment->moved_count = 0;
    assignment->refused_count = 0;
    check_all(assignment);
    part_overlaps(assignment);
    list_contents(assignment);
    pack_all(assignment);
    place_space(assignment, false);
    place_space(assignment, true);
    settle(assignment);
}
