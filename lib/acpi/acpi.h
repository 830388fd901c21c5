/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The firmware's description of the machine: finding tables. One file beside this one reads each
 * kind of table (madt, fadt, mcfg, hpet, dmar, sleep).
 *
 * Tables are written by firmware, which is careless more often than hostile; they are read as if
 * it were hostile. Every length and count is checked, reading always ends, and what is refused is
 * named by an error and an offset. On the other hand, a table that Linux accepts is accepted:
 * machines were tested with it. So a wrong checksum is reported but refuses a table as little as
 * it does there (only the RSDP must have right ones, or anything could be one).
 *
 * Formats: ACPI 6.5, §5.2 unless said otherwise.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes that can be read: a table, or a part of one. */
struct acpi_bytes {
    const uint8_t *at;
    size_t length;
};

/**
 * Physical memory as the caller can read it. Embed it in a struct of your own (CONTAINER_OF leads
 * back). `at` returns the bytes [address, address + length), which stay readable for as long
 * as the tables are used, or NULL if not all of them can be read; an address or length may be
 * anything, their sum may overflow.
 */
struct acpi_memory {
    const uint8_t *(*at)(const struct acpi_memory *memory, uint64_t address, uint64_t length);
};

enum acpi_error {
    ACPI_OK = 0,
    ACPI_NOT_FOUND,     /* there is no such table or object */
    ACPI_UNREADABLE,    /* an address or a length leads out of the readable memory */
    ACPI_BAD_SIGNATURE, /* not the table it should be */
    ACPI_BAD_CHECKSUM,  /* of the RSDP */
    ACPI_BAD_LENGTH,    /* a table is shorter than its fixed part */
    ACPI_BAD_ENTRY,     /* an entry is shorter than its kind, or says it is empty */
    ACPI_BAD_ADDRESS,   /* a register is where none can be */
    ACPI_BAD_RANGE      /* a range ends before it starts, or overflows */
};

/** What was refused: offset in the table, or physical address for the RSDP and the root table. */
struct acpi_fault {
    enum acpi_error error;
    uint64_t offset;
};

/** The error's name in camelCase, "?" for a number that is none. */
const char *acpi_error_name(enum acpi_error error);

/** A register, §5.2.3.2 (generic address structure). */
struct acpi_register {
    uint8_t space; /* ACPI_SPACE_*; others exist */
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size; /* 1 byte, 2 word, 3 dword, 4 qword, 0 undefined */
    uint64_t address;    /* 0: there is no such register */
};
#define ACPI_SPACE_MEMORY     0u
#define ACPI_SPACE_IO         1u
#define ACPI_SPACE_PCI_CONFIG 2u

#define ACPI_HEADER_BYTES     36u

/** One table, its header checked: bytes.length is the length in the header, at least 36. */
struct acpi_table {
    char signature[5]; /* zero-terminated */
    bool checksum_good;
    uint64_t address; /* physical */
    struct acpi_bytes bytes;
};

/** The root pointer, its checksums checked. */
struct acpi_rsdp {
    uint8_t revision;
    uint32_t rsdt_address; /* physical */
    uint64_t xsdt_address; /* physical; 0 if revision is less than 2, or there is none */
};

/** The root table (XSDT or RSDT). */
struct acpi_root {
    struct acpi_table table;
    uint32_t entry_bytes; /* 8 or 4 */
    uint32_t entry_count;
};
#define ACPI_ROOT_ENTRIES_MAX 4096u

/**
 * Find the RSDP where a PC's BIOS puts it (§5.2.5.1): in the first KiB of the extended BIOS data
 * area, or between 0xe0000 and 0xfffff.
 *
 * Returns: ACPI_OK, and its physical address in `*address`; ACPI_NOT_FOUND.
 */
MUST_CHECK enum acpi_error acpi_rsdp_find(const struct acpi_memory *memory, uint64_t *address);

/**
 * Read the RSDP at `address`.
 *
 * Returns: ACPI_OK, and `*rsdp` is written; ACPI_UNREADABLE; ACPI_BAD_SIGNATURE; ACPI_BAD_CHECKSUM.
 */
MUST_CHECK enum acpi_error acpi_rsdp_read(const struct acpi_memory *memory, uint64_t address,
                                          struct acpi_rsdp *rsdp, struct acpi_fault *fault);

/**
 * Read the RSDP at `rsdp_address` and the root table it names: the XSDT, or, if there is none or
 * it cannot be used, the RSDT.
 *
 * Returns: ACPI_OK, and `*root` is written; otherwise the error, and `*fault` is written.
 */
MUST_CHECK enum acpi_error acpi_root_open(const struct acpi_memory *memory, uint64_t rsdp_address,
                                          struct acpi_root *root, struct acpi_fault *fault);

/** A table as a root table with entries of `entry_bytes`: 8 in an XSDT, 4 in an RSDT. */
void acpi_root_from_table(const struct acpi_table *table, uint32_t entry_bytes,
                          struct acpi_root *root);

/** The physical address in entry `index`, which is less than root->entry_count. */
uint64_t acpi_root_address(const struct acpi_root *root, uint32_t index);

/** The table that entry `index` names. ACPI_NOT_FOUND for an entry of 0: go on with the next. */
MUST_CHECK enum acpi_error acpi_root_get(const struct acpi_memory *memory,
                                         const struct acpi_root *root, uint32_t index,
                                         struct acpi_table *table, struct acpi_fault *fault);

/** The table number `instance` (from 0) of those with this signature. Unreadable ones do not count.
 */
MUST_CHECK enum acpi_error acpi_root_find(const struct acpi_memory *memory,
                                          const struct acpi_root *root, const char *signature,
                                          uint32_t instance, struct acpi_table *table);

/** The table at a physical address, as the FADT names the DSDT. */
MUST_CHECK enum acpi_error acpi_table_at(const struct acpi_memory *memory, uint64_t address,
                                         struct acpi_table *table, struct acpi_fault *fault);
