/* SPDX-License-Identifier: MIT */
#include "acpi/mcfg.h"

#include "acpi/fields.h"

#define MCFG_ENTRIES    44u
#define ENTRY_BASE      0u
#define ENTRY_SEGMENT   8u
#define ENTRY_FIRST_BUS 10u
#define ENTRY_LAST_BUS  11u
#define ENTRY_BYTES     16u
#define BUS_SHIFT       20u

enum acpi_error acpi_mcfg_open(struct acpi_bytes table, uint32_t *count, struct acpi_fault *fault)
{
    if (table.length < MCFG_ENTRIES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    if (table.length - MCFG_ENTRIES < ENTRY_BYTES) {
        return acpi_refuse(fault, ACPI_NOT_FOUND, MCFG_ENTRIES);
    }
    *count = (uint32_t)((table.length - MCFG_ENTRIES) / ENTRY_BYTES);
    return ACPI_OK;
}

enum acpi_error acpi_mcfg_get(struct acpi_bytes table, uint32_t index,
                              struct acpi_mcfg_entry *entry, struct acpi_fault *fault)
{
    const uint64_t offset = MCFG_ENTRIES + (uint64_t)index * ENTRY_BYTES;
    struct acpi_mcfg_entry read;
    const uint8_t *at;

    if (!acpi_has(table, offset, ENTRY_BYTES)) {
        return acpi_refuse(fault, ACPI_NOT_FOUND, offset);
    }
    at = table.at + offset;
    read.base = bytes_u64(at + ENTRY_BASE);
    read.segment = bytes_u16(at + ENTRY_SEGMENT);
    read.first_bus = at[ENTRY_FIRST_BUS];
    read.last_bus = at[ENTRY_LAST_BUS];
    if (read.base == 0) {
        return acpi_refuse(fault, ACPI_BAD_ADDRESS, offset + ENTRY_BASE);
    }
    if (read.last_bus < read.first_bus) {
        return acpi_refuse(fault, ACPI_BAD_RANGE, offset + ENTRY_LAST_BUS);
    }
    if (read.base > UINT64_MAX - ((uint64_t)(read.last_bus + 1) << BUS_SHIFT)) {
        return acpi_refuse(fault, ACPI_BAD_RANGE, offset + ENTRY_BASE);
    }
    *entry = read;
    return ACPI_OK;
}
