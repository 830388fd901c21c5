/* SPDX-License-Identifier: MIT */

/* Processors, memory, buses and power: what the machine consists of. */

#include "tables.h"

void show_root(struct report *report, const union table_contents *contents)
{
    const struct acpi_root *root = &contents->root;

    report_u64(report, "tables", root->entry_count);
    report_list_begin(report, "entries");
    for (uint32_t i = 0; i < root->entry_count; i++) {
        report_item_begin(report, "table");
        report_hex(report, "address", acpi_root_address(root, i));
        report_item_end(report);
    }
    report_list_end(report);
}

/* ---------------------------------------------------------------------------- MADT */

static const char *madt_kind_name(enum acpi_madt_kind kind)
{
    switch (kind) {
    case ACPI_MADT_PROCESSOR:
        return "processor";
    case ACPI_MADT_IO_APIC:
        return "ioApic";
    case ACPI_MADT_OVERRIDE:
        return "override";
    case ACPI_MADT_NMI_SOURCE:
        return "nmiSource";
    case ACPI_MADT_LOCAL_NMI:
        return "localNmi";
    case ACPI_MADT_WAKEUP:
        return "wakeup";
    }
    return "?";
}

static void show_input(struct report *report, struct acpi_input input)
{
    static const char *const polarities[] = {"bus", "high", "low"};
    static const char *const triggers[] = {"bus", "edge", "level"};

    report_word(report, "polarity", polarities[input.polarity]);
    report_word(report, "trigger", triggers[input.trigger]);
}

static void show_madt_entry(struct report *report, const struct acpi_madt_entry *entry)
{
    switch (entry->kind) {
    case ACPI_MADT_PROCESSOR:
        report_u64(report, "apicId", entry->processor.apic_id);
        report_u64(report, "uid", entry->processor.uid);
        report_bool(report, "enabled", entry->processor.enabled);
        report_bool(report, "onlineCapable", entry->processor.online_capable);
        report_bool(report, "x2apic", entry->processor.x2apic);
        break;
    case ACPI_MADT_IO_APIC:
        report_u64(report, "id", entry->io_apic.id);
        report_hex(report, "address", entry->io_apic.address);
        report_u64(report, "interruptBase", entry->io_apic.interrupt_base);
        break;
    case ACPI_MADT_OVERRIDE:
        report_u64(report, "bus", entry->override.bus);
        report_u64(report, "source", entry->override.source);
        report_u64(report, "interrupt", entry->override.interrupt);
        show_input(report, entry->override.input);
        break;
    case ACPI_MADT_NMI_SOURCE:
        report_u64(report, "interrupt", entry->nmi_source.interrupt);
        show_input(report, entry->nmi_source.input);
        break;
    case ACPI_MADT_LOCAL_NMI:
        report_bool(report, "allProcessors", entry->local_nmi.all_processors);
        report_u64(report, "uid", entry->local_nmi.uid);
        report_u64(report, "lint", entry->local_nmi.lint);
        show_input(report, entry->local_nmi.input);
        break;
    case ACPI_MADT_WAKEUP:
        report_u64(report, "mailboxVersion", entry->wakeup.mailbox_version);
        report_hex(report, "mailboxAddress", entry->wakeup.mailbox_address);
        break;
    }
}

void show_madt(struct report *report, const union table_contents *contents)
{
    struct acpi_madt_entry entry;
    uint32_t cursor = 0;

    report_hex(report, "localApicAddress", contents->madt.local_apic_address);
    report_bool(report, "has8259s", contents->madt.has_8259s);
    report_u64(report, "processors", contents->madt.processor_count);
    report_u64(report, "ioApics", contents->madt.io_apic_count);
    report_list_begin(report, "entries");
    while (acpi_madt_next(&contents->madt, &cursor, &entry)) {
        report_item_begin(report, madt_kind_name(entry.kind));
        report_u64(report, "offset", entry.offset);
        show_madt_entry(report, &entry);
        report_item_end(report);
    }
    report_list_end(report);
}

/* ---------------------------------------------------------------------------- FADT */

static void show_register(struct report *report, const char *kind, struct acpi_register at)
{
    if (at.address == 0) {
        return;
    }
    report_item_begin(report, kind);
    report_u64(report, "space", at.space);
    report_hex(report, "address", at.address);
    report_u64(report, "bits", at.bit_width);
    report_item_end(report);
}

