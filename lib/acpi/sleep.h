/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What to write to turn the machine off (ACPI 6.5 §7.4.2.6). The values are in the object \_S5 of
 * the DSDT or an SSDT, which is AML, a program. It is not run here: firmware writes this object as
 * a constant package, and the bytes of such a package are looked for. Where it is anything else,
 * the machine cannot be turned off this way, and the caller is told.
 */

#include "acpi/acpi.h"

struct acpi_soft_off {
    uint8_t type_a; /* SLP_TYP for PM1a control, 0 to 7 */
    uint8_t type_b; /* for PM1b control */
};

#define ACPI_SLEEP_TYPE_LAST 7u

/** PM1 control register, §4.8.3.2.1: SLP_TYP goes in bits 10 to 12, SLP_EN is bit 13. */
#define ACPI_PM1_SCI_ENABLE       (1u << 0) /* the machine is in ACPI mode */
#define ACPI_PM1_SLEEP_TYPE_SHIFT 10u
#define ACPI_PM1_SLEEP_ENABLE     (1u << 13)
/** PM1 status register, §4.8.3.1.1: written as one, it is cleared. */
#define ACPI_PM1_WAKE_STATUS (1u << 15)
/** Sleep control register of a machine with reduced hardware, §4.8.3.7. */
#define ACPI_SLEEP_CONTROL_TYPE_SHIFT 2u
#define ACPI_SLEEP_CONTROL_ENABLE     (1u << 5)

/** Returns: ACPI_OK, and `*off` is written; ACPI_BAD_LENGTH; ACPI_NOT_FOUND. */
MUST_CHECK enum acpi_error acpi_soft_off_find(struct acpi_bytes table, struct acpi_soft_off *off,
                                              struct acpi_fault *fault);
