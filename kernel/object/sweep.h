/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ending the operations that wait on an object, however many there are.
 *
 * When an object is revoked, its queue is taken off it at once, in one piece, so that nobody in it
 * is served any more; those in it are then told, or put back if they are the revoker's, a step's
 * worth at a time. An object that is closed or has ended refuses new waiters anyway, and its queue
 * can stay where it is. Each kind of object says what becomes of one operation; see `one`.
 *
 * An operation in `rest` may be cancelled, time out or lose its thread like any other: its link is
 * in a list, and which one does not matter. Under the kernel lock.
 */

#include "list.h"
#include "object/reaper.h"
#include "types.h"

struct object;
struct operation;
struct process;

struct sweep {
    struct work work;
    struct list rest;      /* struct operation.link: what was in the queue when it was taken off */
    struct object *object; /* a reference while it is under way; NULL: it is not */
    uint64_t spared_pid;   /* whose operations in `rest` are put back; 0: nobody's */
    /** Settle one operation, which is in `rest` or still in the object; false: there is none. */
    bool (*one)(struct sweep *sweep);
};

void sweep_init(struct sweep *sweep, bool (*one)(struct sweep *sweep));

/** Whether there is still somebody to be told. */
static inline bool sweep_is_running(const struct sweep *sweep)
{
    return sweep->object != NULL;
}

/**
 * Take `queue` off its object and settle what was in it, the first step's worth at once. None is
 * under way: a second revocation is refused before (struct object_type.is_revoking).
 */
void sweep_revoke(struct sweep *sweep, struct object *object, struct list *queue,
                  const struct process *revoker);

/** The object has ended: settle all that wait, the first step's worth at once. */
void sweep_all(struct sweep *sweep, struct object *object);

/** The same, beginning at the next exit from the kernel: for whoever may end many objects. */
void sweep_all_later(struct sweep *sweep, struct object *object);

/** The first operation in `rest`, or NULL. */
struct operation *sweep_first(const struct sweep *sweep);

/** Whether an operation is the revoker's own. */
bool sweep_spares(const struct sweep *sweep, const struct operation *operation);
