/* SPDX-License-Identifier: MIT */
#pragma once

/* HPET table (IA-PC HPET Specification 1.0a §3.2.4): where the high precision event timers are. */

#include "acpi/acpi.h"

struct acpi_hpet {
    uint64_t address; /* physical, of the register block */
    uint32_t block_id;
    uint8_t comparator_count;
    bool is_64_bit;
    uint8_t number;
    uint16_t minimum_tick; /* in periodic mode without losing interrupts */
};

/** Returns: ACPI_OK, and `*hpet` is written; ACPI_BAD_LENGTH; ACPI_BAD_ADDRESS. */
MUST_CHECK enum acpi_error acpi_hpet_open(struct acpi_bytes table, struct acpi_hpet *hpet,
                                          struct acpi_fault *fault);
