/* SPDX-License-Identifier: MIT */
/*
 * What the device manager knows, as reports (diag/reports.h): `devices`, `irqs`, `dma`, `iommu` and
 * `audit`. listing.c has the same as messages for programs.
 */
#include "diag/reports.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/io_apic.h"
#include "arch/x86_64/nmi.h"
#include "device_manager/audit.h"
#include "device_manager/lines.h"
#include "device_manager/report_interrupts.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull

static void set_name(struct report_row *row, uint32_t column,
                     const struct device_function *function)
{
    char name[PCI_NAME_BYTES];

    pci_function_name(function->pci, name);
    report_set_made(row, column, "%s", name);
}

/* ------------------------------------------------------------------------------------------
 * Devices
 * ------------------------------------------------------------------------------------------ */

static const char *note_of(const struct device_function *function,
                           const struct ledger_function *record)
{
    if (function->step != TEARDOWN_STEP_NONE) {
        return teardown_step_name(function->step);
    }
    if (record->refusal != CLAIM_REFUSAL_NONE) {
        return claim_refusal_name(record->refusal);
    }
    return record->not_reset ? "not reset" : "";
}

static bool device_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= ledger.function_count) {
        return false;
    }
    const uint32_t index = (*place)++;
    const struct device_function *function = &device_functions[index];
    const struct ledger_function *record = &ledger.functions[index];

    report_set_number(row, 0, index);
    set_name(row, 1, function);
    report_set_made(row, 2, "%04x:%04x", function->pci->header.vendor,
                    function->pci->header.device);
    report_set_text(row, 3, function_state_name(record->state));
    if (record->owner == DEVICE_NOBODY) {
        report_set_absent(row, 4);
    } else {
        report_set_number(row, 4, record->owner);
    }
    report_set_text(row, 5, dma_level_name(function->possible));
    report_set_number(row, 6, function->fault_count);
    report_set_text(row, 7, note_of(function, record));
    return true;
}

static const struct report_column device_columns[] = {
    {"NO", "index", 3, REPORT_DECIMAL},
    {"BDF", "bdf", 12, REPORT_TEXT},
    {"ID", "id", 9, REPORT_TEXT},
    {"STATE", "state", 11, REPORT_TEXT},
    {"OWNER", "ownerPid", 6, REPORT_DECIMAL},
    {"LEVEL", "level", 11, REPORT_TEXT},
    {"FAULTS", "faults", 6, REPORT_DECIMAL},
    {"NOTE", "note", 0, REPORT_TEXT},
};

static const struct report_table devices_tables[] = {
    {"device", "no devices", device_columns, ARRAY_COUNT(device_columns), device_row},
};

const struct report devices_report = {"devices", "who has which function, and how it is confined",
                                      devices_tables, ARRAY_COUNT(devices_tables)};

/* ------------------------------------------------------------------------------------------
 * Interrupts
 * ------------------------------------------------------------------------------------------ */

/** Which ISA interrupt arrives there; one that was sent there goes before the one of its number. */
static void set_use(struct report_row *row, uint32_t column, const struct io_apic_input *input)
{
    uint32_t found = ISA_IRQ_COUNT;

    for (uint32_t irq = 0; irq < ISA_IRQ_COUNT; irq++) {
        if (firmware.isa[irq].interrupt == input->interrupt &&
            (found == ISA_IRQ_COUNT || irq != input->interrupt)) {
            found = irq;
        }
    }
    if (found != ISA_IRQ_COUNT) {
        /* The console's is the one line that is routed. */
        report_set_made(row, column, "ISA %u%s", found, input->entry.is_masked ? "" : ", COM1");
    }
}

