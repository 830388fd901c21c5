/* SPDX-License-Identifier: MIT */
#include "acpi/waet.h"

#include "acpi/fields.h"

#define WAET_FLAGS      36u
#define WAET_BYTES      40u
#define FLAG_RTC_GOOD   (1u << 0)
#define FLAG_TIMER_GOOD (1u << 1)

enum acpi_error acpi_waet_open(struct acpi_bytes table, struct acpi_waet *waet,
                               struct acpi_fault *fault)
{
    uint32_t flags;

    if (table.length < WAET_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    flags = bytes_u32(table.at + WAET_FLAGS);
    waet->rtc_good = (flags & FLAG_RTC_GOOD) != 0;
    waet->timer_good = (flags & FLAG_TIMER_GOOD) != 0;
    return ACPI_OK;
}
