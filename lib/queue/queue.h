/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The queue: how two processes that share memory hand each other entries without the kernel.
 *
 * One producer, one consumer, entries of a fixed size, in memory that both have mapped (a
 * MemoryObject). A driver and its client use two: requests one way, answers the other. The kernel
 * is needed only to wake a consumer that sleeps: the producer signals a Notification when
 * queue_producer_publish() says so.
 *
 *   offset 0     tail                the producer's index
 *   offset 64    head                the consumer's index
 *   offset 128   consumer_signalled  0: the consumer may be asleep, signal it
 *   offset 192   entries             capacity times entry_bytes
 *
 * Indices run freely and wrap at 2^32; an entry's place is index % capacity, a power of two. Each
 * side is told capacity and entry size by someone it trusts, keeps them and its own index in
 * private memory, and never reads them back: what lies in shared memory is the peer's word. An
 * index that no honest peer can have written (it went back, or makes tail - head > capacity)
 * poisons the queue on the side that saw it, for good: every function then refuses and touches
 * shared memory no more.
 * The peer can still write anything into the entries, so the consumer gets a copy, made by reading
 * each word once, and has to validate that.
 *
 * Waking up. The consumer, when it finds nothing: clears the flag, fence, looks again, sleeps only
 * if there is still nothing. The producer: publishes, fence, looks at the flag; if it is clear, it
 * sets it (so that a burst costs one signal) and signals. One of the two fences comes first, so
 * either the consumer sees the entry or the producer sees the clear flag. Both sides write the
 * flag: a one may overwrite the zero of a later wait, which is harmless, because whoever writes
 * that one signals afterwards. tests/explore runs this source through all interleavings.
 *
 *     consumer                                          producer
 *     for (;;) {                                        while (more && put(...) == QUEUE_OK) {
 *         while (take(&entry) == QUEUE_OK) {            }
 *             handle(&entry);                           if (publish()) {
 *         }                                                 signal the notification
 *         release();                                    }
 *         switch (prepare_wait()) {
 *         case QUEUE_EMPTY: wait for the notification
 *         ...
 *
 * Nobody wakes a producer that found the queue full: whoever needs that limits its open requests
 * to the capacity, and then the queue is never full.
 *
 * Everything here is pure: no locks, no allocation. Each side belongs to one thread at a time.
 */

#include "base/compiler.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_LINE_BYTES   64u
#define QUEUE_MAX_CAPACITY (1u << 31) /* so that full and empty differ modulo 2^32 */

enum queue_result {
    QUEUE_OK = 0,
    QUEUE_EMPTY,    /* nothing to take */
    QUEUE_FULL,     /* no room */
    QUEUE_POISONED, /* the peer's index was impossible; the queue is dead on this side */
};

/** The shared indices and the flag, each on a cache line of its own. */
struct queue_header {
    uint32_t tail; /* written by the producer */
    uint8_t tail_line[QUEUE_LINE_BYTES - 4];
    uint32_t head; /* written by the consumer */
    uint8_t head_line[QUEUE_LINE_BYTES - 4];
    uint32_t consumer_signalled; /* cleared by the consumer, set by both */
    uint8_t flag_line[QUEUE_LINE_BYTES - 4];
};

/** The whole shared region, of queue_memory_bytes(). */
struct queue_memory {
    struct queue_header header;
    uint64_t entries[]; /* capacity * entry_bytes */
};

static_assert(offsetof(struct queue_header, head) == 64, "the head has its own cache line");
static_assert(offsetof(struct queue_header, consumer_signalled) == 128, "and so has the flag");
static_assert(offsetof(struct queue_memory, entries) == 192, "entries follow the header");

struct queue_producer {
    struct queue_memory *memory; /* [I] */
    uint32_t capacity;           /* [I] entries, a power of two */
    uint32_t entry_words;        /* [I] size of an entry in 64-bit words */
    uint32_t tail;               /* next place to write */
    uint32_t published;          /* how far the consumer has been told */
    uint32_t head_seen;          /* last valid head read from the consumer */
    bool poisoned;               /* the consumer's index was impossible */
};

struct queue_consumer {
    struct queue_memory *memory; /* [I] */
    uint32_t capacity;           /* [I] entries, a power of two */
    uint32_t entry_words;        /* [I] size of an entry in 64-bit words */
    uint32_t head;               /* next entry to take */
    uint32_t released;           /* how far the producer has been told */
    uint32_t tail_seen;          /* last valid tail read from the producer */
    bool poisoned;               /* the producer's index was impossible */
};

/**
 * Size of the shared region in bytes.
 *
 * Returns 0 if there is no such queue: the capacity must be a power of two up to
 * QUEUE_MAX_CAPACITY, the entry size a non-zero multiple of eight.
 */
uint64_t queue_memory_bytes(uint32_t capacity, uint32_t entry_bytes);

/** Prepare fresh shared memory, before either side is initialised. The first entry is awaited. */
void queue_memory_init(struct queue_memory *memory);

/**
 * Take one side of a queue that nobody has used yet.
 *
 * `memory` is at least 8-aligned (64 for speed) and `memory_bytes` long.
 * Returns: false, and nothing has changed, if the capacity or entry size is impossible or the
 * memory too small or not aligned.
 */
MUST_CHECK bool queue_producer_init(struct queue_producer *queue, struct queue_memory *memory,
                                    uint64_t memory_bytes, uint32_t capacity, uint32_t entry_bytes);
MUST_CHECK bool queue_consumer_init(struct queue_consumer *queue, struct queue_memory *memory,
                                    uint64_t memory_bytes, uint32_t capacity, uint32_t entry_bytes);

/**
 * Write one entry; the consumer sees it after queue_producer_publish().
 *
 * `entry` is 8-aligned and of the entry size.
 * Returns: QUEUE_OK, QUEUE_FULL, QUEUE_POISONED.
 */
MUST_CHECK enum queue_result queue_producer_put(struct queue_producer *queue, const void *entry);

/** Publish everything written since the last call. True: the consumer must be signalled now. */
MUST_CHECK bool queue_producer_publish(struct queue_producer *queue);

/**
 * Copy the oldest entry out; its place is free after queue_consumer_release().
 *
 * `entry` is 8-aligned and of the entry size; it is written only on success.
 * Returns: QUEUE_OK, QUEUE_EMPTY, QUEUE_POISONED.
 */
MUST_CHECK enum queue_result queue_consumer_take(struct queue_consumer *queue, void *entry);

/** Give the places of all taken entries back to the producer. */
void queue_consumer_release(struct queue_consumer *queue);

/**
 * Ask to be signalled, because everything has been taken. Also gives taken places back.
 *
 * Returns: QUEUE_EMPTY: wait for the notification, then take; QUEUE_OK: do not wait, there is
 * something to take; QUEUE_POISONED.
 */
MUST_CHECK enum queue_result queue_consumer_prepare_wait(struct queue_consumer *queue);
