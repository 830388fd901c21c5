/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Thread-local storage: how large a block is and what is in it (System V ABI, variant II).
 *
 *   block                               thread pointer
 *   | padding | .tdata copy | .tbss zeros | struct rt_thread_pointer |
 *
 * The linker script names the image; the arithmetic is apart from it, so that it can be tested.
 */

#include "rt/arch.h"

#include <stddef.h>
#include <stdint.h>

struct rt_tls_image {
    const void *bytes;   /* initial contents */
    size_t file_bytes;   /* of which there are this many */
    size_t memory_bytes; /* and with zeros this many */
    size_t alignment;    /* a power of two, at most 64 */
};

/** This program's image. */
struct rt_tls_image rt_tls_image_get(void);

/** Bytes to set aside, on a 64-byte boundary, for one thread. */
size_t rt_tls_block_bytes(const struct rt_tls_image *image);

/** Fill a block for `thread`. Returns: the FS base to set. */
struct rt_thread_pointer *rt_tls_block_init(const struct rt_tls_image *image, void *block,
                                            struct rt_thread *thread);
