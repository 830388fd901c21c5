/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * WAET (Microsoft, Windows ACPI Emulated Devices Table): a hypervisor's promise that devices it
 * emulates do not have the faults of real ones.
 */

#include "acpi/acpi.h"

struct acpi_waet {
    bool rtc_good;   /* the clock need not be read again to acknowledge its interrupt */
    bool timer_good; /* one read of the power management timer is enough */
};

/** Returns: ACPI_OK, and `*waet` is written; ACPI_BAD_LENGTH. */
MUST_CHECK enum acpi_error acpi_waet_open(struct acpi_bytes table, struct acpi_waet *waet,
                                          struct acpi_fault *fault);
