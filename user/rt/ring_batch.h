/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Many submissions in one kernel entry, and many completions at once, at the least cost each.
 *
 *     batch = rt_batch_begin(ring, count);
 *     for (...) { fill(rt_batch_next(&batch)); }
 *     rt_batch_end(ring, &batch);
 *     ... enter the kernel ...
 *     reaper = rt_reaper_begin(ring);
 *     while ((cqe = rt_reaper_next(&reaper)) != NULL) { look(cqe); }
 *     rt_reaper_end(ring, &reaper);
 *
 * Between begin and end nothing else may use the ring.
 */

#include "rt/ring_client.h"

struct rt_batch {
    struct ring_memory *memory;
    uint32_t tail; /* next submission to write */
};

/** Make room for `count` submissions, at most RING_DEPTH. */
static ALWAYS_INLINE struct rt_batch rt_batch_begin(struct rt_ring *ring, uint32_t count)
{
    const uint32_t head = atomic_load_acquire_u32(&ring->user.memory->header.sq_head);

    if (UNLIKELY(RING_DEPTH - (ring->user.sq_tail - head) < count)) {
        rt_ring_flush(ring);
    }
    return (struct rt_batch){.memory = ring->user.memory, .tail = ring->user.sq_tail};
}

/** The next entry. Write all of it. */
static ALWAYS_INLINE struct ring_sqe *rt_batch_next(struct rt_batch *batch)
{
    return &batch->memory->sq[batch->tail++ % RING_DEPTH];
}

/** The entries go out with the next publish. */
static ALWAYS_INLINE void rt_batch_end(struct rt_ring *ring, const struct rt_batch *batch)
{
    ring->user.sq_tail = batch->tail;
}

struct rt_reaper {
    const struct ring_memory *memory;
    uint32_t head; /* next completion to read */
    uint32_t tail; /* where they end */
};

static ALWAYS_INLINE struct rt_reaper rt_reaper_begin(const struct rt_ring *ring)
{
    const uint32_t unread = ring_user_unread(&ring->user);

    return (struct rt_reaper){
        .memory = ring->user.memory,
        .head = ring->user.cq_head,
        .tail = ring->user.cq_head + (LIKELY(unread <= RING_DEPTH) ? unread : 0),
    };
}

/** The next completion, or NULL. It stays valid until rt_reaper_end(). */
static ALWAYS_INLINE const struct ring_cqe *rt_reaper_next(struct rt_reaper *reaper)
{
    return reaper->head == reaper->tail ? NULL : &reaper->memory->cq[reaper->head++ % RING_DEPTH];
}

/** Give the places of everything read back to the kernel. */
static ALWAYS_INLINE void rt_reaper_end(struct rt_ring *ring, const struct rt_reaper *reaper)
{
    ring->user.cq_head = reaper->head;
    ring->user.cq_tail_seen = reaper->tail; /* else ring_user_peek() goes on to what is not there */
    atomic_store_release_u32(&ring->user.memory->header.cq_head, reaper->head);
}
