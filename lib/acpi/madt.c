/* SPDX-License-Identifier: MIT */
#include "acpi/madt.h"

#include "acpi/fields.h"

/* §5.2.12, table 5.19 */
#define MADT_LOCAL_APIC_ADDRESS    36u
#define MADT_FLAGS                 40u
#define MADT_ENTRIES               44u
#define FLAG_PC_AT                 (1u << 0)

#define LOCAL_APIC_DEFAULT_ADDRESS 0xfee00000u

/* Every entry */
#define ENTRY_TYPE   0u
#define ENTRY_LENGTH 1u
#define ENTRY_BYTES  2u

/* Table 5.21 */
enum {
    TYPE_LOCAL_APIC = 0,
    TYPE_IO_APIC = 1,
    TYPE_OVERRIDE = 2,
    TYPE_NMI_SOURCE = 3,
    TYPE_LOCAL_APIC_NMI = 4,
    TYPE_LOCAL_APIC_ADDRESS = 5,
    TYPE_X2APIC = 9,
    TYPE_X2APIC_NMI = 10,
    TYPE_WAKEUP = 16
};

#define PROCESSOR_ENABLED        (1u << 0)
#define PROCESSOR_ONLINE_CAPABLE (1u << 1)
#define LOCAL_APIC_NONE          0xffu
#define X2APIC_NONE              0xffffffffu
#define LOCAL_APIC_ALL           0xffu
#define X2APIC_ALL               0xffffffffu

/* Bytes that an entry of this type must have; 0 for a type that is passed over. */
static uint32_t bytes_needed(uint8_t type)
{
    switch (type) {
    case TYPE_LOCAL_APIC:
    case TYPE_NMI_SOURCE:
        return 8;
    case TYPE_IO_APIC:
    case TYPE_LOCAL_APIC_ADDRESS:
    case TYPE_X2APIC_NMI:
        return 12;
    case TYPE_OVERRIDE:
        return 10;
    case TYPE_LOCAL_APIC_NMI:
        return 6;
    case TYPE_X2APIC:
    case TYPE_WAKEUP:
        return 16;
    default:
        return 0;
    }
}

static struct acpi_input input_from_flags(uint16_t flags)
{
    static const enum acpi_polarity polarity[] = {ACPI_POLARITY_BUS, ACPI_POLARITY_HIGH,
                                                  ACPI_POLARITY_LOW, ACPI_POLARITY_LOW};
    static const enum acpi_trigger trigger[] = {ACPI_TRIGGER_BUS, ACPI_TRIGGER_EDGE,
                                                ACPI_TRIGGER_LEVEL, ACPI_TRIGGER_LEVEL};

    return (struct acpi_input){
        .polarity = polarity[flags & 3],
        .trigger = trigger[flags >> 2 & 3],
    };
}

static void read_processor(struct acpi_madt_entry *entry, uint32_t apic_id, uint32_t uid,
                           uint32_t flags, bool x2apic)
{
    const bool enabled = (flags & PROCESSOR_ENABLED) != 0;

    entry->kind = ACPI_MADT_PROCESSOR;
    entry->processor = (struct acpi_madt_processor){
        .apic_id = apic_id,
        .uid = uid,
        .enabled = enabled,
        .online_capable = !enabled && (flags & PROCESSOR_ONLINE_CAPABLE) != 0,
        .x2apic = x2apic,
    };
}

static void read_local_nmi(struct acpi_madt_entry *entry, uint32_t uid, uint32_t all,
                           uint16_t flags, uint8_t lint)
{
    entry->kind = ACPI_MADT_LOCAL_NMI;
    entry->local_nmi = (struct acpi_madt_local_nmi){
        .all_processors = uid == all,
        .uid = uid == all ? 0 : uid,
        .lint = lint,
        .input = input_from_flags(flags),
    };
}

