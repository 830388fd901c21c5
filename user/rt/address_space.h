/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which addresses of the process are in use by the runtime: heap, thread stacks, rings, mappings.
 *
 * The range from RT_SPACE_START (rt/arch.h) is handed out in granules of 64 KiB, with at least one
 * unused page behind every reservation, so that nobody runs from one mapping into the next.
 * Programs that map at fixed addresses of their own choice do that outside this range. Context: any
 * thread; takes a lock of its own.
 */

#include "capos.h"
#include "rt/arch.h"

#include <stdint.h>

#define RT_SPACE_GRANULE_BYTES 0x10000ull
#define RT_SPACE_GRANULES      32768u
#define RT_PAGE_BYTES          4096ull

/** Reserve addresses for `page_count` pages. Returns: STATUS_OK; STATUS_NO_MEMORY if full. */
MUST_CHECK enum status rt_space_reserve(uint64_t page_count, uint64_t *address);

/** Give back what rt_space_reserve() gave, with the same page count. */
void rt_space_release(uint64_t address, uint64_t page_count);

/**
 * Map all pages of `memory` from `page_offset` on at addresses of the runtime's choice.
 *
 * Returns: STATUS_OK and the address; else the refusal, with nothing changed.
 */
MUST_CHECK enum status rt_space_map(uint64_t memory, uint32_t page_offset, uint32_t page_count,
                                    enum access access, void **address);

/** Undo rt_space_map(). A mapping that a revocation has already removed is no error. */
void rt_space_unmap(void *address, uint32_t page_count);
