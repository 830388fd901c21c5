/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The ring: how a thread and the kernel talk.
 *
 * Each thread owns one ring, eight pages that the kernel allocates, keeps resident and maps into
 * the thread's process. The thread writes submissions (SQEs) and enters the kernel; the kernel
 * writes completions (CQEs), possibly from another CPU. Messages lie in the area behind the
 * queues, so the kernel never touches, and never faults on, any other user memory.
 *
 *   page 0      struct ring_header
 *   page 1      submission queue, RING_DEPTH entries of 64 bytes
 *   page 2      completion queue, RING_DEPTH entries of 64 bytes
 *   pages 3..7  message area
 *
 * Indices run freely and wrap at 2^32; an entry's place is index % RING_DEPTH. Each side keeps
 * its own index privately and only publishes it: what it reads back from shared memory is the
 * peer's word. The kernel treats that word as an allegation. `tail - head > RING_DEPTH` poisons
 * the ring for good, because no honest peer can produce it.
 *
 * A completion is reserved when a submission is taken, so posting cannot fail: the number of
 * unread completions plus the number of reserved ones never exceeds RING_DEPTH.
 *
 * Everything here is pure: no locks, no allocation. The kernel serialises its side of one ring
 * (struct ring_kernel) by its own lock; the user side belongs to one thread.
 */

#include "base/atomic.h"
#include "base/compiler.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_DEPTH          64u
#define RING_PAGE_COUNT     8u
#define RING_PAGE_BYTES     4096u
#define RING_BYTES          (RING_PAGE_COUNT * RING_PAGE_BYTES)
#define RING_MESSAGE_OFFSET (3u * RING_PAGE_BYTES)
#define RING_MESSAGE_BYTES  (RING_BYTES - RING_MESSAGE_OFFSET)
#define RING_PAYLOAD_WORDS  4u
#define RING_MAX_TRANSFERS  16u

/* SQE flags. An operation accepts the flags listed with it and refuses all others. */
#define SQE_INLINE (1u << 0) /* CALL, RETURN: payload[] is the message's data section */
#define SQE_QUIET  (1u << 1) /* success posts no completion. Of CALLs, only signals may be quiet */
#define SQE_REARM  (1u << 2) /* RETURN: the RECV that delivered the call waits again */
#define SQE_REVOKE (1u << 3) /* RELEASE: keep the capability, take back all others */

/* CQE flags. */
#define CQE_INLINE   (1u << 0) /* payload[] is the message's data section */
#define CQE_INCOMING (1u << 1) /* a call delivered to a RECV, to be answered with RETURN */

/**
 * One submission. Fields that an operation does not use must be zero.
 *
 *   operation  uses
 *   NOP        nothing
 *   CALL       target, method, message, transfers, buffer for the answer
 *   RECV       target, buffer for the message
 *   RETURN     target = call id, method = exception, message, transfers
 *   RELEASE    target
 *   WAIT       target; payload[0] = deadline in ns since boot, 0 = none
 *   TIMEOUT    payload[0] = deadline in ns since boot
 *   CANCEL     target = user data of the operation to end
 *
 * A message is payload[] itself (SQE_INLINE), or payload[0] = offset | length << 32 in bytes
 * within the message area, payload[1..3] = 0. With transfers, transfer_count records of struct
 * ring_transfer follow the message at the next multiple of eight bytes.
 */
struct ring_sqe {
    uint8_t operation;       /* enum ring_operation */
    uint8_t flags;           /* SQE_* */
    uint16_t method;         /* method number, or exception for RETURN */
    uint16_t transfer_count; /* capabilities that travel with the message */
    uint16_t reserved;       /* zero */
    uint64_t user_data;      /* comes back in the completion */
    uint64_t target;         /* capability or id, see above */
    uint32_t buffer_offset;  /* where an incoming message goes, bytes into the message area */
    uint32_t buffer_length;  /* bytes */
    uint64_t payload[RING_PAYLOAD_WORDS];
};

