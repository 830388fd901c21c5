/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The driver's side of a split virtqueue (virtio 1.2 §2.7), with event index and indirect
 * descriptors.
 *
 * The driver hands the device chains of buffers, and gets them back in any order. Two pieces of
 * memory, both given by the caller and mapped for the device:
 *
 *   driver memory   descriptor table, indirect tables, available ring: the device only reads it
 *   device memory   used ring: the device writes it
 *
 * They are apart so that the first can be mapped read-only for the device. Nothing in either is
 * believed. What the driver knows is in private memory, struct virtqueue and one struct
 * virtqueue_slot per descriptor: which are free, which chain is with the device, its token and how
 * much the device may write to it. From the device come only three numbers, each read once:
 *
 *   used index    more chains given back than it has                   VIRTIO_USED_INDEX_JUMP
 *   used id       no descriptor; no chain that it has, or not any more  VIRTIO_USED_ID_*
 *   used length   more than the chain's writable bytes: clamped to these, and counted
 *
 * The first two break the queue for good: every function then refuses, rings are touched no more,
 * and after the device has been reset virtqueue_reclaim() gives back what it still had. So each
 * token comes back exactly once. Notification hints (flags, avail_event) may also be lies: they
 * can cost a notification, so whoever waits needs a deadline, and then looks and notifies anyway.
 *
 *     submit                                            on an interrupt, or when polling
 *     virtqueue_add(), many times                       do {
 *     if (virtqueue_publish()) {                            while (virtqueue_take() == OK) {
 *         write the queue's number to its doorbell              finish the token
 *     }                                                     }
 *                                                       } while (!virtqueue_wait_prepare());
 *                                                       wait for the interrupt, or the deadline
 *
 * A chain of two buffers or more goes into the indirect table of its slot if it fits (and the
 * device writes something): one descriptor for each request, so that `size` requests can be in
 * flight. Otherwise it takes one descriptor for each buffer.
 *
 * A queue belongs to one thread at a time. The paths that each request takes are inline; with
 * buffer counts that are constants, adding, publishing, taking and preparing to wait for one
 * request of three buffers are about 150 instructions, 105 in a batch of 32; 40 less where two of
 * the three are always the same (virtqueue_add_framed()).
 */

#include "base/atomic.h"
#include "base/compiler.h"
#include "virtio/error.h"
#include "virtio/virtio.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTQUEUE_MAX_SIZE  32768u  /* §2.7 */
#define VIRTQUEUE_FAR_EVENT 0x8000u /* half of all indices away: more than a queue can hold */
#define VIRTQUEUE_ALIGNMENT 16u     /* of either memory, for CPU and device (§2.7) */

enum virtqueue_result {
    VIRTQUEUE_OK = 0,
    VIRTQUEUE_EMPTY,       /* nothing has come back */
    VIRTQUEUE_FULL,        /* not enough free descriptors: take first */
    VIRTQUEUE_BAD_BUFFERS, /* no buffer, an empty one, too many, or 4 GiB in all */
    VIRTQUEUE_BROKEN,      /* the device lied: reset it. queue->broken says how */
};

/** A buffer as the device sees it. */
struct virtqueue_buffer {
    uint64_t iova;
    uint32_t length; /* bytes, not 0 */
};

/* ------------------------------------------------------------------------------------------
 * Shared memory: §2.7.5, §2.7.6, §2.7.8
 * ------------------------------------------------------------------------------------------ */

#define VIRTQUEUE_NEXT         1u /* another descriptor follows */
#define VIRTQUEUE_WRITE        2u /* the device writes it, else reads it */
#define VIRTQUEUE_INDIRECT     4u /* it names a table of descriptors */

#define VIRTQUEUE_NO_INTERRUPT 1u /* struct virtqueue_available: flags */
#define VIRTQUEUE_NO_NOTIFY    1u /* struct virtqueue_used: flags */

struct virtqueue_descriptor {
    uint64_t address;
    uint64_t shape; /* length, flags << 32, next << 48: virtqueue_shape() */
};

struct virtqueue_available {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[]; /* size entries, then used_event */
};

struct virtqueue_used {
    uint16_t flags;
    uint16_t index;
    struct virtqueue_used_element {
        uint32_t id;
        uint32_t length;
    } ring[]; /* size entries, then avail_event */
};

static_assert(sizeof(struct virtqueue_descriptor) == 16, "as in §2.7.5");
static_assert(offsetof(struct virtqueue_used, ring) == 4, "as in §2.7.8");

