/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Notifications: a word of bits that somebody sets and somebody waits for. Never blocks the
 * setter, never loses a bit, keeps no count. Interrupts and shared-memory queues signal this way.
 * Under the kernel lock.
 */

#include "object/object.h"
#include "object/operation.h"
#include "object/sweep.h"

struct notification {
    struct object object;
    uint64_t bits;       /* set and not yet taken */
    struct list waiters; /* struct operation.link; the first one takes all bits */
    struct sweep sweep;  /* of the waiters, by a revocation */
};

/** A capability that can only set some bits. */
struct signaller {
    struct object object;
    struct notification *notification; /* a reference */
    uint64_t mask;
};

/**
 * A signal that somebody else will give: a timer when its time has come, a client end when it is
 * gone. Lies in that object; cleared: none.
 */
struct notification_promise {
    struct notification *target; /* a reference; NULL: none */
    struct cap_object_slot *via; /* the object that was named: the notification or a signaller */
    uint64_t via_generation; /* which it had; another one means that it was revoked or is gone */
    uint64_t bits;
};

MUST_CHECK enum status notification_create(struct process *process, struct object **out);
MUST_CHECK enum status notification_mint(struct notification *notification, struct process *process,
                                         uint64_t mask, struct object **out);

/** Set bits and wake the first waiter. */
void notification_signal(struct notification *notification, uint64_t bits);

/**
 * Fill in a promise to signal `target`, which the caller has by notification_target() from `via`.
 * There is none in it yet.
 */
void notification_promise_make(struct notification_promise *promise, const struct object *via,
                               struct notification *target, uint64_t bits);

/** Whether what was named for it still is what it was. */
bool notification_promise_holds(const struct notification_promise *promise);

/** Take it back, if there is one. */
void notification_promise_drop(struct notification_promise *promise);

/** WAIT: take the bits now or when there are some. */
enum status notification_wait(struct notification *notification, struct thread *thread,
                              const struct ring_sqe *sqe);

extern const struct object_type notification_type;
extern const struct object_type signaller_type;
