/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the firmware's ACPI tables say about the machine, as far as the kernel itself needs it:
 * processors, interrupt controllers, and how to turn off and reset. lib/acpi does the reading; a
 * table it refuses is reported and done without.
 */

#include "acpi/acpi.h"
#include "acpi/dmar.h"
#include "acpi/fadt.h"
#include "acpi/host_bridge.h"
#include "acpi/madt.h"
#include "acpi/mcfg.h"
#include "acpi/sleep.h"
#include "arch/x86_64/cpu.h"
#include "types.h"

#define FIRMWARE_MAX_IO_APICS 16u
#define FIRMWARE_MAX_SEGMENTS 16u
#define FIRMWARE_MAX_BRIDGES  16u /* host bridges */
#define ISA_IRQ_COUNT         16u
/* Remapping units and reserved ranges in DMAR tables of real machines: at most 8 and 16 or so. */
#define FIRMWARE_MAX_UNITS    16u
#define FIRMWARE_MAX_RESERVED 32u

struct firmware_io_apic {
    uint8_t id; /* what device scopes call it */
    struct paddr address;
    uint32_t interrupt_base;
};

/** A table that the root table names, as it was found at boot. */
struct firmware_table {
    char signature[5];
    uint8_t revision;
    bool checksum_good;
    bool is_used; /* the kernel went by it */
    uint32_t bytes;
    uint64_t address;      /* physical */
    enum acpi_error error; /* ACPI_OK, or why it, or a part of it, was done without, */
    uint64_t offset;       /* and where in it */
};
#define FIRMWARE_MAX_TABLES 64u

/** Where an ISA interrupt arrives. */
struct firmware_isa_irq {
    uint32_t interrupt; /* global system interrupt */
    bool active_low;
    bool level;
    struct acpi_input input; /* as an override says; without one it says nothing */
};

/** Where an NMI arrives. Inputs of I/O APICs stay masked: they are for people. */
struct firmware_nmi {
    bool is_local; /* at a LINT pin of local APICs; else at an I/O APIC's input */
    bool is_of_all;
    uint32_t processor; /* uid in the tables, of a local one that is not of all */
    uint32_t input;     /* pin, or global system interrupt */
    struct acpi_input flags;
};
#define FIRMWARE_MAX_NMIS 32u

struct firmware {
    struct paddr local_apic;
    bool has_8259s;
    uint32_t processor_count;
    uint32_t apic_ids[MAX_CPUS]; /* enabled processors in the table's order */
    uint32_t uids[MAX_CPUS];     /* what the tables call each of them */
    uint32_t io_apic_count;
    struct firmware_io_apic io_apics[FIRMWARE_MAX_IO_APICS];
    struct firmware_isa_irq isa[ISA_IRQ_COUNT];
    uint32_t nmi_count;
    struct firmware_nmi nmis[FIRMWARE_MAX_NMIS];
    uint32_t segment_count; /* of memory-mapped configuration space; 0: only the ports */
    struct acpi_mcfg_entry segments[FIRMWARE_MAX_SEGMENTS];
    uint32_t host_bridge_count;
    struct acpi_host_bridge host_bridges[FIRMWARE_MAX_BRIDGES]; /* as far as AML says constants */
    bool has_dmar;
    struct acpi_dmar dmar;
    uint32_t unit_count;
    struct acpi_dmar_entry units[FIRMWARE_MAX_UNITS]; /* scopes stay readable */
    uint32_t reserved_count;
    struct acpi_dmar_entry reserved[FIRMWARE_MAX_RESERVED]; /* memory that devices use */
    bool has_fadt;
    struct acpi_fadt fadt;
    bool has_soft_off;
    struct acpi_soft_off soft_off;
    uint64_t rsdp_address;
    bool has_xsdt; /* the root table is one */
    uint32_t table_count;
    uint32_t table_overflow; /* tables that there was no room for; they are used all the same */
    struct firmware_table tables[FIRMWARE_MAX_TABLES]; /* for people */
};

extern struct firmware firmware; /* [I] after firmware_init() */

/** What the MADT says of an NMI at pin 0 or 1 of the local APIC of that id; NULL: there is none. */
const struct firmware_nmi *firmware_local_nmi(uint32_t apic_id, uint32_t pin);

/** Read the tables, starting at `rsdp_address` or, if that is 0, by searching. Boot CPU, once. */
void firmware_init(uint64_t rsdp_address);
