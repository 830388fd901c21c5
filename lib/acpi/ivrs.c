/* SPDX-License-Identifier: MIT */
#include "acpi/ivrs.h"

#include "acpi/fields.h"

/* §5.2.1 */
#define IVRS_INFO          36u
#define IVRS_BLOCKS        48u
#define INFO_PHYSICAL_BITS 8u
#define INFO_VIRTUAL_BITS  15u
#define INFO_BITS_MASK     0x7fu

/* Every block */
#define BLOCK_TYPE   0u
#define BLOCK_FLAGS  1u
#define BLOCK_LENGTH 2u
#define BLOCK_DEVICE 4u
#define BLOCK_BYTES  4u

/* IVHD, §5.2.2.1 */
#define UNIT_CAPABILITY 6u
#define UNIT_BASE       8u
#define UNIT_SEGMENT    16u
#define UNIT_INFO       18u
#define UNIT_ATTRIBUTES 20u
#define UNIT_FEATURES   24u
#define UNIT_FEATURES2  32u

/* IVMD, §5.2.3 */
#define MEMORY_LAST    6u
#define MEMORY_SEGMENT 8u
#define MEMORY_START   16u
#define MEMORY_LENGTH  24u

enum {
    TYPE_UNIT_10 = 0x10,
    TYPE_UNIT_11 = 0x11,
    TYPE_MEMORY_ALL = 0x20,
    TYPE_MEMORY_ONE = 0x21,
    TYPE_MEMORY_RANGE = 0x22,
    TYPE_UNIT_40 = 0x40
};

/* Device entries, §5.2.2.2 */
#define DEVICE_TYPE          0u
#define DEVICE_ID            1u
#define DEVICE_FLAGS         3u
#define DEVICE_BYTES         4u
#define DEVICE_HANDLE        4u
#define DEVICE_ALIAS         5u
#define DEVICE_EXTENDED      4u
#define DEVICE_VARIETY       7u
#define DEVICE_HID           4u
#define DEVICE_UID_FORMAT    20u
#define DEVICE_UID_LENGTH    21u
#define DEVICE_UID           22u
#define DEVICE_UNKNOWN_FIRST 0x80u

#define PAGE_MASK            0xfffu

static bool is_unit(uint8_t type)
{
    return type == TYPE_UNIT_10 || type == TYPE_UNIT_11 || type == TYPE_UNIT_40;
}

/* Bytes that a block of this type must have; 0 for a type that is passed over. */
static uint32_t fixed_bytes(uint8_t type)
{
    switch (type) {
    case TYPE_UNIT_10:
        return 24;
    case TYPE_UNIT_11:
    case TYPE_UNIT_40:
        return 40;
    case TYPE_MEMORY_ALL:
    case TYPE_MEMORY_ONE:
    case TYPE_MEMORY_RANGE:
        return 32;
    default:
        return 0;
    }
}

/* The block at `offset`, NULL at the end of the table. */
static const uint8_t *block_at(struct acpi_bytes table, uint64_t offset)
{
    return acpi_has(table, offset, BLOCK_BYTES) ? table.at + offset : NULL;
}

static void read_unit(const uint8_t *at, uint8_t unit_type, struct acpi_ivrs_entry *entry)
{
    const uint32_t fixed = fixed_bytes(at[BLOCK_TYPE]);

    entry->kind = ACPI_IVRS_UNIT;
    entry->segment = bytes_u16(at + UNIT_SEGMENT);
    entry->unit = (struct acpi_ivrs_unit){
        .device_id = bytes_u16(at + BLOCK_DEVICE),
        .capability = bytes_u16(at + UNIT_CAPABILITY),
        .base = bytes_u64(at + UNIT_BASE),
        .info = bytes_u16(at + UNIT_INFO),
        .attributes = bytes_u32(at + UNIT_ATTRIBUTES),
        .used = at[BLOCK_TYPE] == unit_type,
        .devices = {.at = at + fixed, .length = (size_t)bytes_u16(at + BLOCK_LENGTH) - fixed},
    };
    if (at[BLOCK_TYPE] != TYPE_UNIT_10) {
        entry->unit.features = bytes_u64(at + UNIT_FEATURES);
        entry->unit.features2 = bytes_u64(at + UNIT_FEATURES2);
    }
}

