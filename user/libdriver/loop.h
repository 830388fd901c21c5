/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A driver's event loop: interrupts and clients' signals as bits of one notification, calls to its
 * service, and a tick for deadlines, all in one kernel entry per round.
 *
 *     driver_loop_init(&loop, &server);                 NULL: it serves no calls
 *     driver_interrupt_start(&device, 0, loop.notification, BIT_INTERRUPT);
 *     for (;;) {
 *         driver_loop_next(&loop, true, &event);
 *         if (event.bits & BIT_INTERRUPT) { ... }
 *         if (event.request != NULL) { ... answer it }
 *     }
 *
 * What a round writes (signals to clients, the answer to a call) goes out with the entry that
 * waits for the next one. Deadlines: driver_loop_tick_start() sets DRIVER_BIT_TICK at intervals
 * while something is with the device; a request that has seen too many ticks is late. So a
 * deadline costs nothing on the way of a request.
 */

#include "libdriver/device.h"
#include "rt/server.h"

/** The loop's own bit. */
#define DRIVER_BIT_TICK (1ull << 63)

struct driver_loop {
    struct rt_ring *ring;
    struct rt_server *server; /* NULL: none */
    uint64_t notification;    /* for interrupts and signallers */
    uint64_t timer;           /* of the tick */
    struct rt_operation wait; /* the WAIT for the notification */
    bool ticking;
};

struct driver_event {
    uint64_t bits;                  /* of the notification, taken and cleared */
    const struct ring_cqe *request; /* to be answered before the next round; or NULL */
};

/** Make the notification and the timer. `server` is initialised and not armed; it may be NULL. */
void driver_loop_init(struct driver_loop *loop, struct rt_server *server);

/** Wait for something to do: bits or a request, or both. Without `wait`, also if there is none. */
void driver_loop_next(struct driver_loop *loop, bool wait, struct driver_event *event);

/**
 * Signal a Signaller; it goes out with the next round. It must be one: a call on anything else
 * could take for ever. See driver_loop_check_signaller().
 */
static ALWAYS_INLINE void driver_loop_signal(struct driver_loop *loop, uint64_t signaller,
                                             uint64_t bits)
{
    struct ring_sqe *const sqe = rt_ring_sqe(loop->ring);

    rt_sqe_set_head(sqe, RING_OPERATION_CALL, SQE_INLINE | SQE_QUIET, SIGNALLER_SIGNAL, 0);
    sqe->user_data = RT_USER_DATA_QUIET;
    sqe->target = signaller;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    sqe->payload[0] = bits;
    sqe->payload[1] = 0;
    sqe->payload[2] = 0;
    sqe->payload[3] = 0;
}

/**
 * Whether a capability from a client is a Signaller (or Notification) that may set `bits`. The
 * client is not asked: the kernel is, by arming a timer with it.
 */
MUST_CHECK enum status driver_loop_check_signaller(struct driver_loop *loop, uint64_t capability,
                                                   uint64_t bits);

/** Whether DRIVER_BIT_TICK is being set. */
static ALWAYS_INLINE bool driver_loop_is_ticking(const struct driver_loop *loop)
{
    return loop->ticking;
}

/** Set DRIVER_BIT_TICK every `period_ns` until driver_loop_tick_stop(). */
void driver_loop_tick_start(struct driver_loop *loop, uint64_t period_ns);
void driver_loop_tick_stop(struct driver_loop *loop);
