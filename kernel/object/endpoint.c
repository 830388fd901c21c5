/* SPDX-License-Identifier: MIT */
#include "object/endpoint.h"

#include "arch/x86_64/cpu.h"
#include "object/endpoint_inline.h"
#include "object/message.h"
#include "object/process.h"
#include "sched/sched.h"
#include "sched/thread.h"

/* Calls that a RECV is offered at once, until it accepts one. */
#define MATCH_AT_ONCE 4u

static struct endpoint *endpoint_of(struct object *object)
{
    return CONTAINER_OF(object, struct endpoint, object);
}

static struct endpoint_client *client_of(struct object *object)
{
    return CONTAINER_OF(object, struct endpoint_client, object);
}

/** Count a call that is queued, by its caller's priority. */
static void count_queued(struct endpoint *endpoint, struct operation *call)
{
    call->queued_priority = call->thread->priority;
    endpoint->queued_count[call->queued_priority]++;
    endpoint->queued_mask |= 1u << call->queued_priority;
}

static void uncount_queued(struct endpoint *endpoint, const struct operation *call)
{
    if (--endpoint->queued_count[call->queued_priority] == 0) {
        endpoint->queued_mask &= ~(1u << call->queued_priority);
    }
}

/** The thread that is lent the priority of the queue, or NULL. */
static struct thread *busy_server(const struct endpoint *endpoint)
{
    const struct operation *latest = endpoint->latest;

    return latest != NULL && latest->state == OPERATION_SERVING ? latest->thread : NULL;
}

uint8_t endpoint_lent_priority(const struct operation *receive)
{
    const struct endpoint *endpoint = endpoint_of(receive->object);
    uint8_t priority = receive->peer != NULL ? receive->peer->thread->priority : 0;

    if (endpoint->latest == receive && endpoint->queued_mask != 0) {
        const uint8_t queued = (uint8_t)(31 - __builtin_clz(endpoint->queued_mask));

        priority = queued > priority ? queued : priority;
    }
    return priority;
}

struct thread *endpoint_caller_changed(struct operation *call)
{
    if (call->state == OPERATION_TAKEN) {
        return call->peer->thread;
    }
    struct endpoint *endpoint = client_of(call->object)->endpoint;

    uncount_queued(endpoint, call);
    count_queued(endpoint, call);
    return busy_server(endpoint);
}

/** The queue has changed: so has perhaps what it lends. */
static void lend_queued(const struct endpoint *endpoint)
{
    struct thread *server = busy_server(endpoint);

    if (server != NULL) {
        thread_update_priority(server);
    }
}

/** A call meets its receiver: the message goes over. */
static ALWAYS_INLINE enum status deliver(struct operation *receive, struct thread *caller,
                                         const struct endpoint_client *client, uint32_t sqe_flags,
                                         uint16_t method, uint32_t transfer_count,
                                         const uint64_t *payload)
{
    struct thread *server = receive->thread;
    struct ring_cqe *cqe = ring_kernel_next_cqe(&server->ring);
    struct message_sent sent;

    if (LIKELY((sqe_flags & SQE_INLINE) && transfer_count == 0)) {
        ring_cqe_set_head(cqe, STATUS_OK, STATUS_OK, CQE_INCOMING | CQE_INLINE, 0, method);
        endpoint_copy_words(cqe, payload);
    } else {
        const enum status status =
            message_send(caller, sqe_flags, transfer_count, payload, server, receive->buffer_offset,
                         receive->buffer_length, &sent);

        if (status != STATUS_OK) {
            return status;
        }
        ring_cqe_set_head(cqe, STATUS_OK, STATUS_OK, CQE_INCOMING, sent.transfer_count, method);
        cqe->payload[0] = sent.length;
    }
    endpoint_taken(receive, client, cqe);
    thread_post(server);
    return STATUS_OK;
}

