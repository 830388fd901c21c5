/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Calls whose message or answer has pointers: building, calling, reading the answer.
 *
 *     struct rt_exchange exchange;
 *     struct wire_build_struct params;
 *     struct wire_struct results;
 *
 *     status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);
 *     if (status != STATUS_OK) { return status; }
 *     x_init_root(&exchange.builder, &params);
 *     x_set_field(&params, ...);
 *     status = rt_exchange_call(&exchange, target, method, &results);
 *     ... read results ...
 *     rt_exchange_end(&exchange);
 *
 * Message and answer use the same block of the message area, one after the other. Everything
 * read from the answer lies in that block and is gone after rt_exchange_end().
 */

#include "rt/thread.h"
#include "wire/build.h"
#include "wire/read.h"

#define RT_EXCHANGE_BYTES 4096u

struct rt_exchange {
    struct rt_ring *ring;
    uint32_t offset;             /* of the block in the message area */
    uint32_t capacity;           /* bytes */
    struct wire_builder builder; /* of the message */
    struct ring_transfer transfer[RING_MAX_TRANSFERS];
    uint16_t transfer_count;    /* capabilities to send */
    struct ring_cqe completion; /* of the call */
    struct wire_message answer; /* being read */
};

/** Take a block of the message area. Returns: STATUS_OK; STATUS_NO_MEMORY. */
MUST_CHECK enum status rt_exchange_begin(struct rt_exchange *exchange, uint32_t capacity);

/** Send a capability along. `mode` is RING_TRANSFER_COPY or RING_TRANSFER_MOVE. */
void rt_exchange_transfer(struct rt_exchange *exchange, uint64_t capability, uint32_t mode);

/**
 * CALL with the message built so far, and begin reading the answer.
 *
 * Returns: the transport's status, else the callee's, and `results` (may be NULL) on STATUS_OK;
 * STATUS_BAD_MESSAGE if the answer cannot be read; STATUS_TOO_LONG if the message is too long.
 */
MUST_CHECK enum status rt_exchange_call(struct rt_exchange *exchange, uint64_t target,
                                        uint16_t method, struct wire_struct *results);

/** As above, with an inline message. */
MUST_CHECK enum status rt_exchange_call_inline(struct rt_exchange *exchange, uint64_t target,
                                               uint16_t method, struct rt_words words,
                                               struct wire_struct *results);

/** Number of capabilities that came with the answer. */
static inline uint32_t rt_exchange_received(const struct rt_exchange *exchange)
{
    return exchange->completion.transfer_count;
}

/** The capability number `index` that came with the answer; 0 beyond the last. */
uint64_t rt_exchange_capability(const struct rt_exchange *exchange, uint32_t index);

/** Give the block back. */
void rt_exchange_end(struct rt_exchange *exchange);

/** True if a text of a message is exactly `text`. */
bool rt_bytes_equal(struct wire_bytes bytes, const char *text);
