/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a host bridge forwards to its PCI buses (ACPI 6.5 §6.2.2 _CRS, §6.4 resource descriptors),
 * and where its configuration space is if no MCFG says so (PCI Firmware Specification 3.3 §4.1.3,
 * _CBA). Both are AML, a program, which is not run here: firmware of virtual machines writes them
 * as constants, and the bytes of such constants are looked for. A buffer counts if it is a complete
 * resource template with a range of bus numbers in it: only host bridges have those.
 */

#include "acpi/acpi.h"

/** Of one bridge; more are not kept, and `overflow` counts them. */
#define ACPI_BRIDGE_WINDOWS 16u

struct acpi_bridge_window {
    bool is_io;
    bool is_prefetchable;
    uint64_t first; /* address on both sides: windows that translate are not kept */
    uint64_t last;
};

struct acpi_host_bridge {
    uint8_t first_bus;
    uint8_t last_bus;
    uint32_t window_count;
    uint32_t overflow;
    struct acpi_bridge_window windows[ACPI_BRIDGE_WINDOWS];
};

/**
 * The next host bridge's template in a DSDT or SSDT, from byte *cursor on (0 to begin with). False
 * if there is none; *cursor is then at the end.
 */
MUST_CHECK bool acpi_host_bridge_next(struct acpi_bytes table, uint64_t *cursor,
                                      struct acpi_host_bridge *bridge);

/**
 * The base address of memory-mapped configuration space, of bus 0, that the first _CBA returns.
 *
 * Returns: ACPI_OK; ACPI_BAD_LENGTH; ACPI_NOT_FOUND if there is none, or none that is a constant.
 */
MUST_CHECK enum acpi_error acpi_config_base_find(struct acpi_bytes table, uint64_t *base,
                                                 struct acpi_fault *fault);
