/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Page tables (Intel SDM vol. 3A chapter 4, 4-level paging).
 *
 * Two users: mm/kernel_map.c builds the kernel's half once at boot; mm/address_space.c edits user
 * halves. A page-table frame's record counts its non-empty entries in `next`, so that an empty
 * table is found and given back at once and accounts return exactly to where they were.
 */

#include "mm/frames.h"
#include "types.h"

#define PTE_PRESENT     (1ull << 0)
#define PTE_WRITE       (1ull << 1)
#define PTE_USER        (1ull << 2)
#define PTE_WRITE_THRU  (1ull << 3)
#define PTE_NO_CACHE    (1ull << 4)
#define PTE_LARGE       (1ull << 7)
#define PTE_GLOBAL      (1ull << 8)
#define PTE_NO_EXECUTE  (1ull << 63)
#define PTE_ADDRESS     0x000ffffffffff000ull
#define PTES_PER_TABLE  512u
#define USER_ROOT_SLOTS 256u

/** The PTE bits of user access; NX only where the CPU has it. */
uint64_t paging_user_bits(enum access access);

/** NX if the CPU has it, else nothing. */
uint64_t paging_no_execute(void);

/**
 * The leaf entry for `address` below `root`, or NULL where a table is missing.
 */
uint64_t *paging_find(struct paddr root, uint64_t address);

/**
 * Make sure that every 4 KiB page of a range has a leaf table; *first is the first page's entry.
 *
 * Tables are charged to `account`. On error, call paging_prune() on the range.
 * Returns: STATUS_OK, STATUS_OVER_BUDGET or STATUS_NO_MEMORY.
 */
MUST_CHECK enum status paging_prepare(struct paddr root, uint64_t address, uint64_t page_count,
                                      struct account *account, uint64_t **first);

/**
 * Unhook the tables of a range that are empty and add them to `*chain` (FRAME_NONE: empty).
 *
 * A CPU may still hold an unhooked table in its paging-structure caches (SDM vol. 3A 4.10.3): give
 * the chain back only after every CPU that has the root loaded has flushed.
 */
void paging_prune(struct paddr root, uint64_t address, uint64_t page_count, uint32_t *chain);

/** Give back the frames of a chain. */
void paging_give_chain(uint32_t chain, struct account *account);

/** Set an entry of a user half's table, keeping the table's count. */
static inline void paging_set(uint64_t *entry, uint64_t value)
{
    struct buddy_frame *record = frame_record(pointer_frame(entry));

    record->next += (value != 0) - (uint32_t)(*entry != 0);
    *(volatile uint64_t *)entry = value;
}

/** Map a kernel page of 4 KiB, 2 MiB or 1 GiB (level 0, 1, 2). Boot only; panics without memory. */
void paging_map_kernel(struct paddr root, uint64_t address, struct paddr target, uint32_t level,
                       uint64_t bits);

/** Called for every present leaf of a kernel root: address, size in bytes, combined bits. */
typedef void paging_visitor(void *context, uint64_t address, uint64_t bytes, uint64_t bits);

/** Visit every present leaf; `bits` has PTE_WRITE only if every level has, NX if any has. */
void paging_visit(struct paddr root, paging_visitor *visitor, void *context);
