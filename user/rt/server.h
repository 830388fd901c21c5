/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The receiving side of an endpoint.
 *
 * A server keeps one RECV armed. A request is answered with one RETURN, which arms the RECV again
 * in the same kernel entry, so a server costs one entry for each call:
 *
 *     rt_server_init(&server, endpoint, RT_EXCHANGE_BYTES);
 *     for (;;) {
 *         const struct ring_cqe *request = rt_server_receive(&server);
 *         switch (request->method) {
 *         case ECHO_ECHO: rt_server_reply_words(&server, words); break;
 *         default: rt_server_refuse(&server, STATUS_BAD_METHOD);
 *         }
 *     }
 *
 * Every request must be answered by exactly one of the reply functions before the next receive.
 * If the kernel refuses an answer (a capability in it cannot be transferred), the caller gets the
 * kernel's reason as exception instead; if the caller is gone, nobody does.
 */

#include "rt/message.h"

enum rt_server_state {
    RT_SERVER_DISARMED, /* no RECV with the kernel and no request in hand */
    RT_SERVER_ARMED,    /* RECV with the kernel */
    RT_SERVER_SERVING,  /* a request waits for its answer */
    RT_SERVER_REPLYING, /* the answer, which arms the RECV again, is written */
    RT_SERVER_REFUSING, /* as above, and the answer is an exception */
};

struct rt_server {
    struct rt_ring *ring;
    uint64_t endpoint;
    enum rt_server_state state;
    uint32_t offset;             /* of the block of the message area: request, then answer */
    uint32_t capacity;           /* bytes */
    struct rt_operation receive; /* the RECV; hand its completion to rt_server_take() */
    struct rt_operation answer;  /* the RETURN; completes only if it is refused */
    struct ring_cqe request;     /* in hand */
    struct wire_message reader;  /* of the request */
    struct wire_builder builder; /* of the answer */
    struct ring_transfer transfer[RING_MAX_TRANSFERS];
    uint16_t transfer_count; /* capabilities to send with the answer */
    uint64_t refused_count;  /* answers that the kernel refused */
};

/** Serve `endpoint` with a block of `capacity` bytes. Returns: STATUS_OK; STATUS_NO_MEMORY. */
MUST_CHECK enum status rt_server_init(struct rt_server *server, uint64_t endpoint,
                                      uint32_t capacity);

/** Stop serving. The endpoint stays the caller's; no request may be in hand. */
void rt_server_fini(struct rt_server *server);

/**
 * For a program with an event loop of its own: make sure that a RECV is with the kernel. Its
 * completion comes out of rt_ring_wait(), for rt_server_take().
 */
MUST_CHECK enum status rt_server_arm(struct rt_server *server);

/** True if an operation that rt_ring_wait() gave is the server's: call rt_server_take(). */
static inline bool rt_server_owns(const struct rt_server *server,
                                  const struct rt_operation *operation)
{
    return operation == &server->receive || operation == &server->answer;
}

/** The request in a completed operation of the server's; NULL if it is none: arm and wait. */
const struct ring_cqe *rt_server_take(struct rt_server *server,
                                      const struct rt_operation *operation);

/** Read the message of the request in hand. Returns: STATUS_OK; STATUS_BAD_MESSAGE. */
MUST_CHECK enum status rt_server_read(struct rt_server *server, struct wire_struct *params);

/** The capability number `index` that came with the request; 0 beyond the last. */
uint64_t rt_server_capability(const struct rt_server *server, uint32_t index);

/** Give up all capabilities that came with the request, because it will be refused. */
void rt_server_drop_capabilities(struct rt_server *server);

/** Write the RETURN for the request in hand. It goes out with the next kernel entry. */
static ALWAYS_INLINE void rt_server_return(struct rt_server *server, uint8_t flags,
                                           uint16_t exception, uint16_t transfer_count,
                                           struct rt_words payload)
{
    struct ring_sqe *const sqe = rt_ring_sqe(server->ring);

    rt_sqe_set_head(sqe, RING_OPERATION_RETURN, (uint8_t)(flags | SQE_QUIET | SQE_REARM), exception,
                    transfer_count);
    sqe->user_data = server->answer.user_data;
    sqe->target = server->request.call_id;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    __builtin_memcpy(sqe->payload, &payload, sizeof(sqe->payload));
    server->state = exception == 0 ? RT_SERVER_REPLYING : RT_SERVER_REFUSING;
}

/** Answer with an inline message. */
static ALWAYS_INLINE void rt_server_reply_words(struct rt_server *server, struct rt_words words)
{
    rt_server_return(server, SQE_INLINE, 0, 0, words);
}

/** Answer with an exception, which must not be STATUS_OK. */
void rt_server_refuse(struct rt_server *server, enum status exception);

/**
 * Begin an answer with pointers or capabilities: x_init_root(builder, &results). It is built where
 * the request lay: everything read from the request is gone.
 */
struct wire_builder *rt_server_reply_begin(struct rt_server *server);

/** Send a capability with that answer. */
void rt_server_transfer(struct rt_server *server, uint64_t capability, uint32_t mode);

/** Send that answer; if it did not fit, the caller gets STATUS_TOO_LONG. */
void rt_server_reply_end(struct rt_server *server);

/** rt_server_receive() when something else than the next request is to be dealt with first. */
const struct ring_cqe *rt_server_receive_slowly(struct rt_server *server);

/**
 * Wait for the next request. The fields of struct ring_cqe say what is asked: badge, method,
 * transfer_count, and payload[] if the message is inline (else use rt_server_read()).
 *
 * Returns: the request, until it is answered; NULL if the endpoint is gone or was revoked.
 */
static ALWAYS_INLINE const struct ring_cqe *rt_server_receive(struct rt_server *server)
{
    struct rt_ring *const ring = server->ring;

    /* With no completed operation on the list, none of the server's own is. */
    if (LIKELY(server->state != RT_SERVER_DISARMED && ring->done_first == NULL)) {
        const uint64_t submitted = ring_user_publish(&ring->user);
        const uint64_t entered = rt_arch_cap_enter(submitted, 1, RT_NO_DEADLINE);
        const struct ring_cqe *const cqe = ring_user_peek(&ring->user);

        if (LIKELY(entered == submitted && cqe != NULL &&
                   cqe->user_data == server->receive.user_data && cqe->status == STATUS_OK)) {
            __builtin_memcpy(&server->request, cqe, sizeof(*cqe));
            ring_user_consume(&ring->user);
            server->state = RT_SERVER_SERVING;
            return &server->request;
        }
        rt_ring_settle(ring, submitted, entered);
    }
    return rt_server_receive_slowly(server);
}
