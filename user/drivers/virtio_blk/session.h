/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Sessions: what the driver keeps for each client of the disk.
 *
 *            open                    poisoned, or the client end is gone
 *   FREE ----------> OPEN ------------------------------------+
 *     ^                                                       v
 *     |  the client end is gone         nothing in flight   CLOSING
 *     +------------------------- DEAD <-----------------------+
 *
 * A session in flight cannot go: the device still reads and writes the client's memory, which
 * stays pinned until then. A dead one keeps its queues, which its client may be looking at, and its
 * place, so that the word of the client end's death, which comes once, never meets another session
 * in it.
 *
 * The client is an enemy: its queue's indices are lib/queue's to check, its requests lib/block's;
 * its memory is never touched; its Signaller is known to be one.
 */

#include "drivers/virtio_blk/disk.h"
#include "libdriver/loop.h"
#include "queue/queue.h"

#define SESSIONS_MAX        16u
#define SESSIONS_PER_CLIENT 4u     /* per program that the manifest lets use the disk */
#define SESSION_PAGES_MAX   16384u /* of a client's memory */

/* Bits of the driver's notification. */
#define BIT_INTERRUPT   1ull
#define BITS_WORK_SHIFT 8u  /* from here on: session number n has put requests */
#define BITS_GONE_SHIFT 32u /* from here on: its client end is gone */
#define BITS_SESSIONS   ((1ull << SESSIONS_MAX) - 1)

enum session_state { SESSION_FREE, SESSION_OPEN, SESSION_CLOSING, SESSION_DEAD };

struct session {
    enum session_state state;
    bool client_gone;
    uint32_t in_flight;
    uint64_t badge;     /* of the client that opened it */
    uint64_t data_iova; /* the client's memory, as the device sees it */
    uint64_t data_bytes;
    uint64_t client_signaller; /* wakes the client; checked */
    struct queue_consumer requests;
    struct queue_producer answers;
    /* what makes it up, for its end */
    struct driver_dma data;
    uint64_t endpoint;         /* nobody receives here: calls end with the session */
    uint64_t driver_signaller; /* the client has a copy */
    uint64_t queue_memory;     /* the client has a copy */
    void *queue_address;
    uint32_t queue_pages;
};

struct blk {
    struct disk disk;
    struct driver_loop loop;
    struct rt_server server;
    struct session sessions[SESSIONS_MAX];
    uint32_t active; /* sessions that may have requests: looked at without a signal */
    uint32_t dirty;  /* sessions that have answers to be published */
    uint32_t next;   /* whose turn it is */
};

/** What an open session is told and given: the client end is the caller's to give away. */
struct session_offer {
    uint32_t number;
    uint32_t depth;
    uint32_t answers_offset;
    uint64_t signal_bits;
    uint64_t client_end;
};

/**
 * Open a session. `memory` and `signaller` are the client's capabilities, which may be anything.
 * They are taken over: released, or kept by the session.
 *
 * Returns: STATUS_OK; STATUS_BAD_RANGE (depth or page count), STATUS_QUEUE_FULL (too many
 * sessions), or what the kernel refused; nothing is left behind then.
 */
MUST_CHECK enum status session_open(struct blk *blk, uint64_t badge, uint32_t depth,
                                    uint32_t page_count, uint64_t memory, uint64_t signaller,
                                    struct session_offer *offer);

/** Take no more requests, and end the session once none is in flight. */
void session_close(struct blk *blk, struct session *session);

/** The client end is gone. */
void session_client_gone(struct blk *blk, struct session *session);

/** A request has come back: the last one of a closing session ends it. */
static inline void session_came_back(struct blk *blk, struct session *session)
{
    session->in_flight--;
    if (UNLIKELY(session->state == SESSION_CLOSING)) {
        session_close(blk, session);
    }
}
