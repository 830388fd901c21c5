/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Page frames: who owns each, and what for.
 *
 * Every frame of the machine has a record (lib/buddy): its kind below, and the account that pays
 * for it. The kinds add up to all of memory, and `mem` at the prompt shows just that sum. A frame
 * taken with an account is charged before it is taken, so inside its budget a process cannot be
 * refused memory that others have used up.
 */

#include "account/account.h"
#include "bootinfo/bootinfo.h"
#include "buddy/buddy.h"
#include "mm/layout.h"
#include "types.h"

enum frame_kind {
    FRAME_FREE = BUDDY_FREE,
    FRAME_RESERVED,     /* firmware, holes, the boot package */
    FRAME_KERNEL_IMAGE, /* text, data, bss */
    FRAME_TABLE,  /* the kernel's tables: the frame records, the functions of buses, the ledger */
    FRAME_SLAB,   /* kernel objects */
    FRAME_THREAD, /* a thread's registers, operations, and what is left of its block */
    FRAME_PAGE_TABLE, /* `next` counts its non-empty entries */
    FRAME_RING,
    FRAME_MEMORY,    /* content of memory objects */
    FRAME_CAP_TABLE, /* capability tables and the object table */
    FRAME_PER_CPU,   /* CPU records and stacks */
    FRAME_IOMMU,     /* tables that IOMMUs read; of a domain's, `next` counts non-empty entries */
    FRAME_KIND_COUNT
};

#define FRAME_NONE BUDDY_NONE

/** Take over the machine's memory. Boot CPU, once, while the boot page tables still stand. */
void frames_init(const struct boot_info *info);

/** Add what lies above the boot page tables' reach. Boot CPU, once the direct map is complete. */
void frames_add_high_memory(void);

/**
 * Take 2^order contiguous frames, not cleared, charged to `account` (NULL: the kernel's own).
 *
 * Locks: takes the frame lock.
 * Returns: STATUS_OK with *first; STATUS_OVER_BUDGET or STATUS_NO_MEMORY, nothing changed.
 */
MUST_CHECK enum status frames_take(uint32_t order, enum frame_kind kind, struct account *account,
                                   uint32_t *first);

/** Give back what frames_take() returned, with the same order and account. */
void frames_give(uint32_t first, uint32_t order, struct account *account);

/**
 * Set whole blocks aside for as many threads as there can be, once, before any thread is made. From
 * then on nothing else can have them: there are always as many as threads that may still be made,
 * however memory is fragmented. What can be charged to accounts is so much less.
 */
void frames_set_aside(uint32_t thread_count);

/** Threads that frames_set_aside() should be told of, for the memory that is free now. */
uint32_t frames_threads_max(void);

/**
 * The block of a thread, of THREAD_BLOCK_FRAMES, the first RING_FRAMES of which are its ring. Paid
 * by whoever was charged for the thread; `owner` is for the records. Only if more threads are made
 * than were set aside is there none: STATUS_NO_MEMORY.
 */
MUST_CHECK enum status frames_take_thread(const struct account *owner, uint32_t *first);
void frames_give_thread(uint32_t first);

#define THREAD_BLOCK_ORDER  BUDDY_WHOLE_ORDER
#define THREAD_BLOCK_FRAMES (1u << THREAD_BLOCK_ORDER)
#define RING_FRAMES         8u

/**
 * Cleared memory for a table that is made at boot, of FRAME_TABLE, at least one page; panics with
 * `what` if there is none. frames_give_boot() gives it back, with the same number of bytes.
 */
void *frames_take_boot(uint64_t bytes, const char *what);
void frames_give_boot(void *pointer, uint64_t bytes);

/** Have another account pay for one frame that was taken with order 0. */
void frames_move(uint32_t frame, struct account *from, struct account *to);

/** The record of a frame. */
struct buddy_frame *frame_record(uint32_t frame);

/** Number of frames of each kind. */
void frames_count(uint64_t counts[FRAME_KIND_COUNT]);

/** Number of frames that have a record: one past the highest frame of memory. */
uint32_t frames_total(void);

/** Frames that are free right now. */
uint32_t frames_free(void);

static inline struct paddr frame_paddr(uint32_t frame)
{
    return (struct paddr){(uint64_t)frame << PAGE_SHIFT};
}

static inline uint32_t paddr_frame(struct paddr address)
{
    return (uint32_t)(address.value >> PAGE_SHIFT);
}

/** The kernel's view of a frame. */
static inline void *frame_pointer(uint32_t frame)
{
    return direct_map(frame_paddr(frame));
}

/** The frame behind a pointer that frame_pointer() made. */
static inline uint32_t pointer_frame(const void *pointer)
{
    return paddr_frame(direct_map_paddr(pointer));
}

/** Fill a frame with zeros. */
void frame_clear(uint32_t frame);