static bool input_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    struct io_apic_input input;

    (void)argument;
    if (!io_apic_read_input(*place, &input)) {
        return false;
    }
    (*place)++;
    report_set_number(row, 0, input.interrupt);
    report_set_number(row, 1, input.io_apic);
    report_set_flag(row, 2, input.entry.is_masked);
    if (input.entry.is_masked) {
        report_set_absent(row, 3);
        report_set_absent(row, 4);
        report_set_absent(row, 5);
        report_set_absent(row, 6);
    } else {
        report_set_made(row, 3, "0x%02x", input.entry.vector);
        report_set_text(row, 4, input.entry.is_level ? "level" : "edge");
        report_set_text(row, 5, input.entry.is_active_low ? "low" : "high");
        report_set_flag(row, 6, input.entry.is_remapped);
    }
    set_use(row, 7, &input);
    return true;
}

static const struct report_column input_columns[] = {
    {"INPUT", "input", 5, REPORT_DECIMAL},      {"IO-APIC", "ioApic", 7, REPORT_DECIMAL},
    {"MASKED", "masked", 6, REPORT_YES_NO},     {"VECTOR", "vector", 6, REPORT_TEXT},
    {"TRIGGER", "trigger", 7, REPORT_TEXT},     {"ACTIVE", "active", 6, REPORT_TEXT},
    {"REMAPPED", "remapped", 8, REPORT_YES_NO}, {"USE", "use", 0, REPORT_TEXT},
};

/** What functions could send; whether they may is read from them. */
static bool message_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    for (uint32_t i = *place; i < ledger.function_count; i++) {
        const struct pci_function *pci = device_functions[i].pci;

        if (pci->has_msix || pci->has_msi) {
            const uint16_t control =
                pci->has_msix ? pci_read16(&pci->config, pci->msix.offset + PCI_MSIX_CONTROL)
                              : pci_read16(&pci->config, pci->msi.offset + PCI_MSI_CONTROL);

            *place = i + 1;
            set_name(row, 0, &device_functions[i]);
            report_set_text(row, 1, pci->has_msix ? "MSI-X" : "MSI");
            report_set_number(row, 2, pci->has_msix ? pci->msix.count : pci->msi.count);
            report_set_number(row, 3, ledger.functions[i].route_count);
            report_set_flag(row, 4,
                            (control & (pci->has_msix ? PCI_MSIX_ENABLE : PCI_MSI_ENABLE)) != 0);
            return true;
        }
    }
    return false;
}

static const struct report_column message_columns[] = {
    {"BDF", "bdf", 12, REPORT_TEXT},           {"BY", "by", 6, REPORT_TEXT},
    {"VECTORS", "vectors", 7, REPORT_DECIMAL}, {"ROUTES", "routes", 7, REPORT_DECIMAL},
    {"ENABLED", "enabled", 7, REPORT_YES_NO},
};

static uint8_t pin_of(const struct device_route *route)
{
    return route->function->pci->header.interrupt_pin;
}

static bool route_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    for (uint32_t i = *place; i < ledger.route_count; i++) {
        if (ledger.routes[i].use != LEDGER_UNUSED) {
            const struct device_route *route = &device_routes[i];

            *place = i + 1;
            report_set_number(row, 0, i);
            set_name(row, 1, route->function);
            report_set_number(row, 2, route->number);
            report_set_number(row, 3, route->cpu);
            report_set_made(row, 4, "0x%02x", route->vector);
            report_set_flag(row, 5, route->is_masked);
            report_set_flag(row, 6, route_is_remapped(route));
            report_set_number(row, 7, route->interrupt->delivered);
            if (route->line != NULL) {
                report_set_made(row, 8, "INT%c", 'A' + pin_of(route) - 1);
            }
            return true;
        }
    }
    return false;
}

static const struct report_column route_columns[] = {
    {"ROUTE", "route", 5, REPORT_DECIMAL},
    {"BDF", "bdf", 12, REPORT_TEXT},
    {"NUMBER", "number", 6, REPORT_DECIMAL},
    {"CPU", "cpu", 4, REPORT_DECIMAL},
    {"VECTOR", "vector", 6, REPORT_TEXT},
    {"MASKED", "masked", 6, REPORT_YES_NO},
    {"REMAPPED", "remapped", 8, REPORT_YES_NO},
    {"DELIVERED", "delivered", 14, REPORT_DECIMAL},
    {"PIN", "pin", 4, REPORT_TEXT},
};

