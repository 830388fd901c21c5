/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The structures that a unit reads to translate a DMA address, in legacy mode: root table by bus,
 * context table by device and function, then second-stage tables (VT-d 4.1 §9.1, §9.3, §9.8).
 */

#include <stdbool.h>
#include <stdint.h>

#define VTD_PRESENT         (1ull << 0)
#define VTD_ADDRESS         0x000ffffffffff000ull
#define VTD_TABLE_ENTRIES   512u /* of a second-stage table */
#define VTD_ROOT_ENTRIES    256u /* one for each bus */
#define VTD_CONTEXT_ENTRIES 256u /* one for each device and function */

/* Second-stage entry (§9.8). */
#define VTD_READ  (1ull << 0)
#define VTD_WRITE (1ull << 1)

/** Root and context entries are of 128 bits. */
struct vtd_entry {
    uint64_t low;
    uint64_t high;
};

/** §9.1: the root entry of a bus with a context table. */
static inline struct vtd_entry vtd_root_entry(uint64_t context_table)
{
    return (struct vtd_entry){.low = context_table | VTD_PRESENT};
}

/**
 * §9.3: untranslated requests go through the tables at `root`, all others are refused (translation
 * type 0); faults are recorded. `levels` is 3 or 4: address width 1 or 2.
 */
static inline struct vtd_entry vtd_context_entry(uint64_t root, uint32_t levels, uint16_t domain)
{
    return (struct vtd_entry){
        .low = root | VTD_PRESENT,
        .high = (uint64_t)(levels - 2) | (uint64_t)domain << 8,
    };
}

/** §9.8: an entry that leads to the next table; what is allowed is up to the last one. */
static inline uint64_t vtd_table_entry(uint64_t table)
{
    return table | VTD_READ | VTD_WRITE;
}

/** The entry for an address in a table; level 0 is that of the 4 KiB pages. */
static inline uint32_t vtd_table_index(uint64_t address, uint32_t level)
{
    return (uint32_t)(address >> (12 + 9 * level)) & (VTD_TABLE_ENTRIES - 1);
}
