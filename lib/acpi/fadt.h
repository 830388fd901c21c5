/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * FADT (ACPI 6.5 §5.2.9): the registers that turn the machine off, reset it and count time, and
 * where the DSDT is. Firmware writes this table in many lengths; what it is too short for reads
 * as zero, and a 64-bit field that is not zero replaces the older 32-bit one.
 */

#include "acpi/acpi.h"

struct acpi_fadt {
    uint8_t revision;
    uint64_t dsdt_address; /* physical */
    uint32_t flags;        /* ACPI_FADT_* */
    uint16_t boot_flags;   /* ACPI_BOOT_* */
    uint16_t sci_interrupt;
    uint16_t smi_command_port; /* 0: the machine is in ACPI mode always */
    uint8_t acpi_enable;       /* written there to enter ACPI mode */
    uint8_t acpi_disable;
    uint8_t century_register;        /* in CMOS, 0 if none */
    struct acpi_register pm1a_event; /* status, then enable */
    struct acpi_register pm1b_event; /* optional */
    struct acpi_register pm1a_control;
    struct acpi_register pm1b_control; /* optional */
    struct acpi_register timer;        /* 3.579545 MHz */
    bool timer_is_32_bit;              /* else 24 */
    struct acpi_register reset;        /* address 0 if there is none, or it is not supported */
    uint8_t reset_value;
    struct acpi_register sleep_control; /* reduced hardware */
    struct acpi_register sleep_status;
};

/* §5.2.9, table 5.10: fixed feature flags */
#define ACPI_FADT_TIMER_32_BIT     (1u << 8)
#define ACPI_FADT_RESET_SUPPORTED  (1u << 10)
#define ACPI_FADT_APIC_CLUSTER     (1u << 18)
#define ACPI_FADT_APIC_PHYSICAL    (1u << 19)
#define ACPI_FADT_REDUCED_HARDWARE (1u << 20)

/* Table 5.11: IA-PC boot architecture flags */
#define ACPI_BOOT_LEGACY_DEVICES (1u << 0)
#define ACPI_BOOT_8042           (1u << 1)
#define ACPI_BOOT_NO_VGA         (1u << 2)
#define ACPI_BOOT_NO_MSI         (1u << 3)
#define ACPI_BOOT_NO_CMOS_RTC    (1u << 5)

/** Returns: ACPI_OK, and `*fadt` is written; ACPI_BAD_LENGTH if not even the DSDT is named. */
MUST_CHECK enum acpi_error acpi_fadt_open(struct acpi_bytes table, struct acpi_fadt *fadt,
                                          struct acpi_fault *fault);
