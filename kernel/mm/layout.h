/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where things are in the address space.
 *
 *   0x0000000000010000  user space; page 0 and the last pages of the lower half stay unmapped
 *   0x00007ffffffeffff
 *   0xffff800000000000  direct map: all usable memory, writable, never executable; the frames of
 *                       the kernel's text and read-only data are read-only here too
 *   0xffffff0000000000  kernel windows: CPU stacks (with guard pages), device registers of the
 *                       kernel's own, firmware tables while they are read
 *   0xffffffff80000000  the kernel image
 */

#include "types.h"

#define USER_BASE           0x0000000000010000ull
#define USER_END            0x00007fffffff0000ull
#define DIRECT_MAP_BASE     0xffff800000000000ull
#define WINDOW_BASE         0xffffff0000000000ull
#define WINDOW_END          0xffffff8000000000ull
#define KERNEL_VIRTUAL_BASE 0xffffffff80000000ull

/* The first thread of a process; the same numbers are the user runtime's. */
#define FIRST_RING_ADDRESS 0x0000000010000000ull
#define FIRST_STACK_TOP    0x00000007fffff000ull
#define FIRST_STACK_PAGES  16u

/* From linker.ld. */
extern const char kernel_image_start[];
extern const char kernel_text_start[];
extern const char kernel_text_end[];
extern const char kernel_rodata_end[];
extern const char kernel_data_start[];
extern const char kernel_image_end[];

/** The kernel's view of a frame of usable memory. */
static inline void *direct_map(struct paddr address)
{
    return (void *)(uintptr_t)(DIRECT_MAP_BASE + address.value);
}

/** The physical address behind a direct-map pointer. */
static inline struct paddr direct_map_paddr(const void *pointer)
{
    return (struct paddr){(uint64_t)(uintptr_t)pointer - DIRECT_MAP_BASE};
}

/** The physical address behind a pointer into the kernel image. */
static inline struct paddr image_paddr(const void *pointer)
{
    return (struct paddr){(uint64_t)(uintptr_t)pointer - KERNEL_VIRTUAL_BASE};
}

/** Whether [address, address + page_count pages) is page aligned and inside user space. */
static inline bool is_user_range(uint64_t address, uint64_t page_count)
{
    return is_page_aligned(address) && address >= USER_BASE && address < USER_END &&
           page_count > 0 && page_count <= (USER_END - address) / PAGE_BYTES;
}