enum status endpoint_call(struct endpoint_client *client, struct thread *caller,
                          const struct ring_sqe *sqe)
{
    struct endpoint *endpoint = client->endpoint;

    if (UNLIKELY(endpoint->closed)) {
        return STATUS_PEER_GONE;
    }
    if (LIKELY(!list_is_empty(&endpoint->receivers))) {
        struct operation *receive = LIST_FIRST(&endpoint->receivers, struct operation, link);
        const enum status status = deliver(receive, caller, client, sqe->flags, sqe->method,
                                           sqe->transfer_count, sqe->payload);

        if (LIKELY(status == STATUS_OK)) {
            endpoint_join(operation_take(caller, sqe, OPERATION_TAKEN), receive);
        }
        return status;
    }
    enum status status = message_check(sqe->flags, sqe->transfer_count, sqe->payload);

    if (status != STATUS_OK) {
        return status;
    }
    struct operation *call = operation_take(caller, sqe, OPERATION_QUEUED);

    call->sqe_flags = sqe->flags;
    call->method = sqe->method;
    call->transfer_count = (uint8_t)sqe->transfer_count; /* checked above */
    for (uint32_t i = 0; i < RING_PAYLOAD_WORDS; i++) {
        call->payload[i] = sqe->payload[i];
    }
    call->object = &client->object;
    object_get(&client->object);
    if (list_is_empty(&client->callers)) {
        list_append(&endpoint->clients, &client->ready);
    }
    list_append(&client->callers, &call->link);
    count_queued(endpoint, call);
    lend_queued(endpoint);
    return STATUS_OK;
}

/** Take the next queued call, in turn over the client ends; NULL if there is none. */
static struct operation *next_caller(struct endpoint *endpoint)
{
    if (list_is_empty(&endpoint->clients)) {
        return NULL;
    }
    struct endpoint_client *client = LIST_FIRST(&endpoint->clients, struct endpoint_client, ready);

    list_remove(&client->ready);
    list_append(&endpoint->clients, &client->ready);
    return LIST_FIRST(&client->callers, struct operation, link);
}

static void unqueue(struct operation *call)
{
    struct endpoint_client *client = client_of(call->object);

    uncount_queued(client->endpoint, call);
    call->state = OPERATION_WAITING; /* in no queue, until it is joined or completed */
    list_remove(&call->link);
    if (list_is_empty(&client->callers)) {
        list_remove(&client->ready);
    }
}

/** Give a waiting RECV the next call that is queued; false: it still waits. */
static bool offer(struct endpoint *endpoint, struct operation *receive, struct operation *call)
{
    struct endpoint_client *client = client_of(call->object);
    const enum status status = deliver(receive, call->thread, client, call->sqe_flags, call->method,
                                       call->transfer_count, call->payload);

    unqueue(call);
    call->object = NULL;
    if (LIKELY(status == STATUS_OK)) {
        endpoint_join(call, receive);
    } else {
        operation_complete(call, status);
    }
    lend_queued(endpoint);
    object_put(&client->object);
    return status == STATUS_OK;
}

/** Calls that are queued meet receivers that wait, a step's worth. */
static bool match_step(struct work *work)
{
    struct endpoint *endpoint = CONTAINER_OF(work, struct endpoint, matching);

    for (uint32_t i = 0; i < WORK_STEP_UNITS; i++) {
        struct operation *call = list_is_empty(&endpoint->receivers) ? NULL : next_caller(endpoint);

        if (call == NULL) {
            object_put(&endpoint->object);
            return true;
        }
        (void)offer(endpoint, LIST_FIRST(&endpoint->receivers, struct operation, link), call);
    }
    return false;
}

/** The same, soon. */
static void match_later(struct endpoint *endpoint)
{
    if (!list_is_linked(&endpoint->matching.link)) {
        object_get(&endpoint->object);
        work_start(&endpoint->matching);
    }
}

/**
 * Give a waiting RECV the calls that are queued, until one is accepted. However many those are that
 * cannot be delivered, callers decide: after some of them it goes on later.
 */
static void match(struct endpoint *endpoint, struct operation *receive)
{
    for (uint32_t i = 0; i < MATCH_AT_ONCE; i++) {
        struct operation *call = next_caller(endpoint);

        if (LIKELY(call == NULL || offer(endpoint, receive, call))) {
            return;
        }
    }
    match_later(endpoint);
}

enum status endpoint_receive(struct endpoint *endpoint, struct thread *receiver,
                             const struct ring_sqe *sqe)
{
    if (!message_buffer_is_valid(sqe->buffer_offset, sqe->buffer_length)) {
        return STATUS_BAD_RANGE;
    }
    struct operation *receive = operation_take(receiver, sqe, OPERATION_RECEIVING);

    receive->object = &endpoint->object;
    receive->epoch = endpoint->epoch;
    object_get(&endpoint->object);
    list_append(&endpoint->receivers, &receive->link);
    match(endpoint, receive);
    return STATUS_OK;
}

