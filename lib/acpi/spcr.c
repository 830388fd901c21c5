/* SPDX-License-Identifier: MIT */
#include "acpi/spcr.h"

#include "acpi/fields.h"

#define SPCR_REVISION       8u
#define SPCR_INTERFACE      36u
#define SPCR_PORT           40u
#define SPCR_INTERRUPT_TYPE 52u
#define SPCR_IRQ            53u
#define SPCR_INTERRUPT      54u
#define SPCR_BAUD_RATE      58u
#define SPCR_LEAST_BYTES    59u
#define SPCR_TERMINAL       62u
#define SPCR_PCI            64u /* device, vendor, bus, device, function, flags, segment */
#define SPCR_PCI_END        76u
#define SPCR_CLOCK          76u
#define SPCR_PRECISE_BAUD   80u
#define SPCR_PRECISE_END    84u

#define REVISION_CLOCK      3u
#define REVISION_PRECISE    4u
#define PCI_NONE            0xffffu

/* The speed that a code stands for; 0 for "as it is" and for codes that are none. */
static uint32_t baud_rate_of(uint8_t code)
{
    switch (code) {
    case 3:
        return 9600;
    case 4:
        return 19200;
    case 6:
        return 57600;
    case 7:
        return 115200;
    default:
        return 0;
    }
}

static void read_pci(const uint8_t *at, struct acpi_spcr *spcr)
{
    spcr->device = bytes_u16(at);
    spcr->vendor = bytes_u16(at + 2);
    spcr->is_pci = spcr->device != PCI_NONE && spcr->vendor != PCI_NONE && spcr->vendor != 0;
    spcr->bus = at[4];
    spcr->slot = at[5];
    spcr->function = at[6];
    spcr->segment = at[11];
}

enum acpi_error acpi_spcr_open(struct acpi_bytes table, struct acpi_spcr *spcr,
                               struct acpi_fault *fault)
{
    struct acpi_spcr opened = {0};

    if (table.length < SPCR_LEAST_BYTES) {
        return acpi_refuse(fault, ACPI_BAD_LENGTH, table.length);
    }
    opened.revision = table.at[SPCR_REVISION];
    opened.interface = table.at[SPCR_INTERFACE];
    opened.port = acpi_register_read(table.at + SPCR_PORT);
    opened.interrupt_type = table.at[SPCR_INTERRUPT_TYPE];
    opened.irq = table.at[SPCR_IRQ];
    opened.interrupt = bytes_u32(table.at + SPCR_INTERRUPT);
    opened.baud_rate = baud_rate_of(table.at[SPCR_BAUD_RATE]);
    opened.terminal = acpi_has(table, SPCR_TERMINAL, 1) ? table.at[SPCR_TERMINAL] : 0;
    if (table.length >= SPCR_PCI_END) {
        read_pci(table.at + SPCR_PCI, &opened);
    }
    /* These were reserved before, and firmware does not always leave them 0. */
    if (opened.revision >= REVISION_CLOCK && table.length >= SPCR_PRECISE_BAUD) {
        opened.clock_hz = bytes_u32(table.at + SPCR_CLOCK);
    }
    if (opened.revision >= REVISION_PRECISE && table.length >= SPCR_PRECISE_END &&
        bytes_u32(table.at + SPCR_PRECISE_BAUD) != 0) {
        opened.baud_rate = bytes_u32(table.at + SPCR_PRECISE_BAUD);
    }
    *spcr = opened;
    return ACPI_OK;
}