/**
 * One completion. Fields that an operation does not fill are unspecified (they hold what an
 * earlier completion of the same ring left there).
 *
 *   operation  fills, beyond status and user_data
 *   CALL       exception, transfer_count, message
 *   RECV       badge, call_id, method, transfer_count, message
 *   WAIT       payload[0] = bits or exit code, payload[1] = exit reason
 *
 * A message is payload[] (CQE_INLINE), or payload[0] bytes at the buffer that the submission
 * named. The transferred capabilities follow it as 64-bit CapIds at the next multiple of eight.
 */
struct ring_cqe {
    uint8_t status;         /* enum status */
    uint8_t exception;      /* enum status: the callee's refusal, CALL only */
    uint8_t flags;          /* CQE_* */
    uint8_t transfer_count; /* capabilities received */
    uint16_t method;        /* RECV: what the caller asks for */
    uint16_t reserved;
    uint64_t user_data;
    uint64_t badge;   /* RECV: the badge of the client's capability */
    uint64_t call_id; /* RECV: names the call in RETURN */
    uint64_t payload[RING_PAYLOAD_WORDS];
};

/**
 * The first eight bytes of a submission as one number: operation in bits 0 to 7, flags in 8 to 15,
 * method in 16 to 31, transfer count in 32 to 47. One comparison checks all that must be zero.
 */
static inline uint64_t ring_sqe_head(const struct ring_sqe *entry)
{
    uint64_t head;

    __builtin_memcpy(&head, entry, sizeof(head));
    return head;
}

/** Write the first eight bytes of a completion at once. */
static inline void ring_cqe_set_head(struct ring_cqe *entry, uint8_t status, uint8_t exception,
                                     uint8_t flags, uint8_t transfer_count, uint16_t method)
{
    const uint64_t head = (uint64_t)status | (uint64_t)exception << 8 | (uint64_t)flags << 16 |
                          (uint64_t)transfer_count << 24 | (uint64_t)method << 32;

    __builtin_memcpy(entry, &head, sizeof(head));
}

/** One entry of a transfer list. */
struct ring_transfer {
    uint64_t capability; /* in the sender's table */
    uint32_t mode;       /* RING_TRANSFER_COPY or RING_TRANSFER_MOVE */
    uint32_t reserved;   /* zero */
};
#define RING_TRANSFER_COPY 0u
#define RING_TRANSFER_MOVE 1u

/** The shared indices, each on a cache line of its own. */
struct ring_header {
    uint32_t sq_tail; /* written by the thread */
    uint32_t cq_head; /* written by the thread */
    uint8_t thread_line[56];
    uint32_t sq_head; /* written by the kernel */
    uint32_t cq_tail; /* written by the kernel */
    uint8_t kernel_line[56];
};

/** Eight bytes of an entry, whatever its fields are. */
typedef uint64_t __attribute__((may_alias)) ring_word;

/** The whole shared region. */
struct ring_memory {
    struct ring_header header;
    uint8_t header_page[RING_PAGE_BYTES - sizeof(struct ring_header)];
    struct ring_sqe sq[RING_DEPTH];
    struct ring_cqe cq[RING_DEPTH];
    uint8_t message[RING_MESSAGE_BYTES];
};

static_assert(sizeof(struct ring_sqe) == 64, "an SQE is one cache line");
static_assert(sizeof(struct ring_cqe) == 64, "a CQE is one cache line");
static_assert(sizeof(struct ring_memory) == RING_BYTES, "the ring fills its pages");
static_assert(offsetof(struct ring_memory, sq) == RING_PAGE_BYTES, "the SQ is page 1");
static_assert(offsetof(struct ring_memory, cq) == 2 * RING_PAGE_BYTES, "the CQ is page 2");

/* ------------------------------------------------------------------------------------------
 * Kernel side. `memory` may change under our hands at any time.
 * ------------------------------------------------------------------------------------------ */

