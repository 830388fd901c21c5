/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * DBG2 (Microsoft Debug Port Table 2): ports that a debugger may use. acpi_dbg2_open() checks
 * every device, the iterator and the register reader then refuse nothing.
 */

#include "acpi/acpi.h"

struct acpi_dbg2 {
    struct acpi_bytes table;
    uint32_t first; /* offset of the first device */
    uint32_t end;   /* offset behind the last one */
    uint32_t device_count;
};

struct acpi_dbg2_device {
    uint32_t offset;        /* in the table */
    uint16_t type;          /* ACPI_DEBUG_* */
    uint16_t subtype;       /* of ACPI_DEBUG_SERIAL: an interface type of lib/acpi/spcr.h */
    uint8_t register_count; /* for acpi_dbg2_register() */
    const uint8_t *registers;
    const uint8_t *sizes;   /* NULL: not given */
    struct acpi_bytes name; /* path in the ACPI namespace; "." or empty: it is not there */
};

#define ACPI_DEBUG_SERIAL  0x8000u
#define ACPI_DEBUG_1394    0x8001u
#define ACPI_DEBUG_USB     0x8002u
#define ACPI_DEBUG_NETWORK 0x8003u

/**
 * Returns: ACPI_OK, and `*dbg2` is written; ACPI_BAD_LENGTH; ACPI_BAD_ENTRY for a device that is
 * too short or leaves the table, or whose registers are outside of it.
 */
MUST_CHECK enum acpi_error acpi_dbg2_open(struct acpi_bytes table, struct acpi_dbg2 *dbg2,
                                          struct acpi_fault *fault);

/** The next device. `*cursor` is 0 at the start. Returns: false behind the last one. */
bool acpi_dbg2_next(const struct acpi_dbg2 *dbg2, uint32_t *cursor,
                    struct acpi_dbg2_device *device);

/** Register block `index`, less than register_count, and its size in bytes (0: not given). */
struct acpi_register acpi_dbg2_register(const struct acpi_dbg2_device *device, uint32_t index,
                                        uint32_t *size_bytes);