/** Why a line is as it is. */
static const char *line_state(const struct device_line *line)
{
    if (line->stage != LINE_READY) {
        return line->stage == LINE_FAILED ? "lost" : "programming";
    }
    return line->state.is_storm             ? "storm"
           : intx_is_unmasked(&line->state) ? "open"
           : line->state.held != 0          ? "held"
                                            : "closed";
}

static bool line_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct device_line *line;

    (void)argument;
    for (; (line = line_get(*place)) != NULL; (*place)++) {
        if (line->stage != LINE_UNUSED) {
            (*place)++;
            report_set_number(row, 0, line->interrupt);
            report_set_number(row, 1, line->cpu);
            report_set_made(row, 2, "0x%02x", line->vector);
            report_set_text(row, 3, line_state(line));
            report_set_number(row, 4, line->state.sharer_count);
            report_set_number(row, 5, line->arrived);
            report_set_number(row, 6, line->unadmitted);
            report_set_number(row, 7, line->polls);
            report_set_number(row, 8, line->storms);
            return true;
        }
    }
    return false;
}

static const struct report_column line_columns[] = {
    {"LINE", "input", 5, REPORT_DECIMAL},          {"CPU", "cpu", 4, REPORT_DECIMAL},
    {"VECTOR", "vector", 6, REPORT_TEXT},          {"STATE", "state", 11, REPORT_TEXT},
    {"SHARERS", "sharers", 7, REPORT_DECIMAL},     {"ARRIVED", "arrived", 12, REPORT_DECIMAL},
    {"NOBODY'S", "unadmitted", 8, REPORT_DECIMAL}, {"POLLS", "polls", 8, REPORT_DECIMAL},
    {"STORMS", "storms", 6, REPORT_DECIMAL},
};

/** What arrived at CPUs and was nobody's. */
static bool stray_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= cpu_count) {
        return false;
    }
    const struct cpu *cpu = cpus[(*place)++];

    report_set_number(row, 0, cpu->index);
    report_set_number(row, 1, cpu->interrupt_count);
    report_set_number(row, 2, cpu->spurious_count);
    report_set_number(row, 3, cpu->unexpected_count);
    report_set_number(row, 4, cpu->stale_interrupts);
    report_set_number(row, 5, nmi_count(cpu));
    return true;
}

static const struct report_column stray_columns[] = {
    {"CPU", "cpu", 4, REPORT_DECIMAL},
    {"INTERRUPTS", "interrupts", 14, REPORT_DECIMAL},
    {"SPURIOUS", "spurious", 10, REPORT_DECIMAL},
    {"UNEXPECTED", "unexpected", 10, REPORT_DECIMAL},
    {"STALE", "stale", 10, REPORT_DECIMAL},
    {"NMI", "nmi", 10, REPORT_DECIMAL},
};

static const struct report_table irqs_tables[] = {
    {"interrupt", NULL, interrupt_columns, INTERRUPT_COLUMNS, interrupt_row},
    {"input", "no I/O APIC: no interrupts of lines", input_columns, ARRAY_COUNT(input_columns),
     input_row},
    {"messageInterrupts", "no function has MSI or MSI-X", message_columns,
     ARRAY_COUNT(message_columns), message_row},
    {"route", "no routes: no device interrupts anybody", route_columns, ARRAY_COUNT(route_columns),
     route_row},
    {"line", NULL, line_columns, ARRAY_COUNT(line_columns), line_row},
    {"arrivals", NULL, stray_columns, ARRAY_COUNT(stray_columns), stray_row},
};

const struct report irqs_report = {"irqs", "interrupt inputs, messages, and where they go",
                                   irqs_tables, ARRAY_COUNT(irqs_tables)};

/* ------------------------------------------------------------------------------------------
 * DMA
 * ------------------------------------------------------------------------------------------ */

