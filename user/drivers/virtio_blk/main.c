/* SPDX-License-Identifier: MIT */
/*
 * The driver of virtio's block device (virtio 1.2 §5.2): serves BlockDevice.
 *
 * disk.c is the device, session.c the clients, service.c their calls. Here the two meet: requests
 * go from the sessions' queues to the device, answers back. Data does not come by: the device
 * moves it from and to the client's memory itself.
 *
 * One round takes everything that came back, then as many requests as the device has room for, in
 * turns; one doorbell for all of them, one signal for each client that sleeps.
 */
#include "drivers/virtio_blk/service.h"

#include "queue/queue_inline.h"
#include "rt/print.h"

#define BURST      8u /* requests of a session in its turn */
#define ROUNDS_MAX 8u /* before calls and signals are looked at again */

static struct blk blk;

/** Put an answer into a session's queue. One that has left no room for it lies about its depth. */
static ALWAYS_INLINE void answer(struct session *session, uint64_t tag, uint32_t sector_count,
                                 enum block_status status)
{
    const struct block_answer entry = {
        .tag = tag, .sector_count = sector_count, .status = (uint16_t)status};

    if (UNLIKELY(session->state != SESSION_OPEN)) {
        return; /* nobody is interested any more */
    }
    if (UNLIKELY(QUEUE_PRODUCER_PUT(&session->answers, &entry) != QUEUE_OK)) {
        rt_print("virtio-blk: a client has left no room for its answers: session closed\n");
        session_close(&blk, session);
        return;
    }
    blk.dirty |= 1u << (session - blk.sessions);
}

/** Answer what has come back. Returns how many. */
static uint32_t answers_give(void)
{
    struct disk_done done;
    uint32_t count = 0;

    while (!disk_is_idle(&blk.disk) && disk_take(&blk.disk, &done)) {
        struct session *const session = &blk.sessions[done.session];

        answer(session, done.tag, done.sector_count, done.status);
        session_came_back(&blk, session);
        count++;
    }
    return count;
}

/** Check a request and send it on, or answer it. */
static void request_handle(struct session *session, const struct block_request *request)
{
    const enum block_status status =
        block_request_check(request, &blk.disk.limits, session->data_bytes);

    if (UNLIKELY(status != BLOCK_STATUS_OK)) {
        answer(session, request->tag, 0, status);
        return;
    }
    session->in_flight++;
    disk_submit(&blk.disk, (uint32_t)(session - blk.sessions), request,
                session->data_iova + request->data_offset);
}

/** A session's turn. It leaves the active ones when it has nothing more. */
static void session_turn(struct session *session)
{
    const uint32_t bit = 1u << (session - blk.sessions);
    enum queue_result result = QUEUE_OK;
    struct block_request request;

    for (uint32_t i = 0; i < BURST && disk_has_room(&blk.disk); i++) {
        result = QUEUE_CONSUMER_TAKE(&session->requests, &request);
        if (UNLIKELY(result != QUEUE_OK)) {
            break;
        }
        request_handle(session, &request);
        if (UNLIKELY(session->state != SESSION_OPEN)) {
            return;
        }
        if (queue_consumer_is_drained(&session->requests)) {
            result = QUEUE_EMPTY; /* for all that was seen; the next line looks again */
            break;
        }
    }
    if (result == QUEUE_EMPTY) {
        result = queue_consumer_prepare_wait_inline(&session->requests);
        if (result == QUEUE_EMPTY) {
            blk.active &= ~bit;
        }
    } else {
        queue_consumer_release_inline(&session->requests);
    }
    if (UNLIKELY(result == QUEUE_POISONED)) {
        rt_print("virtio-blk: a client's queue index is impossible: session closed\n");
        session_close(&blk, session);
    }
}

/** Take requests, in turns, until there are none or the device has no room. */
static void requests_take(void)
{
    uint32_t pending = blk.active;

    while (pending != 0 && disk_has_room(&blk.disk)) {
        /* From `next` on, then from the start. */
        const uint32_t later = pending & ~((1u << blk.next) - 1u);
        const uint32_t number = (uint32_t)__builtin_ctz(later != 0 ? later : pending);

        blk.next = (number + 1) % SESSIONS_MAX;
        session_turn(&blk.sessions[number]);
        pending = blk.active;
    }
}

/** Publish answers, and signal the clients that sleep. */
static void answers_publish(void)
{
    while (blk.dirty != 0) {
        struct session *const session = &blk.sessions[__builtin_ctz(blk.dirty)];

        blk.dirty &= blk.dirty - 1;
        if (queue_producer_publish_inline(&session->answers)) {
            driver_loop_signal(&blk.loop, session->client_signaller, BLOCK_CLIENT_BIT);
        }
    }
}

/** Move requests and answers. Returns true if there may be more: then do not sleep. */
static bool work(void)
{
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        answers_give();
        requests_take();
        disk_publish(&blk.disk);
        answers_publish();
        if (disk_wait_prepare(&blk.disk) && (blk.active == 0 || !disk_has_room(&blk.disk))) {
            return false;
        }
    }
    return true;
}

/** A second has passed while something was in flight. */
static void tick(void)
{
    if (blk.disk.in_flight == 0) {
        driver_loop_tick_stop(&blk.loop);
    } else {
        disk_tick(&blk.disk);
    }
}

static void events_handle(const struct driver_event *event)
{
    uint32_t gone = (uint32_t)(event->bits >> BITS_GONE_SHIFT & BITS_SESSIONS);
    uint32_t ready = (uint32_t)(event->bits >> BITS_WORK_SHIFT & BITS_SESSIONS);

    while (ready != 0) {
        if (blk.sessions[__builtin_ctz(ready)].state == SESSION_OPEN) {
            blk.active |= ready & -ready;
        }
        ready &= ready - 1;
    }
    while (gone != 0) {
        session_client_gone(&blk, &blk.sessions[__builtin_ctz(gone)]);
        gone &= gone - 1;
    }
    if (event->request != NULL) {
        service_handle(&blk, event->request);
    }
}

/* Compilers take main for code that runs once and keep it small; this loop is to be fast. */
__attribute__((hot, noinline)) static void serve(void)
{
    struct driver_event event;
    bool more = false;

    for (;;) {
        driver_loop_next(&blk.loop, !more, &event);
        disk_wait_end(&blk.disk);
        events_handle(&event);
        more = work();
        if (blk.disk.in_flight != 0 && UNLIKELY(!driver_loop_is_ticking(&blk.loop))) {
            driver_loop_tick_start(&blk.loop, DISK_TICK_NS);
        }
        if (UNLIKELY((event.bits & DRIVER_BIT_TICK) != 0)) {
            tick();
        }
    }
}

int main(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    driver_require(rt_server_init(&blk.server, driver_service_endpoint(), RT_EXCHANGE_BYTES),
                   "room for messages");
    driver_loop_init(&blk.loop, &blk.server);
    disk_open(&blk.disk, blk.loop.notification, BIT_INTERRUPT);
    rt_print("virtio-blk: %s: %llu sectors%s, %u requests at once\n", blk.disk.virtio.device.name,
             (unsigned long long)blk.disk.limits.sector_count,
             blk.disk.limits.read_only ? ", read only" : "", blk.disk.depth);
    serve();
    return DRIVER_EXIT_OK;
}
