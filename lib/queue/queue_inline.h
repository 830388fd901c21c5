/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What each entry and each round goes through, in the caller's own code: for those who move entries
 * all the time, and whose entry size is a constant, which makes of the copying loops a few moves.
 * All else is in queue.h; queue.c has the same as functions, for entries of any size.
 */

#include "base/atomic.h"
#include "queue/queue.h"

/* An entry is the caller's structure, read and written here as words. */
typedef uint64_t __attribute__((may_alias)) queue_word;

/* The place of an entry. The index may be anything; the place is always inside the region. */
static ALWAYS_INLINE uint64_t *queue_place(struct queue_memory *memory, uint32_t capacity,
                                           uint32_t entry_words, uint32_t index)
{
    return &memory->entries[(uint64_t)(index & (capacity - 1)) * entry_words];
}

/* Read the consumer's index, and poison the queue if no honest consumer can have written it. */
static ALWAYS_INLINE bool queue_producer_look(struct queue_producer *queue)
{
    const uint32_t head = atomic_load_acquire_u32(&queue->memory->header.head);

    /* An honest head only grows, and never past what was published. */
    if (UNLIKELY(head - queue->head_seen > queue->published - queue->head_seen)) {
        queue->poisoned = true;
        return false;
    }
    queue->head_seen = head;
    return true;
}

/** As queue_producer_put(), where `entry_words` is what the queue was initialised with. */
MUST_CHECK static ALWAYS_INLINE enum queue_result
queue_producer_put_words(struct queue_producer *queue, const void *entry, uint32_t entry_words)
{
    const queue_word *from = entry;
    volatile queue_word *to;

    if (UNLIKELY(queue->poisoned)) {
        return QUEUE_POISONED;
    }
    if (UNLIKELY(queue->tail - queue->head_seen == queue->capacity)) {
        if (!queue_producer_look(queue)) {
            return QUEUE_POISONED;
        }
        if (queue->tail - queue->head_seen == queue->capacity) {
            return QUEUE_FULL;
        }
    }

    to = queue_place(queue->memory, queue->capacity, entry_words, queue->tail);
#pragma GCC unroll 4
    for (uint32_t word = 0; word < entry_words; word++) {
        to[word] = from[word];
    }
    queue->tail++;
    return QUEUE_OK;
}

/** queue_producer_publish(). */
MUST_CHECK static ALWAYS_INLINE bool queue_producer_publish_inline(struct queue_producer *queue)
{
    struct queue_header *header = &queue->memory->header;

    if (UNLIKELY(queue->poisoned) || queue->published == queue->tail) {
        return false;
    }
    queue->published = queue->tail;
    atomic_store_release_u32(&header->tail, queue->tail);

    /* Pairs with the fence in queue_consumer_prepare_wait_inline(): see the file comment of
     * queue.h. */
    atomic_fence_seq_cst();
    if (atomic_load_relaxed_u32(&header->consumer_signalled) != 0) {
        return false;
    }
    atomic_store_relaxed_u32(&header->consumer_signalled, 1);
    return true;
}

/* Read the producer's index, and poison the queue if no honest producer can have written it. */
static ALWAYS_INLINE bool queue_consumer_look(struct queue_consumer *queue)
{
    const uint32_t tail = atomic_load_acquire_u32(&queue->memory->header.tail);

    /* An honest tail only grows, and never past the places that were given back. */
    if (UNLIKELY(tail - queue->tail_seen >
                 queue->capacity - (queue->tail_seen - queue->released))) {
        queue->poisoned = true;
        return false;
    }
    queue->tail_seen = tail;
    return true;
}

/** As queue_consumer_take(), where `entry_words` is what the queue was initialised with. */
MUST_CHECK static ALWAYS_INLINE enum queue_result
queue_consumer_take_words(struct queue_consumer *queue, void *entry, uint32_t entry_words)
{
    const volatile queue_word *from;
    queue_word *to = entry;

    if (UNLIKELY(queue->poisoned)) {
        return QUEUE_POISONED;
    }
    if (queue->tail_seen == queue->head) {
        if (!queue_consumer_look(queue)) {
            return QUEUE_POISONED;
        }
        if (queue->tail_seen == queue->head) {
            return QUEUE_EMPTY;
        }
    }

    /* Volatile: each word is read exactly once, so what the caller validates is what it uses. */
    from = queue_place(queue->memory, queue->capacity, entry_words, queue->head);
#pragma GCC unroll 4
    for (uint32_t word = 0; word < entry_words; word++) {
        to[word] = from[word];
    }
    queue->head++;
    return QUEUE_OK;
}

/** Whether all that was seen is taken: there may be more, for queue_consumer_prepare_wait() to
 * find. */
static ALWAYS_INLINE bool queue_consumer_is_drained(const struct queue_consumer *queue)
{
    return queue->head == queue->tail_seen;
}

/** queue_consumer_release(). */
static ALWAYS_INLINE void queue_consumer_release_inline(struct queue_consumer *queue)
{
    if (UNLIKELY(queue->poisoned) || queue->released == queue->head) {
        return;
    }
    queue->released = queue->head;
    atomic_store_release_u32(&queue->memory->header.head, queue->head);
}

/** queue_consumer_prepare_wait(). */
MUST_CHECK static ALWAYS_INLINE enum queue_result
queue_consumer_prepare_wait_inline(struct queue_consumer *queue)
{
    struct queue_header *header = &queue->memory->header;

    if (UNLIKELY(queue->poisoned)) {
        return QUEUE_POISONED;
    }
    queue_consumer_release_inline(queue);
    if (queue->tail_seen != queue->head) {
        return QUEUE_OK;
    }

    atomic_store_relaxed_u32(&header->consumer_signalled, 0);
    /* Pairs with the fence in queue_producer_publish_inline(): see the file comment of queue.h. */
    atomic_fence_seq_cst();
    if (!queue_consumer_look(queue)) {
        return QUEUE_POISONED;
    }
    if (queue->tail_seen == queue->head) {
        return QUEUE_EMPTY;
    }
    /* Awake after all: spare the producer the signal, if it has not decided yet. */
    atomic_store_relaxed_u32(&header->consumer_signalled, 1);
    return QUEUE_OK;
}

/* Put and take, for a pointer to the structure that the queue is of. */

#define QUEUE_PRODUCER_PUT(queue, entry)                                                           \
    queue_producer_put_words(queue, entry, (uint32_t)(sizeof(*(entry)) / sizeof(queue_word)))
#define QUEUE_CONSUMER_TAKE(queue, entry)                                                          \
    queue_consumer_take_words(queue, entry, (uint32_t)(sizeof(*(entry)) / sizeof(queue_word)))