struct ring_kernel {
    struct ring_memory *memory; /* [I] through the kernel's direct map */
    uint32_t sq_head;           /* next submission to take */
    uint32_t cq_tail;           /* next completion to post */
    uint32_t reserved;          /* completions promised and not yet posted */
    uint32_t cq_head_seen;      /* last valid cq_head read from the thread */
    bool poisoned;              /* an index was out of range: nothing is taken or posted */
};

static inline void ring_kernel_init(struct ring_kernel *ring, struct ring_memory *memory)
{
    *ring = (struct ring_kernel){.memory = memory};
}

/** Number of submissions waiting; 0 and `poisoned` set if the thread's index is impossible. */
static inline uint32_t ring_kernel_pending(struct ring_kernel *ring)
{
    const uint32_t tail = atomic_load_acquire_u32(&ring->memory->header.sq_tail);
    const uint32_t pending = tail - ring->sq_head;

    if (UNLIKELY(pending > RING_DEPTH || ring->poisoned)) {
        ring->poisoned = true;
        return 0;
    }
    return pending;
}

/** The next submission in shared memory, for a quick look at single words; read each one once. */
static ALWAYS_INLINE const volatile ring_word *ring_kernel_peek(const struct ring_kernel *ring)
{
    return (const volatile ring_word *)&ring->memory->sq[ring->sq_head % RING_DEPTH];
}

/** The same of the one behind it, if ring_kernel_pending() was at least 2. */
static ALWAYS_INLINE const volatile ring_word *
ring_kernel_peek_behind(const struct ring_kernel *ring)
{
    return (const volatile ring_word *)&ring->memory->sq[(ring->sq_head + 1) % RING_DEPTH];
}

/**
 * Copy the next submission into `entry`: read once, so that what is validated is what is used.
 *
 * Call only if ring_kernel_pending() was not 0. The thread sees its slot as free after
 * ring_kernel_publish_sq().
 */
static ALWAYS_INLINE void ring_kernel_take(struct ring_kernel *ring, struct ring_sqe *entry)
{
    const volatile ring_word *from = ring_kernel_peek(ring);
    ring_word *to = (ring_word *)entry;

    /* Written out: this is the hottest copy in the system, and GCC 12 leaves the loop rolled. */
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to[4] = from[4];
    to[5] = from[5];
    to[6] = from[6];
    to[7] = from[7];
    ring->sq_head++;
}

/** Tell the thread how far submissions have been taken. */
static inline void ring_kernel_publish_sq(struct ring_kernel *ring)
{
    atomic_store_release_u32(&ring->memory->header.sq_head, ring->sq_head);
}

/** Number of posted completions the thread has not read; sets `poisoned` on an impossible index. */
static inline uint32_t ring_kernel_unread(struct ring_kernel *ring)
{
    const uint32_t head = atomic_load_acquire_u32(&ring->memory->header.cq_head);
    const uint32_t unread = ring->cq_tail - head;

    if (UNLIKELY(unread > RING_DEPTH)) {
        ring->poisoned = true;
        return 0;
    }
    ring->cq_head_seen = head;
    return unread;
}

/**
 * How many completions can be posted or promised now; 0 may also mean that the thread's index is
 * impossible, with `poisoned` set.
 */
static inline uint32_t ring_kernel_room(struct ring_kernel *ring)
{
    /* A thread that takes its index back can make either sum greater than the depth. */
    const uint32_t busy = ring->cq_tail - ring->cq_head_seen + ring->reserved;

    if (LIKELY(busy < RING_DEPTH)) {
        return RING_DEPTH - busy;
    }
    const uint32_t busy_now = ring_kernel_unread(ring) + ring->reserved;

    return ring->poisoned || busy_now >= RING_DEPTH ? 0 : RING_DEPTH - busy_now;
}

