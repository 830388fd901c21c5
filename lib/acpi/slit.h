/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * SLIT (ACPI 6.5 §5.2.17): how far proximity domains are from each other, in tenths of the
 * distance of a domain from itself.
 */

#include "acpi/acpi.h"

#define ACPI_SLIT_LOCAL       10u
#define ACPI_SLIT_UNREACHABLE 255u

struct acpi_slit {
    uint32_t domain_count;
    const uint8_t *distances; /* domain_count rows of domain_count */
};

/**
 * Returns: ACPI_OK, and `*slit` is written; ACPI_BAD_LENGTH; ACPI_BAD_ENTRY where a domain is not
 * at distance 10 from itself, or that near to another: much firmware fills in one number
 * everywhere, which says nothing.
 */
MUST_CHECK enum acpi_error acpi_slit_open(struct acpi_bytes table, struct acpi_slit *slit,
                                          struct acpi_fault *fault);

/** The distance between two domains, both less than domain_count. */
uint8_t acpi_slit_distance(const struct acpi_slit *slit, uint32_t from, uint32_t to);