void show_fadt(struct report *report, const union table_contents *contents)
{
    const struct acpi_fadt *fadt = &contents->fadt;

    report_hex(report, "dsdtAddress", fadt->dsdt_address);
    report_hex(report, "flags", fadt->flags);
    report_hex(report, "bootFlags", fadt->boot_flags);
    report_bool(report, "reducedHardware", (fadt->flags & ACPI_FADT_REDUCED_HARDWARE) != 0);
    report_u64(report, "sciInterrupt", fadt->sci_interrupt);
    report_hex(report, "smiCommandPort", fadt->smi_command_port);
    report_u64(report, "acpiEnable", fadt->acpi_enable);
    report_u64(report, "acpiDisable", fadt->acpi_disable);
    report_u64(report, "centuryRegister", fadt->century_register);
    report_u64(report, "timerBits", fadt->timer_is_32_bit ? 32 : 24);
    report_u64(report, "resetValue", fadt->reset_value);
    report_list_begin(report, "registers");
    show_register(report, "pm1aEvent", fadt->pm1a_event);
    show_register(report, "pm1bEvent", fadt->pm1b_event);
    show_register(report, "pm1aControl", fadt->pm1a_control);
    show_register(report, "pm1bControl", fadt->pm1b_control);
    show_register(report, "timer", fadt->timer);
    show_register(report, "reset", fadt->reset);
    show_register(report, "sleepControl", fadt->sleep_control);
    show_register(report, "sleepStatus", fadt->sleep_status);
    report_list_end(report);
}

/* ---------------------------------------------------------------------------- MCFG, AML */

void show_mcfg(struct report *report, const union table_contents *contents)
{
    report_u64(report, "spaces", contents->mcfg.count);
    report_list_begin(report, "entries");
    for (uint32_t i = 0; i < contents->mcfg.count; i++) {
        struct acpi_mcfg_entry entry;
        struct acpi_fault fault;

        if (acpi_mcfg_get(contents->mcfg.table, i, &entry, &fault) == ACPI_OK) {
            report_item_begin(report, "space");
            report_u64(report, "segment", entry.segment);
            report_hex(report, "base", entry.base);
            report_u64(report, "firstBus", entry.first_bus);
            report_u64(report, "lastBus", entry.last_bus);
            report_item_end(report);
        }
    }
    report_list_end(report);
}

void show_aml(struct report *report, const union table_contents *contents)
{
    report_bool(report, "softOff", contents->aml.has_soft_off);
    if (contents->aml.has_soft_off) {
        report_u64(report, "softOffTypeA", contents->aml.soft_off.type_a);
        report_u64(report, "softOffTypeB", contents->aml.soft_off.type_b);
    }
}

/* ---------------------------------------------------------------------------- SRAT, SLIT */

static const char *srat_kind_name(enum acpi_srat_kind kind)
{
    switch (kind) {
    case ACPI_SRAT_PROCESSOR:
        return "processor";
    case ACPI_SRAT_MEMORY:
        return "memory";
    case ACPI_SRAT_INITIATOR:
        return "initiator";
    case ACPI_SRAT_PORT:
        return "port";
    }
    return "?";
}

static void show_srat_entry(struct report *report, const struct acpi_srat_entry *entry)
{
    switch (entry->kind) {
    case ACPI_SRAT_PROCESSOR:
        report_u64(report, "apicId", entry->processor.apic_id);
        report_u64(report, "clockDomain", entry->processor.clock_domain);
        report_bool(report, "x2apic", entry->processor.x2apic);
        break;
    case ACPI_SRAT_MEMORY:
        report_hex(report, "base", entry->memory.base);
        report_hex(report, "length", entry->memory.length);
        report_bool(report, "wellFormed", entry->memory.well_formed);
        report_bool(report, "hotPluggable", entry->memory.hot_pluggable);
        report_bool(report, "nonVolatile", entry->memory.non_volatile);
        break;
    case ACPI_SRAT_INITIATOR:
    case ACPI_SRAT_PORT:
        if (entry->device.is_pci) {
            report_u64(report, "segment", entry->device.segment);
            report_function(report, "function", entry->device.device_id);
        } else {
            report_bytes(report, "hid", entry->device.hid, 8);
            report_u64(report, "uid", entry->device.uid);
        }
        break;
    }
}

void show_srat(struct report *report, const union table_contents *contents)
{
    struct acpi_srat_entry entry;
    uint32_t cursor = 0;

    report_u64(report, "processors", contents->srat.processor_count);
    report_u64(report, "memories", contents->srat.memory_count);
    report_list_begin(report, "entries");
    while (acpi_srat_next(&contents->srat, &cursor, &entry)) {
        report_item_begin(report, srat_kind_name(entry.kind));
        report_u64(report, "offset", entry.offset);
        report_u64(report, "proximity", entry.proximity);
        report_bool(report, "enabled", entry.enabled);
        show_srat_entry(report, &entry);
        report_item_end(report);
    }
    report_list_end(report);
}

void show_slit(struct report *report, const union table_contents *contents)
{
    const struct acpi_slit *slit = &contents->slit;

    report_u64(report, "domains", slit->domain_count);
    report_list_begin(report, "entries");
    for (uint32_t from = 0; from < slit->domain_count; from++) {
        report_item_begin(report, "from");
        report_u64(report, "domain", from);
        report_numbers(report, "to", slit->distances + (size_t)from * slit->domain_count,
                       slit->domain_count);
        report_item_end(report);
    }
    report_list_end(report);
}
