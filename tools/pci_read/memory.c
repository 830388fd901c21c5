/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

void *memory_resize(void *block, size_t bytes)
{
    void *resized = realloc(block, bytes);

    if (resized == NULL) {
        fputs("pci-read: out of memory\n", stderr);
        exit(1);
    }
    return resized;
}

void *memory_get(size_t bytes)
{
    return memory_resize(NULL, bytes);
}
