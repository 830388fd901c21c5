/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Deferred, bounded work: whatever takes longer than one kernel entry should.
 *
 * A work item is a step function that does a bounded piece and says whether it is done. One step
 * runs at each exit from the kernel, and idle CPUs run them back to back, so nothing that a
 * process does makes the kernel deaf for long (docs/design/0001-event-kernel.md).
 *
 * Under the kernel lock.
 */

#include "list.h"
#include "types.h"

struct work {
    struct list link;
    /** Do a bounded piece; true when all is done. After that the item is not touched again. */
    bool (*step)(struct work *work);
};

/** Units (pages, table entries, waiters) that one step may handle. */
#define WORK_STEP_UNITS 32u

/** Objects that one step may destroy, each with a step's worth of what it has. */
#define REAP_STEP_OBJECTS 2u

/** Pages that one step may clear. */
#define WORK_STEP_PAGES 8u

/** Pages that one step may clear and fill from an image. */
#define LOAD_STEP_PAGES 4u

/** Pages of a memory object that are made at once, when it has no more. */
#define ENTRY_PAGES 16u

/** Bytes of text that one step may write to the console. */
#define CONSOLE_STEP_BYTES 256u

/** Threads of a process that one step may end, each with a step's worth of operations. */
#define PROCESS_STEP_THREADS 2u

/** Queue a work item that is not queued. */
void work_start(struct work *work);

/** Queue it before all others, so that its first step runs at the next exit: for short ones. */
void work_start_first(struct work *work);

/** Everything queued; for work_is_pending(). */
extern struct list work_queue;

/** Whether anything is queued. */
static inline bool work_is_pending(void)
{
    return !list_is_empty(&work_queue);
}

/** Run one step of the oldest item; unfinished items go to the end of the queue. */
void work_run_step(void);

/** Queue an object for destruction. */
struct object;
void reap_object(struct object *object);
