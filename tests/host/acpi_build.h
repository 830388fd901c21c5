/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tables for tests: exact copies on the heap, so that ASan sees a read beyond them, with a header
 * and numbers put where the case wants them.
 */

#include "acpi/acpi.h"

#include <stdlib.h>
#include <string.h>

/* `length` zeros, with a signature and that length if there is room for a header. */
static inline uint8_t *table_new(const char *signature, size_t length)
{
    uint8_t *table = calloc(1, length != 0 ? length : 1);

    if (table == NULL) {
        abort();
    }
    if (length >= ACPI_HEADER_BYTES) {
        memcpy(table, signature, 4);
        for (size_t i = 0; i < 4; i++) {
            table[4 + i] = (uint8_t)(length >> (8 * i));
        }
    }
    return table;
}

static inline void table_put(uint8_t *table, size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        table[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

/* A table with `length` bytes of `contents` at `offset`, its end. */
static inline uint8_t *table_with(const char *signature, size_t offset, const uint8_t *contents,
                                  size_t length)
{
    uint8_t *table = table_new(signature, offset + length);

    if (length != 0) {
        memcpy(table + offset, contents, length);
    }
    return table;
}

/* Make the sum of all bytes zero. */
static inline void table_sum(uint8_t *table, size_t length)
{
    uint8_t sum = 0;

    table[9] = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + table[i]);
    }
    table[9] = (uint8_t)(0u - sum);
}

static inline struct acpi_bytes table_bytes(const uint8_t *table, size_t length)
{
    return (struct acpi_bytes){.at = table, .length = length};
}
