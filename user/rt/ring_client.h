/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A thread's side of its ring: submissions, completions and the message area.
 *
 * Two ways to use it, freely mixed:
 *
 *   synchronous   rt_ring_transact() and what is built on it: one submission, one kernel entry,
 *                 one completion. The common CALL is inline from end to end.
 *   asynchronous  an operation of the caller's own memory (struct rt_operation) is submitted and
 *                 completes later. rt_ring_wait() or rt_ring_poll() hand completed ones out, or
 *                 run their callbacks.
 *
 * Completions may arrive in any order. One that belongs to an asynchronous operation is copied
 * into that operation as soon as it is seen, even inside a synchronous call, so there is nothing
 * that can overflow and nothing is allocated. An operation is known by slot and sequence number:
 * a completion for anything that is not pending is counted (`stray_count`) and dropped.
 *
 * A struct rt_ring belongs to one thread and has no lock.
 */

#include "capos.h"
#include "ring/ring.h"
#include "rt/arch.h"

/* The message area is handed out in granules, one bit each in a word. */
#define RT_AREA_GRANULE_BYTES 512u
#define RT_AREA_GRANULES      (RING_MESSAGE_BYTES / RT_AREA_GRANULE_BYTES)

/* User data: zero is a quiet submission, which is heard of only if it is refused; one is the
 * synchronous call, of which a thread has at most one; all else is slot + 2, sequence << 32. */
#define RT_USER_DATA_QUIET       0ull
#define RT_USER_DATA_SYNCHRONOUS 1ull

/* Operations that may be pending at once. The kernel takes RING_DEPTH from a thread; the rest is
 * for synchronous calls, which must not have to wait for somebody else's operation to end. */
#define RT_OPERATIONS_MAX (RING_DEPTH - 4u)

enum rt_operation_state {
    RT_OPERATION_IDLE,    /* the caller's: may be submitted */
    RT_OPERATION_PENDING, /* the kernel's: may not move or go away */
    RT_OPERATION_DONE,    /* completed, waits to be handed out */
};

/** An asynchronous operation. Zero it before its first use. */
struct rt_operation {
    enum rt_operation_state state;
    uint32_t slot;             /* where rt_ring.pending names it */
    bool keeps_slot;           /* completes more than once: see rt_ring_rearm() */
    uint64_t user_data;        /* what its completion carries */
    struct ring_cqe cqe;       /* the completion, from DONE on */
    struct rt_operation *next; /* in the list of completed ones */
    void (*callback)(struct rt_operation *operation); /* run by rt_ring_wait(); may be NULL */
    void *context;                                    /* the caller's */
};

struct rt_ring {
    struct ring_user user;
    uint32_t sequence;                        /* of the next operation */
    uint32_t pending_count;                   /* operations in `pending` */
    struct rt_operation *pending[RING_DEPTH]; /* by slot, NULL if free */
    struct rt_operation *done_first;          /* completed, oldest first */
    struct rt_operation **done_link;          /* where the next one is appended */
    uint64_t area_used;                       /* one bit per granule of the message area */
    uint64_t stray_count;                     /* completions of nothing that was pending */
    uint64_t quiet_count;                     /* quiet submissions that were refused */
    enum status quiet_status;                 /* why, the last time */
};

/** Start using the ring at `memory`. The whole message area is free. */
void rt_ring_init(struct rt_ring *ring, struct ring_memory *memory);

/* ------------------------------------------------------------------------------------------
 * Submissions
 * ------------------------------------------------------------------------------------------ */

/** Let the kernel take what has been written, and wait until the queue has a free entry. */
struct ring_sqe *rt_ring_make_room(struct rt_ring *ring);

/** The next submission entry. Write every field; it is published by the next kernel entry. */
static ALWAYS_INLINE struct ring_sqe *rt_ring_sqe(struct rt_ring *ring)
{
    struct ring_sqe *sqe = ring_user_next_sqe(&ring->user);

    return LIKELY(sqe != NULL) ? sqe : rt_ring_make_room(ring);
}

/** The first eight bytes of an entry in one store. */
static ALWAYS_INLINE void rt_sqe_set_head(struct ring_sqe *sqe, enum ring_operation operation,
                                          uint8_t flags, uint16_t method, uint16_t transfer_count)
{
    const uint64_t head = (uint64_t)operation | (uint64_t)flags << 8 | (uint64_t)method << 16 |
                          (uint64_t)transfer_count << 32;

    __builtin_memcpy(sqe, &head, sizeof(head));
}

/** The place of a message in the message area, as an SQE carries it. */
static ALWAYS_INLINE uint64_t rt_message_place(uint32_t offset, uint32_t length)
{
    return offset | (uint64_t)length << 32;
}

