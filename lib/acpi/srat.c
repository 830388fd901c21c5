/* SPDX-License-Identifier: MIT */
#include "acpi/srat.h"

#include "acpi/fields.h"

#define SRAT_REVISION 8u
#define SRAT_ENTRIES  48u

/* Every entry */
#define ENTRY_TYPE   0u
#define ENTRY_LENGTH 1u
#define ENTRY_BYTES  2u

enum { TYPE_APIC = 0, TYPE_MEMORY = 1, TYPE_X2APIC = 2, TYPE_INITIATOR = 5, TYPE_PORT = 6 };

#define FLAG_ENABLED       (1u << 0)
#define FLAG_HOT_PLUGGABLE (1u << 1)
#define FLAG_NON_VOLATILE  (1u << 2)
#define HANDLE_PCI         1u
/* Before this revision the upper three bytes of a proximity domain were reserved. */
#define REVISION_WIDE_DOMAINS 2u

/* Bytes that an entry of this type must have; 0 for a type that is passed over. */
static uint32_t bytes_needed(uint8_t type)
{
    switch (type) {
    case TYPE_APIC:
        return 16;
    case TYPE_MEMORY:
        return 40;
    case TYPE_X2APIC:
        return 24;
    case TYPE_INITIATOR:
    case TYPE_PORT:
        return 32;
    default:
        return 0;
    }
}

static void read_apic(const uint8_t *at, uint8_t revision, struct acpi_srat_entry *entry)
{
    entry->kind = ACPI_SRAT_PROCESSOR;
    entry->proximity = at[2];
    if (revision >= REVISION_WIDE_DOMAINS) {
        entry->proximity |= (bytes_u32(at + 9) & 0xffffffu) << 8;
    }
    entry->enabled = (bytes_u32(at + 4) & FLAG_ENABLED) != 0;
    entry->processor = (struct acpi_srat_processor){
        .apic_id = at[3],
        .clock_domain = bytes_u32(at + 12),
    };
}

static void read_x2apic(const uint8_t *at, struct acpi_srat_entry *entry)
{
    entry->kind = ACPI_SRAT_PROCESSOR;
    entry->proximity = bytes_u32(at + 4);
    entry->enabled = (bytes_u32(at + 12) & FLAG_ENABLED) != 0;
    entry->processor = (struct acpi_srat_processor){
        .apic_id = bytes_u32(at + 8),
        .clock_domain = bytes_u32(at + 16),
        .x2apic = true,
    };
}

static void read_memory(const uint8_t *at, uint8_t revision, struct acpi_srat_entry *entry)
{
    const uint32_t flags = bytes_u32(at + 28);
    const uint64_t base = bytes_u64(at + 8);
    const uint64_t length = bytes_u64(at + 16);

    entry->kind = ACPI_SRAT_MEMORY;
    entry->proximity = bytes_u32(at + 2);
    if (revision < REVISION_WIDE_DOMAINS) {
        entry->proximity &= 0xff;
    }
    entry->enabled = (flags & FLAG_ENABLED) != 0;
    entry->memory = (struct acpi_srat_memory){
        .base = base,
        .length = length,
        .well_formed = length != 0 && length - 1 <= UINT64_MAX - base,
        .hot_pluggable = (flags & FLAG_HOT_PLUGGABLE) != 0,
        .non_volatile = (flags & FLAG_NON_VOLATILE) != 0,
    };
}

static void read_device(const uint8_t *at, struct acpi_srat_entry *entry)
{
    const uint8_t *handle = at + 8;

    entry->proximity = bytes_u32(at + 4);
    entry->enabled = (bytes_u32(at + 24) & FLAG_ENABLED) != 0;
    entry->device = (struct acpi_srat_device){.is_pci = at[3] == HANDLE_PCI, .hid = handle};
    if (entry->device.is_pci) {
        entry->device.segment = bytes_u16(handle);
        entry->device.device_id = (uint16_t)(handle[2] << 8 | handle[3]);
    } else {
        entry->device.uid = bytes_u32(handle + 8);
    }
}

/* Describe the entry at `at`, whose length has been checked. False: pass it over. */
static bool read_entry(const uint8_t *at, uint8_t revision, struct acpi_srat_entry *entry)
{
    *entry = (struct acpi_srat_entry){0};
    switch (at[ENTRY_TYPE]) {
    case TYPE_APIC:
        read_apic(at, revision, entry);
        return true;
    case TYPE_X2APIC:
        read_x2apic(at, entry);
        return true;
    case TYPE_MEMORY:
        read_memory(at, revision, entry);
        return true;
    case TYPE_INITIATOR:
        entry->kind = ACPI_SRAT_INITIATOR;
        read_device(at, entry);
        return true;
    case TYPE_PORT:
        entry->kind = ACPI_SRAT_PORT;
        read_device(at, entry);
        return true;
    default:
        return false;
    }
}

/*
 * The entry at `offset`, and the offset of the one behind it; NULL at the end of the table. As in
 * Linux, the length of an entry may lead out of the table if what it needs does not, and two
 * bytes at the end are no entry.
 */
static const uint8_t *entry_at(struct acpi_bytes table, uint64_t offset, uint64_t *next)
{
    const uint8_t *at = table.at + offset;

    if (offset >= table.length || table.length - offset <= ENTRY_BYTES) {
        return NULL;
    }
    *next = offset + at[ENTRY_LENGTH];
    return at;
}

enum acpi_error acpi_srat_open(struct acpi_bytes table, struct acpi_srat *srat,
                               struct acpi_fault *fault)
{
    struct acpi_srat opened = {.table = table};
    const uint8_t *at;
    uint64_t next;

    if (table.length < SRAT_ENTRIES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    opened.revision = table.at[SRAT_REVISION];
    for (uint64_t offset = SRAT_ENTRIES; (at = entry_at(table, offset, &next)) != NULL;
         offset = next) {
        const uint32_t needed = bytes_needed(at[ENTRY_TYPE]);
        struct acpi_srat_entry entry;

        if (at[ENTRY_LENGTH] < ENTRY_BYTES || at[ENTRY_LENGTH] < needed ||
            !acpi_has(table, offset, needed)) {
            return acpi_refuse(fault, ACPI_BAD_ENTRY, offset);
        }
        if (read_entry(at, opened.revision, &entry) && entry.enabled) {
            opened.processor_count += entry.kind == ACPI_SRAT_PROCESSOR ? 1 : 0;
            opened.memory_count += entry.kind == ACPI_SRAT_MEMORY ? 1 : 0;
        }
    }
    *srat = opened;
    return ACPI_OK;
}

bool acpi_srat_next(const struct acpi_srat *srat, uint32_t *cursor, struct acpi_srat_entry *entry)
{
    uint64_t offset = *cursor != 0 ? *cursor : SRAT_ENTRIES;
    const uint8_t *at;
    uint64_t next;

    for (; (at = entry_at(srat->table, offset, &next)) != NULL; offset = next) {
        if (read_entry(at, srat->revision, entry)) {
            entry->offset = (uint32_t)offset;
            *cursor = (uint32_t)next;
            return true;
        }
    }
    *cursor = (uint32_t)srat->table.length;
    return false;
}
