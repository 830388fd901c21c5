/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * MCFG (PCI Firmware Specification 3.3 §4.1.2): where the configuration space of PCI Express
 * functions is memory-mapped. Function (bus, device, function) of a segment is at
 * base + bus << 20 + device << 15 + function << 12, whatever first_bus is.
 */

#include "acpi/acpi.h"

struct acpi_mcfg_entry {
    uint64_t base; /* physical, of bus 0 */
    uint16_t segment;
    uint8_t first_bus;
    uint8_t last_bus;
};

/** Number of entries. Returns: ACPI_OK; ACPI_BAD_LENGTH; ACPI_NOT_FOUND if there are none. */
MUST_CHECK enum acpi_error acpi_mcfg_open(struct acpi_bytes table, uint32_t *count,
                                          struct acpi_fault *fault);

/**
 * Entry `index` of an opened table.
 *
 * Returns: ACPI_OK; ACPI_NOT_FOUND behind the last; ACPI_BAD_ADDRESS for base 0; ACPI_BAD_RANGE if
 * buses do not ascend or their space overflows. Other entries are good all the same.
 */
MUST_CHECK enum acpi_error acpi_mcfg_get(struct acpi_bytes table, uint32_t index,
                                         struct acpi_mcfg_entry *entry, struct acpi_fault *fault);
