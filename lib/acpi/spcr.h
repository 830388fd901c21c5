/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * SPCR (Microsoft, Serial Port Console Redirection Table, revision 1.10): the serial port that
 * firmware uses as a console. What the table is too short for reads as zero.
 */

#include "acpi/acpi.h"

struct acpi_spcr {
    uint8_t revision;
    uint8_t interface;         /* ACPI_SERIAL_* */
    struct acpi_register port; /* address 0: there is no console */
    uint8_t interrupt_type;    /* bit 0: 8259 (irq), 1: I/O APIC (interrupt); others exist */
    uint8_t irq;
    uint32_t interrupt; /* global system interrupt */
    uint32_t baud_rate; /* 0: leave it as firmware has set it */
    uint8_t terminal;   /* 0 VT100, 1 VT100+, 2 VT-UTF8, 3 ANSI */
    bool is_pci;        /* the port is a PCI function: */
    uint16_t vendor;
    uint16_t device;
    uint8_t segment;
    uint8_t bus;
    uint8_t slot;
    uint8_t function;
    uint32_t clock_hz; /* of the UART, 0: unknown */
};

/* The interface types that an x86 machine has, the same as in DBG2; more exist. */
#define ACPI_SERIAL_16550        0u
#define ACPI_SERIAL_16450        1u
#define ACPI_SERIAL_16550_NVIDIA 5u
#define ACPI_SERIAL_16550_GAS    18u

/** Returns: ACPI_OK, and `*spcr` is written; ACPI_BAD_LENGTH if not even the speed is there. */
MUST_CHECK enum acpi_error acpi_spcr_open(struct acpi_bytes table, struct acpi_spcr *spcr,
                                          struct acpi_fault *fault);
