/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Notifications: a word of bits that somebody sets and somebody waits for. Never blocks the
 * setter, never loses a bit, keeps no count. Interrupts and shared-memory queues signal this way.
 * Under the kernel lock.
 */

#include "object/object.h"
#include "object/operation.h"

struct notification {
    struct object object;
    uint64_t bits;       /* set and not yet taken */
    struct list waiters; /* struct operation.link; the first one takes all bits */
};

/** A capability that can only set some bits. */
struct signaller {
    struct object object;
    struct notification *notification; /* a reference */
    uint64_t mask;
};

MUST_CHECK enum status notification_create(struct process *process, struct object **out);
MUST_CHECK enum status notification_mint(struct notification *notification, struct process *process,
                                         uint64_t mask, struct object **out);

/** Set bits and wake the first waiter. */
void notification_signal(struct notification *notification, uint64_t bits);

/** WAIT: take the bits now or when there are some. */
enum status notification_wait(struct notification *notification, struct thread *thread,
                              const struct ring_sqe *sqe);

extern const struct object_type notification_type;
extern const struct object_type signaller_type;
