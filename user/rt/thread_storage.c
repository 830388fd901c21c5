/* SPDX-License-Identifier: MIT */
#include "rt/thread_storage.h"

#define BLOCK_ALIGNMENT 64u

static size_t round_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

/** Where the thread pointer lies in the block. */
static size_t pointer_offset(const struct rt_tls_image *image)
{
    return round_up(image->memory_bytes, BLOCK_ALIGNMENT);
}

size_t rt_tls_block_bytes(const struct rt_tls_image *image)
{
    return pointer_offset(image) + BLOCK_ALIGNMENT;
}

struct rt_thread_pointer *rt_tls_block_init(const struct rt_tls_image *image, void *block,
                                            struct rt_thread *thread)
{
    char *const pointer_place = (char *)block + pointer_offset(image);
    char *const storage = pointer_place - round_up(image->memory_bytes, image->alignment);
    struct rt_thread_pointer *const pointer = (struct rt_thread_pointer *)(void *)pointer_place;

    __builtin_memcpy(storage, image->bytes, image->file_bytes);
    __builtin_memset(storage + image->file_bytes, 0, image->memory_bytes - image->file_bytes);
    pointer->self = pointer;
    pointer->thread = thread;
    return pointer;
}
