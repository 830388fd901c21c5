/* SPDX-License-Identifier: MIT */
#include "libdriver/loop.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"

void driver_loop_init(struct driver_loop *loop, struct rt_server *server)
{
    *loop = (struct driver_loop){.ring = rt_ring_self(), .server = server};
    loop->wait.keeps_slot = true;
    driver_require(notification_create(&loop->notification), "a notification");
    driver_require(timer_create(&loop->timer), "a timer");
    driver_require(rt_ring_hold(loop->ring, &loop->wait), "a pending operation");
    loop->wait.state = RT_OPERATION_IDLE; /* its slot is held, but nothing is with the kernel */
}

/** Have a WAIT for the notification with the kernel after the next entry. */
static ALWAYS_INLINE void wait_submit(struct driver_loop *loop)
{
    struct rt_ring *const ring = loop->ring;
    struct ring_sqe *const sqe = rt_ring_sqe(ring);

    rt_sqe_set_head(sqe, RING_OPERATION_WAIT, 0, 0, 0);
    sqe->user_data = loop->wait.user_data;
    sqe->target = loop->notification;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = 0; /* no deadline */
    sqe->payload[1] = 0;
    sqe->payload[2] = 0;
    sqe->payload[3] = 0;
    rt_ring_rearm(ring, &loop->wait);
}

/** The WAIT has completed. */
static ALWAYS_INLINE void wait_completed(struct driver_event *event, const struct ring_cqe *cqe)
{
    driver_require((enum status)cqe->status, "waiting for interrupts and clients");
    event->bits |= cqe->payload[0];
}

/**
 * Take completions that are of signals and of the WAIT, as long as they are the next ones. Returns
 * true if others follow.
 */
static ALWAYS_INLINE bool take_quickly(struct driver_loop *loop, struct driver_event *event)
{
    struct rt_ring *const ring = loop->ring;
    const struct ring_cqe *cqe;

    while (LIKELY((cqe = ring_user_peek(&ring->user)) != NULL)) {
        if (LIKELY(cqe->user_data == loop->wait.user_data)) {
            wait_completed(event, cqe);
            loop->wait.state = RT_OPERATION_IDLE;
        } else if (cqe->user_data == RT_USER_DATA_QUIET) {
            ring->quiet_count++; /* a Signaller that was revoked is its client's loss */
        } else {
            return true;
        }
        ring_user_consume(&ring->user);
        if (LIKELY(ring->user.cq_head == ring->user.cq_tail_seen)) {
            break; /* all that were there at the first look */
        }
    }
    return ring_user_unread(&ring->user) != 0;
}

/** Take all others, up to the first request: it must be answered before there is a second. */
static NOINLINE void take_slowly(struct driver_loop *loop, struct driver_event *event)
{
    struct rt_operation *operation;

    while (event->request == NULL && (operation = rt_ring_poll(loop->ring)) != NULL) {
        if (operation == &loop->wait) {
            wait_completed(event, &operation->cqe);
        } else if (loop->server != NULL && rt_server_owns(loop->server, operation)) {
            event->request = rt_server_take(loop->server, operation);
        } else if (operation->callback != NULL) {
            operation->callback(operation);
        }
    }
}

void driver_loop_next(struct driver_loop *loop, bool wait, struct driver_event *event)
{
    struct rt_ring *const ring = loop->ring;

    event->bits = 0;
    event->request = NULL;
    if (UNLIKELY(ring->done_first != NULL)) {
        take_slowly(loop, event); /* what synchronous calls have seen meanwhile */
        if (event->bits != 0 || event->request != NULL) {
            return;
        }
    }
    do {
        uint64_t submitted, entered;

        if (loop->server != NULL && UNLIKELY(loop->server->state == RT_SERVER_DISARMED)) {
            driver_require(rt_server_arm(loop->server), "receiving calls");
        }
        if (loop->wait.state == RT_OPERATION_IDLE) {
            wait_submit(loop);
        }
        submitted = ring_user_publish(&ring->user);
        entered = rt_arch_cap_enter(submitted, wait ? 1 : 0, RT_NO_DEADLINE);
        if (UNLIKELY(entered != submitted)) {
            rt_ring_settle(ring, submitted, entered);
        }
        if (UNLIKELY(take_quickly(loop, event) || ring->done_first != NULL)) {
            take_slowly(loop, event);
        }
    } while (wait && event->bits == 0 && event->request == NULL);
}

enum status driver_loop_check_signaller(struct driver_loop *loop, uint64_t capability,
                                        uint64_t bits)
{
    uint64_t timer;
    enum status status = timer_create(&timer);

    (void)loop;
    if (status == STATUS_OK) {
        status = timer_arm(timer, capability, bits, UINT64_MAX, 0);
        capability_release(timer);
    }
    return status;
}

void driver_loop_tick_start(struct driver_loop *loop, uint64_t period_ns)
{
    uint64_t now_ns;

    if (loop->ticking) {
        return;
    }
    driver_require(timer_now(loop->timer, &now_ns), "the time");
    driver_require(
        timer_arm(loop->timer, loop->notification, DRIVER_BIT_TICK, now_ns + period_ns, period_ns),
        "a timer");
    loop->ticking = true;
}

void driver_loop_tick_stop(struct driver_loop *loop)
{
    if (loop->ticking) {
        driver_require(timer_disarm(loop->timer), "a timer");
        loop->ticking = false;
    }
}
