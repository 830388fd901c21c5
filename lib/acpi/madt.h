/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * MADT (ACPI 6.5 §5.2.12): the processors, the I/O APICs and how interrupts are wired to them.
 *
 * acpi_madt_open() checks every entry, acpi_madt_next() then delivers them without further
 * refusals. A processor may be listed twice, as a local APIC and as an x2APIC: one APIC id is one
 * processor, and the caller counts it once.
 */

#include "acpi/acpi.h"

struct acpi_madt {
    struct acpi_bytes table;
    uint64_t local_apic_address; /* physical; an address override entry has been applied */
    bool has_8259s;              /* a PC's interrupt controllers exist and must be masked */
    uint32_t processor_count;    /* processor entries that are enabled */
    uint32_t io_apic_count;
};

enum acpi_madt_kind {
    ACPI_MADT_PROCESSOR,
    ACPI_MADT_IO_APIC,
    ACPI_MADT_OVERRIDE,   /* an ISA interrupt is wired to another input */
    ACPI_MADT_NMI_SOURCE, /* an I/O APIC input is an NMI */
    ACPI_MADT_LOCAL_NMI,  /* a local APIC's LINT pin is an NMI */
    ACPI_MADT_WAKEUP      /* mailbox that starts processors without INIT/SIPI */
};

/* §5.2.12.5: flags of an interrupt input. Reserved values read as Linux reads them. */
enum acpi_polarity { ACPI_POLARITY_BUS = 0, ACPI_POLARITY_HIGH, ACPI_POLARITY_LOW };
enum acpi_trigger { ACPI_TRIGGER_BUS = 0, ACPI_TRIGGER_EDGE, ACPI_TRIGGER_LEVEL };

/** An interrupt input: ..._BUS means as the bus has it (ISA: high, edge). */
struct acpi_input {
    enum acpi_polarity polarity;
    enum acpi_trigger trigger;
};

struct acpi_madt_processor {
    uint32_t apic_id;
    uint32_t uid;
    bool enabled;
    bool online_capable; /* not enabled, but may be later */
    bool x2apic;
};

struct acpi_madt_io_apic {
    uint8_t id;
    uint32_t address;        /* physical */
    uint32_t interrupt_base; /* the global system interrupt of its input 0 */
};

struct acpi_madt_override {
    uint8_t bus;    /* 0: ISA */
    uint8_t source; /* IRQ on that bus */
    uint32_t interrupt;
    struct acpi_input input;
};

struct acpi_madt_nmi_source {
    uint32_t interrupt;
    struct acpi_input input;
};

struct acpi_madt_local_nmi {
    bool all_processors;
    uint32_t uid; /* unless all_processors */
    uint8_t lint; /* 0 or 1 */
    struct acpi_input input;
};

struct acpi_madt_wakeup {
    uint16_t mailbox_version;
    uint64_t mailbox_address; /* physical */
};

struct acpi_madt_entry {
    enum acpi_madt_kind kind;
    uint32_t offset; /* in the table */
    union {
        struct acpi_madt_processor processor;
        struct acpi_madt_io_apic io_apic;
        struct acpi_madt_override override;
        struct acpi_madt_nmi_source nmi_source;
        struct acpi_madt_local_nmi local_nmi;
        struct acpi_madt_wakeup wakeup;
    };
};

/**
 * Returns: ACPI_OK, and `*madt` is written; ACPI_BAD_LENGTH; ACPI_BAD_ENTRY for an entry that says
 * it is empty, or a known one that is too short or leaves the table.
 */
MUST_CHECK enum acpi_error acpi_madt_open(struct acpi_bytes table, struct acpi_madt *madt,
                                          struct acpi_fault *fault);

/**
 * The next entry of a kind listed above. `*cursor` is 0 at the start and belongs to this function.
 * Processors with the id that means "none", and kinds not listed, are passed over.
 *
 * Returns: false behind the last one.
 */
bool acpi_madt_next(const struct acpi_madt *madt, uint32_t *cursor, struct acpi_madt_entry *entry);
