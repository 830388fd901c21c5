/* SPDX-License-Identifier: MIT */
/*
 * The parts of the ring client that are not on the path of a plain synchronous call.
 */
#include "rt/ring_client.h"

#include "rt/panic.h"

#define USER_DATA_FIRST_SLOT 2u

static_assert(RT_AREA_GRANULES <= 64, "the message area's granules fit one word");
static_assert(RT_AREA_GRANULES * RT_AREA_GRANULE_BYTES == RING_MESSAGE_BYTES, "no remainder");

void rt_ring_init(struct rt_ring *ring, struct ring_memory *memory)
{
    __builtin_memset(ring, 0, sizeof(*ring));
    ring_user_init(&ring->user, memory);
    ring->done_link = &ring->done_first;
}

/** Copy a completion into the operation that it belongs to. */
static void ring_dispatch(struct rt_ring *ring, const struct ring_cqe *cqe)
{
    const uint64_t slot = (cqe->user_data & UINT32_MAX) - USER_DATA_FIRST_SLOT;
    struct rt_operation *operation;

    if (cqe->user_data == RT_USER_DATA_QUIET) {
        ring->quiet_count++;
        ring->quiet_status = (enum status)cqe->status;
        return;
    }
    operation = slot < RING_DEPTH ? ring->pending[slot] : NULL;
    if (operation == NULL || operation->user_data != cqe->user_data ||
        operation->state != RT_OPERATION_PENDING) {
        ring->stray_count++;
        return;
    }
    if (!operation->keeps_slot) {
        ring->pending[slot] = NULL;
        ring->pending_count--;
    }
    __builtin_memcpy(&operation->cqe, cqe, sizeof(*cqe));
    operation->state = RT_OPERATION_DONE;
    operation->next = NULL;
    *ring->done_link = operation;
    ring->done_link = &operation->next;
}

/** A queue that claims more than fits means that kernel and runtime disagree: nothing is safe. */
static void ring_check(const struct rt_ring *ring)
{
    const uint32_t unread = ring_user_unread(&ring->user);

    if (unread > RING_DEPTH) {
        rt_panic("ring: the completion queue claims %u entries", unread);
    }
}

void rt_ring_drain(struct rt_ring *ring)
{
    const struct ring_cqe *cqe;

    ring_check(ring);
    while ((cqe = ring_user_peek(&ring->user)) != NULL) {
        ring_dispatch(ring, cqe);
        ring_user_consume(&ring->user);
    }
}

/**
 * What to do when the kernel took fewer entries than it was offered.
 *
 * The ordinary reason is that completions are promised to pending operations until the queue can
 * hold no more. Reading some makes room, so this is no error; anything else is the runtime's own
 * mistake or a poisoned ring.
 */
static void ring_check_refusal(uint64_t entered)
{
    const enum status status = (enum status)(entered >> 32);

    if (status != STATUS_OK && status != STATUS_QUEUE_FULL) {
        rt_panic("ring: the kernel refuses it: %s", status_name(status));
    }
}

/** Check what an entry says it took. Returns how many entries are still to be taken. */
static uint64_t ring_check_taken(uint64_t submitted, uint64_t entered)
{
    const uint64_t taken = entered & UINT32_MAX;

    ring_check_refusal(entered);
    if (taken > submitted) {
        rt_panic("ring: the kernel took %u entries of %u", (unsigned)taken, (unsigned)submitted);
    }
    return submitted - taken;
}

/** Submit `count` entries, reading completions as long as the kernel has no room for more. */
static void ring_submit(struct rt_ring *ring, uint64_t count)
{
    while (count != 0) {
        count = ring_check_taken(count, rt_arch_cap_enter(count, 0, 0));
        rt_ring_drain(ring);
    }
}

void rt_ring_flush(struct rt_ring *ring)
{
    ring_submit(ring, ring_user_publish(&ring->user));
}

struct ring_sqe *rt_ring_make_room(struct rt_ring *ring)
{
    struct ring_sqe *sqe;