/** Let the kernel take everything written so far, without waiting for completions. */
void rt_ring_flush(struct rt_ring *ring);

/* ------------------------------------------------------------------------------------------
 * Synchronous use
 * ------------------------------------------------------------------------------------------ */

/** What rt_ring_transact() does when the completion is not the very next one. */
const struct ring_cqe *rt_ring_transact_slowly(struct rt_ring *ring, uint64_t submitted,
                                               uint64_t entered);

/**
 * Publish what has been written and wait for the completion of the synchronous call in it.
 *
 * Returns: the completion, in the queue: read it, then call ring_user_consume(&ring->user).
 */
static ALWAYS_INLINE const struct ring_cqe *rt_ring_transact(struct rt_ring *ring)
{
    const uint64_t submitted = ring_user_publish(&ring->user);
    const uint64_t entered = rt_arch_cap_enter(submitted, 1, RT_NO_DEADLINE);
    const struct ring_cqe *cqe = ring_user_peek(&ring->user);

    if (LIKELY(entered == submitted && cqe != NULL && cqe->user_data == RT_USER_DATA_SYNCHRONOUS)) {
        return cqe;
    }
    return rt_ring_transact_slowly(ring, submitted, entered);
}

/**
 * After a kernel entry that did not go as rt_ring_transact() expects: offer what was not taken
 * again at the next entry, and copy all completions into their operations.
 */
void rt_ring_settle(struct rt_ring *ring, uint64_t submitted, uint64_t entered);

/** The status of a CALL: the transport's if it failed, else the callee's. */
static ALWAYS_INLINE enum status rt_cqe_outcome(const struct ring_cqe *cqe)
{
    return (enum status)(cqe->status != STATUS_OK ? cqe->status : cqe->exception);
}

/** Words of an inline message. */
struct rt_words {
    uint64_t word[RING_PAYLOAD_WORDS];
};

/**
 * CALL `method` of `target` with an inline message and take an inline answer.
 *
 * Both message and answer are data sections, by value: build them with the generated structs.
 * Returns: the transport's status, else the callee's. `answer` is written only on STATUS_OK.
 */
static ALWAYS_INLINE MUST_CHECK enum status rt_ring_call(struct rt_ring *ring, uint64_t target,
                                                         uint16_t method, struct rt_words message,
                                                         struct rt_words *answer)
{
    struct ring_sqe *sqe = rt_ring_sqe(ring);
    const struct ring_cqe *cqe;
    enum status status;

    rt_sqe_set_head(sqe, RING_OPERATION_CALL, SQE_INLINE, method, 0);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    sqe->target = target;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = message.word[0];
    sqe->payload[1] = message.word[1];
    sqe->payload[2] = message.word[2];
    sqe->payload[3] = message.word[3];
    cqe = rt_ring_transact(ring);
    status = rt_cqe_outcome(cqe);
    if (status == STATUS_OK) {
        __builtin_memcpy(answer, cqe->payload, sizeof(*answer));
    }
    ring_user_consume(&ring->user);
    return status;
}

/** A CALL whose message or answer lies in the message area, or that carries capabilities. */
struct rt_call {
    uint64_t target;
    uint16_t method;
    uint16_t transfer_count; /* records of struct ring_transfer behind the message */
    bool message_inline;     /* `words` is the message, not the area */
    struct rt_words words;
    uint32_t message_offset; /* bytes into the message area */
    uint32_t message_length; /* bytes, without the transfer list */
    uint32_t answer_offset;  /* where the answer may go */
    uint32_t answer_length;
};

/** Perform `call` and copy its completion. Returns as rt_ring_call(). */
MUST_CHECK enum status rt_ring_call_message(struct rt_ring *ring, const struct rt_call *call,
                                            struct ring_cqe *completion);

/**
 * WAIT for a notification, thread or process handle, until `deadline_ns` (0 = for ever).
 *
 * Returns: STATUS_OK and the two words that a WAIT fills (`second` may be NULL); STATUS_TIMED_OUT.
 */
MUST_CHECK enum status rt_ring_wait_for(struct rt_ring *ring, uint64_t target, uint64_t deadline_ns,
                                        uint64_t *first, uint64_t *second);

/** Give up `capability`. Returns: STATUS_OK, or why there was nothing to give up. */
enum status rt_ring_release(struct rt_ring *ring, uint64_t capability);

/** Take back every other capability for the object of `capability`; keep this one. */
enum status rt_ring_revoke(struct rt_ring *ring, uint64_t capability);

