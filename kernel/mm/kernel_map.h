/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel's half of every address space: built once at boot, shared by all roots, never W+X.
 * Windows map single things outside usable memory: stacks with guard pages, device registers the
 * kernel itself drives, firmware tables.
 */

#include "bootinfo/bootinfo.h"
#include "mm/frames.h"
#include "types.h"

/** Build the final tables and switch to them. Boot CPU, once. */
void kernel_map_init(const struct boot_info *info);

/**
 * Look at every page, when all of them are there: panics if one is writable and executable, open to
 * user code, or a way to write the kernel's text. Boot CPU, once.
 */
void kernel_map_check(void);

/** The kernel's own root, without a user half. */
struct paddr kernel_map_root(void);

/** Give a new root the kernel's half. */
void kernel_map_share(struct paddr root);

/**
 * Map [address, address + bytes) of physical memory into the window, uncached for registers or
 * read-only and cached for tables. Returns the pointer to `address` itself. Boot only.
 */
volatile void *kernel_map_registers(struct paddr address, uint64_t bytes);
const void *kernel_map_table(struct paddr address, uint64_t bytes);

/**
 * A pointer to a device's register, good until the next call on this CPU: for whatever is touched
 * too rarely to be mapped for good. `address` to the end of its page. Context: the kernel.
 */
volatile void *kernel_map_register(struct paddr address);

/** A stack of `page_count` pages with an unmapped page below; returns its top. Boot only. */
uint64_t kernel_map_stack(uint32_t page_count);

/**
 * Addresses for `page_count` pages, with an unmapped one behind them, that kernel_map_fill() maps
 * one by one: their page tables are there. Boot only.
 */
uint64_t kernel_map_reserve(uint32_t page_count);

/**
 * Map a page that was reserved, and is not mapped, to a cleared frame of the kernel's own.
 * Returns: STATUS_OK; STATUS_NO_MEMORY, and nothing has changed.
 */
MUST_CHECK enum status kernel_map_fill(uint64_t address, enum frame_kind kind);

/** Wipe the boot page tables (they are writable and executable); no CPU uses them any more. */
void kernel_map_retire_boot_tables(void);