/** Promise one completion. False: the queue has no room until the thread reads some. */
static inline MUST_CHECK bool ring_kernel_reserve(struct ring_kernel *ring)
{
    if (UNLIKELY(ring_kernel_room(ring) == 0)) {
        return false;
    }
    ring->reserved++;
    return true;
}

/** Give a promised completion back without posting it. */
static inline void ring_kernel_unreserve(struct ring_kernel *ring)
{
    ring->reserved--;
}

/** The entry that the next ring_kernel_post() will publish; write every meaningful field. */
static inline struct ring_cqe *ring_kernel_next_cqe(struct ring_kernel *ring)
{
    return &ring->memory->cq[ring->cq_tail % RING_DEPTH];
}

/** Tell the thread how far completions have been posted. */
static inline void ring_kernel_publish_cq(struct ring_kernel *ring)
{
    atomic_store_release_u32(&ring->memory->header.cq_tail, ring->cq_tail);
}

/** Publish the entry of ring_kernel_next_cqe(), using up one reservation. */
static inline void ring_kernel_post(struct ring_kernel *ring)
{
    ring->reserved--;
    ring->cq_tail++;
    ring_kernel_publish_cq(ring);
}

/* ------------------------------------------------------------------------------------------
 * Thread side. The kernel is trusted, but the indices are checked all the same: rt-check runs
 * this code against hostile answers.
 * ------------------------------------------------------------------------------------------ */

struct ring_user {
    struct ring_memory *memory; /* [I] */
    uint32_t sq_tail;           /* next submission to write */
    uint32_t sq_published;      /* how far the kernel has been told */
    uint32_t sq_head_seen;      /* how far the kernel had taken them when last asked */
    uint32_t cq_head;           /* next completion to read */
    uint32_t cq_tail_seen;      /* how far completions went when last asked */
};

static inline void ring_user_init(struct ring_user *ring, struct ring_memory *memory)
{
    *ring = (struct ring_user){.memory = memory};
}

/** The next free submission slot, or NULL if the queue is full. Write all of it. */
static ALWAYS_INLINE struct ring_sqe *ring_user_next_sqe(struct ring_user *ring)
{
    if (UNLIKELY(ring->sq_tail - ring->sq_head_seen >= RING_DEPTH)) {
        ring->sq_head_seen = atomic_load_acquire_u32(&ring->memory->header.sq_head);
        if (ring->sq_tail - ring->sq_head_seen >= RING_DEPTH) {
            return NULL;
        }
    }
    return &ring->memory->sq[ring->sq_tail++ % RING_DEPTH];
}

/** Publish everything written since the last call. Returns how many entries that is. */
static inline uint32_t ring_user_publish(struct ring_user *ring)
{
    const uint32_t count = ring->sq_tail - ring->sq_published;

    ring->sq_published = ring->sq_tail;
    atomic_store_release_u32(&ring->memory->header.sq_tail, ring->sq_tail);
    return count;
}

/** Number of unread completions; more than RING_DEPTH means that the peer is broken. */
static inline uint32_t ring_user_unread(const struct ring_user *ring)
{
    return atomic_load_acquire_u32(&ring->memory->header.cq_tail) - ring->cq_head;
}

/** The oldest unread completion, or NULL. It stays valid until ring_user_consume(). */
static ALWAYS_INLINE const struct ring_cqe *ring_user_peek(struct ring_user *ring)
{
    if (ring->cq_head == ring->cq_tail_seen) {
        const uint32_t unread = ring_user_unread(ring);

        if (unread == 0 || UNLIKELY(unread > RING_DEPTH)) {
            return NULL;
        }
        ring->cq_tail_seen = ring->cq_head + unread;
    }
    return &ring->memory->cq[ring->cq_head % RING_DEPTH];
}

/** Give the slot of ring_user_peek() back to the kernel. */
static inline void ring_user_consume(struct ring_user *ring)
{
    ring->cq_head++;
    atomic_store_release_u32(&ring->memory->header.cq_head, ring->cq_head);
}
