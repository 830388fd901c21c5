/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one ordered list of the kernel's locks. A CPU that holds a lock may take only locks of a
 * higher rank. docs/LOCKS.md is generated from this file: the text behind each rank is its reason.
 */

enum lock_rank {
    /* The kernel lock: objects, capability tables, rings, threads, run queues, address spaces.
     * Outermost: taken at every entry, before anything is known about what the entry needs. Must
     * not be held while waiting for another CPU. */
    LOCK_RANK_KERNEL = 0,
    /* The frame allocator. Inside KERNEL, because objects, page tables and rings are allocated in
     * the middle of an operation; allocates nothing and calls nothing. */
    LOCK_RANK_FRAMES = 1,
    /* The kernel log. Inside FRAMES, so that the allocator may log; a line goes to the ring and to
     * the UART under it, so that lines of two CPUs do not mix. */
    LOCK_RANK_LOG = 2,
    /* The UART. Innermost: polls hardware for a bounded time and calls nothing. A panic does not
     * take it. */
    LOCK_RANK_UART = 3,
    LOCK_RANK_COUNT
};
