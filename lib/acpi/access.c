/* SPDX-License-Identifier: MIT */
#include "acpi/access.h"

void acpi_spans_add(struct acpi_spans *spans, uint64_t start, uint64_t length)
{
    struct range added;

    if (!range_make(start, length, &added)) {
        added = (struct range){.start = start, .end = UINT64_MAX};
    }
    if (range_is_empty(added)) {
        return;
    }
    for (uint32_t i = 0; i < spans->count; i++) {
        struct range *const span = &spans->spans[i];

        if (added.start <= span->end && span->start <= added.end) {
            span->start = added.start < span->start ? added.start : span->start;
            span->end = added.end > span->end ? added.end : span->end;
            return;
        }
    }
    if (spans->count == ACPI_ACCESS_SPANS_MAX) {
        spans->is_cut = true;
        return;
    }
    spans->spans[spans->count++] = added;
}

/** Whether every number of `wanted` is in one span or another. */
static bool spans_cover(const struct acpi_spans *spans, struct range wanted)
{
    /* Each round ends, or takes at least one span's worth off the front. */
    for (uint32_t round = 0; round <= spans->count; round++) {
        const uint64_t start = wanted.start;

        for (uint32_t i = 0; i < spans->count; i++) {
            if (range_has(spans->spans[i], wanted.start)) {
                wanted.start = spans->spans[i].end;
            }
            if (wanted.start >= wanted.end) {
                return true;
            }
        }
        if (wanted.start == start) {
            return false;
        }
    }
    return false;
}

static bool spans_touch(const struct acpi_spans *spans, struct range wanted)
{
    for (uint32_t i = 0; i < spans->count; i++) {
        if (range_overlaps(spans->spans[i], wanted)) {
            return true;
        }
    }
    return spans->is_cut;
}

void acpi_access_take_memory(struct acpi_access *access, uint64_t start, uint64_t length)
{
    struct range taken;

    /* What nobody may read anyway need not be listed: mostly that is everything. */
    if (!range_make(start, length, &taken) || spans_touch(&access->readable, taken)) {
        acpi_spans_add(&access->registers, start, length);
    }
}

void acpi_access_take_ports(struct acpi_access *access, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count && first < ACPI_PORT_COUNT && i < ACPI_PORT_COUNT - first; i++) {
        const uint32_t port = first + i;

        access->ports_taken[port / 8] |= (uint8_t)(1u << port % 8);
    }
}

bool acpi_access_memory(const struct acpi_access *access, uint64_t address, uint64_t length,
                        bool is_write)
{
    struct range wanted;

    return range_make(address, length, &wanted) &&
           spans_cover(is_write ? &access->writable : &access->readable, wanted) &&
           !spans_touch(&access->registers, wanted);
}

bool acpi_access_ports(const struct acpi_access *access, uint32_t first, uint32_t count)
{
    if (first >= ACPI_PORT_COUNT || count > ACPI_PORT_COUNT - first) {
        return false;
    }
    for (uint32_t port = first; port < first + count; port++) {
        if ((access->ports_taken[port / 8] >> port % 8 & 1) != 0) {
            return false;
        }
    }
    return true;
}
