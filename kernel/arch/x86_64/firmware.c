/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/firmware.h"

#include "acpi/acpi.h"
#include "acpi/madt.h"
#include "acpi/mcfg.h"
#include "diag/log.h"
#include "mm/kernel_map.h"

/* Tables are small; a length beyond this is nonsense that would only cost page tables. */
#define TABLE_MAX_BYTES      (16ull << 20)
#define PHYSICAL_END         (1ull << 46)

#define ACPI_REVISION_OFFSET 8u /* in a table's header, ACPI 6.5 section 5.2.6 */

struct firmware firmware;

static bool processors_overflow; /* said once */

static const uint8_t *map_bytes(const struct acpi_memory *memory, uint64_t address, uint64_t length)
{
    (void)memory;
    if (length == 0 || length > TABLE_MAX_BYTES || address >= PHYSICAL_END) {
        return NULL;
    }
    return kernel_map_table((struct paddr){address}, length);
}

static const struct acpi_memory memory = {.at = map_bytes};

/** The record of a table, NULL if there is none. */
static struct firmware_table *find_record(const char *signature)
{
    for (uint32_t i = 0; i < firmware.table_count; i++) {
        if (memcmp(firmware.tables[i].signature, signature, 4) == 0) {
            return &firmware.tables[i];
        }
    }
    return NULL;
}

static void note_used(const char *signature)
{
    struct firmware_table *record = find_record(signature);

    if (record != NULL) {
        record->is_used = true;
    }
}

static void note_refused(const char *signature, const struct acpi_fault *fault)
{
    struct firmware_table *record = find_record(signature);

    if (record != NULL) {
        record->error = fault->error;
        record->offset = fault->offset;
    }
}

static void add_record(struct firmware_table record)
{
    if (firmware.table_count == FIRMWARE_MAX_TABLES) {
        firmware.table_overflow++;
        return;
    }
    firmware.tables[firmware.table_count++] = record;
}

/** What there is, whether the kernel reads it or not. */
static void list_tables(const struct acpi_root *root)
{
    for (uint32_t i = 0; i < root->entry_count; i++) {
        struct acpi_table table;
        struct acpi_fault fault;
        const enum acpi_error error = acpi_root_get(&memory, root, i, &table, &fault);
        struct firmware_table record = {.signature = "?"};

        if (error == ACPI_OK) {
            memcpy(record.signature, table.signature, sizeof(record.signature));
            record.revision = table.bytes.at[ACPI_REVISION_OFFSET];
            record.checksum_good = table.checksum_good;
            record.bytes = (uint32_t)table.bytes.length;
            record.address = table.address;
        } else if (error == ACPI_NOT_FOUND) {
            continue; /* an empty entry */
        } else {
            record.address = acpi_root_address(root, i);
            record.error = error;
            record.offset = fault.offset;
            log_info("acpi", "table %u: %s at %lx; doing without", i, acpi_error_name(error),
                     (unsigned long)fault.offset);
        }
        add_record(record);
    }
}

/** A table, or a part of it, is not used: which, why, and where in it. */
static void report(const char *part, const char *signature, const struct acpi_fault *fault)
{
    note_refused(signature, fault);
    log_info("acpi", "%s%s: %s at %lx; doing without", signature, part,
             acpi_error_name(fault->error), (unsigned long)fault->offset);
}

/** There is more than the kernel has room for. */
static void report_more(const char *what, uint32_t room)
{
    log_info("acpi", "more than %u %s: the others are not used", room, what);
}

static void add_processor(const struct acpi_madt_processor *processor)
{
    if (!processor->enabled) {
        return;
    }
    for (uint32_t i = 0; i < firmware.processor_count; i++) {
        if (firmware.apic_ids[i] == processor->apic_id) {
            return; /* listed as a local APIC and as an x2APIC */
        }
    }
    if (firmware.processor_count < MAX_CPUS) {
        firmware.uids[firmware.processor_count] = processor->uid;
        firmware.apic_ids[firmware.processor_count++] = processor->apic_id;
    } else if (!processors_overflow) {
        processors_overflow = true;
        report_more("processors", MAX_CPUS);
    }
}

static void add_nmi(struct firmware_nmi nmi)
{
    if (firmware.nmi_count < FIRMWARE_MAX_NMIS) {
        firmware.nmis[firmware.nmi_count++] = nmi;
    }
}

const struct firmware_nmi *firmware_local_nmi(uint32_t apic_id, uint32_t pin)
{
    for (uint32_t i = 0; i < firmware.nmi_count; i++) {
        const struct firmware_nmi *nmi = &firmware.nmis[i];

        if (!nmi->is_local || nmi->input != pin) {
            continue;
        }
        if (nmi->is_of_all) {
            return nmi;
        }
        for (uint32_t n = 0; n < firmware.processor_count; n++) {
            if (firmware.apic_ids[n] == apic_id && firmware.uids[n] == nmi->processor) {
                return nmi;
            }
        }
    }
    return NULL;
}

