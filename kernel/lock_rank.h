/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one ordered list of the kernel's locks, and of regions, which are what a lock of their own
 * would guard if the kernel lock were split. A CPU that holds a lock, or is in a region, may only
 * go on to higher ranks; debug builds check it (kernel/lock.h). docs/LOCKS.md is generated from
 * this file: the text behind each rank is its reason.
 */

enum lock_rank {
    /* The kernel lock: objects, capability tables, rings, threads, run queues, address spaces.
     * Outermost: taken at every entry, before anything is known about what the entry needs. Must
     * not be held while waiting for another CPU. */
    LOCK_RANK_KERNEL = 0,
    /* A region: functions of devices, their owners, pools and buffers. Inside KERNEL, and before
     * the routes, because a claim makes routes and a teardown ends them. */
    LOCK_RANK_PCI_DEVICE_MANAGER = 1,
    /* A region: vectors, the IOMMU's interrupt entries, and who waits for them. An interrupt that
     * arrives begins here, so nothing of it may lead to the device manager. */
    LOCK_RANK_DEVICE_INTERRUPT_ROUTES = 2,
    /* The frame allocator. Inside all of these, because objects, page tables and rings are
     * allocated in the middle of an operation; allocates nothing and calls nothing. */
    LOCK_RANK_FRAMES = 3,
    /* The kernel log. Inside FRAMES, so that the allocator may log; a line goes to the ring and to
     * the UART under it, so that lines of two CPUs do not mix. */
    LOCK_RANK_LOG = 4,
    /* The UART. Innermost: polls hardware for a bounded time and calls nothing. A panic does not
     * take it. */
    LOCK_RANK_UART = 5,
    LOCK_RANK_COUNT
};
