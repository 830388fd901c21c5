/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The steps of a call that the general path (endpoint.c) and the fast path (syscall/fast_path.c)
 * have in common. Under the kernel lock.
 */

#include "object/endpoint.h"
#include "sched/thread.h"

/** The completion's message part for an inline message. */
static ALWAYS_INLINE void endpoint_copy_words(struct ring_cqe *cqe,
                                              const volatile uint64_t *payload)
{
    cqe->payload[0] = payload[0];
    cqe->payload[1] = payload[1];
    cqe->payload[2] = payload[2];
    cqe->payload[3] = payload[3];
}

/** The receiver's RECV has its message, in `cqe`; it now serves the call. */
static ALWAYS_INLINE void endpoint_taken(struct operation *receive,
                                         const struct endpoint_client *client, struct ring_cqe *cqe)
{
    struct thread *server = receive->thread;

    client->endpoint->latest = receive;
    receive->sequence = ++server->next_sequence;
    cqe->user_data = receive->user_data;
    cqe->badge = client->badge;
    cqe->call_id = operation_call_id(receive);
    list_move(&server->serving, &receive->link);
    receive->state = OPERATION_SERVING;
}

/** The two operations of a call find each other; the receiver is lent the caller's priority. */
static ALWAYS_INLINE void endpoint_join(struct operation *call, struct operation *receive)
{
    call->state = OPERATION_TAKEN;
    call->peer = receive;
    receive->peer = call;
    if (UNLIKELY(call->thread->priority > receive->thread->priority)) {
        thread_update_priority(receive->thread);
    }
}

/** A RECV that has been answered waits again. */
static ALWAYS_INLINE void endpoint_rearm(struct endpoint *endpoint, struct operation *receive)
{
    receive->state = OPERATION_RECEIVING;
    receive->peer = NULL;
    list_move(&endpoint->receivers, &receive->link);
}
