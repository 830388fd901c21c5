/* SPDX-License-Identifier: MIT */

/* Tables about one kind of device: timers, consoles, debug ports, emulated ones. */

#include "tables.h"

void show_hpet(struct report *report, const union table_contents *contents)
{
    const struct acpi_hpet *hpet = &contents->hpet;

    report_hex(report, "address", hpet->address);
    report_u64(report, "number", hpet->number);
    report_hex(report, "blockId", hpet->block_id);
    report_u64(report, "comparators", hpet->comparator_count);
    report_bool(report, "is64Bit", hpet->is_64_bit);
    report_u64(report, "minimumTick", hpet->minimum_tick);
}

static void show_port(struct report *report, struct acpi_register port)
{
    report_u64(report, "space", port.space);
    report_hex(report, "address", port.address);
    report_u64(report, "bits", port.bit_width);
    report_u64(report, "accessSize", port.access_size);
}

void show_spcr(struct report *report, const union table_contents *contents)
{
    const struct acpi_spcr *spcr = &contents->spcr;

    report_u64(report, "interface", spcr->interface);
    show_port(report, spcr->port);
    report_u64(report, "interruptType", spcr->interrupt_type);
    report_u64(report, "irq", spcr->irq);
    report_u64(report, "interrupt", spcr->interrupt);
    report_u64(report, "baudRate", spcr->baud_rate);
    report_u64(report, "terminal", spcr->terminal);
    report_u64(report, "clockHz", spcr->clock_hz);
    report_bool(report, "isPci", spcr->is_pci);
    if (spcr->is_pci) {
        report_hex(report, "vendor", spcr->vendor);
        report_hex(report, "device", spcr->device);
        report_u64(report, "segment", spcr->segment);
        report_u64(report, "bus", spcr->bus);
        report_u64(report, "slot", spcr->slot);
        report_u64(report, "function", spcr->function);
    }
}

void show_dbg2(struct report *report, const union table_contents *contents)
{
    struct acpi_dbg2_device device;
    uint32_t cursor = 0;

    report_u64(report, "devices", contents->dbg2.device_count);
    report_list_begin(report, "entries");
    while (acpi_dbg2_next(&contents->dbg2, &cursor, &device)) {
        report_item_begin(report, "device");
        report_u64(report, "offset", device.offset);
        report_hex(report, "type", device.type);
        report_u64(report, "subtype", device.subtype);
        report_bytes(report, "name", device.name.at, device.name.length);
        report_list_begin(report, "registers");
        for (uint32_t i = 0; i < device.register_count; i++) {
            uint32_t size_bytes;
            const struct acpi_register port = acpi_dbg2_register(&device, i, &size_bytes);

            report_item_begin(report, "block");
            show_port(report, port);
            report_hex(report, "size", size_bytes);
            report_item_end(report);
        }
        report_list_end(report);
        report_item_end(report);
    }
    report_list_end(report);
}

void show_waet(struct report *report, const union table_contents *contents)
{
    report_bool(report, "rtcGood", contents->waet.rtc_good);
    report_bool(report, "timerGood", contents->waet.timer_good);
}
