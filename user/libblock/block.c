/* SPDX-License-Identifier: MIT */
#include "libblock/block.h"

#include "queue/queue_inline.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"

/* ------------------------------------------------------------------------------------------
 * Requests and answers
 * ------------------------------------------------------------------------------------------ */

void block_session_break(struct block_session *session)
{
    session->gone = true;
}

enum status block_submit(struct block_session *session, const struct block_request *request)
{
    struct block_request sent = *request;
    uint32_t place;

    if (UNLIKELY(session->gone)) {
        return STATUS_PEER_GONE;
    }
    if (UNLIKELY(session->free_count == 0)) {
        return STATUS_QUEUE_FULL;
    }
    place = session->free_places[session->free_count - 1];
    sent.tag = place;
    if (UNLIKELY(QUEUE_PRODUCER_PUT(&session->requests, &sent) != QUEUE_OK)) {
        /* Open requests fit the queue: it is full only if the driver has answered, and not made
         * room. Or its index is impossible. */
        session->gone = true;
        return STATUS_PEER_GONE;
    }
    session->free_count--;
    session->open_count++;
    session->places[place] = (struct block_place){.tag = request->tag, .open = true};
    return STATUS_OK;
}

/** Write a signal to the driver, if it may be asleep. It goes out with the next kernel entry. */
static ALWAYS_INLINE void signal_write(struct block_session *session)
{
    struct ring_sqe *sqe;

    if (!queue_producer_publish_inline(&session->requests)) {
        return;
    }
    sqe = rt_ring_sqe(session->ring);
    rt_sqe_set_head(sqe, RING_OPERATION_CALL, SQE_INLINE | SQE_QUIET, SIGNALLER_SIGNAL, 0);
    sqe->user_data = RT_USER_DATA_QUIET;
    sqe->target = session->driver_signaller;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = session->signal_bits;
    sqe->payload[1] = 0;
    sqe->payload[2] = 0;
    sqe->payload[3] = 0;
}

void block_kick(struct block_session *session)
{
    if (!session->gone) {
        signal_write(session);
        rt_ring_flush(session->ring);
    }
}

/** The place of a request is free again. */
static void place_free(struct block_session *session, uint32_t place)
{
    session->places[place].open = false;
    session->free_places[session->free_count++] = (uint8_t)place;
    session->open_count--;
}

/** Answer one of the open requests of a session that is gone. */
static bool gone_answer(struct block_session *session, struct block_answer *answer)
{
    for (uint32_t place = 0; place < session->depth; place++) {
        if (session->places[place].open) {
            *answer = (struct block_answer){.tag = session->places[place].tag,
                                            .status = BLOCK_STATUS_GONE};
            place_free(session, place);
            return true;
        }
    }
    return false;
}

/** block_poll() where a request is open. */
static ALWAYS_INLINE bool answer_take(struct block_session *session, struct block_answer *answer)
{
    struct block_answer entry;
    const enum queue_result result = QUEUE_CONSUMER_TAKE(&session->answers, &entry);

    if (LIKELY(result == QUEUE_OK)) {
        if (LIKELY(entry.tag < session->depth && session->places[entry.tag].open &&
                   entry.status < BLOCK_STATUS_COUNT)) {
            *answer = entry;
            answer->tag = session->places[entry.tag].tag;
            place_free(session, (uint32_t)entry.tag);
            return true;
        }
        session->gone = true; /* it answers what it was not asked */
    } else if (result == QUEUE_POISONED) {
        session->gone = true;
    }
    return session->gone && gone_answer(session, answer);
}

bool block_poll(struct block_session *session, struct block_answer *answer)
{
    return session->open_count != 0 && answer_take(session, answer);
}

/* ------------------------------------------------------------------------------------------
 * Waiting
 * ------------------------------------------------------------------------------------------ */

