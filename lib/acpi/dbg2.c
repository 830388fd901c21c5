/* SPDX-License-Identifier: MIT */
#include "acpi/dbg2.h"

#include "acpi/fields.h"

#define DBG2_FIRST          36u
#define DBG2_COUNT          40u
#define DBG2_BYTES          44u

#define DEVICE_LENGTH       1u
#define DEVICE_REGISTERS    3u
#define DEVICE_NAME_LENGTH  4u
#define DEVICE_NAME         6u
#define DEVICE_TYPE         12u
#define DEVICE_SUBTYPE      14u
#define DEVICE_REGISTERS_AT 18u
#define DEVICE_SIZES_AT     20u
#define DEVICE_BYTES        22u
#define SIZE_BYTES          4u

/* The name, up to its first zero. One that leads out of its device is as good as none. */
static struct acpi_bytes read_name(struct acpi_bytes device)
{
    const uint16_t at = bytes_u16(device.at + DEVICE_NAME);
    const uint16_t length = bytes_u16(device.at + DEVICE_NAME_LENGTH);
    struct acpi_bytes name = {.at = device.at};

    if (at >= DEVICE_BYTES && acpi_has(device, at, length)) {
        name.at = device.at + at;
        while (name.length < length && name.at[name.length] != 0) {
            name.length++;
        }
    }
    return name;
}

/* The device at `offset`. */
static enum acpi_error read_device(struct acpi_bytes table, uint64_t offset,
                                   struct acpi_dbg2_device *device, uint64_t *next,
                                   struct acpi_fault *fault)
{
    struct acpi_bytes bytes;
    uint16_t registers;
    uint16_t sizes;
    uint8_t count;

    if (!acpi_has(table, offset, DEVICE_BYTES)) {
        return acpi_refuse(fault, ACPI_BAD_ENTRY, offset < table.length ? offset : DBG2_COUNT);
    }
    bytes.at = table.at + offset;
    bytes.length = bytes_u16(bytes.at + DEVICE_LENGTH);
    if (bytes.length < DEVICE_BYTES || !acpi_has(table, offset, bytes.length)) {
        return acpi_refuse(fault, ACPI_BAD_ENTRY, offset + DEVICE_LENGTH);
    }
    count = bytes.at[DEVICE_REGISTERS];
    registers = bytes_u16(bytes.at + DEVICE_REGISTERS_AT);
    sizes = bytes_u16(bytes.at + DEVICE_SIZES_AT);
    if (!acpi_has(bytes, registers, (uint64_t)count * ACPI_REGISTER_BYTES)) {
        return acpi_refuse(fault, ACPI_BAD_ENTRY, offset + DEVICE_REGISTERS_AT);
    }
    *device = (struct acpi_dbg2_device){
        .offset = (uint32_t)offset,
        .type = bytes_u16(bytes.at + DEVICE_TYPE),
        .subtype = bytes_u16(bytes.at + DEVICE_SUBTYPE),
        .register_count = count,
        .registers = bytes.at + registers,
        .name = read_name(bytes),
    };
    if (sizes >= DEVICE_BYTES && acpi_has(bytes, sizes, (uint64_t)count * SIZE_BYTES)) {
        device->sizes = bytes.at + sizes;
    }
    *next = offset + bytes.length;
    return ACPI_OK;
}

enum acpi_error acpi_dbg2_open(struct acpi_bytes table, struct acpi_dbg2 *dbg2,
                               struct acpi_fault *fault)
{
    struct acpi_dbg2 opened = {.table = table};
    struct acpi_dbg2_device device;
    uint64_t offset;

    if (table.length < DBG2_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    opened.first = bytes_u32(table.at + DBG2_FIRST);
    opened.device_count = bytes_u32(table.at + DBG2_COUNT);
    if (opened.device_count != 0 && opened.first < DBG2_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_ENTRY, DBG2_FIRST);
    }
    offset = opened.first;
    for (uint32_t i = 0; i < opened.device_count; i++) {
        if (read_device(table, offset, &device, &offset, fault) != ACPI_OK) {
            return fault->error;
        }
    }
    opened.end = (uint32_t)offset;
    *dbg2 = opened;
    return ACPI_OK;
}

bool acpi_dbg2_next(const struct acpi_dbg2 *dbg2, uint32_t *cursor, struct acpi_dbg2_device *device)
{
    const uint64_t offset = *cursor != 0 ? *cursor : dbg2->first;
    struct acpi_fault fault;
    uint64_t next;

    /* The devices lie one behind the other, and open() has counted them off to this place. */
    if (dbg2->device_count == 0 || offset == dbg2->end ||
        read_device(dbg2->table, offset, device, &next, &fault) != ACPI_OK) {
        return false;
    }
    *cursor = (uint32_t)next;
    return true;
}

struct acpi_register acpi_dbg2_register(const struct acpi_dbg2_device *device, uint32_t index,
                                        uint32_t *size_bytes)
{
    *size_bytes = device->sizes != NULL ? bytes_u32(device->sizes + (size_t)index * SIZE_BYTES) : 0;
    return acpi_register_read(device->registers + (size_t)index * ACPI_REGISTER_BYTES);
}