/** Wait again with a RECV operation that has been answered. Its completion is reserved. */
static void rearm(struct operation *receive)
{
    struct endpoint *endpoint = endpoint_of(receive->object);

    endpoint_rearm(endpoint, receive);
    if (UNLIKELY(receive->epoch != endpoint->epoch)) {
        /* While it served, nobody could tell it that its capability was taken back. */
        if (endpoint->closed || receive->thread->process->pid != endpoint->revoker_pid) {
            operation_cancel(receive, endpoint->closed ? STATUS_CANCELLED : STATUS_STALE);
            return;
        }
        receive->epoch = endpoint->epoch;
    }
    if (UNLIKELY(!list_is_empty(&endpoint->clients))) {
        match(endpoint, receive);
    }
}

/** A RECV goes: its place may be another's soon. */
static void forget_latest(const struct operation *receive)
{
    struct endpoint *endpoint = endpoint_of(receive->object);

    if (endpoint->latest == receive) {
        endpoint->latest = NULL;
    }
}

enum status endpoint_return(struct thread *server, const struct ring_sqe *sqe, bool *rearmed)
{
    struct operation *receive = operation_by_call_id(server, sqe->target);

    if (UNLIKELY(receive == NULL)) {
        return STATUS_NOT_FOUND;
    }
    struct operation *call = receive->peer;
    enum status status = STATUS_PEER_GONE;

    if (LIKELY(call != NULL)) {
        struct thread *caller = call->thread;
        struct ring_cqe *cqe = ring_kernel_next_cqe(&caller->ring);

        if (LIKELY((sqe->flags & SQE_INLINE) && sqe->transfer_count == 0)) {
            ring_cqe_set_head(cqe, STATUS_OK, (uint8_t)sqe->method, CQE_INLINE, 0, 0);
            endpoint_copy_words(cqe, sqe->payload);
        } else {
            struct message_sent sent;

            status = message_send(server, sqe->flags, sqe->transfer_count, sqe->payload, caller,
                                  call->buffer_offset, call->buffer_length, &sent);
            if (status != STATUS_OK) {
                return status == STATUS_PEER_GONE ? STATUS_CANCELLED : status;
            }
            ring_cqe_set_head(cqe, STATUS_OK, (uint8_t)sqe->method, 0, sent.transfer_count, 0);
            cqe->payload[0] = sent.length;
        }
        receive->peer = NULL;
        call->peer = NULL;
        cqe->user_data = call->user_data;
        operation_give_quickly(call);
        thread_post(caller);
        status = STATUS_OK;
    }
    if (sqe->flags & SQE_REARM) {
        *rearmed = true;
        rearm(receive);
    } else {
        forget_latest(receive);
        operation_give(receive);
    }
    if (UNLIKELY(server->priority != server->base_priority)) {
        thread_update_priority(server);
    }
    return status;
}

void endpoint_operation_cancelled(struct operation *operation)
{
    struct operation *peer = operation->peer;

    switch (operation->state) {
    case OPERATION_QUEUED:
        unqueue(operation);
        lend_queued(client_of(operation->object)->endpoint);
        break;
    case OPERATION_TAKEN:
        /* The server's RETURN will find nobody. */
        peer->peer = NULL;
        thread_update_priority(peer->thread);
        break;
    case OPERATION_SERVING:
        forget_latest(operation);
        list_remove(&operation->link);
        if (peer != NULL) {
            peer->peer = NULL;
            operation->peer = NULL;
            peer->state = OPERATION_WAITING;
            operation_complete(peer, STATUS_PEER_GONE);
        }
        break;
    case OPERATION_RECEIVING:
        forget_latest(operation);
        list_remove(&operation->link);
        break;
    case OPERATION_WAITING:
    case OPERATION_FREE:
        list_remove(&operation->link);
        break;
    }
    operation->peer = NULL;
}

/* ---- Closing and revoking ------------------------------------------------------------------- */

/** One that waited to receive when the endpoint was revoked or closed, or to be received. */
static bool endpoint_sweep_one(struct sweep *sweep)
{
    struct endpoint *endpoint = CONTAINER_OF(sweep, struct endpoint, sweep);
    struct operation *waiter = sweep_first(sweep);

    if (waiter != NULL && endpoint->closed) {
        operation_cancel(waiter, STATUS_CANCELLED);
    } else if (waiter != NULL && !sweep_spares(sweep, waiter)) {
        operation_cancel(waiter, STATUS_STALE);
    } else if (waiter != NULL) {
        waiter->epoch = endpoint->epoch;
        list_move(&endpoint->receivers, &waiter->link);
        match_later(endpoint);
    } else {
        waiter = endpoint->closed ? next_caller(endpoint) : NULL;
        if (waiter == NULL) {
            return false;
        }
        operation_cancel(waiter, STATUS_PEER_GONE);
    }
    return true;
}

