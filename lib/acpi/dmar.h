/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * DMAR (Intel VT-d Architecture Specification 4.1 §8): the DMA remapping units, which devices are
 * behind which, and the memory that firmware lets devices use.
 *
 * acpi_dmar_open() checks every structure and every device scope in it; the two iterators then
 * deliver them without further refusals. Structures of other kinds are passed over.
 */

#include "acpi/acpi.h"

struct acpi_dmar {
    struct acpi_bytes table;
    uint8_t address_bits;     /* of DMA addresses the platform can reach */
    bool interrupt_remapping; /* §8.1: supported by the platform */
    bool x2apic_opt_out;      /* firmware asks not to use x2APIC */
    uint32_t unit_count;
};

enum acpi_dmar_kind {
    ACPI_DMAR_UNIT,     /* DRHD, §8.3 */
    ACPI_DMAR_RESERVED, /* RMRR, §8.4 */
    ACPI_DMAR_ATS,      /* ATSR, §8.5: root ports that support address translation services */
    ACPI_DMAR_AFFINITY, /* RHSA, §8.6: the proximity domain of a unit */
    ACPI_DMAR_NAMED,    /* ANDD, §8.7: a device that the ACPI namespace describes */
    ACPI_DMAR_SATC,     /* SATC, §8.8: integrated devices that do translate addresses */
    ACPI_DMAR_PROPERTY  /* SIDP, §8.9: integrated devices with properties */
};

struct acpi_dmar_entry {
    enum acpi_dmar_kind kind;
    uint32_t offset; /* in the table */
    uint16_t segment;
    bool all;         /* UNIT: every device of the segment under no other unit; ATS: ports */
    bool well_formed; /* RESERVED: page-aligned and not empty */
    uint64_t base;    /* UNIT, AFFINITY: physical address of the registers; RESERVED: first byte */
    uint64_t limit;   /* RESERVED: last byte */
    uint32_t proximity;       /* AFFINITY */
    uint8_t device_number;    /* NAMED: what scopes call the device */
    struct acpi_bytes name;   /* NAMED: its path, without the zero that ends it */
    struct acpi_bytes scopes; /* for acpi_dmar_next_scope() */
};

enum acpi_dmar_scope_type { /* §8.3.1, table 8-1; others may come */
                            ACPI_SCOPE_ENDPOINT = 1,
                            ACPI_SCOPE_BRIDGE = 2,
                            ACPI_SCOPE_IO_APIC = 3,
                            ACPI_SCOPE_HPET = 4,
                            ACPI_SCOPE_NAMESPACE = 5
};

/** One device, by the way that leads to it: from `bus` through (device, function) pairs. */
struct acpi_dmar_scope {
    uint8_t type;
    uint8_t enumeration_id; /* I/O APIC id, HPET number, ACPI device number */
    uint8_t bus;
    uint8_t path_length; /* pairs, at least 1 */
    const uint8_t *path;
};

/**
 * Returns: ACPI_OK, and `*dmar` is written; ACPI_BAD_LENGTH; ACPI_BAD_ADDRESS for an address width
 * or a register address of 0; ACPI_BAD_ENTRY for a structure or scope that is too short or leaves
 * what it is in, and for a device name without an end.
 */
MUST_CHECK enum acpi_error acpi_dmar_open(struct acpi_bytes table, struct acpi_dmar *dmar,
                                          struct acpi_fault *fault);

/** The next structure. `*cursor` is 0 at the start. Returns: false behind the last one. */
bool acpi_dmar_next(const struct acpi_dmar *dmar, uint32_t *cursor, struct acpi_dmar_entry *entry);

/** The next device scope of a structure. `*cursor` is 0 at the start. */
bool acpi_dmar_next_scope(struct acpi_bytes scopes, uint32_t *cursor,
                          struct acpi_dmar_scope *scope);
