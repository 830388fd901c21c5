/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Small kernel objects: one-page slabs of equal pieces. An empty slab's frame goes back at once,
 * so what the kernel holds depends only on what is alive. Under the kernel lock.
 */

#include "list.h"
#include "types.h"

#define SLAB_MAX_BYTES 1984u

struct slab_piece {
    struct slab_piece *next;
};

/** At the start of each slab's page. */
struct slab {
    struct list link; /* on its class's list while it has room */
    struct slab_piece *free;
    uint32_t used;
    uint32_t frame;
};

/** Which size serves `bytes`; a constant where `bytes` is one. */
static ALWAYS_INLINE uint32_t slab_class_of(size_t bytes)
{
    return bytes <= 64     ? 0
           : bytes <= 128  ? 1
           : bytes <= 192  ? 2
           : bytes <= 256  ? 3
           : bytes <= 384  ? 4
           : bytes <= 512  ? 5
           : bytes <= 1024 ? 6
                           : 7;
}

/** Memory of a class, with whatever is in it; NULL without memory. */
void *slab_take_class(uint32_t class_index);
void slab_give_class(void *piece, uint32_t class_index);

/** Memory for one object of `bytes` (at most SLAB_MAX_BYTES), not cleared; NULL without memory. */
static ALWAYS_INLINE void *slab_take_uncleared(size_t bytes)
{
    return slab_take_class(slab_class_of(bytes));
}

/** The same, cleared. */
static inline void *slab_take(size_t bytes)
{
    void *piece = slab_take_uncleared(bytes);

    if (piece != NULL) {
        memset(piece, 0, bytes);
    }
    return piece;
}

/** Give back what was taken for the same size. */
static ALWAYS_INLINE void slab_give(void *piece, size_t bytes)
{
    slab_give_class(piece, slab_class_of(bytes));
}
