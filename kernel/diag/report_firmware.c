/* SPDX-License-Identifier: MIT */
/*
 * What firmware and loader told: `acpi` and `mem`.
 */
#include "arch/x86_64/firmware.h"
#include "diag/reports.h"
#include "mm/frames.h"

#define KIB_PER_FRAME 4u

static const struct boot_info *boot_info; /* [I] */

void reports_init(const struct boot_info *info)
{
    boot_info = info;
}

/* ------------------------------------------------------------------------------------------
 * ACPI
 * ------------------------------------------------------------------------------------------ */

static bool table_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= firmware.table_count) {
        return false;
    }
    const struct firmware_table *table = &firmware.tables[(*place)++];

    report_set_text(row, 0, table->signature);
    report_set_number(row, 1, table->revision);
    report_set_number(row, 2, table->bytes);
    report_set_number(row, 3, table->address);
    report_set_flag(row, 4, table->checksum_good);
    report_set_flag(row, 5, table->is_used);
    if (table->error != ACPI_OK) {
        report_set_made(row, 6, "%s at %lx", acpi_error_name(table->error),
                        (unsigned long)table->offset);
    }
    return true;
}

static const struct report_column table_columns[] = {
    {"TABLE", "signature", 5, REPORT_TEXT},    {"REV", "revision", 3, REPORT_DECIMAL},
    {"BYTES", "bytes", 8, REPORT_DECIMAL},     {"ADDRESS", "address", 12, REPORT_HEX},
    {"SUM", "checksumGood", 3, REPORT_YES_NO}, {"USED", "used", 4, REPORT_YES_NO},
    {"REFUSED", "refused", 0, REPORT_TEXT},
};

static bool io_apic_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= firmware.io_apic_count) {
        return false;
    }
    const struct firmware_io_apic *io_apic = &firmware.io_apics[(*place)++];

    report_set_number(row, 0, io_apic->id);
    report_set_number(row, 1, io_apic->address.value);
    report_set_number(row, 2, io_apic->interrupt_base);
    return true;
}

static const struct report_column io_apic_columns[] = {
    {"IO-APIC", "ioApic", 7, REPORT_DECIMAL},
    {"ADDRESS", "address", 12, REPORT_HEX},
    {"FIRST", "firstInterrupt", 5, REPORT_DECIMAL},
};

/** ISA interrupts that do not arrive at the input of their number, edge-triggered, active high. */
static bool override_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    for (uint32_t irq = *place; irq < ISA_IRQ_COUNT; irq++) {
        const struct firmware_isa_irq *isa = &firmware.isa[irq];

        if (isa->interrupt != irq || isa->active_low || isa->level) {
            report_set_number(row, 0, irq);
            report_set_number(row, 1, isa->interrupt);
            report_set_text(row, 2, isa->level ? "level" : "edge");
            report_set_text(row, 3, isa->active_low ? "low" : "high");
            *place = irq + 1;
            return true;
        }
    }
    return false;
}

static const struct report_column override_columns[] = {
    {"ISA-IRQ", "isaIrq", 7, REPORT_DECIMAL},
    {"INPUT", "input", 5, REPORT_DECIMAL},
    {"TRIGGER", "trigger", 7, REPORT_TEXT},
    {"ACTIVE", "active", 6, REPORT_TEXT},
};

static const char *trigger_name(enum acpi_trigger trigger)
{
    switch (trigger) {
    case ACPI_TRIGGER_EDGE:
        return "edge";
    case ACPI_TRIGGER_LEVEL:
        return "level";
    case ACPI_TRIGGER_BUS:
        break;
    }
    return "bus";
}

static bool nmi_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= firmware.nmi_count) {
        return false;
    }
    const struct firmware_nmi *nmi = &firmware.nmis[(*place)++];

    report_set_text(row, 0, nmi->is_local ? "LINT" : "I/O APIC");
    report_set_number(row, 1, nmi->input);
    if (!nmi->is_local || nmi->is_of_all) {
        report_set_text(row, 2, nmi->is_local ? "all" : "");
    } else {
        report_set_made(row, 2, "%u", nmi->processor);
    }
    report_set_text(row, 3, trigger_name(nmi->flags.trigger));
    report_set_text(row, 4,
                    nmi->flags.polarity == ACPI_POLARITY_LOW    ? "low"
                    : nmi->flags.polarity == ACPI_POLARITY_HIGH ? "high"
                                                                : "bus");
    return true;
}

