/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Inside lib/bootinfo: what the readers of both formats have in common. A reading carries the
 * window, the result and the fault; its functions return false when they have refused.
 */

#include "bootinfo/bootinfo.h"

struct boot_reading {
    const struct boot_window *window;
    struct boot_info *info;
    struct boot_fault fault;
    uint32_t map_entries; /* memory map entries seen so far */
};

/** Refuse, naming the field at physical `address`. False, so that a check can end with it. */
bool boot_refuse(struct boot_reading *reading, enum boot_error error, uint64_t address);

/** The bytes [address, address + length), or NULL if not all of them are in the window. */
const uint8_t *boot_window_at(const struct boot_window *window, uint64_t address, uint64_t length);

/** Count `count` more memory map entries, named by the field at `field`. */
bool boot_count_entries(struct boot_reading *reading, uint64_t count, uint64_t field);

/** Add one entry of the loader's memory map. */
void boot_add_memory(struct boot_info *info, uint64_t start, uint64_t bytes, enum boot_memory type);

/** Add a module whose size is named by the field at `field`; `name` has `name_limit` bytes. */
bool boot_add_module(struct boot_reading *reading, uint64_t address, uint64_t bytes,
                     const uint8_t *name, uint64_t name_limit, uint64_t field);

/** Take over the command line, at most `limit` bytes at `from` unless a zero byte ends it. */
void boot_set_command_line(struct boot_info *info, const uint8_t *from, uint64_t limit);

/** The RSDP that 64-bit UEFI's system table leads to, the newer one first; 0 if there is none. */
uint64_t boot_rsdp_from_efi(const struct boot_window *window, uint64_t system_table);

/** The meaning of an address range type of ACPI 6.5 §15, which both formats use. */
enum boot_memory boot_memory_from_acpi(uint32_t type);

/** Start: the result is emptied. End: the verdict. */
void boot_begin(struct boot_reading *reading, const struct boot_window *window,
                struct boot_info *info);
enum boot_error boot_end(struct boot_reading *reading, bool good, struct boot_fault *fault);