/** One that waited to be received when its client end was revoked. */
static bool client_sweep_one(struct sweep *sweep)
{
    struct endpoint_client *client = CONTAINER_OF(sweep, struct endpoint_client, sweep);
    struct endpoint *endpoint = client->endpoint;
    struct operation *call = sweep_first(sweep);

    if (call == NULL) {
        return false;
    }
    if (endpoint->closed) {
        operation_cancel(call, STATUS_PEER_GONE);
    } else if (!sweep_spares(sweep, call)) {
        operation_cancel(call, STATUS_STALE);
    } else {
        if (list_is_empty(&client->callers)) {
            list_append(&endpoint->clients, &client->ready);
        }
        list_move(&client->callers, &call->link);
        match_later(endpoint);
    }
    return true;
}

enum status endpoint_create(struct process *process, struct object **out)
{
    const enum status status = object_create(OBJECT_KIND_ENDPOINT, process, out);

    if (status == STATUS_OK) {
        list_init(&endpoint_of(*out)->receivers);
        list_init(&endpoint_of(*out)->clients);
        sweep_init(&endpoint_of(*out)->sweep, endpoint_sweep_one);
        list_init(&endpoint_of(*out)->matching.link);
        endpoint_of(*out)->matching.step = match_step;
    }
    return status;
}

enum status endpoint_mint(struct endpoint *endpoint, struct process *process, uint64_t badge,
                          struct endpoint_client **out)
{
    struct object *object;
    const enum status status = object_create(OBJECT_KIND_ENDPOINT_CLIENT, process, &object);

    if (status == STATUS_OK) {
        struct endpoint_client *client = client_of(object);

        client->endpoint = endpoint;
        client->badge = badge;
        list_init(&client->callers);
        list_init(&client->ready);
        sweep_init(&client->sweep, client_sweep_one);
        object_get(&endpoint->object);
        *out = client;
    }
    return status;
}

/** Nobody can receive any more: whoever waits for an answer to come learns so. */
static void endpoint_unnamed(struct object *object)
{
    struct endpoint *endpoint = endpoint_of(object);

    endpoint->closed = true;
    endpoint->epoch++;
    /* Off the endpoint at once: a closed one has no receivers. */
    list_splice(&endpoint->sweep.rest, &endpoint->receivers);
    if (sweep_first(&endpoint->sweep) != NULL || !list_is_empty(&endpoint->clients)) {
        sweep_all_later(&endpoint->sweep, object);
    }
}

static void endpoint_revoked(struct object *object, struct process *revoker)
{
    struct endpoint *endpoint = endpoint_of(object);

    /* Receivers that came through capabilities taken back stop receiving; the revoker's stay. Those
     * that serve a call finish it, and stop when they want to wait again. */
    endpoint->epoch++;
    endpoint->revoker_pid = revoker->pid;
    sweep_revoke(&endpoint->sweep, object, &endpoint->receivers, revoker);
}

static bool endpoint_is_revoking(const struct object *object)
{
    return sweep_is_running(&CONTAINER_OF(object, struct endpoint, object)->sweep);
}

static void client_revoked(struct object *object, struct process *revoker)
{
    struct endpoint_client *client = client_of(object);

    list_remove(&client->ready);
    sweep_revoke(&client->sweep, object, &client->callers, revoker);
}

static bool client_is_revoking(const struct object *object)
{
    return sweep_is_running(&CONTAINER_OF(object, struct endpoint_client, object)->sweep);
}

static bool client_destroy(struct object *object)
{
    struct endpoint_client *client = client_of(object);

    if (notification_promise_holds(&client->when_gone)) {
        notification_signal(client->when_gone.target, client->when_gone.bits);
    }
    notification_promise_drop(&client->when_gone);
    object_put(&client->endpoint->object);
    return true;
}

const struct object_type endpoint_type = {
    .bytes = sizeof(struct endpoint),
    .unnamed = endpoint_unnamed,
    .revoked = endpoint_revoked,
    .is_revoking = endpoint_is_revoking,
};

const struct object_type endpoint_client_type = {
    .bytes = sizeof(struct endpoint_client),
    .revoked = client_revoked,
    .is_revoking = client_is_revoking,
    .destroy = client_destroy,
};
