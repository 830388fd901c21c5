/* SPDX-License-Identifier: MIT */
#include "acpi/host_bridge.h"

#include "acpi/fields.h"

/* ACPI 6.5 §20.2: AML encoding */
#define AML_ZERO   0x00u
#define AML_ONE    0x01u
#define AML_NAME   0x08u
#define AML_BYTE   0x0au
#define AML_WORD   0x0bu
#define AML_DWORD  0x0cu
#define AML_QWORD  0x0eu
#define AML_BUFFER 0x11u
#define AML_METHOD 0x14u
#define AML_RETURN 0xa4u

/* §6.4: resource descriptors, by their first byte */
#define LARGE        0x80u
#define LARGE_BYTES  3u
#define SMALL_LENGTH 0x07u
#define TAG_END      0x79u
#define TAG_DWORD    0x87u
#define TAG_WORD     0x88u
#define TAG_QWORD    0x8au
#define TAG_EXTENDED 0x8bu

/* §6.4.3.5: address space descriptors */
#define ADDRESS_TYPE     3u
#define ADDRESS_FLAGS    4u
#define ADDRESS_SPECIFIC 5u
#define ADDRESS_NUMBERS  6u
#define EXTENDED_NUMBERS 8u
#define TYPE_MEMORY      0u
#define TYPE_IO          1u
#define TYPE_BUS         2u
#define FLAG_CONSUMER    0x01u
#define SPECIFIC_CACHING 0x06u
#define CACHING_PREFETCH 0x06u

/* The five numbers of an address space descriptor, in their order. */
enum number { GRANULARITY, FIRST, LAST, TRANSLATION, LENGTH, NUMBER_COUNT };

/*
 * An integer constant at `at`, §20.2.3. Returns where it ends; 0 if there is none.
 */
static uint64_t integer_read(struct acpi_bytes table, uint64_t at, uint64_t *value)
{
    uint32_t bytes;

    if (!acpi_has(table, at, 1)) {
        return 0;
    }
    switch (table.at[at]) {
    case AML_ZERO:
    case AML_ONE:
        *value = table.at[at];
        return at + 1;
    case AML_BYTE:
        bytes = 1;
        break;
    case AML_WORD:
        bytes = 2;
        break;
    case AML_DWORD:
        bytes = 4;
        break;
    case AML_QWORD:
        bytes = 8;
        break;
    default:
        return 0;
    }
    if (!acpi_has(table, at + 1, bytes)) {
        return 0;
    }
    *value = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        *value |= (uint64_t)table.at[at + 1 + i] << (8 * i);
    }
    return at + 1 + bytes;
}

/* §20.2.4: a length counts its own bytes. Returns where they end; 0 if it leaves the table. */
static uint64_t length_read(struct acpi_bytes table, uint64_t at, uint64_t *end)
{
    uint64_t length;
    uint32_t more;

    if (!acpi_has(table, at, 1)) {
        return 0;
    }
    more = table.at[at] >> 6;
    if (!acpi_has(table, at + 1, more)) {
        return 0;
    }
    length = more == 0 ? table.at[at] & 0x3fu : table.at[at] & 0x0fu;
    for (uint32_t i = 0; i < more; i++) {
        length |= (uint64_t)table.at[at + 1 + i] << (4 + 8 * i);
    }
    if (length < 1 + more || !acpi_has(table, at, length)) {
        return 0;
    }
    *end = at + length;
    return at + 1 + more;
}

static void numbers_read(const uint8_t *at, uint32_t width, uint64_t numbers[NUMBER_COUNT])
{
    for (uint32_t i = 0; i < NUMBER_COUNT; i++) {
        numbers[i] = width == 2   ? bytes_u16(at + 2 * i)
                     : width == 4 ? bytes_u32(at + 4 * i)
                                  : bytes_u64(at + 8 * i);
    }
}

/* Width of the numbers of an address space descriptor; 0: it is another one. */
static uint32_t width_of(uint8_t tag)
{
    return tag == TAG_WORD                           ? 2
           : tag == TAG_DWORD                        ? 4
           : tag == TAG_QWORD || tag == TAG_EXTENDED ? 8
                                                     : 0;
}

