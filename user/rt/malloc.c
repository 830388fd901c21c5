/* SPDX-License-Identifier: MIT */
/*
 * The C library's names for the heap, for code that was not written for this system.
 */
#include "rt/heap.h"

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);

void *malloc(size_t size)
{
    return heap_allocate(size);
}

void *calloc(size_t count, size_t size)
{
    return heap_allocate_zeroed(count, size);
}

void *realloc(void *block, size_t size)
{
    return heap_reallocate(block, size);
}

void free(void *block)
{
    heap_free(block);
}