/* Describe the entry at `at`, whose length has been checked. False: pass it over. */
static bool read_entry(const uint8_t *at, struct acpi_madt_entry *entry)
{
    switch (at[ENTRY_TYPE]) {
    case TYPE_LOCAL_APIC: /* §5.2.12.2 */
        read_processor(entry, at[3], at[2], bytes_u32(at + 4), false);
        return at[3] != LOCAL_APIC_NONE;
    case TYPE_X2APIC: /* §5.2.12.12 */
        read_processor(entry, bytes_u32(at + 4), bytes_u32(at + 12), bytes_u32(at + 8), true);
        return bytes_u32(at + 4) != X2APIC_NONE;
    case TYPE_IO_APIC: /* §5.2.12.3 */
        entry->kind = ACPI_MADT_IO_APIC;
        entry->io_apic = (struct acpi_madt_io_apic){
            .id = at[2],
            .address = bytes_u32(at + 4),
            .interrupt_base = bytes_u32(at + 8),
        };
        return true;
    case TYPE_OVERRIDE: /* §5.2.12.5 */
        entry->kind = ACPI_MADT_OVERRIDE;
        entry->override = (struct acpi_madt_override){
            .bus = at[2],
            .source = at[3],
            .interrupt = bytes_u32(at + 4),
            .input = input_from_flags(bytes_u16(at + 8)),
        };
        return true;
    case TYPE_NMI_SOURCE: /* §5.2.12.6 */
        entry->kind = ACPI_MADT_NMI_SOURCE;
        entry->nmi_source = (struct acpi_madt_nmi_source){
            .interrupt = bytes_u32(at + 4),
            .input = input_from_flags(bytes_u16(at + 2)),
        };
        return true;
    case TYPE_LOCAL_APIC_NMI: /* §5.2.12.7 */
        read_local_nmi(entry, at[2], LOCAL_APIC_ALL, bytes_u16(at + 3), at[5]);
        return true;
    case TYPE_X2APIC_NMI: /* §5.2.12.13 */
        read_local_nmi(entry, bytes_u32(at + 4), X2APIC_ALL, bytes_u16(at + 2), at[8]);
        return true;
    case TYPE_WAKEUP: /* §5.2.12.19 */
        entry->kind = ACPI_MADT_WAKEUP;
        entry->wakeup = (struct acpi_madt_wakeup){
            .mailbox_version = bytes_u16(at + 2),
            .mailbox_address = bytes_u64(at + 8),
        };
        return true;
    default:
        return false;
    }
}

/*
 * The entry at `offset`, and the offset of the one behind it. NULL at the end of the table. As in
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

enum acpi_error acpi_madt_open(struct acpi_bytes table, struct acpi_madt *madt,
                               struct acpi_fault *fault)
{
    struct acpi_madt opened = {.table = table};
    const uint8_t *at;
    uint64_t next;

    if (table.length < MADT_ENTRIES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    opened.local_apic_address = bytes_u32(table.at + MADT_LOCAL_APIC_ADDRESS);
    opened.has_8259s = (bytes_u32(table.at + MADT_FLAGS) & FLAG_PC_AT) != 0;

    for (uint64_t offset = MADT_ENTRIES; (at = entry_at(table, offset, &next)) != NULL;
         offset = next) {
        const uint32_t needed = bytes_needed(at[ENTRY_TYPE]);
        struct acpi_madt_entry entry;

        if (at[ENTRY_LENGTH] < ENTRY_BYTES || at[ENTRY_LENGTH] < needed ||
            !acpi_has(table, offset, needed)) {
            return acpi_refuse(fault, ACPI_BAD_ENTRY, offset);
        }
        if (at[ENTRY_TYPE] == TYPE_LOCAL_APIC_ADDRESS) { /* §5.2.12.8 */
            opened.local_apic_address = bytes_u64(at + 4);
        } else if (read_entry(at, &entry)) {
            opened.processor_count +=
                entry.kind == ACPI_MADT_PROCESSOR && entry.processor.enabled ? 1 : 0;
            opened.io_apic_count += entry.kind == ACPI_MADT_IO_APIC ? 1 : 0;
        }
    }
    if (opened.local_apic_address == 0) {
        opened.local_apic_address = LOCAL_APIC_DEFAULT_ADDRESS;
    }
    *madt = opened;
    return ACPI_OK;
}

bool acpi_madt_next(const struct acpi_madt *madt, uint32_t *cursor, struct acpi_madt_entry *entry)
{
    uint64_t offset = *cursor != 0 ? *cursor : MADT_ENTRIES;
    const uint8_t *at;
    uint64_t next;

    for (; (at = entry_at(madt->table, offset, &next)) != NULL; offset = next) {
        if (read_entry(at, entry)) {
            entry->offset = (uint32_t)offset;
            *cursor = (uint32_t)next;
            return true;
        }
    }
    *cursor = (uint32_t)madt->table.length;
    return false;
}