static void add_override(const struct acpi_madt_override *override)
{
    if (override->bus != 0 || override->source >= ISA_IRQ_COUNT) {
        return;
    }
    firmware.isa[override->source] = (struct firmware_isa_irq){
        .interrupt = override->interrupt,
        .active_low = override->input.polarity == ACPI_POLARITY_LOW,
        .level = override->input.trigger == ACPI_TRIGGER_LEVEL,
        .input = override->input,
    };
}

static void add_io_apic(const struct acpi_madt_io_apic *io_apic)
{
    if (firmware.io_apic_count < FIRMWARE_MAX_IO_APICS) {
        firmware.io_apics[firmware.io_apic_count++] = (struct firmware_io_apic){
            .id = io_apic->id,
            .address = {io_apic->address},
            .interrupt_base = io_apic->interrupt_base,
        };
    } else {
        report_more("I/O APICs", FIRMWARE_MAX_IO_APICS);
    }
}

static void read_madt(const struct acpi_root *root)
{
    struct acpi_table table;
    struct acpi_madt madt;
    struct acpi_madt_entry entry;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    if (acpi_root_find(&memory, root, "APIC", 0, &table) != ACPI_OK) {
        log_info("acpi", "no MADT: one CPU, no I/O APIC");
        return;
    }
    if (acpi_madt_open(table.bytes, &madt, &fault) != ACPI_OK) {
        report("", "APIC", &fault);
        return;
    }
    note_used("APIC");
    firmware.local_apic.value = madt.local_apic_address;
    firmware.has_8259s = madt.has_8259s;
    while (acpi_madt_next(&madt, &cursor, &entry)) {
        switch (entry.kind) {
        case ACPI_MADT_PROCESSOR:
            add_processor(&entry.processor);
            break;
        case ACPI_MADT_IO_APIC:
            add_io_apic(&entry.io_apic);
            break;
        case ACPI_MADT_OVERRIDE:
            add_override(&entry.override);
            break;
        case ACPI_MADT_NMI_SOURCE:
            add_nmi((struct firmware_nmi){.input = entry.nmi_source.interrupt,
                                          .flags = entry.nmi_source.input});
            break;
        case ACPI_MADT_LOCAL_NMI:
            add_nmi((struct firmware_nmi){.is_local = true,
                                          .is_of_all = entry.local_nmi.all_processors,
                                          .processor = entry.local_nmi.uid,
                                          .input = entry.local_nmi.lint,
                                          .flags = entry.local_nmi.input});
            break;
        case ACPI_MADT_WAKEUP:
            break; /* processors start by INIT and SIPI */
        }
    }
}

/* A list that is not complete would leave devices without a unit, or break them: it is refused. */
static bool add_dmar_entry(const struct acpi_dmar_entry *entry)
{
    switch (entry->kind) {
    case ACPI_DMAR_UNIT:
        if (firmware.unit_count == FIRMWARE_MAX_UNITS) {
            return false;
        }
        firmware.units[firmware.unit_count++] = *entry;
        break;
    case ACPI_DMAR_RESERVED:
        if (firmware.reserved_count == FIRMWARE_MAX_RESERVED) {
            return false;
        }
        firmware.reserved[firmware.reserved_count++] = *entry;
        break;
    case ACPI_DMAR_ATS:
    case ACPI_DMAR_AFFINITY:
    case ACPI_DMAR_NAMED:
    case ACPI_DMAR_SATC:
    case ACPI_DMAR_PROPERTY:
        break; /* translations are never left to devices, and nodes of memory are not told apart */
    }
    return true;
}

static void read_dmar(const struct acpi_root *root)
{
    struct acpi_table table;
    struct acpi_dmar_entry entry;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    if (acpi_root_find(&memory, root, "DMAR", 0, &table) != ACPI_OK) {
        return;
    }
    if (acpi_dmar_open(table.bytes, &firmware.dmar, &fault) != ACPI_OK) {
        report("", "DMAR", &fault);
        return;
    }
    while (acpi_dmar_next(&firmware.dmar, &cursor, &entry)) {
        if (!add_dmar_entry(&entry)) {
            log_info("acpi", "DMAR: more than %u units or %u reserved ranges; doing without",
                     FIRMWARE_MAX_UNITS, FIRMWARE_MAX_RESERVED);
            firmware.unit_count = 0;
            firmware.reserved_count = 0;
            return;
        }
    }
    note_used("DMAR");
    firmware.has_dmar = true;
    if (firmware.unit_count == 0) {
        log_info("acpi", "DMAR: it names no remapping unit");
    }
}

