/* SPDX-License-Identifier: MIT */
#include "acpi/dmar.h"

#include "acpi/fields.h"

/* §8.1 */
#define DMAR_WIDTH               36u
#define DMAR_FLAGS               37u
#define DMAR_ENTRIES             48u
#define FLAG_INTERRUPT_REMAPPING (1u << 0)
#define FLAG_X2APIC_OPT_OUT      (1u << 1)

/* Every structure, §8.2 */
#define ENTRY_TYPE    0u
#define ENTRY_LENGTH  2u
#define ENTRY_BYTES   4u
#define ENTRY_FLAGS   4u /* DRHD, ATSR, SATC */
#define ENTRY_SEGMENT 6u
#define ENTRY_BASE    8u  /* DRHD, RMRR, RHSA */
#define ENTRY_LIMIT   16u /* RMRR */
#define ENTRY_DOMAIN  16u /* RHSA */
#define ENTRY_DEVICE  7u  /* ANDD */
#define FLAG_ALL      (1u << 0)

enum {
    TYPE_DRHD = 0,
    TYPE_RMRR = 1,
    TYPE_ATSR = 2,
    TYPE_RHSA = 3,
    TYPE_ANDD = 4,
    TYPE_SATC = 5,
    TYPE_SIDP = 6
};

/* Device scope, §8.3.1 */
#define SCOPE_TYPE        0u
#define SCOPE_LENGTH      1u
#define SCOPE_ENUMERATION 4u
#define SCOPE_BUS         5u
#define SCOPE_PATH        6u

#define PAGE_MASK         0xfffu

/* Bytes before the device scopes, the least length of a known structure; 0 if it is unknown. */
static uint32_t fixed_bytes(uint16_t type)
{
    switch (type) {
    case TYPE_DRHD:
        return 16;
    case TYPE_RMRR:
        return 24;
    case TYPE_RHSA:
        return 20;
    case TYPE_ATSR:
    case TYPE_ANDD:
    case TYPE_SATC:
    case TYPE_SIDP:
        return 8;
    default:
        return 0;
    }
}

/* The structure at `offset`, NULL at the end. As in Linux, a length of 0 is an end too. */
static const uint8_t *entry_at(struct acpi_bytes table, uint64_t offset)
{
    const uint8_t *at;

    if (!acpi_has(table, offset, ENTRY_BYTES)) {
        return NULL;
    }
    at = table.at + offset;
    return bytes_u16(at + ENTRY_LENGTH) != 0 ? at : NULL;
}

/* Describe the structure at `at`, whose length has been checked. False: pass it over. */
static bool read_entry(const uint8_t *at, struct acpi_dmar_entry *entry)
{
    const uint16_t type = bytes_u16(at + ENTRY_TYPE);
    const uint32_t fixed = fixed_bytes(type);
    const struct acpi_bytes rest = {
        .at = at + fixed,
        .length = (size_t)bytes_u16(at + ENTRY_LENGTH) - fixed,
    };

    *entry = (struct acpi_dmar_entry){.well_formed = true, .scopes = rest};
    switch (type) {
    case TYPE_DRHD:
        entry->kind = ACPI_DMAR_UNIT;
        entry->all = (at[ENTRY_FLAGS] & FLAG_ALL) != 0;
        entry->base = bytes_u64(at + ENTRY_BASE);
        break;
    case TYPE_RMRR:
        entry->kind = ACPI_DMAR_RESERVED;
        entry->base = bytes_u64(at + ENTRY_BASE);
        entry->limit = bytes_u64(at + ENTRY_LIMIT);
        entry->well_formed = entry->base < entry->limit && (entry->base & PAGE_MASK) == 0 &&
                             (entry->limit & PAGE_MASK) == PAGE_MASK;
        break;
    case TYPE_ATSR:
        entry->kind = ACPI_DMAR_ATS;
        entry->all = (at[ENTRY_FLAGS] & FLAG_ALL) != 0;
        break;
    case TYPE_RHSA:
        entry->kind = ACPI_DMAR_AFFINITY;
        entry->base = bytes_u64(at + ENTRY_BASE);
        entry->proximity = bytes_u32(at + ENTRY_DOMAIN);
        entry->scopes.length = 0;
        return true; /* of no segment */
    case TYPE_ANDD:
        entry->kind = ACPI_DMAR_NAMED;
        entry->device_number = at[ENTRY_DEVICE];
        entry->name.at = rest.at;
        while (entry->name.length < rest.length && rest.at[entry->name.length] != 0) {
            entry->name.length++;
        }
        entry->well_formed = entry->name.length < rest.length;
        entry->scopes.length = 0;
        return true; /* of no segment */
    case TYPE_SATC:
        entry->kind = ACPI_DMAR_SATC;
        break;
    case TYPE_SIDP:
        entry->kind = ACPI_DMAR_PROPERTY;
        break;
    default:
        return false;
    }
    entry->segment = bytes_u16(at + ENTRY_SEGMENT);
    return true;
}

