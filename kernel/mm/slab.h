/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Small kernel objects: one-page slabs of equal pieces. An empty slab's frame goes back at once,
 * so what the kernel holds depends only on what is alive. Under the kernel lock.
 */

#include "types.h"

#define SLAB_MAX_BYTES 1984u

/** Cleared memory for one object of `bytes` (at most SLAB_MAX_BYTES), or NULL without memory. */
void *slab_take(size_t bytes);

/** Give back what slab_take() returned for the same size. */
void slab_give(void *piece, size_t bytes);
