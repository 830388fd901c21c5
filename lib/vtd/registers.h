/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Registers of a remapping unit (VT-d 4.1 §11.4): where they are, what is in them, and what the
 * two capability registers say, decoded and judged once.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Offsets in bytes. */
#define VTD_VERSION             0x00u /* 32 bits */
#define VTD_CAPABILITY          0x08u
#define VTD_EXTENDED_CAPABILITY 0x10u
#define VTD_COMMAND             0x18u /* 32 */
#define VTD_STATUS              0x1cu /* 32 */
#define VTD_ROOT_TABLE          0x20u
#define VTD_FAULT_STATUS        0x34u /* 32 */
#define VTD_FAULT_CONTROL       0x38u /* 32 */
#define VTD_FAULT_DATA          0x3cu /* 32 */
#define VTD_FAULT_ADDRESS       0x40u /* 32 */
#define VTD_FAULT_UPPER_ADDRESS 0x44u /* 32 */
#define VTD_PROTECTED_MEMORY    0x64u /* 32 */
#define VTD_QUEUE_HEAD          0x80u
#define VTD_QUEUE_TAIL          0x88u
#define VTD_QUEUE_ADDRESS       0x90u
#define VTD_EVENT_CONTROL       0xa0u /* 32: of invalidation completion events */
#define VTD_INTERRUPT_TABLE     0xb8u

/* Global command and status (§11.4.4): the same bits, one command at a time. */
#define VTD_TRANSLATION         (1u << 31)
#define VTD_SET_ROOT            (1u << 30)
#define VTD_FLUSH_WRITES        (1u << 27)
#define VTD_QUEUE               (1u << 26)
#define VTD_REMAPPING           (1u << 25) /* of interrupts */
#define VTD_SET_INTERRUPT_TABLE (1u << 24)
#define VTD_COMPATIBILITY       (1u << 23) /* compatibility format interrupts pass */
/* States; the others are commands that happen once (§11.4.4.1). */
#define VTD_STATES (VTD_TRANSLATION | VTD_QUEUE | VTD_REMAPPING | VTD_COMPATIBILITY)

/* Fault status (§11.4.7.1); the bits are cleared by writing 1. */
#define VTD_FAULT_OVERFLOW   (1u << 0)
#define VTD_FAULT_PENDING    (1u << 1) /* read only */
#define VTD_QUEUE_ERROR      (1u << 4)
#define VTD_COMPLETION_ERROR (1u << 5)
#define VTD_TIMEOUT_ERROR    (1u << 6)
#define VTD_FAULT_CLEARABLE                                                                        \
    (VTD_FAULT_OVERFLOW | VTD_QUEUE_ERROR | VTD_COMPLETION_ERROR | VTD_TIMEOUT_ERROR)
#define VTD_FAULT_FIRST(status) (((status) >> 8) & 0xffu)

#define VTD_EVENT_MASKED        (1u << 31) /* fault and invalidation event control (§11.4.7.2) */
#define VTD_PROTECTED_ENABLE    (1u << 31) /* §11.4.8.1 */
#define VTD_PROTECTED_STATUS    (1u << 0)

#define VTD_EXTENDED_MODE       (1ull << 11) /* in the interrupt table's address (§11.4.6.1) */

/** What a unit can do. */
struct vtd_capabilities {
    uint32_t domain_count;   /* ids, 16 to 65536 */
    uint32_t address_bits;   /* that a domain translates: 39, 48 or fewer (MGAW) */
    uint32_t levels;         /* of its tables: 3 or 4 */
    uint32_t fault_offset;   /* bytes, of the first fault record */
    uint32_t fault_count;    /* records */
    uint32_t page_order_max; /* of a page-selective invalidation, if it has any */
    bool page_selective;
    bool write_buffer; /* writes need flushing (RWBF) */
    bool caching_mode; /* absent entries may be cached */
    bool drains_reads; /* on request, in an IOTLB invalidation */
    bool drains_writes;
    bool protects_memory; /* has protected memory registers */
    bool coherent;        /* structures are read through the CPUs' caches */
    bool interrupt_remapping;
    bool extended_interrupts; /* EIM: APIC ids of 32 bits */
};

/**
 * Decode version, capability and extended capability (§11.4.1 to §11.4.3).
 *
 * Returns: NULL and *out; else why the unit cannot be used, in words.
 */
MUST_CHECK const char *vtd_capabilities_read(uint32_t version, uint64_t capability,
                                             uint64_t extended, struct vtd_capabilities *out);

/** Queue address register (§11.4.9.3) for a queue of 2^order pages, 256 descriptors each. */
static inline uint64_t vtd_queue_address(uint64_t address, uint32_t order)
{
    return address | order;
}

/** Interrupt table address register (§11.4.6.1), for 2^order entries, order 1 to 16. */
static inline uint64_t vtd_interrupt_table_address(uint64_t address, uint32_t order, bool extended)
{
    return address | (extended ? VTD_EXTENDED_MODE : 0) | (order - 1);
}