static void read_memory(const uint8_t *at, struct acpi_ivrs_entry *entry)
{
    const uint64_t start = bytes_u64(at + MEMORY_START);
    const uint64_t length = bytes_u64(at + MEMORY_LENGTH);

    entry->kind = ACPI_IVRS_MEMORY;
    entry->segment = bytes_u16(at + MEMORY_SEGMENT);
    entry->memory = (struct acpi_ivrs_memory){
        .first_id = bytes_u16(at + BLOCK_DEVICE),
        .last_id = bytes_u16(at + BLOCK_DEVICE),
        .start = start,
        .length = length,
        .well_formed = length != 0 && length - 1 <= UINT64_MAX - start &&
                       (start & PAGE_MASK) == 0 && (length & PAGE_MASK) == 0,
    };
    if (at[BLOCK_TYPE] == TYPE_MEMORY_ALL) {
        entry->memory.first_id = 0;
        entry->memory.last_id = UINT16_MAX;
    } else if (at[BLOCK_TYPE] == TYPE_MEMORY_RANGE) {
        entry->memory.last_id = bytes_u16(at + MEMORY_LAST);
    }
}

/* Describe the block at `at`, whose length has been checked. False: pass it over. */
static bool read_block(const uint8_t *at, uint8_t unit_type, struct acpi_ivrs_entry *entry)
{
    *entry = (struct acpi_ivrs_entry){.type = at[BLOCK_TYPE], .flags = at[BLOCK_FLAGS]};
    if (is_unit(at[BLOCK_TYPE])) {
        read_unit(at, unit_type, entry);
        return true;
    }
    if (fixed_bytes(at[BLOCK_TYPE]) != 0) {
        read_memory(at, entry);
        return true;
    }
    return false;
}

/* Length of the device entry at `offset`: the type tells it. 0 if it is unknown or not there. */
static uint32_t device_bytes(struct acpi_bytes devices, uint64_t offset)
{
    const uint8_t *at = devices.at + offset;
    uint32_t length = 0;

    if (at[DEVICE_TYPE] < DEVICE_UNKNOWN_FIRST) {
        length = DEVICE_BYTES << (at[DEVICE_TYPE] >> 6);
    } else if (at[DEVICE_TYPE] == ACPI_IVHD_NAMED && acpi_has(devices, offset, DEVICE_UID)) {
        length = DEVICE_UID + at[DEVICE_UID_LENGTH];
    }
    return acpi_has(devices, offset, length) ? length : 0;
}

/* The offset, among `devices`, of the first entry that cannot be read. */
static bool find_bad_device(struct acpi_bytes devices, uint64_t *offset)
{
    uint32_t length;

    for (*offset = 0; *offset < devices.length; *offset += length) {
        length = device_bytes(devices, *offset);
        if (length == 0) {
            return true;
        }
    }
    return false;
}

/* One block, and what is in it. */
static enum acpi_error check_block(struct acpi_bytes table, uint64_t offset,
                                   struct acpi_fault *fault)
{
    const uint8_t *at = table.at + offset;
    const uint16_t length = bytes_u16(at + BLOCK_LENGTH);
    struct acpi_ivrs_entry entry;
    uint64_t bad;

    if (length < BLOCK_BYTES || length < fixed_bytes(at[BLOCK_TYPE]) ||
        !acpi_has(table, offset, length)) {
        return acpi_refuse(fault, ACPI_BAD_ENTRY, offset);
    }
    if (!read_block(at, 0, &entry) || entry.kind != ACPI_IVRS_UNIT) {
        return ACPI_OK;
    }
    if (entry.unit.base == 0) {
        return acpi_refuse(fault, ACPI_BAD_ADDRESS, offset + UNIT_BASE);
    }
    if (find_bad_device(entry.unit.devices, &bad)) {
        return acpi_refuse(fault, ACPI_BAD_ENTRY,
                           (uint64_t)(entry.unit.devices.at - table.at) + bad);
    }
    return ACPI_OK;
}

enum acpi_error acpi_ivrs_open(struct acpi_bytes table, struct acpi_ivrs *ivrs,
                               struct acpi_fault *fault)
{
    struct acpi_ivrs opened = {.table = table};
    const uint8_t *at;