static inline uint64_t virtqueue_shape(uint32_t length, uint32_t flags, uint32_t next)
{
    return length | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

/* ------------------------------------------------------------------------------------------
 * Private memory
 * ------------------------------------------------------------------------------------------ */

/** What the driver knows about a descriptor. It is free, a chain's first, or a later one. */
struct virtqueue_slot {
    uint64_t token;                     /* first: the caller's */
    uint64_t position;                  /* first: value of `added` when it was added */
    struct virtqueue_descriptor *table; /* [I] its indirect table, or NULL */
    uint32_t writable;                  /* first: bytes that the device may write */
    uint16_t next;                      /* free, or in a chain that goes on: the next one */
    uint16_t count;                     /* first: descriptors that the chain takes; others: 0 */
    bool framed;                        /* its table holds a frame: virtqueue_add_framed() */
};

struct virtqueue {
    struct virtqueue_slot *slots;             /* [I] size of them */
    struct virtqueue_descriptor *descriptors; /* [I] driver memory */
    struct virtqueue_available *available;    /* [I] driver memory */
    struct virtqueue_used *used;              /* [I] device memory */
    uint64_t driver_delta;    /* [I] in driver memory, iova minus address, modulo 2^64 */
    uint64_t added;           /* chains added, ever */
    uint64_t published;       /* how many of them the device was told about */
    uint64_t taken;           /* chains that came back, ever */
    uint64_t used_seen;       /* how many the device has given back, as last read and checked */
    uint16_t size;            /* [I] a power of two */
    uint16_t mask;            /* [I] size - 1 */
    uint16_t table_span;      /* [I] lengths of chains that fit a table: 2 to this plus 1 */
    uint16_t free_first;      /* of the free slots */
    uint16_t free_count;      /* 0 when broken */
    bool event_index;         /* [I] VIRTIO_F_EVENT_IDX */
    enum virtio_error broken; /* VIRTIO_OK, or why nothing goes any more */
    uint64_t clamped_count;   /* chains whose used length was too large */
    uint64_t iovas[3];        /* [I] descriptors, available ring, used ring */
    uint32_t reclaimed;       /* slots that virtqueue_reclaim() has looked at */
};

struct virtqueue_setup {
    uint16_t size;          /* a power of two up to VIRTQUEUE_MAX_SIZE */
    uint16_t table_entries; /* longest chain to go into an indirect table, at most size; or 0 */
    uint64_t features;      /* negotiated. EVENT_IDX and INDIRECT_DESC are looked at */
    void *driver_memory;    /* virtqueue_driver_bytes() */
    uint64_t driver_iova;
    uint64_t driver_bytes;
    void *device_memory; /* virtqueue_device_bytes() */
    uint64_t device_iova;
    uint64_t device_bytes;
    struct virtqueue_slot *slots; /* private; `size` of them */
};

/** Bytes of driver memory for such a queue; 0 if there is none such. */
uint64_t virtqueue_driver_bytes(uint32_t size, uint32_t table_entries);

/** Bytes of device memory for such a queue; 0 if there is none such. */
uint64_t virtqueue_device_bytes(uint32_t size);

/**
 * Make an empty queue, for a device that was reset and has not been told of it yet.
 *
 * Tables are used only with VIRTIO_F_INDIRECT_DESC. Both memories must be aligned to
 * VIRTQUEUE_ALIGNMENT, and what the queue uses of them is cleared.
 * Returns: VIRTIO_OK; VIRTIO_BAD_ARGUMENT, VIRTIO_NO_MEMORY, and nothing has changed.
 */
MUST_CHECK enum virtio_error virtqueue_init(struct virtqueue *queue,
                                            const struct virtqueue_setup *setup);

/** Chains that were added and did not come back. */
static inline uint32_t virtqueue_in_flight(const struct virtqueue *queue)
{
    return (uint32_t)(queue->added - queue->taken);
}

/* The two words behind the rings: §2.7.6, §2.7.8. */
static inline uint16_t *virtqueue_used_event(const struct virtqueue *queue)
{
    return &queue->available->ring[queue->size];
}

static inline const uint16_t *virtqueue_avail_event(const struct virtqueue *queue)
{
    return (const uint16_t *)(const void *)&queue->used->ring[queue->size];
}

/** What is not worth inlining: virtqueue_add() without a table, and most of its refusals. */
MUST_CHECK enum virtqueue_result virtqueue_add_slowly(struct virtqueue *queue,
                                                      const struct virtqueue_buffer *buffers,
                                                      uint32_t out_count, uint32_t in_count,
                                                      uint64_t token);

/** virtqueue_add_framed() when the table holds no frame yet, or something is to be refused. */
MUST_CHECK enum virtqueue_result virtqueue_add_frame(struct virtqueue *queue,
                                                     const struct virtqueue_buffer buffers[3],
                                                     bool device_writes, uint64_t token);

/** Break the queue. Returns: VIRTQUEUE_BROKEN. */
enum virtqueue_result virtqueue_break(struct virtqueue *queue, enum virtio_error reason);

/** Put the descriptors of a chain that came back among the free ones, if it has more than one. */
void virtqueue_free_chain(struct virtqueue *queue, uint16_t first);

/** Write a descriptor; the compiler may not use the memory for anything else. */
static inline void virtqueue_write_descriptor(struct virtqueue_descriptor *descriptor,
                                              uint64_t address, uint64_t shape)
{
    volatile struct virtqueue_descriptor *place = descriptor;

    place->address = address;
    place->shape = shape;
}

/** The last steps of adding: from here on the chain is with the device, once published. */
static inline void virtqueue_commit(struct virtqueue *queue, uint16_t first, uint16_t count,
                                    uint32_t writable, uint64_t token)
{
    struct virtqueue_slot *slot = &queue->slots[first];
    const uint64_t position = queue->added;

    slot->token = token;
    slot->position = position;
    slot->writable = writable;
    slot->count = count;
    atomic_store_relaxed_u16(&queue->available->ring[position & queue->mask], first);
    queue->added = position + 1;
}

/* ------------------------------------------------------------------------------------------
 * What each request does
 * ------------------------------------------------------------------------------------------ */

/**
 * Add a chain: `out_count` buffers that the device reads, then `in_count` that it writes.
 *
 * The device sees it after virtqueue_publish(). `token` is the caller's name for the chain, any
 * value; virtqueue_take() gives it back.
 * Returns: VIRTQUEUE_OK; VIRTQUEUE_FULL, VIRTQUEUE_BAD_BUFFERS (more than `size` of them is one
 * reason, §2.7.5.3.1), VIRTQUEUE_BROKEN, and nothing has changed.
 */
MUST_CHECK static ALWAYS_INLINE enum virtqueue_result
virtqueue_add(struct virtqueue *queue, const struct virtqueue_buffer *buffers, uint32_t out_count,
              uint32_t in_count, uint64_t token)
{
    const uint64_t count = (uint64_t)out_count + in_count;
    const struct virtqueue_buffer *const writable_from = buffers + out_count;
    const struct virtqueue_buffer *buffer = buffers;
    const struct virtqueue_buffer *last;
    const uint16_t first = queue->free_first;
    struct virtqueue_descriptor *entry;
    struct virtqueue_slot *slot;
    uint64_t link = virtqueue_shape(0, VIRTQUEUE_NEXT, 1);
    uint64_t readable = 0;
    uint64_t writable = 0;

    if (UNLIKELY(queue->free_count == 0 || in_count == 0 || count - 2 >= queue->table_span)) {
        return virtqueue_add_slowly(queue, buffers, out_count, in_count, token);
    }
    last = buffers + count - 1;
    slot = &queue->slots[first];
    entry = slot->table;
    slot->framed = false;

    /* The table of a free slot is nobody's: a refusal leaves nothing behind that counts. */
    for (; buffer != writable_from; buffer++, entry++) {
        if (UNLIKELY(buffer->length == 0)) {
            return VIRTQUEUE_BAD_BUFFERS;
        }
        virtqueue_write_descriptor(entry, buffer->iova, link | buffer->length);
        readable += buffer->length;
        link += virtqueue_shape(0, 0, 1);
    }
    link |= virtqueue_shape(0, VIRTQUEUE_WRITE, 0);
    for (; buffer != last; buffer++, entry++) {
        if (UNLIKELY(buffer->length == 0)) {
            return VIRTQUEUE_BAD_BUFFERS;
        }
        virtqueue_write_descriptor(entry, buffer->iova, link | buffer->length);
        writable += buffer->length;
        link += virtqueue_shape(0, 0, 1);
    }
    writable += buffer->length;
    /* §2.7.5.2: a chain is not longer than 2^32 bytes. */
    if (UNLIKELY(buffer->length == 0 || readable + writable > UINT32_MAX)) {
        return VIRTQUEUE_BAD_BUFFERS;
    }
    virtqueue_write_descriptor(entry, buffer->iova,
                               virtqueue_shape(buffer->length, VIRTQUEUE_WRITE, 0));

    virtqueue_write_descriptor(&queue->descriptors[first],
                               (uintptr_t)slot->table + queue->driver_delta,
                               virtqueue_shape((uint32_t)count * 16u, VIRTQUEUE_INDIRECT, 0));
    queue->free_first = slot->next;
    queue->free_count--;
    virtqueue_commit(queue, first, 1, (uint32_t)writable, token);
    return VIRTQUEUE_OK;
}

/**
 * The descriptor that the next chain begins with, if there is a free one: no chain that is with
 * the device begins with it.
 */
static inline uint16_t virtqueue_next(const struct virtqueue *queue)
{
    return queue->free_first;
}

/**
 * Add a chain of three: a header that the device reads, data that it writes or reads, and a status
 * that it writes. For drivers in which header and status are the same, in place and length, for
 * each chain that begins with the same descriptor (virtqueue_next()): they are written into its
 * table only the first time. Returns as virtqueue_add().
 */
MUST_CHECK static ALWAYS_INLINE enum virtqueue_result
virtqueue_add_framed(struct virtqueue *queue, const struct virtqueue_buffer buffers[3],
                     bool device_writes, uint64_t token)
{
    const uint32_t flags = VIRTQUEUE_NEXT | (device_writes ? VIRTQUEUE_WRITE : 0);
    const uint32_t frame_bytes = buffers[0].length + buffers[2].length;
    const uint32_t length = buffers[1].length;
    const uint16_t first = queue->free_first;
    struct virtqueue_slot *const slot = &queue->slots[first]; /* looked at only if it is one */

    /* An empty buffer, or more than 2^32 bytes: not 1 to UINT32_MAX - frame_bytes. */
    if (UNLIKELY(queue->free_count == 0 || !slot->framed ||
                 length - 1u >= UINT32_MAX - frame_bytes)) {
        /* A copy: the caller's own can stay in registers. */
        const struct virtqueue_buffer copy[3] = {buffers[0], buffers[1], buffers[2]};

        return virtqueue_add_frame(queue, copy, device_writes, token);
    }
    virtqueue_write_descriptor(&slot->table[1], buffers[1].iova, virtqueue_shape(length, flags, 2));
    queue->free_first = slot->next;
    queue->free_count--;
    virtqueue_commit(queue, first, 1, buffers[2].length + (device_writes ? length : 0), token);
    return VIRTQUEUE_OK;
}

/**
 * Let the device see what was added since the last call.
 *
 * Returns: true if it must be notified now (§2.7.10). It may have lied about that: see above.
 */
MUST_CHECK static inline bool virtqueue_publish(struct virtqueue *queue)
{
    const uint16_t old_index = (uint16_t)queue->published;
    const uint16_t new_index = (uint16_t)queue->added;

    if (queue->published == queue->added || UNLIKELY(queue->broken != VIRTIO_OK)) {
        return false;
    }
    queue->published = queue->added;
    /* §2.7.13.3.1: chains and ring before the index. */
    atomic_store_release_u16(&queue->available->index, new_index);
    /* §2.7.13.4.1: the index before the hint is read, or a notification is lost. */
    atomic_fence_seq_cst();
    if (LIKELY(queue->event_index)) {
        const uint16_t event = atomic_load_relaxed_u16(virtqueue_avail_event(queue));

        /* Whether the index went past `event`: event is one of [old, new), modulo 2^16. */
        return (uint16_t)(new_index - event - 1) < (uint16_t)(new_index - old_index);
    }
    return (atomic_load_relaxed_u16(&queue->used->flags) & VIRTQUEUE_NO_NOTIFY) == 0;
}

/**
 * Take back one chain that the device is done with.
 *
 * `written`: the bytes that it says it wrote, from the first writable buffer on; never more than
 * there are. What lies behind them is what was there before (§2.7.8.2). Both are written only on
 * success.
 * Returns: VIRTQUEUE_OK; VIRTQUEUE_EMPTY; VIRTQUEUE_BROKEN.
 */
MUST_CHECK static ALWAYS_INLINE enum virtqueue_result
virtqueue_take(struct virtqueue *queue, uint64_t *token, uint32_t *written)
{
    const struct virtqueue_used_element *element;
    struct virtqueue_slot *slot;
    uint32_t id;
    uint32_t length;

    if (queue->taken == queue->used_seen) {
        uint16_t more;

        if (UNLIKELY(queue->broken != VIRTIO_OK)) {
            return VIRTQUEUE_BROKEN;
        }
        more = (uint16_t)(atomic_load_acquire_u16(&queue->used->index) - (uint16_t)queue->taken);
        if (more == 0) {
            return VIRTQUEUE_EMPTY;
        }
        if (UNLIKELY(more > queue->published - queue->taken)) {
            return virtqueue_break(queue, VIRTIO_USED_INDEX_JUMP);
        }
        queue->used_seen = queue->taken + more;
    }

    element = &queue->used->ring[queue->taken & queue->mask];
    id = atomic_load_relaxed_u32(&element->id);
    length = atomic_load_relaxed_u32(&element->length);
    if (UNLIKELY(id >= queue->size)) {
        return virtqueue_break(queue, VIRTIO_USED_ID_RANGE);
    }
    slot = &queue->slots[id];
    if (UNLIKELY(slot->count == 0 || slot->position >= queue->published)) {
        return virtqueue_break(queue, VIRTIO_USED_ID_IDLE);
    }
    if (UNLIKELY(length > slot->writable)) {
        length = slot->writable;
        queue->clamped_count++;
    }
    *token = slot->token;
    *written = length;
    queue->taken++;
    if (LIKELY(slot->count == 1)) {
        slot->count = 0;
        slot->next = queue->free_first;
        queue->free_first = (uint16_t)id;
        queue->free_count++;
    } else {
        virtqueue_free_chain(queue, (uint16_t)id);
    }
    return VIRTQUEUE_OK;
}

/**
 * Ask for an interrupt when the next chain comes back, because everything has been taken.
 *
 * Returns: true: the caller may sleep; false: do not, virtqueue_take() has something to say.
 */
MUST_CHECK static inline bool virtqueue_wait_prepare(struct virtqueue *queue)
{
    const uint16_t taken = (uint16_t)queue->taken;

    if (queue->taken != queue->used_seen || UNLIKELY(queue->broken != VIRTIO_OK)) {
        return false;
    }
    if (LIKELY(queue->event_index)) {
        atomic_store_relaxed_u16(virtqueue_used_event(queue), taken);
    } else {
        atomic_store_relaxed_u16(&queue->available->flags, 0);
    }
    /* §2.7.14: the wish before the last look, or an interrupt is lost. */
    atomic_fence_seq_cst();
    return atomic_load_relaxed_u16(&queue->used->index) == taken;
}

/**
 * Tell the device that interrupts are not needed until the next virtqueue_wait_prepare() (§2.7.7,
 * §2.7.10): with the event index, by an index that is not reached soon. Optional, after waking:
 * what a device answers at once is then found without an interrupt.
 */
static inline void virtqueue_wait_end(struct virtqueue *queue)
{
    if (UNLIKELY(queue->broken != VIRTIO_OK)) {
        return;
    }
    if (LIKELY(queue->event_index)) {
        atomic_store_relaxed_u16(virtqueue_used_event(queue),
                                 (uint16_t)(queue->taken + VIRTQUEUE_FAR_EVENT));
    } else {
        atomic_store_relaxed_u16(&queue->available->flags, VIRTQUEUE_NO_INTERRUPT);
    }
}

/** Whether virtqueue_take() has nothing to say: a quick look, for who would take in a loop. */
MUST_CHECK static ALWAYS_INLINE bool virtqueue_is_idle(const struct virtqueue *queue)
{
    return queue->taken == queue->used_seen && LIKELY(queue->broken == VIRTIO_OK) &&
           atomic_load_relaxed_u16(&queue->used->index) == (uint16_t)queue->taken;
}

/* ------------------------------------------------------------------------------------------
 * The end
 * ------------------------------------------------------------------------------------------ */

/**
 * Use the queue no more, for a reason of the caller's (a deadline, NEEDS_RESET). Does nothing to a
 * broken queue: the first reason stays.
 */
void virtqueue_stop(struct virtqueue *queue, enum virtio_error reason);

/**
 * Take back one chain that the device still had, once it was reset and cannot reach it any more.
 *
 * Returns: true, and the chain's token; false: there are none left, or the queue is not broken.
 */
MUST_CHECK bool virtqueue_reclaim(struct virtqueue *queue, uint64_t *token);
