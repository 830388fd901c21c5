/* SPDX-License-Identifier: MIT */
#include "acpi/slit.h"

#include "acpi/fields.h"

#define SLIT_COUNT     36u
#define SLIT_DISTANCES 44u
/* More would not fit a table, whose length is a 32-bit number. */
#define DOMAINS_MAX 65535u

enum acpi_error acpi_slit_open(struct acpi_bytes table, struct acpi_slit *slit,
                               struct acpi_fault *fault)
{
    struct acpi_slit opened;
    uint64_t count;

    if (table.length < SLIT_DISTANCES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    count = bytes_u64(table.at + SLIT_COUNT);
    if (count > DOMAINS_MAX || !acpi_has(table, SLIT_DISTANCES, count * count)) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, SLIT_COUNT);
    }
    opened.domain_count = (uint32_t)count;
    opened.distances = table.at + SLIT_DISTANCES;
    for (uint32_t from = 0; from < count; from++) {
        for (uint32_t to = 0; to < count; to++) {
            const uint8_t distance = acpi_slit_distance(&opened, from, to);

            if (from == to ? distance != ACPI_SLIT_LOCAL : distance <= ACPI_SLIT_LOCAL) {
                return acpi_refuse(fault, ACPI_BAD_ENTRY, SLIT_DISTANCES + from * count + to);
            }
        }
    }
    *slit = opened;
    return ACPI_OK;
}

uint8_t acpi_slit_distance(const struct acpi_slit *slit, uint32_t from, uint32_t to)
{
    return slit->distances[(size_t)from * slit->domain_count + to];
}