static void read_fadt(const struct acpi_root *root)
{
    struct acpi_table table;
    struct acpi_fault fault;

    if (acpi_root_find(&memory, root, "FACP", 0, &table) != ACPI_OK) {
        log_info("acpi", "no FADT: the machine cannot be turned off");
        return;
    }
    if (acpi_fadt_open(table.bytes, &firmware.fadt, &fault) != ACPI_OK) {
        report("", "FACP", &fault);
        return;
    }
    note_used("FACP");
    firmware.has_fadt = true;
    if (acpi_table_at(&memory, firmware.fadt.dsdt_address, &table, &fault) != ACPI_OK) {
        report(" (its DSDT, for soft-off)", "FACP", &fault);
    } else {
        firmware.has_soft_off =
            acpi_soft_off_find(table.bytes, &firmware.soft_off, &fault) == ACPI_OK;
    }
    for (uint32_t i = 0; i < FIRMWARE_MAX_TABLES && !firmware.has_soft_off &&
                         acpi_root_find(&memory, root, "SSDT", i, &table) == ACPI_OK;
         i++) {
        firmware.has_soft_off =
            acpi_soft_off_find(table.bytes, &firmware.soft_off, &fault) == ACPI_OK;
    }
    if (!firmware.has_soft_off) {
        log_info("acpi", "no constant \\_S5 in DSDT or SSDTs: off only if AML is interpreted");
    }
}

/** What host bridges forward, as far as a table with AML says so in constants. */
static void read_host_bridges(struct acpi_bytes aml)
{
    struct acpi_host_bridge bridge;
    uint64_t cursor = 0;

    while (firmware.host_bridge_count < FIRMWARE_MAX_BRIDGES &&
           acpi_host_bridge_next(aml, &cursor, &bridge)) {
        firmware.host_bridges[firmware.host_bridge_count++] = bridge;
    }
}

/** Configuration space of the first segment, from AML: machines without an MCFG. */
static void read_config_base(struct acpi_bytes aml)
{
    struct acpi_mcfg_entry entry = {.first_bus = UINT8_MAX};
    struct acpi_fault fault;

    if (firmware.segment_count != 0 || firmware.host_bridge_count == 0 ||
        acpi_config_base_find(aml, &entry.base, &fault) != ACPI_OK ||
        entry.base % PAGE_BYTES != 0 || entry.base >= PHYSICAL_END) {
        return;
    }
    for (uint32_t i = 0; i < firmware.host_bridge_count; i++) {
        const struct acpi_host_bridge *bridge = &firmware.host_bridges[i];

        entry.first_bus = bridge->first_bus < entry.first_bus ? bridge->first_bus : entry.first_bus;
        entry.last_bus = bridge->last_bus > entry.last_bus ? bridge->last_bus : entry.last_bus;
    }
    firmware.segments[firmware.segment_count++] = entry;
    log_info("acpi", "configuration space at %lx, from _CBA", (unsigned long)entry.base);
}

static void read_aml(const struct acpi_root *root)
{
    struct acpi_table dsdt;
    struct acpi_table table;
    struct acpi_fault fault;
    const bool has_dsdt = firmware.has_fadt && acpi_table_at(&memory, firmware.fadt.dsdt_address,
                                                             &dsdt, &fault) == ACPI_OK;

    if (has_dsdt) {
        read_host_bridges(dsdt.bytes);
    }
    for (uint32_t i = 0; acpi_root_find(&memory, root, "SSDT", i, &table) == ACPI_OK; i++) {
        read_host_bridges(table.bytes);
    }
    if (has_dsdt) {
        read_config_base(dsdt.bytes);
    }
}

static void read_mcfg(const struct acpi_root *root)
{
    struct acpi_table table;
    struct acpi_mcfg_entry entry;
    struct acpi_fault fault;
    uint32_t count;

    if (acpi_root_find(&memory, root, "MCFG", 0, &table) != ACPI_OK) {
        log_info("acpi", "no MCFG");
        return;
    }
    if (acpi_mcfg_open(table.bytes, &count, &fault) != ACPI_OK) {
        report("", "MCFG", &fault);
        return;
    }
    note_used("MCFG");
    for (uint32_t i = 0; i < count; i++) {
        if (acpi_mcfg_get(table.bytes, i, &entry, &fault) != ACPI_OK) {
            report(" (one entry)", "MCFG", &fault);
        } else if (firmware.segment_count < FIRMWARE_MAX_SEGMENTS) {
            firmware.segments[firmware.segment_count++] = entry;
        } else {
            report_more("windows to configuration space", FIRMWARE_MAX_SEGMENTS);
        }
    }
}

void firmware_init(uint64_t rsdp_address)
{
    struct acpi_root root;
    struct acpi_fault fault;

    for (uint32_t i = 0; i < ISA_IRQ_COUNT; i++) {
        firmware.isa[i].interrupt = i;
    }
    if (rsdp_address == 0 && acpi_rsdp_find(&memory, &rsdp_address) != ACPI_OK) {
        log_info("acpi", "no RSDP: one CPU, no I/O APIC, no power-off");
        return;
    }
    if (acpi_root_open(&memory, rsdp_address, &root, &fault) != ACPI_OK) {
        report("root table", "", &fault);
        return;
    }
    firmware.rsdp_address = rsdp_address;
    firmware.has_xsdt = root.entry_bytes == 8;
    list_tables(&root);
    read_madt(&root);
    read_dmar(&root);
    read_fadt(&root);
    read_mcfg(&root);
    read_aml(&root);
}
