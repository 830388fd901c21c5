/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One message from one thread's ring to another's: words or bytes, and capabilities.
 *
 * Both message areas are the kernel's own frames, so the copy cannot fault; the sender may change
 * its area meanwhile and harms nobody, because nothing copied is believed. The transfer list is
 * read once into kernel memory. Under the kernel lock.
 */

#include "ring/ring.h"
#include "types.h"

struct object;
struct thread;

/** Whether a buffer lies in the message area, aligned to eight bytes. */
static inline bool message_buffer_is_valid(uint32_t offset, uint32_t length)
{
    return offset % 8 == 0 && offset <= RING_MESSAGE_BYTES && length <= RING_MESSAGE_BYTES - offset;
}

/** The transfer list of a message, read once and resolved in the sender's table. */
struct message_parcels {
    uint32_t count;
    struct object *objects[RING_MAX_TRANSFERS];
    uint32_t flags[RING_MAX_TRANSFERS]; /* for the receiver's entry */
    uint64_t ids[RING_MAX_TRANSFERS];   /* in the sender's table */
    bool moves[RING_MAX_TRANSFERS];
};

/**
 * Resolve the transfer list behind a message whose form has been checked.
 *
 * Returns: STATUS_OK; STATUS_BAD_CAPABILITY, STATUS_STALE, STATUS_BAD_REQUEST (mode, duplicates).
 */
MUST_CHECK enum status message_resolve(struct thread *sender, uint32_t transfer_count,
                                       const uint64_t *payload, struct message_parcels *parcels);

/** Check a message's form: flags, place and list length. STATUS_OK, _BAD_REQUEST, _BAD_RANGE. */
MUST_CHECK enum status message_check(uint32_t sqe_flags, uint32_t transfer_count,
                                     const uint64_t *payload);

/** What arrived in the receiver's buffer. */
struct message_sent {
    uint32_t length;        /* bytes */
    uint8_t transfer_count; /* CapIds behind them, at the next multiple of eight */
};

/**
 * Send a message that is not inline: copies it into the receiver's buffer and transfers the
 * capabilities, all of them or none.
 *
 * Returns: STATUS_OK; form errors as message_check(); STATUS_TOO_LONG if the buffer is too small;
 * for the list STATUS_BAD_CAPABILITY, STATUS_STALE, STATUS_BAD_REQUEST, STATUS_OVER_BUDGET,
 * STATUS_NO_MEMORY, STATUS_PEER_GONE.
 */
MUST_CHECK enum status message_send(struct thread *from, uint32_t sqe_flags,
                                    uint32_t transfer_count, const uint64_t *payload,
                                    struct thread *to, uint32_t buffer_offset,
                                    uint32_t buffer_length, struct message_sent *sent);
