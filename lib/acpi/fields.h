/* SPDX-License-Identifier: MIT */
#pragma once

/* Inside lib/acpi: what the readers of all tables have in common. */

#include "acpi/acpi.h"
#include "bytes/bytes.h"

/** Refuse: fill the fault, return its error. */
static inline enum acpi_error acpi_refuse(struct acpi_fault *fault, enum acpi_error error,
                                          uint64_t offset)
{
    fault->error = error;
    fault->offset = offset;
    return error;
}

/** Whether a table has `length` bytes at `offset`. */
static inline bool acpi_has(struct acpi_bytes table, uint64_t offset, uint64_t length)
{
    return offset <= table.length && length <= table.length - offset;
}

/** Whether bytes add up to zero, as those of a table with a good checksum do. */
static inline bool acpi_sums_to_zero(const uint8_t *at, size_t length)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + at[i]);
    }
    return sum == 0;
}

#define ACPI_REGISTER_BYTES 12u

/** Read a generic address structure that the caller knows to be there. */
static inline struct acpi_register acpi_register_read(const uint8_t *at)
{
    return (struct acpi_register){
        .space = at[0],
        .bit_width = at[1],
        .bit_offset = at[2],
        .access_size = at[3],
        .address = bytes_u64(at + 4),
    };
}
