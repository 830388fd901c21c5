/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For tests of lib/acpi: tables as exact copies on the heap, so that ASan sees a read beyond them.
 * Include after cmocka.h.
 */

#include "acpi/acpi.h"

#include <stdlib.h>
#include <string.h>

/* The first `length` bytes of a table, zeros behind its own end. */
static inline uint8_t *copy_of(const uint8_t *table, size_t table_length, size_t length)
{
    uint8_t *copy = calloc(1, length + (length == 0));

    assert_non_null(copy);
    memcpy(copy, table, length < table_length ? length : table_length);
    return copy;
}

static inline void put(uint8_t *table, size_t offset, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        table[offset + i] = (uint8_t)(value >> (8 * i));
    }
}

static inline struct acpi_bytes bytes_of(const uint8_t *table, size_t length)
{
    return (struct acpi_bytes){.at = table, .length = length};
}