    rt_ring_flush(ring);
    sqe = ring_user_next_sqe(&ring->user);
    if (sqe == NULL) {
        rt_panic("ring: the submission queue stays full");
    }
    return sqe;
}

void rt_ring_settle(struct rt_ring *ring, uint64_t submitted, uint64_t entered)
{
    ring->user.sq_published -= (uint32_t)ring_check_taken(submitted, entered);
    rt_ring_drain(ring);
}

const struct ring_cqe *rt_ring_transact_slowly(struct rt_ring *ring, uint64_t submitted,
                                               uint64_t entered)
{
    const struct ring_cqe *cqe;

    for (;;) {
        submitted = ring_check_taken(submitted, entered);
        ring_check(ring);
        while ((cqe = ring_user_peek(&ring->user)) != NULL) {
            if (cqe->user_data == RT_USER_DATA_SYNCHRONOUS) {
                return cqe; /* it was the last entry written, so all are taken */
            }
            ring_dispatch(ring, cqe);
            ring_user_consume(&ring->user);
        }
        entered = rt_arch_cap_enter(submitted, 1, RT_NO_DEADLINE);
    }
}

enum status rt_ring_call_message(struct rt_ring *ring, const struct rt_call *call,
                                 struct ring_cqe *completion)
{
    struct ring_sqe *sqe = rt_ring_sqe(ring);
    const struct ring_cqe *cqe;

    rt_sqe_set_head(sqe, RING_OPERATION_CALL, call->message_inline ? SQE_INLINE : 0, call->method,
                    call->transfer_count);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    sqe->target = call->target;
    sqe->buffer_offset = call->answer_offset;
    sqe->buffer_length = call->answer_length;
    if (call->message_inline) {
        __builtin_memcpy(sqe->payload, &call->words, sizeof(sqe->payload));
    } else {
        __builtin_memset(sqe->payload, 0, sizeof(sqe->payload));
        sqe->payload[0] = rt_message_place(call->message_offset, call->message_length);
    }
    cqe = rt_ring_transact(ring);
    __builtin_memcpy(completion, cqe, sizeof(*completion));
    ring_user_consume(&ring->user);
    return rt_cqe_outcome(completion);
}

/** Write an entry that has no message and no method. */
static void sqe_fill(struct ring_sqe *sqe, enum ring_operation operation, uint8_t flags,
                     uint64_t target, uint64_t word)
{
    rt_sqe_set_head(sqe, operation, flags, 0, 0);
    sqe->target = target;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = word;
    sqe->payload[1] = 0;
    sqe->payload[2] = 0;
    sqe->payload[3] = 0;
}

enum status rt_ring_wait_for(struct rt_ring *ring, uint64_t target, uint64_t deadline_ns,
                             uint64_t *first, uint64_t *second)
{
    struct ring_sqe *sqe = rt_ring_sqe(ring);
    const struct ring_cqe *cqe;
    enum status status;

    sqe_fill(sqe, RING_OPERATION_WAIT, 0, target, deadline_ns);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    cqe = rt_ring_transact(ring);
    status = (enum status)cqe->status;
    if (status == STATUS_OK) {
        *first = cqe->payload[0];
        if (second != NULL) {
            *second = cqe->payload[1];
        }
    }
    ring_user_consume(&ring->user);
    return status;
}

static enum status ring_release(struct rt_ring *ring, uint64_t capability, uint8_t flags)
{
    struct ring_sqe *sqe = rt_ring_sqe(ring);
    const struct ring_cqe *cqe;
    enum status status;

    sqe_fill(sqe, RING_OPERATION_RELEASE, flags, capability, 0);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    cqe = rt_ring_transact(ring);
    status = (enum status)cqe->status;
    ring_user_consume(&ring->user);
    return status;
}

enum status rt_ring_release(struct rt_ring *ring, uint64_t capability)
{
    return ring_release(ring, capability, 0);
}

enum status rt_ring_revoke(struct rt_ring *ring, uint64_t capability)
{
    return ring_release(ring, capability, SQE_REVOKE);
}

