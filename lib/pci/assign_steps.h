/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The steps of pci/assign.h, for its own files only, and what they share: limits, sorting, gaps.
 *
 *       assign.c          what there is, and the order of the steps
 *       assign_check.c    what stays where firmware left it
 *       assign_gaps.c     places between what has one
 *       assign_pack.c     what is inside windows
 *       assign_place.c    what is on root buses; then everybody's address
 */

#include "pci/assign.h"

#define PCI_ASSIGN_LOW_END (1ull << 32) /* of addresses of 32 bits */
#define PCI_ASSIGN_IO_END  (1ull << 16) /* a PC has 64 KiB of ports */

/* Bridge §3.2.5.6, §3.2.5.8: granularity of windows. */
#define PCI_ASSIGN_MEMORY_WINDOW (1ull << 20)
#define PCI_ASSIGN_IO_WINDOW     (1ull << 12)

/** assign_check.c: each resource is kept, or wanted in its container, or refused. */
void pci_assign_check(struct pci_assignment *assignment);

/** It cannot stay: wanted in the window above that is for its like; refused if there is none. */
void pci_assign_want(struct pci_assignment *assignment, struct pci_resource *resource,
                     enum pci_misplacement why);

/** assign_pack.c: what is wanted in a window gets an offset, and the window its size. */
void pci_assign_pack(struct pci_assignment *assignment);

/** assign_place.c: what is wanted on root buses gets an address, and so does all that is inside. */
void pci_assign_place(struct pci_assignment *assignment);

/* ------------------------------------------------------------------------------------------
 * assign_gaps.c
 * ------------------------------------------------------------------------------------------ */

/** The first of what is not for devices in [first, last]; NULL if there is none. */
const struct pci_taken *pci_assign_find_taken(const struct pci_assignment *assignment, bool is_io,
                                              uint64_t first, uint64_t last, bool by_firmware);

enum pci_assign_order {
    PCI_ASSIGN_BY_PLACE, /* container, memory before I/O, offset */
    PCI_ASSIGN_BY_SIZE   /* the largest alignment first, then the largest size */
};

/** Sort resources' numbers. Equal ones by number, the same every time. */
void pci_assign_sort(const struct pci_assignment *assignment, enum pci_assign_order by,
                     uint32_t *order, uint32_t count);

/** Gaps between what has a place: order[0..count), sorted by place. */
struct pci_gaps {
    uint32_t *order;
    uint32_t count;
    bool avoids_taken;
};

/**
 * The first place of a resource in [first, last], and where it belongs in the order.
 * Returns: false if there is none.
 */
bool pci_gaps_find(const struct pci_assignment *assignment, const struct pci_gaps *gaps,
                   const struct pci_resource *resource, uint64_t first, uint64_t last,
                   uint64_t *place, uint32_t *position);

/** A resource has its place: put its number where it belongs. */
void pci_gaps_fill(struct pci_gaps *gaps, uint32_t number, uint32_t position);

/** Returns: false if there is no such number. */
static inline bool pci_assign_align_up(uint64_t number, uint64_t alignment, uint64_t *result)
{
    if (number > UINT64_MAX - (alignment - 1)) {
        return false;
    }
    *result = (number + (alignment - 1)) & ~(alignment - 1);
    return true;
}

static inline bool pci_assign_has_place(const struct pci_resource *resource)
{
    return resource->placement == PCI_PLACEMENT_KEPT || resource->placement == PCI_PLACEMENT_MOVED;
}