    if (table.length < IVRS_BLOCKS) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    if (!acpi_sums_to_zero(table.at, table.length)) {
        return acpi_refuse(fault, ACPI_BAD_CHECKSUM, 0);
    }
    opened.info = bytes_u32(table.at + IVRS_INFO);
    opened.physical_bits = (uint8_t)(opened.info >> INFO_PHYSICAL_BITS & INFO_BITS_MASK);
    opened.virtual_bits = (uint8_t)(opened.info >> INFO_VIRTUAL_BITS & INFO_BITS_MASK);
    /* The blocks of the highest type: firmware repeats all units, or none, in a newer one. */
    for (uint64_t offset = IVRS_BLOCKS; (at = block_at(table, offset)) != NULL;
         offset += bytes_u16(at + BLOCK_LENGTH)) {
        const uint8_t type = at[BLOCK_TYPE];

        if (check_block(table, offset, fault) != ACPI_OK) {
            return fault->error;
        }
        if (is_unit(type) && type > opened.unit_type) {
            opened.unit_type = type;
            opened.unit_count = 0;
        }
        opened.unit_count += is_unit(type) && type == opened.unit_type ? 1 : 0;
    }
    *ivrs = opened;
    return ACPI_OK;
}

bool acpi_ivrs_next(const struct acpi_ivrs *ivrs, uint32_t *cursor, struct acpi_ivrs_entry *entry)
{
    uint64_t offset = *cursor != 0 ? *cursor : IVRS_BLOCKS;
    const uint8_t *at;

    while ((at = block_at(ivrs->table, offset)) != NULL) {
        const uint64_t here = offset;

        offset += bytes_u16(at + BLOCK_LENGTH);
        if (read_block(at, ivrs->unit_type, entry)) {
            entry->offset = (uint32_t)here;
            *cursor = (uint32_t)offset;
            return true;
        }
    }
    *cursor = (uint32_t)ivrs->table.length;
    return false;
}

/* Describe the device entry at `at`. False: pass it over. */
static bool read_device(const uint8_t *at, struct acpi_ivrs_device *device)
{
    *device = (struct acpi_ivrs_device){
        .device_id = bytes_u16(at + DEVICE_ID),
        .flags = at[DEVICE_FLAGS],
    };
    switch (at[DEVICE_TYPE]) {
    case ACPI_IVHD_ALL:
        device->type = ACPI_IVHD_ALL;
        return true;
    case ACPI_IVHD_SELECT:
        device->type = ACPI_IVHD_SELECT;
        return true;
    case ACPI_IVHD_RANGE:
        device->type = ACPI_IVHD_RANGE;
        return true;
    case ACPI_IVHD_RANGE_END:
        device->type = ACPI_IVHD_RANGE_END;
        return true;
    case ACPI_IVHD_ALIAS:
    case ACPI_IVHD_ALIAS_RANGE:
        device->type = at[DEVICE_TYPE] == ACPI_IVHD_ALIAS ? ACPI_IVHD_ALIAS : ACPI_IVHD_ALIAS_RANGE;
        device->alias = bytes_u16(at + DEVICE_ALIAS);
        return true;
    case ACPI_IVHD_EXTENDED:
    case ACPI_IVHD_EXTENDED_RANGE:
        device->type =
            at[DEVICE_TYPE] == ACPI_IVHD_EXTENDED ? ACPI_IVHD_EXTENDED : ACPI_IVHD_EXTENDED_RANGE;
        device->extended = bytes_u32(at + DEVICE_EXTENDED);
        return true;
    case ACPI_IVHD_SPECIAL:
        device->type = ACPI_IVHD_SPECIAL;
        device->handle = at[DEVICE_HANDLE];
        device->alias = bytes_u16(at + DEVICE_ALIAS);
        device->variety = at[DEVICE_VARIETY];
        return true;
    case ACPI_IVHD_NAMED:
        device->type = ACPI_IVHD_NAMED;
        device->hid = at + DEVICE_HID;
        device->uid_format = at[DEVICE_UID_FORMAT];
        device->uid = (struct acpi_bytes){.at = at + DEVICE_UID, .length = at[DEVICE_UID_LENGTH]};
        return true;
    default:
        return false;
    }
}

bool acpi_ivrs_next_device(struct acpi_bytes devices, uint32_t *cursor,
                           struct acpi_ivrs_device *device)
{
    while (*cursor < devices.length) {
        const uint8_t *at = devices.at + *cursor;

        *cursor += device_bytes(devices, *cursor);
        if (read_device(at, device)) {
            return true;
        }
    }
    return false;
}
