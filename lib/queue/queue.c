/* SPDX-License-Identifier: MIT */

/*
 * The two sides of the shared-memory queue. See queue.h for the layout and the reasoning.
 *
 * Indices and flag are touched only through base/atomic.h. Entries are plain memory: the release
 * of an index and its acquire by the peer are what keeps the two sides apart.
 */

#include "queue/queue.h"

#include "base/atomic.h"
#include "queue/queue_inline.h"

static bool queue_shape_valid(uint32_t capacity, uint32_t entry_bytes)
{
    return capacity != 0 && (capacity & (capacity - 1)) == 0 && capacity <= QUEUE_MAX_CAPACITY &&
           entry_bytes != 0 && entry_bytes % sizeof(queue_word) == 0;
}

static bool queue_memory_valid(const struct queue_memory *memory, uint64_t memory_bytes,
                               uint32_t capacity, uint32_t entry_bytes)
{
    return memory != NULL && (uintptr_t)memory % sizeof(queue_word) == 0 &&
           queue_shape_valid(capacity, entry_bytes) &&
           queue_memory_bytes(capacity, entry_bytes) <= memory_bytes;
}

uint64_t queue_memory_bytes(uint32_t capacity, uint32_t entry_bytes)
{
    if (!queue_shape_valid(capacity, entry_bytes)) {
        return 0;
    }
    /* At most 2^31 * 2^32 + 192: no overflow. */
    return sizeof(struct queue_header) + (uint64_t)capacity * entry_bytes;
}

void queue_memory_init(struct queue_memory *memory)
{
    atomic_store_relaxed_u32(&memory->header.tail, 0);
    atomic_store_relaxed_u32(&memory->header.head, 0);
    /* Clear: a consumer that has not started yet gets a signal, which costs nothing. */
    atomic_store_release_u32(&memory->header.consumer_signalled, 0);
}

bool queue_producer_init(struct queue_producer *queue, struct queue_memory *memory,
                         uint64_t memory_bytes, uint32_t capacity, uint32_t entry_bytes)
{
    if (!queue_memory_valid(memory, memory_bytes, capacity, entry_bytes)) {
        return false;
    }
    *queue = (struct queue_producer){
        .memory = memory,
        .capacity = capacity,
        .entry_words = entry_bytes / (uint32_t)sizeof(queue_word),
    };
    return true;
}

bool queue_consumer_init(struct queue_consumer *queue, struct queue_memory *memory,
                         uint64_t memory_bytes, uint32_t capacity, uint32_t entry_bytes)
{
    if (!queue_memory_valid(memory, memory_bytes, capacity, entry_bytes)) {
        return false;
    }
    *queue = (struct queue_consumer){
        .memory = memory,
        .capacity = capacity,
        .entry_words = entry_bytes / (uint32_t)sizeof(queue_word),
    };
    return true;
}

/* ------------------------------------------------------------------------------------------
 * Producer
 * ------------------------------------------------------------------------------------------ */

enum queue_result queue_producer_put(struct queue_producer *queue, const void *entry)
{
    return queue_producer_put_words(queue, entry, queue->entry_words);
}

bool queue_producer_publish(struct queue_producer *queue)
{
    return queue_producer_publish_inline(queue);
}

/* ------------------------------------------------------------------------------------------
 * Consumer
 * ------------------------------------------------------------------------------------------ */

enum queue_result queue_consumer_take(struct queue_consumer *queue, void *entry)
{
    return queue_consumer_take_words(queue, entry, queue->entry_words);
}

void queue_consumer_release(struct queue_consumer *queue)
{
    queue_consumer_release_inline(queue);
}

enum queue_result queue_consumer_prepare_wait(struct queue_consumer *queue)
{
    return queue_consumer_prepare_wait_inline(queue);
}