/** Sleep until `deadline_ns` since boot. Completions that arrive meanwhile are kept. */
void rt_ring_sleep_until(struct rt_ring *ring, uint64_t deadline_ns);

/* ------------------------------------------------------------------------------------------
 * Asynchronous use
 * ------------------------------------------------------------------------------------------ */

/**
 * Give `operation` a slot and the next submission entry, with user data filled in.
 *
 * Returns: the entry, of which all other fields must be written; NULL if too many operations are
 * pending. The kernel sees it at the next entry: a wait, a synchronous call, or rt_ring_flush().
 */
MUST_CHECK struct ring_sqe *rt_ring_begin(struct rt_ring *ring, struct rt_operation *operation);

/** Start a WAIT. Returns: STATUS_OK; STATUS_QUEUE_FULL if too many operations are pending. */
MUST_CHECK enum status rt_ring_start_wait(struct rt_ring *ring, struct rt_operation *operation,
                                          uint64_t target, uint64_t deadline_ns);

/** Start a RECV into `length` bytes of the message area at `offset`. Returns as above. */
MUST_CHECK enum status rt_ring_start_receive(struct rt_ring *ring, struct rt_operation *operation,
                                             uint64_t endpoint, uint32_t offset, uint32_t length);

/** Start a TIMEOUT. Returns as above. */
MUST_CHECK enum status rt_ring_start_timeout(struct rt_ring *ring, struct rt_operation *operation,
                                             uint64_t deadline_ns);

/** Start a CALL. Returns as above. */
MUST_CHECK enum status rt_ring_start_call(struct rt_ring *ring, struct rt_operation *operation,
                                          const struct rt_call *call);

/**
 * Ask the kernel to end a pending operation and wait for its answer.
 *
 * The operation still completes in the ordinary way, with STATUS_CANCELLED if this was in time.
 * Returns: STATUS_OK; STATUS_NOT_FOUND if the kernel had completed it already.
 */
enum status rt_ring_cancel(struct rt_ring *ring, struct rt_operation *operation);

/**
 * Give `operation` user data and a slot without a submission, for entries that the caller writes
 * with it. Returns: STATUS_OK; STATUS_QUEUE_FULL if too many operations are pending.
 */
MUST_CHECK enum status rt_ring_hold(struct rt_ring *ring, struct rt_operation *operation);

/** Panic: the operation of rt_ring_rearm() is with the kernel, or has no slot. */
NORETURN void rt_ring_rearm_refuse(void);

/** A completed operation that keeps its slot is pending again: the kernel has re-armed it. */
static ALWAYS_INLINE void rt_ring_rearm(struct rt_ring *ring, struct rt_operation *operation)
{
    if (UNLIKELY(operation->state != RT_OPERATION_IDLE ||
                 ring->pending[operation->slot] != operation)) {
        rt_ring_rearm_refuse();
    }
    operation->state = RT_OPERATION_PENDING;
}

/** Take an operation off the pending ones that the kernel will not complete any more. */
void rt_ring_forget(struct rt_ring *ring, struct rt_operation *operation);

/** Copy whatever completions are in the queue into their operations. Does not enter the kernel. */
void rt_ring_drain(struct rt_ring *ring);

/** The oldest completed operation, now idle again, or NULL. Does not enter the kernel. */
struct rt_operation *rt_ring_poll(struct rt_ring *ring);

/**
 * Submit what has been written and wait until an operation completes or the deadline passes.
 *
 * Returns: the operation, idle again, after its callback has run; NULL on time-out.
 */
struct rt_operation *rt_ring_wait(struct rt_ring *ring, uint64_t deadline_ns);

/** Wait until `operation` itself has completed; others stay to be handed out later. */
void rt_ring_await(struct rt_ring *ring, struct rt_operation *operation);

/* ------------------------------------------------------------------------------------------
 * Message area
 * ------------------------------------------------------------------------------------------ */

/**
 * Take `length` bytes of the message area, aligned to a granule.
 *
 * Returns: STATUS_OK and the offset; STATUS_NO_MEMORY if no such run is free.
 */
MUST_CHECK enum status rt_area_allocate(struct rt_ring *ring, uint32_t length, uint32_t *offset);

/** Give back what rt_area_allocate() gave, with the same length. */
void rt_area_free(struct rt_ring *ring, uint32_t offset, uint32_t length);

/** The bytes at an offset of the message area. */
static inline void *rt_area_at(const struct rt_ring *ring, uint32_t offset)
{
    return &ring->user.memory->message[offset];
}

/** Where the capabilities that came with a message of `length` bytes begin. */
static inline uint32_t rt_transfers_offset(uint32_t message_length)
{
    return (message_length + 7u) & ~7u;
}
