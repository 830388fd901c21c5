/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The disk: the device's side of the driver. Knows nothing of clients: a request goes in with an
 * address that the device can reach, and comes out with who sent it and what became of it.
 *
 * Each request in flight has a slot: its header and status byte, in the driver's own memory, which
 * no client reaches. So a client can spoil its data and nothing else.
 */

#include "block/request.h"
#include "libdriver/virtio_device.h"
#include "virtio/blk.h"

#define DISK_DEPTH      128u /* requests in flight at most */
#define DISK_LATE_TICKS 10u  /* a request that has seen as many is late */
#define DISK_TICK_NS    1000000000ull

/* The most of one read or write, so that nobody keeps the disk to himself for long. */
#define DISK_REQUEST_SECTORS 8192u

/** What the device reads of a request, beside its data. */
struct disk_command {
    struct virtio_blk_header header;
    struct virtio_blk_range range; /* DISCARD, WRITE_ZEROES */
};

/** A request that is with the device. */
struct disk_slot {
    uint64_t tag;          /* the client's */
    uint32_t session;      /* who sent it */
    uint32_t sector_count; /* for the answer */
    uint32_t read_bytes;   /* that the device is to write */
    uint32_t tick;         /* when it went out */
    bool busy;
};

/** A request that came back. */
struct disk_done {
    uint64_t tag;
    uint32_t session;
    uint32_t sector_count; /* moved */
    enum block_status status;
};

struct disk {
    struct driver_virtio virtio;
    struct driver_virtqueue queue;
    struct virtio_blk_config config;
    struct block_limits limits; /* of a request, for its check */
    char id[VIRTIO_BLK_ID_BYTES + 1];
    struct driver_dma commands_memory, statuses_memory;
    struct disk_command *commands;      /* by slot; the device reads them */
    volatile uint8_t *statuses;         /* by slot; the device writes them */
    struct disk_slot slots[DISK_DEPTH]; /* by the descriptor that the request begins with */
    uint32_t depth;                     /* requests that the device has room for */
    uint32_t in_flight;
    uint32_t tick; /* now */
};

/** Bring the device up; its interrupts are `bits` of `notification`. Fails on what it cannot use.
 */
void disk_open(struct disk *disk, uint64_t notification, uint64_t bits);

/** Whether one more request can go out. */
static inline bool disk_has_room(const struct disk *disk)
{
    return disk->in_flight < disk->depth;
}

/**
 * Add a request that block_request_check() has accepted; disk_has_room(). `data_iova` is where its
 * data lies for the device. It goes out with disk_publish().
 */
void disk_submit(struct disk *disk, uint32_t session, const struct block_request *request,
                 uint64_t data_iova);

/** Let the device see what was added. */
static ALWAYS_INLINE void disk_publish(struct disk *disk)
{
    driver_virtqueue_publish(&disk->queue);
}

/** The end of a driver whose device has broken the queue. */
NORETURN void disk_fail(const struct disk *disk, const char *what);

/** Take one request that came back. False: there is none. */
MUST_CHECK static ALWAYS_INLINE bool disk_take(struct disk *disk, struct disk_done *done)
{
    uint64_t token = 0;
    uint32_t written = 0;
    struct disk_slot *slot;
    enum virtio_blk_outcome outcome;
    const enum virtqueue_result result = virtqueue_take(&disk->queue.queue, &token, &written);

    if (result == VIRTQUEUE_EMPTY) {
        return false;
    }
    if (UNLIKELY(result != VIRTQUEUE_OK)) {
        disk_fail(disk, "its answers");
    }
    /* The token is the driver's own word: the queue has checked whose chain this is. */
    slot = &disk->slots[token];
    slot->busy = false;
    disk->in_flight--;
    outcome = virtio_blk_outcome(disk->statuses[token], written, slot->read_bytes);
    *done = (struct disk_done){.tag = slot->tag, .session = slot->session};
    if (LIKELY(outcome == VIRTIO_BLK_DONE)) {
        done->status = BLOCK_STATUS_OK;
        done->sector_count = slot->sector_count;
    } else {
        done->status =
            outcome == VIRTIO_BLK_UNSUPPORTED ? BLOCK_STATUS_UNSUPPORTED : BLOCK_STATUS_IO_ERROR;
    }
    return true;
}

/** Whether disk_take() would find nothing. */
MUST_CHECK static ALWAYS_INLINE bool disk_is_idle(const struct disk *disk)
{
    return virtqueue_is_idle(&disk->queue.queue);
}

/** Ask for an interrupt. False: do not sleep, something has come back meanwhile. */
MUST_CHECK static ALWAYS_INLINE bool disk_wait_prepare(struct disk *disk)
{
    return virtqueue_wait_prepare(&disk->queue.queue);
}

/** No interrupts until disk_wait_prepare(): what comes back is looked for. */
static ALWAYS_INLINE void disk_wait_end(struct disk *disk)
{
    virtqueue_wait_end(&disk->queue.queue);
}

/** A second has passed: fail if a request is late, or the device has stopped. */
void disk_tick(struct disk *disk);
