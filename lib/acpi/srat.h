/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * SRAT (ACPI 6.5 §5.2.16): which processors and which memory are near to each other. Those with
 * one proximity domain are; lib/acpi/slit.h has the distances between domains.
 *
 * acpi_srat_open() checks every entry, acpi_srat_next() then delivers them without further
 * refusals. What is not enabled is delivered too: the caller passes it over.
 */

#include "acpi/acpi.h"

struct acpi_srat {
    struct acpi_bytes table;
    uint8_t revision;
    uint32_t processor_count; /* entries that are enabled */
    uint32_t memory_count;    /* entries that are enabled */
};

enum acpi_srat_kind {
    ACPI_SRAT_PROCESSOR, /* §5.2.16.1 and §5.2.16.3 */
    ACPI_SRAT_MEMORY,    /* §5.2.16.2 */
    ACPI_SRAT_INITIATOR, /* §5.2.16.6: a device that is near to something */
    ACPI_SRAT_PORT       /* §5.2.16.7: a port that such devices are behind */
};

struct acpi_srat_processor {
    uint32_t apic_id;
    uint32_t clock_domain;
    bool x2apic;
};

struct acpi_srat_memory {
    uint64_t base;
    uint64_t length;
    bool well_formed; /* not empty, and does not wrap */
    bool hot_pluggable;
    bool non_volatile;
};

struct acpi_srat_device {
    bool is_pci;        /* else the handle is an ACPI _HID and _UID */
    uint16_t segment;   /* PCI */
    uint16_t device_id; /* PCI: bus, device, function */
    const uint8_t *hid; /* ACPI: 8 bytes */
    uint32_t uid;       /* ACPI */
};

struct acpi_srat_entry {
    enum acpi_srat_kind kind;
    uint32_t offset; /* in the table */
    uint32_t proximity;
    bool enabled;
    union {
        struct acpi_srat_processor processor;
        struct acpi_srat_memory memory;
        struct acpi_srat_device device;
    };
};

/**
 * Returns: ACPI_OK, and `*srat` is written; ACPI_BAD_LENGTH; ACPI_BAD_ENTRY for an entry that says
 * it is empty, or a known one that is too short or leaves the table.
 */
MUST_CHECK enum acpi_error acpi_srat_open(struct acpi_bytes table, struct acpi_srat *srat,
                                          struct acpi_fault *fault);

/** The next entry of a kind listed above. `*cursor` is 0 at the start. Returns: false at the end.
 */
bool acpi_srat_next(const struct acpi_srat *srat, uint32_t *cursor, struct acpi_srat_entry *entry);