void rt_ring_sleep_until(struct rt_ring *ring, uint64_t deadline_ns)
{
    struct ring_sqe *sqe = rt_ring_sqe(ring);

    sqe_fill(sqe, RING_OPERATION_TIMEOUT, 0, 0, deadline_ns);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    (void)rt_ring_transact(ring);
    ring_user_consume(&ring->user);
}

/* ------------------------------------------------------------------------------------------
 * Asynchronous operations
 * ------------------------------------------------------------------------------------------ */

enum status rt_ring_hold(struct rt_ring *ring, struct rt_operation *operation)
{
    uint32_t slot;

    if (operation->state != RT_OPERATION_IDLE) {
        rt_panic("ring: an operation is submitted twice");
    }
    if (ring->pending_count >= RT_OPERATIONS_MAX) {
        return STATUS_QUEUE_FULL;
    }
    for (slot = 0; ring->pending[slot] != NULL; slot++) {
    }
    operation->slot = slot;
    operation->user_data = (slot + USER_DATA_FIRST_SLOT) | (uint64_t)ring->sequence++ << 32;
    operation->state = RT_OPERATION_PENDING;
    ring->pending[slot] = operation;
    ring->pending_count++;
    return STATUS_OK;
}

struct ring_sqe *rt_ring_begin(struct rt_ring *ring, struct rt_operation *operation)
{
    struct ring_sqe *sqe;

    if (rt_ring_hold(ring, operation) != STATUS_OK) {
        return NULL;
    }
    sqe = rt_ring_sqe(ring);
    sqe->user_data = operation->user_data;
    return sqe;
}

enum status rt_ring_start_wait(struct rt_ring *ring, struct rt_operation *operation,
                               uint64_t target, uint64_t deadline_ns)
{
    struct ring_sqe *sqe = rt_ring_begin(ring, operation);

    if (sqe == NULL) {
        return STATUS_QUEUE_FULL;
    }
    sqe_fill(sqe, RING_OPERATION_WAIT, 0, target, deadline_ns);
    return STATUS_OK;
}

enum status rt_ring_start_receive(struct rt_ring *ring, struct rt_operation *operation,
                                  uint64_t endpoint, uint32_t offset, uint32_t length)
{
    struct ring_sqe *sqe = rt_ring_begin(ring, operation);

    if (sqe == NULL) {
        return STATUS_QUEUE_FULL;
    }
    sqe_fill(sqe, RING_OPERATION_RECV, 0, endpoint, 0);
    sqe->buffer_offset = offset;
    sqe->buffer_length = length;
    return STATUS_OK;
}

enum status rt_ring_start_timeout(struct rt_ring *ring, struct rt_operation *operation,
                                  uint64_t deadline_ns)
{
    struct ring_sqe *sqe = rt_ring_begin(ring, operation);

    if (sqe == NULL) {
        return STATUS_QUEUE_FULL;
    }
    sqe_fill(sqe, RING_OPERATION_TIMEOUT, 0, 0, deadline_ns);
    return STATUS_OK;
}

enum status rt_ring_start_call(struct rt_ring *ring, struct rt_operation *operation,
                               const struct rt_call *call)
{
    struct ring_sqe *sqe = rt_ring_begin(ring, operation);

    if (sqe == NULL) {
        return STATUS_QUEUE_FULL;
    }
    sqe_fill(sqe, RING_OPERATION_CALL, 0, call->target,
             rt_message_place(call->message_offset, call->message_length));
    rt_sqe_set_head(sqe, RING_OPERATION_CALL, call->message_inline ? SQE_INLINE : 0, call->method,
                    call->transfer_count);
    if (call->message_inline) {
        __builtin_memcpy(sqe->payload, &call->words, sizeof(sqe->payload));
    }
    sqe->buffer_offset = call->answer_offset;
    sqe->buffer_length = call->answer_length;
    return STATUS_OK;
}

enum status rt_ring_cancel(struct rt_ring *ring, struct rt_operation *operation)
{
    struct ring_sqe *sqe;
    const struct ring_cqe *cqe;
    enum status status;

