/* SPDX-License-Identifier: MIT */
#include "buddy/buddy.h"

/** How many whole blocks there are in a free one. */
static uint32_t whole_blocks(uint32_t order)
{
    return order < BUDDY_WHOLE_ORDER ? 0 : 1u << (order - BUDDY_WHOLE_ORDER);
}

static void push(struct buddy *buddy, uint32_t first, uint32_t order)
{
    struct buddy_frame *frame = &buddy->frames[first];
    const uint32_t old_head = buddy->head[order];

    frame->flags = BUDDY_HEAD;
    frame->order = (uint8_t)order;
    frame->next = old_head;
    frame->previous = BUDDY_NONE;
    if (old_head != BUDDY_NONE) {
        buddy->frames[old_head].previous = first;
    }
    buddy->head[order] = first;
    buddy->whole_count += whole_blocks(order);
}

static void unlink_block(struct buddy *buddy, uint32_t first)
{
    struct buddy_frame *frame = &buddy->frames[first];

    if (frame->previous != BUDDY_NONE) {
        buddy->frames[frame->previous].next = frame->next;
    } else {
        buddy->head[frame->order] = frame->next;
    }
    if (frame->next != BUDDY_NONE) {
        buddy->frames[frame->next].previous = frame->previous;
    }
    frame->flags = 0;
    buddy->whole_count -= whole_blocks(frame->order);
}

void buddy_init(struct buddy *buddy, struct buddy_frame *frames, uint32_t frame_count,
                uint8_t initial_kind)
{
    buddy->frames = frames;
    buddy->frame_count = frame_count;
    buddy->free_count = 0;
    buddy->whole_count = 0;
    for (uint32_t order = 0; order < BUDDY_ORDER_COUNT; order++) {
        buddy->head[order] = BUDDY_NONE;
    }
    for (uint32_t i = 0; i < frame_count; i++) {
        frames[i] = (struct buddy_frame){
            .next = BUDDY_NONE,
            .previous = BUDDY_NONE,
            .kind = initial_kind,
        };
    }
}

static bool is_free_block(const struct buddy *buddy, uint32_t first, uint32_t order)
{
    if (first >= buddy->frame_count) {
        return false; /* the buddy of the last block of an array that ends in its middle */
    }
    const struct buddy_frame *frame = &buddy->frames[first];

    return (frame->flags & BUDDY_HEAD) != 0 && frame->order == order;
}

void buddy_give(struct buddy *buddy, uint32_t first, uint32_t order)
{
    for (uint32_t i = 0; i < 1u << order; i++) {
        buddy->frames[first + i].kind = BUDDY_FREE;
        buddy->frames[first + i].owner = 0;
    }
    buddy->free_count += 1u << order;

    while (order + 1 < BUDDY_ORDER_COUNT) {
        const uint32_t other = first ^ (1u << order);

        if (!is_free_block(buddy, other, order)) {
            break;
        }
        unlink_block(buddy, other);
        first &= ~(1u << order);
        order++;
    }
    push(buddy, first, order);
}

void buddy_add_range(struct buddy *buddy, uint32_t first, uint32_t count)
{
    while (count > 0) {
        uint32_t order = 0;

        while (order + 1 < BUDDY_ORDER_COUNT && (first & ((2u << order) - 1)) == 0 &&
               2u << order <= count) {
            order++;
        }
        buddy_give(buddy, first, order);
        first += 1u << order;
        count -= 1u << order;
    }
}

uint32_t buddy_take(struct buddy *buddy, uint32_t order, uint8_t kind, uint32_t owner)
{
    uint32_t found = order;

    while (found < BUDDY_ORDER_COUNT && buddy->head[found] == BUDDY_NONE) {
        found++;
    }
    if (found >= BUDDY_ORDER_COUNT) {
        return BUDDY_NONE;
    }

    const uint32_t first = buddy->head[found];

    unlink_block(buddy, first);
    while (found > order) {
        found--;
        push(buddy, first + (1u << found), found);
    }
    for (uint32_t i = 0; i < 1u << order; i++) {
        buddy->frames[first + i].kind = kind;
        buddy->frames[first + i].owner = owner;
    }
    buddy->free_count -= 1u << order;
    return first;
}

bool buddy_would_break(const struct buddy *buddy, uint32_t order)
{
    for (; order < BUDDY_WHOLE_ORDER; order++) {
        if (buddy->head[order] != BUDDY_NONE) {
            return false;
        }
    }
    return true;
}