static const struct report_column nmi_columns[] = {
    {"NMI-AT", "at", 8, REPORT_TEXT},           {"INPUT", "input", 5, REPORT_DECIMAL},
    {"PROCESSOR", "processor", 9, REPORT_TEXT}, {"TRIGGER", "trigger", 7, REPORT_TEXT},
    {"ACTIVE", "active", 6, REPORT_TEXT},
};

static bool segment_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= firmware.segment_count) {
        return false;
    }
    const struct acpi_mcfg_entry *entry = &firmware.segments[(*place)++];

    report_set_number(row, 0, entry->segment);
    report_set_number(row, 1, entry->base);
    report_set_number(row, 2, entry->first_bus);
    report_set_number(row, 3, entry->last_bus);
    return true;
}

static const struct report_column segment_columns[] = {
    {"SEGMENT", "segment", 7, REPORT_DECIMAL},
    {"ADDRESS", "address", 12, REPORT_HEX},
    {"FIRST-BUS", "firstBus", 9, REPORT_DECIMAL},
    {"LAST-BUS", "lastBus", 8, REPORT_DECIMAL},
};

static const struct report_table acpi_tables[] = {
    {"acpiTable", "no ACPI tables: the machine is taken for a PC with one CPU", table_columns,
     ARRAY_COUNT(table_columns), table_row},
    {"ioApic", "no I/O APIC", io_apic_columns, ARRAY_COUNT(io_apic_columns), io_apic_row},
    {"isaOverride", NULL, override_columns, ARRAY_COUNT(override_columns), override_row},
    {"nmi", NULL, nmi_columns, ARRAY_COUNT(nmi_columns), nmi_row},
    {"configurationSpace", "no memory-mapped configuration space: ports reach 256 bytes of it",
     segment_columns, ARRAY_COUNT(segment_columns), segment_row},
};

const struct report acpi_report = {"acpi", "firmware's tables, and what is believed of them",
                                   acpi_tables, ARRAY_COUNT(acpi_tables)};

/* ------------------------------------------------------------------------------------------
 * Memory
 * ------------------------------------------------------------------------------------------ */

static bool range_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (boot_info == NULL || *place >= boot_info->range_count) {
        return false;
    }
    const struct boot_range *range = &boot_info->ranges[(*place)++];

    report_set_number(row, 0, range->start);
    report_set_number(row, 1, range->end - 1);
    report_set_number(row, 2, (range->end - range->start) >> 10);
    report_set_text(row, 3, boot_memory_name(range->type));
    return true;
}

static const struct report_column range_columns[] = {
    {"FIRST-BYTE", "first", 16, REPORT_HEX},
    {"LAST-BYTE", "last", 16, REPORT_HEX},
    {"KIB", "kib", 12, REPORT_DECIMAL},
    {"MEMORY", "type", 0, REPORT_TEXT},
};

static const char *const kind_names[FRAME_KIND_COUNT] = {
    [FRAME_FREE] = "free",
    [FRAME_RESERVED] = "reserved",
    [FRAME_KERNEL_IMAGE] = "kernel image",
    [FRAME_TABLE] = "boot-time tables",
    [FRAME_SLAB] = "kernel objects",
    [FRAME_THREAD] = "threads",
    [FRAME_PAGE_TABLE] = "page tables",
    [FRAME_RING] = "rings",
    [FRAME_MEMORY] = "memory objects",
    [FRAME_CAP_TABLE] = "capability tables",
    [FRAME_PER_CPU] = "per CPU",
    [FRAME_IOMMU] = "IOMMU tables",
};

static bool use_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    /* Once for all rows: together they are all of memory. */
    static uint64_t counts[FRAME_KIND_COUNT];

    (void)argument;
    if (*place >= FRAME_KIND_COUNT) {
        return false;
    }
    if (*place == 0) {
        frames_count(counts);
    }
    report_set_text(row, 0, kind_names[*place]);
    report_set_number(row, 1, counts[*place]);
    report_set_number(row, 2, counts[*place] * KIB_PER_FRAME);
    (*place)++;
    return true;
}

static const struct report_column use_columns[] = {
    {"USE", "use", 19, REPORT_TEXT},
    {"FRAMES", "frames", 13, REPORT_DECIMAL},
    {"KIB", "kib", 12, REPORT_DECIMAL},
};

static const struct report_table memory_tables[] = {
    {"memoryRange", NULL, range_columns, ARRAY_COUNT(range_columns), range_row},
    {"memoryUse", NULL, use_columns, ARRAY_COUNT(use_columns), use_row},
};

const struct report memory_report = {"mem", "the memory map, and what memory is used for",
                                     memory_tables, ARRAY_COUNT(memory_tables)};
