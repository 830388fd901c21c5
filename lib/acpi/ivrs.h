/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * IVRS (AMD I/O Virtualization Technology Specification 3.08 §5): the AMD IOMMUs, which devices
 * are behind which, and the memory that firmware lets devices use.
 *
 * Firmware describes one IOMMU up to three times, in blocks of type 10h, 11h and 40h, for software
 * of different age. Only the blocks with `used` are to be believed.
 *
 * acpi_ivrs_open() checks every block and every device entry in it; the two iterators then deliver
 * them without further refusals. Blocks and entries of unknown types are passed over.
 */

#include "acpi/acpi.h"

struct acpi_ivrs {
    struct acpi_bytes table;
    uint32_t info;         /* IVinfo, §5.2.1 */
    uint8_t physical_bits; /* of addresses the IOMMUs can reach; 0: not given */
    uint8_t virtual_bits;
    uint8_t unit_type;   /* of the blocks to be believed; 0: there are none */
    uint32_t unit_count; /* of that type */
};

enum acpi_ivrs_kind {
    ACPI_IVRS_UNIT,  /* IVHD, §5.2.2 */
    ACPI_IVRS_MEMORY /* IVMD, §5.2.3 */
};

struct acpi_ivrs_unit {
    uint16_t device_id;        /* bus, device, function of the IOMMU itself */
    uint16_t capability;       /* offset of its capability in configuration space */
    uint64_t base;             /* physical address of its registers */
    uint16_t info;             /* interrupt number for MSI, unit id */
    uint32_t attributes;       /* features as type 10h reports them, else attributes */
    uint64_t features;         /* the extended feature register; 0 in type 10h */
    uint64_t features2;        /* likewise */
    bool used;                 /* of the type to be believed */
    struct acpi_bytes devices; /* for acpi_ivrs_next_device() */
};

struct acpi_ivrs_memory {
    uint16_t first_id; /* devices that may use it: bus, device, function */
    uint16_t last_id;
    uint64_t start; /* physical */
    uint64_t length;
    bool well_formed; /* page-aligned, not empty, and does not wrap */
};

struct acpi_ivrs_entry {
    enum acpi_ivrs_kind kind;
    uint32_t offset; /* in the table */
    uint8_t type;
    uint8_t flags; /* ACPI_IVMD_*; of a unit: §5.2.2.1, table 90 */
    uint16_t segment;
    union {
        struct acpi_ivrs_unit unit;
        struct acpi_ivrs_memory memory;
    };
};

#define ACPI_IVMD_UNITY     (1u << 0) /* map it one to one */
#define ACPI_IVMD_READ      (1u << 1)
#define ACPI_IVMD_WRITE     (1u << 2)
#define ACPI_IVMD_EXCLUSION (1u << 3) /* do not translate */

enum acpi_ivrs_device_type { /* §5.2.2.2 to §5.2.2.5 */
                             ACPI_IVHD_ALL = 0x01,
                             ACPI_IVHD_SELECT = 0x02,
                             ACPI_IVHD_RANGE = 0x03, /* first of those up to the next RANGE_END */
                             ACPI_IVHD_RANGE_END = 0x04,
                             ACPI_IVHD_ALIAS = 0x42,
                             ACPI_IVHD_ALIAS_RANGE = 0x43,
                             ACPI_IVHD_EXTENDED = 0x46,
                             ACPI_IVHD_EXTENDED_RANGE = 0x47,
                             ACPI_IVHD_SPECIAL = 0x48,
                             ACPI_IVHD_NAMED = 0xf0
};

struct acpi_ivrs_device {
    enum acpi_ivrs_device_type type;
    uint16_t device_id; /* bus, device, function */
    uint8_t flags;      /* for its device table entry */
    uint16_t alias;     /* ALIAS, ALIAS_RANGE: the id its requests carry; SPECIAL: likewise */
    uint32_t extended;  /* EXTENDED, EXTENDED_RANGE: more flags */
    uint8_t handle;     /* SPECIAL: I/O APIC id or HPET number */
    uint8_t variety;    /* SPECIAL: ACPI_IVHD_IO_APIC, ACPI_IVHD_HPET */
    const uint8_t *hid; /* NAMED: 8 bytes of _HID, behind them 8 of _CID */
    uint8_t uid_format; /* NAMED: 0 none, 1 a number, 2 characters */
    struct acpi_bytes uid;
};

#define ACPI_IVHD_IO_APIC 1u
#define ACPI_IVHD_HPET    2u

/**
 * Returns: ACPI_OK, and `*ivrs` is written; ACPI_BAD_LENGTH; ACPI_BAD_CHECKSUM: of all tables but
 * the RSDP, this is the one that no system believes then; ACPI_BAD_ADDRESS for a unit without
 * registers; ACPI_BAD_ENTRY for a block or device entry that is too short, leaves what it is in,
 * or is of a type whose length nothing tells.
 */
MUST_CHECK enum acpi_error acpi_ivrs_open(struct acpi_bytes table, struct acpi_ivrs *ivrs,
                                          struct acpi_fault *fault);

/** The next block. `*cursor` is 0 at the start. Returns: false behind the last one. */
bool acpi_ivrs_next(const struct acpi_ivrs *ivrs, uint32_t *cursor, struct acpi_ivrs_entry *entry);

/** The next device entry of a unit. `*cursor` is 0 at the start. */
bool acpi_ivrs_next_device(struct acpi_bytes devices, uint32_t *cursor,
                           struct acpi_ivrs_device *device);
