/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Dynamic memory, from Memory objects charged to the process.
 *
 * Small requests come from arenas, which grow the heap a few pages at a time and stay; requests
 * of RT_HEAP_LARGE_BYTES and more get a Memory object of their own, which goes back to the kernel
 * when they are freed. Everything is aligned to 16 bytes. A block that is freed twice, or whose
 * header was overwritten, ends the process with a message.
 * Context: any thread; takes a lock of its own.
 */

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define RT_HEAP_ALIGNMENT   16u
#define RT_HEAP_LARGE_BYTES 65536u
#define RT_HEAP_ARENA_PAGES 4u

/** Uninitialised memory of at least `size` bytes; NULL if the budget cannot pay for it. */
MUST_CHECK void *heap_allocate(size_t size);

/** As above, all zeros; NULL also if count * size does not fit. */
MUST_CHECK void *heap_allocate_zeroed(size_t count, size_t size);

/** Change a block's size, moving it if need be. NULL: refused, and the block is as it was. */
MUST_CHECK void *heap_reallocate(void *block, size_t size);

/** Give a block back. NULL is allowed. */
void heap_free(void *block);

/** What the heap holds at the moment. */
struct heap_statistics {
    size_t arena_bytes; /* taken from the kernel for arenas */
    size_t large_bytes; /* and for large blocks */
    size_t used_bytes;  /* in allocated blocks, headers included */
    size_t block_count; /* allocated blocks */
};

void heap_statistics_get(struct heap_statistics *statistics);

/** Walk all arenas and panic if anything is inconsistent. Returns the number of blocks seen. */
size_t heap_check(void);
