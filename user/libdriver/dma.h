/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory that a device can reach.
 *
 * Two kinds: the driver's own, which it has mapped as well, for queues and descriptors; and a
 * client's, which only the device touches. The driver never maps the latter: so a client that
 * revokes its memory while it is in use harms nobody, for the pages stay pinned until
 * driver_dma_release().
 */

#include "libdriver/device.h"

/** Memory in the pool of a device. All zero: none. */
struct driver_dma {
    void *cpu;           /* NULL if it is a client's */
    uint64_t iova;       /* where the device finds it */
    uint32_t page_count; /* not 0 */
    uint64_t memory;     /* the driver's own; 0 if it is a client's */
    uint64_t buffer;     /* DMABuffer */
};

/**
 * Make `page_count` pages of zeroed memory, mapped for the driver and for its device.
 *
 * Returns: STATUS_OK; what the kernel refused, with nothing left behind.
 */
MUST_CHECK enum status driver_dma_allocate(const struct driver_device *device, uint32_t page_count,
                                           enum dma_access access, struct driver_dma *dma);

/** As above, for what the driver cannot work without: fails if it is refused. */
void driver_dma_require(const struct driver_device *device, uint32_t page_count,
                        enum dma_access access, struct driver_dma *dma);

/**
 * Make pages of a client's memory reachable for the device. The capability stays the caller's, and
 * is needed no more. It may be anything: the kernel finds out.
 *
 * Returns as driver_dma_allocate().
 */
MUST_CHECK enum status driver_dma_import(const struct driver_device *device, uint64_t memory,
                                         uint32_t page_offset, uint32_t page_count,
                                         enum dma_access access, struct driver_dma *dma);

/** Returns when the device can reach the memory no longer. None is no error. */
void driver_dma_release(struct driver_dma *dma);