static bool reach_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= ledger.function_count) {
        return false;
    }
    const uint32_t index = (*place)++;
    const struct device_function *function = &device_functions[index];
    const struct pci_function *pci = function->pci;

    set_name(row, 0, function);
    if (function->coverage.kind == IOMMU_COVERED) {
        report_set_number(row, 1, iommu_number(function->coverage.unit));
    } else {
        report_set_absent(row, 1);
    }
    report_set_text(row, 2, dma_level_name(function->possible));
    report_set_flag(row, 3, (pci_read16(&pci->config, PCI_COMMAND) & PCI_COMMAND_MASTER) != 0);
    report_set_flag(row, 4, function->is_attached);
    report_set_flag(
        row, 5, iommu_has_firmware_memory((uint16_t)pci->config.address.segment, function->source));
    report_set_number(row, 6, ledger.functions[index].pool_pages);
    report_set_number(row, 7, ledger.functions[index].buffer_count);
    report_set_number(row, 8, function->fault_count);
    return true;
}

static const struct report_column reach_columns[] = {
    {"BDF", "bdf", 12, REPORT_TEXT},
    {"UNIT", "unit", 4, REPORT_DECIMAL},
    {"LEVEL", "level", 11, REPORT_TEXT},
    {"MASTER", "busMaster", 6, REPORT_YES_NO},
    {"ATTACHED", "attached", 8, REPORT_YES_NO},
    {"RESERVED", "firmwareMemory", 8, REPORT_YES_NO},
    {"PAGES", "pages", 7, REPORT_DECIMAL},
    {"BUFFERS", "buffers", 7, REPORT_DECIMAL},
    {"FAULTS", "faults", 7, REPORT_DECIMAL},
};

static bool buffer_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    const uint32_t slot = device_buffer_next(*place);

    if (slot == LEDGER_NONE) {
        return false;
    }
    const struct ledger_buffer *buffer = &ledger.buffers[slot];

    *place = slot + 1;
    report_set_number(row, 0, slot);
    set_name(row, 1, &device_functions[buffer->function]);
    report_set_number(row, 2, buffer->iova);
    report_set_number(row, 3, buffer->page_count);
    report_set_text(row, 4, dma_access_name(buffer->access));
    report_set_flag(row, 5, buffer->use == LEDGER_ENDING);
    return true;
}

static const struct report_column buffer_columns[] = {
    {"BUFFER", "buffer", 6, REPORT_DECIMAL}, {"BDF", "bdf", 12, REPORT_TEXT},
    {"IOVA", "iova", 16, REPORT_HEX},        {"PAGES", "pages", 7, REPORT_DECIMAL},
    {"ACCESS", "access", 17, REPORT_TEXT},   {"ENDING", "ending", 6, REPORT_YES_NO},
};

static const struct report_table dma_tables[] = {
    {"reach", "no devices", reach_columns, ARRAY_COUNT(reach_columns), reach_row},
    {"buffer", "no buffers: no device reaches memory that a process gave it", buffer_columns,
     ARRAY_COUNT(buffer_columns), buffer_row},
};

const struct report dma_report = {"dma", "which memory devices can reach", dma_tables,
                                  ARRAY_COUNT(dma_tables)};

/* ------------------------------------------------------------------------------------------
 * IOMMUs
 * ------------------------------------------------------------------------------------------ */

static bool unit_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    struct iommu_info info;

    (void)argument;
    if (*place >= iommu_unit_count()) {
        return false;
    }
    iommu_describe(*place, &info);
    report_set_number(row, 0, *place);
    report_set_number(row, 1, info.registers.value);
    report_set_number(row, 2, info.segment);
    report_set_number(row, 3, info.address_bits);
    report_set_flag(row, 4, info.works && !info.is_dead);
    report_set_flag(row, 5, info.interrupt_remapping);
    report_set_number(row, 6, info.domain_count);
    report_set_number(row, 7, info.route_count);
    report_set_number(row, 8, info.fault_count);
    report_set_text(row, 9, info.is_dead ? "stopped answering" : info.problem);
    (*place)++;
    return true;
}