/* The offset, among `scopes`, of the first scope that is too short or too long. */
static bool find_bad_scope(struct acpi_bytes scopes, uint64_t *offset)
{
    for (*offset = 0; *offset < scopes.length;) {
        uint8_t length;

        if (!acpi_has(scopes, *offset, SCOPE_PATH)) {
            return true;
        }
        length = scopes.at[*offset + SCOPE_LENGTH];
        if (length < SCOPE_PATH + 2 || !acpi_has(scopes, *offset, length)) {
            return true;
        }
        *offset += length;
    }
    return false;
}

enum acpi_error acpi_dmar_open(struct acpi_bytes table, struct acpi_dmar *dmar,
                               struct acpi_fault *fault)
{
    struct acpi_dmar opened = {.table = table};
    const uint8_t *at;
    uint16_t length;

    if (table.length < DMAR_ENTRIES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    if (table.at[DMAR_WIDTH] == 0) {
        return acpi_refuse(fault, ACPI_BAD_ADDRESS, DMAR_WIDTH);
    }
    opened.address_bits = (uint8_t)(table.at[DMAR_WIDTH] < 63 ? table.at[DMAR_WIDTH] + 1 : 64);
    opened.interrupt_remapping = (table.at[DMAR_FLAGS] & FLAG_INTERRUPT_REMAPPING) != 0;
    opened.x2apic_opt_out = (table.at[DMAR_FLAGS] & FLAG_X2APIC_OPT_OUT) != 0;

    for (uint64_t offset = DMAR_ENTRIES; (at = entry_at(table, offset)) != NULL; offset += length) {
        struct acpi_dmar_entry entry;
        uint64_t bad;

        length = bytes_u16(at + ENTRY_LENGTH);
        if (length < ENTRY_BYTES || length < fixed_bytes(bytes_u16(at + ENTRY_TYPE)) ||
            !acpi_has(table, offset, length)) {
            return acpi_refuse(fault, ACPI_BAD_ENTRY, offset);
        }
        if (!read_entry(at, &entry)) {
            continue;
        }
        if (entry.kind == ACPI_DMAR_UNIT) {
            if (entry.base == 0) {
                return acpi_refuse(fault, ACPI_BAD_ADDRESS, offset + ENTRY_BASE);
            }
            opened.unit_count++;
        }
        if (entry.kind == ACPI_DMAR_NAMED && !entry.well_formed) {
            return acpi_refuse(fault, ACPI_BAD_ENTRY, offset);
        }
        if (find_bad_scope(entry.scopes, &bad)) {
            return acpi_refuse(fault, ACPI_BAD_ENTRY, (uint64_t)(entry.scopes.at - table.at) + bad);
        }
    }
    *dmar = opened;
    return ACPI_OK;
}

bool acpi_dmar_next(const struct acpi_dmar *dmar, uint32_t *cursor, struct acpi_dmar_entry *entry)
{
    uint64_t offset = *cursor != 0 ? *cursor : DMAR_ENTRIES;
    const uint8_t *at;

    while ((at = entry_at(dmar->table, offset)) != NULL) {
        const uint64_t here = offset;

        offset += bytes_u16(at + ENTRY_LENGTH);
        if (read_entry(at, entry)) {
            entry->offset = (uint32_t)here;
            *cursor = (uint32_t)offset;
            return true;
        }
    }
    *cursor = (uint32_t)dmar->table.length;
    return false;
}

bool acpi_dmar_next_scope(struct acpi_bytes scopes, uint32_t *cursor, struct acpi_dmar_scope *scope)
{
    const uint8_t *at;

    if (*cursor >= scopes.length) {
        return false;
    }
    at = scopes.at + *cursor;
    *scope = (struct acpi_dmar_scope){
        .type = at[SCOPE_TYPE],
        .enumeration_id = at[SCOPE_ENUMERATION],
        .bus = at[SCOPE_BUS],
        .path_length = (uint8_t)((at[SCOPE_LENGTH] - SCOPE_PATH) / 2),
        .path = at + SCOPE_PATH,
    };
    *cursor += at[SCOPE_LENGTH];
    return true;
}