static ALWAYS_INLINE void wait_write(struct block_session *session)
{
    struct ring_sqe *const sqe = rt_ring_sqe(session->ring);

    rt_sqe_set_head(sqe, RING_OPERATION_WAIT, 0, 0, 0);
    sqe->user_data = session->wait.user_data;
    sqe->target = session->notification;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = 0;
    sqe->payload[1] = 0;
    sqe->payload[2] = 0;
    sqe->payload[3] = 0;
    rt_ring_rearm(session->ring, &session->wait);
}

/** Whether completions_take() would find nothing. */
static ALWAYS_INLINE bool completions_none(const struct block_session *session)
{
    return ring_user_unread(&session->ring->user) == 0 &&
           session->wait.state != RT_OPERATION_DONE && session->watch.state != RT_OPERATION_DONE;
}

/** Take the completions that are next, if they are this session's; the others stay for later. */
static ALWAYS_INLINE void completions_take(struct block_session *session)
{
    struct rt_ring *const ring = session->ring;
    const struct ring_cqe *cqe;

    while (LIKELY((cqe = ring_user_peek(&ring->user)) != NULL)) {
        if (LIKELY(cqe->user_data == session->wait.user_data)) {
            session->wait.state = RT_OPERATION_IDLE;
        } else if (cqe->user_data == RT_USER_DATA_QUIET) {
            ring->quiet_count++;
        } else {
            rt_ring_drain(ring);
            break;
        }
        ring_user_consume(&ring->user);
        if (LIKELY(ring->user.cq_head == ring->user.cq_tail_seen)) {
            break; /* what has come meanwhile is found before the next entry */
        }
    }
    if (UNLIKELY(session->wait.state == RT_OPERATION_DONE)) {
        rt_ring_await(ring, &session->wait); /* it has: off the list of completed ones */
    }
    if (UNLIKELY(session->watch.state == RT_OPERATION_DONE)) {
        session->gone = true;
    }
}

/**
 * Before a kernel entry: a call of the caller's own may have seen what is waited for here, and it
 * comes only once. True: it has.
 */
static NOINLINE bool seen_already(struct block_session *session)
{
    const bool waited = session->wait.state != RT_OPERATION_IDLE;

    completions_take(session);
    return session->gone || (waited && session->wait.state == RT_OPERATION_IDLE);
}

/** After a kernel entry that did not take what it was offered. False: the deadline has passed. */
static NOINLINE bool settle(struct block_session *session, uint64_t submitted, uint64_t entered)
{
    const bool late = entered >> 32 == STATUS_TIMED_OUT;

    rt_ring_settle(session->ring, submitted, late ? entered & UINT32_MAX : entered);
    return !late;
}

/**
 * One kernel entry that ends when something of the session's has happened, or something else, or
 * at the deadline. False: it has passed.
 */
static ALWAYS_INLINE bool enter(struct block_session *session, uint64_t deadline_ns)
{
    struct rt_ring *const ring = session->ring;
    uint64_t submitted, entered;
    bool in_time = true;

    if (UNLIKELY(session->gone || (!completions_none(session) && seen_already(session)))) {
        return true;
    }
    signal_write(session);
    if (session->wait.state == RT_OPERATION_IDLE) {
        wait_write(session);
    }
    submitted = ring_user_publish(&ring->user);
    entered = rt_arch_cap_enter(submitted, 1, deadline_ns);
    if (UNLIKELY(entered != submitted)) {
        in_time = settle(session, submitted, entered);
    }
    completions_take(session);
    return in_time;
}

enum status block_wait(struct block_session *session, uint64_t deadline_ns,
                       struct block_answer *answer)
{
    /* What has come since the last look is found by queue_consumer_prepare_wait(). */
    bool look = session->gone || !queue_consumer_is_drained(&session->answers);
    bool in_time = true;

    if (session->open_count == 0) {
        return STATUS_NOT_FOUND;
    }
    while (!look || !answer_take(session, answer)) {
        if (!in_time) {
            return STATUS_TIMED_OUT;
        }
        look = true;
        if (queue_consumer_prepare_wait_inline(&session->answers) == QUEUE_EMPTY) {
            in_time = enter(session, deadline_ns);
        }
    }
    return STATUS_OK;
}
