/* SPDX-License-Identifier: MIT */
#include "object/bequest.h"

#include "object/memory.h"
#include "object/process.h"

static uint64_t leave_count; /* processes that have begun to leave, by kernel_lock */

void bequest_leave(struct process *process)
{
    if (!process->is_leaving) {
        process->is_leaving = true;
        leave_count++;
    }
}

/**
 * Come to an object, unless somebody was there, and went on from there, since the last process has
 * begun to leave: else a buffer for each page of a view of a view of a view would take for ever.
 */
static void enter(struct bequest *bequest, struct memory *memory)
{
    if (memory != NULL && memory->looked_at != leave_count) {
        memory->looked_at = leave_count;
        object_get(&memory->object);
        bequest->at = memory;
    } else {
        bequest->at = NULL;
    }
}

void bequest_begin(struct bequest *bequest, struct memory *memory)
{
    KASSERT(bequest->at == NULL);
    enter(bequest, memory);
}

/** Own frames, up to *units; true: of those in the index all but its own frame. */
static bool move_indexed(struct memory *memory, struct account *from, struct account *to,
                         uint32_t *units)
{
    const uint32_t *top = frame_pointer(memory->index_frame);

    for (; memory->bequeathed < memory->filled; memory->bequeathed++, --*units) {
        const uint32_t leaf = top[memory->bequeathed / MEMORY_NUMBERS_PER_PAGE];
        const uint32_t *numbers = frame_pointer(leaf);

        if (*units == 0) {
            return false;
        }
        if (memory->bequeathed % MEMORY_NUMBERS_PER_PAGE == 0) {
            frames_move(leaf, from, to);
        }
        frames_move(numbers[memory->bequeathed % MEMORY_NUMBERS_PER_PAGE], from, to);
    }
    return true;
}

/** Have quarantine pay for an object and its own frames, up to *units; true: for all of it. */
static bool hand_on(struct memory *memory, uint32_t *units)
{
    struct process *payer = memory->object.payer;
    struct process *heir = process_quarantine();

    if (memory->index_frame != FRAME_NONE) {
        if (!move_indexed(memory, &payer->account, &heir->account, units)) {
            return false;
        }
        frames_move(memory->index_frame, &payer->account, &heir->account);
    }
    if (memory->single_frame != FRAME_NONE) {
        frames_move(memory->single_frame, &payer->account, &heir->account);
    }
    account_move(&payer->account, &heir->account, ACCOUNT_OBJECTS, 1);
    slab_bequeath(memory, sizeof(*memory), &payer->slabs, &heir->slabs);
    memory->object.payer = heir;
    process_account_changed(payer);
    return true;
}

bool bequest_go_on(struct bequest *bequest, uint32_t *units)
{
    while (bequest->at != NULL) {
        struct memory *memory = bequest->at;
        const struct process *payer = memory->object.payer;

        if (*units == 0) {
            return false;
        }
        --*units;
        if (payer != NULL && payer->is_leaving && !hand_on(memory, units)) {
            return false;
        }
        enter(bequest, memory->parent);
        object_put(&memory->object);
    }
    return true;
}
