/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one ordered list of the kernel's locks. A CPU that holds a lock may take only locks of a
 * higher rank. docs/LOCKS.md is generated from this file: the text behind each rank is its reason.
 */

enum lock_rank {
    /* The kernel lock: objects, capability tables, rings, threads, run queues, address spaces.
     * Outermost, because every other lock protects something that kernel operations use. */
    LOCK_RANK_KERNEL = 0,
    /* The frame allocator: taken inside kernel operations that allocate, and alone at boot. */
    LOCK_RANK_FRAMES = 1,
    /* The kernel log: anything may log while it holds anything else. */
    LOCK_RANK_LOG = 2,
    /* The UART: last, so that a log line can be written out from anywhere. */
    LOCK_RANK_UART = 3,
    LOCK_RANK_COUNT
};
