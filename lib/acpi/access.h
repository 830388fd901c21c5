/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What AML may touch: the lists against which each access of a program that interprets firmware's
 * code is checked.
 *
 * Firmware's code names memory and ports by number (ACPI 6.5 §5.5.2.4, operation regions), and
 * nothing says that these are its own. So memory is refused but for what the memory map shows to be
 * firmware's, less what is known to be somebody's registers; and ports are allowed but for those
 * that are known to be somebody's. A list that is too short refuses: memory that does not fit the
 * first is not allowed, and if the second overflows, nothing is.
 */

#include "range/range.h"

#define ACPI_ACCESS_SPANS_MAX 128u
#define ACPI_READ_BYTES       2048u /* that AcpiFirmware.read gives at once */
#define ACPI_PORT_COUNT       65536u

/** Ranges that were added, neighbours joined. */
struct acpi_spans {
    uint32_t count;
    bool is_cut; /* there were more than fit */
    struct range spans[ACPI_ACCESS_SPANS_MAX];
};

/** All zeros: every port, no memory. */
struct acpi_access {
    struct acpi_spans readable; /* physical memory */
    struct acpi_spans writable;
    struct acpi_spans registers;              /* in none of them, whatever the others say */
    uint8_t ports_taken[ACPI_PORT_COUNT / 8]; /* one bit each */
};

/** Add [start, start + length), which may be empty, to a list. */
void acpi_spans_add(struct acpi_spans *spans, uint64_t start, uint64_t length);

/** Somebody's registers are at [start, start + length). To be told after what is readable. */
void acpi_access_take_memory(struct acpi_access *access, uint64_t start, uint64_t length);

/** Somebody uses ports [first, first + count); what is beyond the last port is none. */
void acpi_access_take_ports(struct acpi_access *access, uint32_t first, uint32_t count);

/** Whether AML may read, or write, all of [address, address + length); `length` is not 0. */
bool acpi_access_memory(const struct acpi_access *access, uint64_t address, uint64_t length,
                        bool is_write);

/** Whether it may use ports [first, first + count); `count` is not 0. */
bool acpi_access_ports(const struct acpi_access *access, uint32_t first, uint32_t count);
