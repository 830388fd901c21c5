/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Buddy allocation of page frames, as pure logic over an array of frame records.
 *
 * The array has one record per frame of physical memory, index = frame number. The record says who
 * owns the frame and what for; while a block is free its first record also links it into the list
 * of its order. The kernel keeps the array and the lock; this module keeps the rules:
 *
 *   - a frame is free exactly if its kind is BUDDY_FREE; only the head of a free block has
 *     BUDDY_HEAD set and is on list `order`;
 *   - blocks are aligned to their size; two free buddies of one order never coexist below the
 *     top order, they are merged.
 */

#include "base/compiler.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define BUDDY_ORDER_COUNT 11u /* blocks of 1 to 1024 frames */
#define BUDDY_WHOLE_ORDER 4u  /* blocks of this order are counted while they are whole */
#define BUDDY_NONE        UINT32_MAX
#define BUDDY_FREE        0u /* the one kind that this module knows */
#define BUDDY_HEAD        1u /* flag: first frame of a free block */

/** One frame. 16 bytes, because there is one for every 4 KiB of the machine. */
struct buddy_frame {
    uint32_t next;     /* head of a free block: next block of its order, or BUDDY_NONE */
    uint32_t previous; /* likewise; both are the owner's to use while the frame is taken */
    uint32_t owner;    /* account that is charged, 0 for the kernel itself */
    uint8_t kind;      /* BUDDY_FREE, or what the owner says it is */
    uint8_t order;     /* head of a free block: its order */
    uint8_t flags;     /* BUDDY_HEAD, or 0; this module's alone */
    uint8_t reserved;
};

static_assert(sizeof(struct buddy_frame) == 16, "the frame table is 1/256 of memory");

struct buddy {
    struct buddy_frame *frames;
    uint32_t frame_count;             /* length of `frames` */
    uint32_t free_count;              /* free frames */
    uint32_t whole_count;             /* free blocks of BUDDY_WHOLE_ORDER, larger ones in parts */
    uint32_t head[BUDDY_ORDER_COUNT]; /* free lists */
};

/**
 * Start with nothing free: every record gets kind `initial_kind`, which is not BUDDY_FREE.
 * `frames` has `frame_count` records.
 */
void buddy_init(struct buddy *buddy, struct buddy_frame *frames, uint32_t frame_count,
                uint8_t initial_kind);

/**
 * Make the frames [first, first + count) free. They must be inside the array and not free; nobody
 * may have been given them.
 */
void buddy_add_range(struct buddy *buddy, uint32_t first, uint32_t count);

/**
 * Take a block of 2^order frames, aligned to its size; all its records get `kind`, which is not
 * BUDDY_FREE, and `owner`.
 * Returns the first frame number; BUDDY_NONE, and nothing has changed, if no free block is that
 * large (none ever is from BUDDY_ORDER_COUNT on).
 */
MUST_CHECK uint32_t buddy_take(struct buddy *buddy, uint32_t order, uint8_t kind, uint32_t owner);

/** Whether taking a block of 2^order frames would leave one whole block less, or find none. */
bool buddy_would_break(const struct buddy *buddy, uint32_t order);

/** Give back a block that buddy_take() returned for the same order. Merges it with its buddies. */
void buddy_give(struct buddy *buddy, uint32_t first, uint32_t order);
