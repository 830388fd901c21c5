/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The client's side of BlockDevice: sessions with requests in flight.
 *
 *     block_info_get(endpoint, &info);
 *     block_session_open(&session, endpoint, depth, memory, page_count);
 *     block_submit(&session, &request);          as many as `depth`; then
 *     block_wait(&session, deadline, &answer);   one answer, whichever comes first
 *     block_session_close(&session);
 *
 * Data lies in a Memory object of the caller's own, named by offsets: the device moves it there,
 * nobody copies. Whole files are easier with block_io.h, on top of this.
 *
 * The driver may die at any moment, or be hostile. Every request gets exactly one answer from
 * here: if the driver is gone, or says what cannot be, or the caller's deadline has passed and it
 * calls block_session_break(), the open ones are answered BLOCK_STATUS_GONE, and new ones are
 * refused. Connecting again is the caller's decision. After GONE a device may still be writing
 * into the memory until the kernel has reset it; the pages stay pinned meanwhile.
 *
 * A session belongs to the thread that opened it, and has no lock.
 */

#include "block/request.h"
#include "queue/queue.h"
#include "rt/ring_client.h"

#define BLOCK_ID_BYTES   20u
#define BLOCK_DEPTH_MAX  128u
#define BLOCK_PAGE_BYTES 4096u

/** What a disk says of itself. */
struct block_disk {
    char id[BLOCK_ID_BYTES + 1]; /* ends with a zero byte; printable */
    uint32_t sector_bytes;       /* 512 */
    uint32_t block_bytes;        /* what it prefers to write whole */
    uint64_t sector_count;
    uint32_t max_sectors;         /* of one read or write; not 0 */
    uint32_t max_discard_sectors; /* 0: it cannot */
    uint32_t max_zero_sectors;    /* 0: it cannot */
    uint32_t depth;               /* requests that its driver has at the device at most */
    bool read_only;
    bool flush;
};

/** A request of the session's that has no answer yet, or a free place. */
struct block_place {
    uint64_t tag; /* the caller's */
    bool open;
};

struct block_session {
    struct rt_ring *ring;      /* of its thread */
    uint64_t end;              /* client end: the session lasts as long */
    uint64_t driver_signaller; /* wakes the driver; known to be one */
    uint64_t signal_bits;      /* with these */
    uint64_t queue_memory;     /* the driver's */
    void *queues;              /* its mapping */
    uint32_t queue_pages;
    uint32_t depth;        /* open requests at most */
    uint32_t open_count;   /* requests without an answer */
    uint64_t notification; /* is signalled when there are answers */
    struct queue_producer requests;
    struct queue_consumer answers;
    struct rt_operation wait;  /* the WAIT for the notification */
    struct rt_operation watch; /* a call that ends when the session does */
    bool gone;
    uint8_t free_places[BLOCK_DEPTH_MAX]; /* stack */
    uint32_t free_count;
    struct block_place places[BLOCK_DEPTH_MAX]; /* the tag that the driver sees is the index */
};

/** Ask a disk what it is. Returns: STATUS_OK; the transport's or driver's refusal. */
MUST_CHECK enum status block_info_get(uint64_t endpoint, struct block_disk *disk);

/**
 * Open a session: at most `depth` requests at once, data in the first `page_count` pages of
 * `memory`, which stays the caller's and must be readable and writable.
 *
 * Returns: STATUS_OK; STATUS_QUEUE_FULL if the driver has no more sessions for this program;
 * STATUS_BAD_RANGE; STATUS_BAD_MESSAGE if the driver's answer cannot be; other refusals of kernel
 * and driver. Nothing is left behind then.
 */
MUST_CHECK enum status block_session_open(struct block_session *session, uint64_t endpoint,
                                          uint32_t depth, uint64_t memory, uint32_t page_count);

/** Close a session. Requests without an answer end in an unknown state. */
void block_session_close(struct block_session *session);

/**
 * Put a request into the queue; it goes out with the next block_wait() or block_kick(). All fields
 * are the caller's; the driver judges them.
 *
 * Returns: STATUS_OK; STATUS_QUEUE_FULL if `depth` are open; STATUS_PEER_GONE.
 */
MUST_CHECK enum status block_submit(struct block_session *session,
                                    const struct block_request *request);

/** Let the driver see what was submitted, without waiting. */
void block_kick(struct block_session *session);

/** Take an answer, if there is one. Does not enter the kernel. */
MUST_CHECK bool block_poll(struct block_session *session, struct block_answer *answer);

/**
 * Wait for an answer until `deadline_ns` since boot (RT_NO_DEADLINE: for ever).
 *
 * Returns: STATUS_OK and the answer; STATUS_TIMED_OUT; STATUS_NOT_FOUND if no request is open.
 */
MUST_CHECK enum status block_wait(struct block_session *session, uint64_t deadline_ns,
                                  struct block_answer *answer);

/** Give a session up: every open request is answered with BLOCK_STATUS_GONE. */
void block_session_break(struct block_session *session);