    if (operation->state != RT_OPERATION_PENDING) {
        return STATUS_NOT_FOUND;
    }
    sqe = rt_ring_sqe(ring);
    sqe_fill(sqe, RING_OPERATION_CANCEL, 0, operation->user_data, 0);
    sqe->user_data = RT_USER_DATA_SYNCHRONOUS;
    cqe = rt_ring_transact(ring);
    status = (enum status)cqe->status;
    ring_user_consume(&ring->user);
    return status;
}

void rt_ring_rearm_refuse(void)
{
    rt_panic("ring: an operation is armed twice");
}

void rt_ring_forget(struct rt_ring *ring, struct rt_operation *operation)
{
    if (ring->pending[operation->slot] == operation) {
        ring->pending[operation->slot] = NULL;
        ring->pending_count--;
    }
    operation->state = RT_OPERATION_IDLE;
}

struct rt_operation *rt_ring_poll(struct rt_ring *ring)
{
    struct rt_operation *operation;

    rt_ring_drain(ring);
    operation = ring->done_first;
    if (operation != NULL) {
        ring->done_first = operation->next;
        if (ring->done_first == NULL) {
            ring->done_link = &ring->done_first;
        }
        operation->state = RT_OPERATION_IDLE;
    }
    return operation;
}

struct rt_operation *rt_ring_wait(struct rt_ring *ring, uint64_t deadline_ns)
{
    struct rt_operation *operation;
    bool expired = false;

    rt_ring_flush(ring);
    while ((operation = rt_ring_poll(ring)) == NULL && !expired) {
        (void)rt_arch_cap_enter(0, 1, deadline_ns);
        expired = ring_user_unread(&ring->user) == 0 && deadline_ns != RT_NO_DEADLINE;
    }
    if (operation != NULL && operation->callback != NULL) {
        operation->callback(operation);
    }
    return operation;
}

void rt_ring_await(struct rt_ring *ring, struct rt_operation *operation)
{
    struct rt_operation **link;

    rt_ring_flush(ring);
    rt_ring_drain(ring);
    while (operation->state == RT_OPERATION_PENDING) {
        (void)rt_arch_cap_enter(0, 1, RT_NO_DEADLINE);
        rt_ring_drain(ring);
    }
    for (link = &ring->done_first; *link != NULL && *link != operation; link = &(*link)->next) {
    }
    if (*link == operation) {
        *link = operation->next;
        if (*link == NULL) {
            ring->done_link = link;
        }
    }
    operation->state = RT_OPERATION_IDLE;
}

/* ------------------------------------------------------------------------------------------
 * Message area
 * ------------------------------------------------------------------------------------------ */

static uint64_t area_mask(uint32_t granules)
{
    return granules >= 64 ? UINT64_MAX : (1ull << granules) - 1;
}

static uint32_t area_granules(uint32_t length)
{
    return length == 0
               ? 1
               : (uint32_t)(((uint64_t)length + RT_AREA_GRANULE_BYTES - 1) / RT_AREA_GRANULE_BYTES);
}

enum status rt_area_allocate(struct rt_ring *ring, uint32_t length, uint32_t *offset)
{
    const uint32_t granules = area_granules(length);

    for (uint32_t first = 0; first + granules <= RT_AREA_GRANULES; first++) {
        const uint64_t mask = area_mask(granules) << first;

        if ((ring->area_used & mask) == 0) {
            ring->area_used |= mask;
            *offset = first * RT_AREA_GRANULE_BYTES;
            return STATUS_OK;
        }
    }
    return STATUS_NO_MEMORY;
}

void rt_area_free(struct rt_ring *ring, uint32_t offset, uint32_t length)
{
    const uint64_t mask = area_mask(area_granules(length)) << (offset / RT_AREA_GRANULE_BYTES);

    if ((ring->area_used & mask) != mask) {
        rt_panic("ring: message area at %u freed twice", offset);
    }
    ring->area_used &= ~mask;
}
