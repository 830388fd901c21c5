/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An operation: a submission that has been accepted and has not completed.
 *
 * Each thread has RING_DEPTH of them, so an accepted submission always has one and its completion
 * always has room. Under the kernel lock.
 */

#include "list.h"
#include "object/flush.h"
#include "ring/ring.h"
#include "sched/timer.h"
#include "types.h"

struct object;
struct thread;

enum operation_state {
    OPERATION_FREE,
    OPERATION_QUEUED,    /* CALL: waits in the client end's queue for a receiver */
    OPERATION_TAKEN,     /* CALL: being served; `peer` is the receiver's operation */
    OPERATION_RECEIVING, /* RECV: waits at the endpoint */
    OPERATION_SERVING,   /* RECV: holds a call to be answered; `peer` may be gone */
    OPERATION_WAITING, /* anything that completes by itself: WAIT, TIMEOUT, a slow kernel method */
};

struct operation {
    struct thread *thread; /* [I] */
    enum operation_state state;
    uint32_t index; /* [I] within the thread */
    uint64_t user_data;
    uint64_t sequence;      /* RECV: makes call ids unique */
    struct object *object;  /* what it waits on; a reference is held */
    struct operation *peer; /* CALL and its RECV point to each other */
    struct list link;       /* in the object's queue, or thread->serving */
    struct operation *next_free;
    uint32_t buffer_offset; /* where an incoming message goes */
    uint32_t buffer_length;
    struct timer timer;      /* the deadline, if it has one */
    struct flush_wait flush; /* for methods that wait for other CPUs' TLBs */
    /** Detaches a slow kernel method that is to end early; NULL: unlinking is all there is. */
    void (*abandon)(struct operation *operation);
    void *extra; /* the slow method's own */

    /* CALL while queued: the message. */
    uint64_t payload[RING_PAYLOAD_WORDS];
    uint16_t method;
    uint8_t sqe_flags;
    uint8_t transfer_count;
    uint8_t queued_priority; /* under which the endpoint counts it */
};

static_assert(sizeof(struct operation) * RING_DEPTH <= 4 * PAGE_BYTES, "they fit their block");

/* Taking, giving back and naming an operation are inline, in sched/thread.h. */

/** Put it back without posting anything; drops the reference to its object. */
void operation_give(struct operation *operation);

/** The number that RETURN names a taken call by; never the same twice. */
static inline uint64_t operation_call_id(const struct operation *operation)
{
    return operation->sequence << 8 | operation->index;
}

/** Complete with a status and no message. */
void operation_complete(struct operation *operation, enum status status);

/** Complete with inline words. */
void operation_complete_words(struct operation *operation, const uint64_t *words,
                              uint32_t word_count);

/** Complete with a message of `length` bytes that is in the operation's buffer already. */
void operation_complete_area(struct operation *operation, uint32_t length);

/** Complete a kernel method with a refusal. */
void operation_complete_exception(struct operation *operation, enum status exception);

/** End an operation early, wherever it is, with `status` in its completion. */
void operation_cancel(struct operation *operation, enum status status);

/** The operation of a thread that is to be cancelled by its user data, or NULL. */
struct operation *operation_find(struct thread *thread, uint64_t user_data);

/** Arm an operation's deadline (ns since boot); 0 and NO_DEADLINE mean none. */
void operation_set_deadline(struct operation *operation, uint64_t deadline_ns);