static const struct report_column unit_columns[] = {
    {"UNIT", "unit", 4, REPORT_DECIMAL},       {"REGISTERS", "registers", 12, REPORT_HEX},
    {"SEG", "segment", 4, REPORT_DECIMAL},     {"BITS", "addressBits", 4, REPORT_DECIMAL},
    {"DMA", "translating", 3, REPORT_YES_NO},  {"INT", "remapping", 3, REPORT_YES_NO},
    {"DOMAINS", "domains", 7, REPORT_DECIMAL}, {"ROUTES", "routes", 6, REPORT_DECIMAL},
    {"FAULTS", "faults", 8, REPORT_DECIMAL},   {"PROBLEM", "problem", 0, REPORT_TEXT},
};

static bool reserved_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= firmware.reserved_count) {
        return false;
    }
    const struct acpi_dmar_entry *entry = &firmware.reserved[(*place)++];

    report_set_number(row, 0, entry->base);
    report_set_number(row, 1, entry->limit);
    report_set_number(row, 2, entry->segment);
    return true;
}

static const struct report_column reserved_columns[] = {
    {"RESERVED-FIRST", "first", 16, REPORT_HEX},
    {"LAST", "last", 16, REPORT_HEX},
    {"SEGMENT", "segment", 7, REPORT_DECIMAL},
};

static const struct report_table iommu_tables[] = {
    {"iommu", "no IOMMU: devices cannot be kept from memory, so none can be claimed", unit_columns,
     ARRAY_COUNT(unit_columns), unit_row},
    {"firmwareMemory", NULL, reserved_columns, ARRAY_COUNT(reserved_columns), reserved_row},
};

const struct report iommu_report = {"iommu", "the units that keep devices from memory",
                                    iommu_tables, ARRAY_COUNT(iommu_tables)};

/* ------------------------------------------------------------------------------------------
 * Audit: places are record numbers, as far as 32 bits go
 * ------------------------------------------------------------------------------------------ */

static bool audit_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct audit_entry *entry = audit_read(*place);

    (void)argument;
    if (entry == NULL || entry->sequence >= UINT32_MAX) {
        return false;
    }
    *place = (uint32_t)entry->sequence + 1;
    report_set_number(row, 0, entry->sequence);
    report_set_made(row, 1, "%llu.%03llu", (unsigned long long)(entry->nanoseconds / NS_PER_S),
                    (unsigned long long)(entry->nanoseconds % NS_PER_S / NS_PER_MS));
    report_set_text(row, 2, audit_event_name(entry->event));
    report_set_made(row, 3, "%02x:%02x.%x", entry->bdf >> 8, entry->bdf >> 3 & 31u,
                    entry->bdf & 7u);
    report_set_number(row, 4, entry->pid);
    report_set_number(row, 5, entry->owner);
    report_set_number(row, 6, entry->generation);
    report_set_number(row, 7, entry->object);
    report_set_number(row, 8, entry->detail);
    report_set_text(row, 9,
                    entry->status != STATUS_OK            ? status_name(entry->status)
                    : entry->cause != TEARDOWN_CAUSE_NONE ? teardown_cause_name(entry->cause)
                                                          : "");
    return true;
}

static const struct report_column audit_columns[] = {
    {"NO.", "record", 5, REPORT_DECIMAL},     {"TIME", "seconds", 8, REPORT_TEXT},
    {"EVENT", "event", 14, REPORT_TEXT},      {"BDF", "bdf", 7, REPORT_TEXT},
    {"PID", "pid", 4, REPORT_DECIMAL},        {"OWNER", "ownerPid", 5, REPORT_DECIMAL},
    {"GEN", "generation", 3, REPORT_DECIMAL}, {"OBJ", "object", 4, REPORT_DECIMAL},
    {"DETAIL", "detail", 9, REPORT_HEX},      {"WHY", "why", 0, REPORT_TEXT},
};

static const struct report_table audit_tables[] = {
    {"audit", "no records: nobody has had a device", audit_columns, ARRAY_COUNT(audit_columns),
     audit_row},
};

const struct report audit_report = {"audit", "changes of device authority", audit_tables,
                                    ARRAY_COUNT(audit_tables)};