/* One descriptor of a template. False: it is too short to be what it says. */
static bool descriptor_take(struct acpi_bytes bytes, struct acpi_host_bridge *bridge, bool *has_bus)
{
    const uint8_t tag = bytes.at[0];
    const uint32_t width = width_of(tag);
    const uint32_t start = tag == TAG_EXTENDED ? EXTENDED_NUMBERS : ADDRESS_NUMBERS;
    uint64_t numbers[NUMBER_COUNT];

    if (width == 0) {
        return true;
    }
    if (bytes.length < start + NUMBER_COUNT * width) {
        return false;
    }
    numbers_read(bytes.at + start, width, numbers);
    if (numbers[LENGTH] == 0 || numbers[LAST] < numbers[FIRST] || numbers[TRANSLATION] != 0 ||
        (bytes.at[ADDRESS_FLAGS] & FLAG_CONSUMER) != 0) {
        return true; /* firmware leaves entries empty that a machine has no use for */
    }
    if (bytes.at[ADDRESS_TYPE] == TYPE_BUS) {
        if (*has_bus || numbers[LAST] > UINT8_MAX) {
            return false;
        }
        *has_bus = true;
        bridge->first_bus = (uint8_t)numbers[FIRST];
        bridge->last_bus = (uint8_t)numbers[LAST];
    } else if (bytes.at[ADDRESS_TYPE] == TYPE_MEMORY || bytes.at[ADDRESS_TYPE] == TYPE_IO) {
        if (bridge->window_count == ACPI_BRIDGE_WINDOWS) {
            bridge->overflow++;
            return true;
        }
        bridge->windows[bridge->window_count++] = (struct acpi_bridge_window){
            .is_io = bytes.at[ADDRESS_TYPE] == TYPE_IO,
            .is_prefetchable = bytes.at[ADDRESS_TYPE] == TYPE_MEMORY &&
                               (bytes.at[ADDRESS_SPECIFIC] & SPECIFIC_CACHING) == CACHING_PREFETCH,
            .first = numbers[FIRST],
            .last = numbers[LAST],
        };
    }
    return true;
}

/* Whether all of `bytes` is one template, with exactly one range of buses. */
static bool template_read(struct acpi_bytes bytes, struct acpi_host_bridge *bridge)
{
    uint64_t at = 0;
    bool has_bus = false;

    *bridge = (struct acpi_host_bridge){.window_count = 0};
    while (acpi_has(bytes, at, 1) && bytes.at[at] != TAG_END) {
        uint64_t length = 1 + (bytes.at[at] & SMALL_LENGTH);

        if ((bytes.at[at] & LARGE) != 0) {
            if (!acpi_has(bytes, at, LARGE_BYTES)) {
                return false;
            }
            length = LARGE_BYTES + bytes_u16(bytes.at + at + 1);
        }
        if (!acpi_has(bytes, at, length) ||
            !descriptor_take((struct acpi_bytes){bytes.at + at, length}, bridge, &has_bus)) {
            return false;
        }
        at += length;
    }
    /* The end's checksum byte is the last of the buffer. */
    return has_bus && acpi_has(bytes, at, 2) && at + 2 == bytes.length;
}

bool acpi_host_bridge_next(struct acpi_bytes table, uint64_t *cursor,
                           struct acpi_host_bridge *bridge)
{
    uint64_t at = *cursor < ACPI_HEADER_BYTES ? ACPI_HEADER_BYTES : *cursor;

    for (; acpi_has(table, at, 1); at++) {
        uint64_t end;
        uint64_t start;
        uint64_t bytes;

        if (table.at[at] != AML_BUFFER) {
            continue;
        }
        start = length_read(table, at + 1, &end);
        start = start == 0 ? 0 : integer_read(table, start, &bytes);
        if (start != 0 && start <= end && bytes == end - start &&
            template_read((struct acpi_bytes){table.at + start, bytes}, bridge)) {
            *cursor = end;
            return true;
        }
    }
    *cursor = table.length;
    return false;
}

/* The value of a definition whose name is at `at`: Name (_CBA, n), or a method that returns n. */
static bool definition_read(struct acpi_bytes table, uint64_t at, uint64_t *value)
{
    uint64_t end;
    uint64_t start;

    if (table.at[at - 1] == AML_NAME) {
        return integer_read(table, at + 4, value) != 0;
    }
    /* Method: a length of one byte (so short is one that only returns), name, flags, the return. */
    start = length_read(table, at - 1, &end);
    return table.at[at - 2] == AML_METHOD && start == at && acpi_has(table, at, 6) &&
           table.at[at + 5] == AML_RETURN && integer_read(table, at + 6, value) == end;
}

enum acpi_error acpi_config_base_find(struct acpi_bytes table, uint64_t *base,
                                      struct acpi_fault *fault)
{
    if (table.length < ACPI_HEADER_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    for (uint64_t at = ACPI_HEADER_BYTES + 1; acpi_has(table, at, 4); at++) {
        uint64_t value;

        if (table.at[at] == '_' && table.at[at + 1] == 'C' && table.at[at + 2] == 'B' &&
            table.at[at + 3] == 'A' && definition_read(table, at, &value) && value != 0) {
            *base = value;
            return ACPI_OK;
        }
    }
    return acpi_refuse(fault, ACPI_NOT_FOUND, table.length);
}
