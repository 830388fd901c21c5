/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the boot loader says about the machine, in one form whoever the boot loader was: memory,
 * modules, command line, where ACPI starts. The kernel calls it once, before there is an
 * allocator, and keeps the result; nothing in it points into the loader's memory, except
 * rsdp_address and the modules themselves.
 *
 * Input is physical memory seen through a window, and none of it is believed: a length or an
 * address that leads out of the window is refused with the address of the field that says so.
 *
 * The memory map is made fit to allocate from:
 *
 *   B1  ranges ascend, are not empty, do not overlap; neighbours of one type are one range
 *   B2  both ends are page-aligned: usable memory shrinks to whole pages, all else grows
 *   B3  where the loader's entries overlap, the most restrictive type wins
 *   B4  what the loader does not mention is in no range, and is not usable
 *   B5  if the array is too small, memory is lost but none becomes usable that should not be
 *
 * Modules, the kernel image and the loader's own structures lie in usable memory: the caller
 * sets them aside.
 *
 * Formats: Xen, public/arch-x86/hvm/start_info.h (PVH, versions 0 and 1); Multiboot2
 * Specification 2.0 §3.6; UEFI 2.10 §7.2.3 (memory descriptors); ACPI 6.5 §15 (range types).
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_RANGES_MAX         256u
#define BOOT_MODULES_MAX        8u
#define BOOT_MODULE_NAME_BYTES  64u
#define BOOT_COMMAND_LINE_BYTES 512u
#define BOOT_MAP_ENTRIES_MAX    8192u
#define BOOT_PAGE_BYTES         4096u

/** In eax when a multiboot2 loader starts the kernel (Multiboot2 §3.3). */
#define BOOT_MULTIBOOT2_LOADER_MAGIC 0x36d76289u

/** Physical memory [0, limit) as far as it can be read, from `base` on. */
struct boot_window {
    const uint8_t *base;
    uint64_t limit;
};

/** Kinds of memory, each more restrictive than those before it. */
enum boot_memory {
    BOOT_MEMORY_USABLE = 0,
    BOOT_MEMORY_ACPI,     /* ACPI tables: usable once they have been read */
    BOOT_MEMORY_NVS,      /* firmware's, to be kept across sleep */
    BOOT_MEMORY_RESERVED, /* firmware's or a device's */
    BOOT_MEMORY_BAD       /* defective */
};

struct boot_range {
    uint64_t start; /* physical */
    uint64_t end;   /* behind the last byte */
    enum boot_memory type;
};

/** A file that the loader has put into memory. */
struct boot_module {
    uint64_t address; /* physical */
    uint64_t bytes;
    char name[BOOT_MODULE_NAME_BYTES]; /* its command line, zero-terminated */
};

/* Bits of boot_info.truncated: what did not fit. */
#define BOOT_TRUNCATED_RANGES       (1u << 0)
#define BOOT_TRUNCATED_MODULES      (1u << 1)
#define BOOT_TRUNCATED_MODULE_NAME  (1u << 2)
#define BOOT_TRUNCATED_COMMAND_LINE (1u << 3)

struct boot_info {
    uint32_t range_count;
    uint32_t module_count;
    uint32_t truncated;       /* BOOT_TRUNCATED_* */
    uint32_t ignored_entries; /* of the memory map: usable, but their end overflows */
    uint64_t rsdp_address;    /* physical, 0 if the loader names none */
    uint64_t loader_address;  /* the loader's structure: physical, and its size; rsdp_address */
    uint64_t loader_bytes;    /* may lie in it */
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct boot_module modules[BOOT_MODULES_MAX];
    char command_line[BOOT_COMMAND_LINE_BYTES]; /* zero-terminated */
};

enum boot_error {
    BOOT_OK = 0,
    BOOT_OUTSIDE_WINDOW,   /* an address or a length leads out of the window */
    BOOT_BAD_MAGIC,        /* not the structure it should be */
    BOOT_BAD_SIZE,         /* the structure or a tag is too small, or leaves what it is part of */
    BOOT_NO_END_TAG,       /* tags end without the tag that ends them */
    BOOT_BAD_ENTRY_SIZE,   /* memory map entries are smaller than what they must hold */
    BOOT_TOO_MANY_ENTRIES, /* more than BOOT_MAP_ENTRIES_MAX memory map entries */
    BOOT_BAD_MODULE,       /* a module ends before it starts, or is no physical memory */
    BOOT_NO_MEMORY_MAP     /* nothing says where memory is (always so with PVH version 0) */
};

/** What was refused, and the physical address of the field that is wrong. */
struct boot_fault {
    enum boot_error error;
    uint64_t address;
};

/** Names in camelCase, "?" for a number that is none. */
const char *boot_error_name(enum boot_error error);
const char *boot_memory_name(enum boot_memory type);

/**
 * Read the hvm_start_info at `address`, which PVH entry finds in ebx.
 *
 * Returns: BOOT_OK; otherwise the error, `*fault` is written and `*info` means nothing.
 */
MUST_CHECK enum boot_error boot_info_from_pvh(const struct boot_window *window, uint64_t address,
                                              struct boot_info *info, struct boot_fault *fault);

/** The same for a multiboot2 information structure. */
MUST_CHECK enum boot_error boot_info_from_multiboot2(const struct boot_window *window,
                                                     uint64_t address, struct boot_info *info,
                                                     struct boot_fault *fault);

/** Whether all of [start, start + bytes) is in one usable range. */
bool boot_info_is_usable(const struct boot_info *info, uint64_t start, uint64_t bytes);
