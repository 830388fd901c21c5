/* SPDX-License-Identifier: MIT */
#include "apps/rttest/rttest.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/server.h"
#include "rt/thread.h"

#define NOPS 300u

/* ------------------------------------------------------------------------------------------
 * The ring
 * ------------------------------------------------------------------------------------------ */

static unsigned callbacks;

static void count_callback(struct rt_operation *operation)
{
    (void)operation;
    callbacks++;
}

static void nop_start(struct rt_ring *ring, struct rt_operation *operation)
{
    struct ring_sqe *const sqe = rt_ring_begin(ring, operation);

    if (!EXPECT(sqe != NULL)) {
        return;
    }
    rt_sqe_set_head(sqe, RING_OPERATION_NOP, 0, 0, 0);
    sqe->target = 0;
    sqe->buffer_offset = sqe->buffer_length = 0;
    sqe->payload[0] = sqe->payload[1] = sqe->payload[2] = sqe->payload[3] = 0;
}

void group_ring(void)
{
    static struct rt_operation many[RT_OPERATIONS_MAX + 1];
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation wait = {0};
    uint64_t notification = 0, other = 0, bits = 0;
    unsigned seen = 0;

    /* More operations than the queue holds, one after the other. */
    for (unsigned i = 0; i < NOPS; i++) {
        struct rt_operation nop = {.callback = count_callback};

        nop_start(ring, &nop);
        EXPECT(rt_ring_wait(ring, RT_NO_DEADLINE) == &nop && nop.cqe.status == STATUS_OK);
    }
    EXPECT(callbacks == NOPS);
    if (!EXPECT_STATUS(notification_create(&notification), STATUS_OK) ||
        !EXPECT_STATUS(notification_create(&other), STATUS_OK)) {
        return;
    }
    /* Synchronous calls while something else is pending, whose completion comes in between. */
    EXPECT_STATUS(rt_ring_start_wait(ring, &wait, notification, 0), STATUS_OK);
    EXPECT_STATUS(notification_signal(other, 2), STATUS_OK);
    EXPECT_STATUS(notification_signal(notification, 1), STATUS_OK);
    EXPECT_STATUS(notification_wait(other, 0, &bits), STATUS_OK);
    EXPECT(bits == 2 && wait.state == RT_OPERATION_DONE);
    EXPECT(rt_ring_poll(ring) == &wait && wait.cqe.payload[0] == 1);
    /* As many pending operations as there may be: calls still work. */
    for (unsigned i = 0; i < RT_OPERATIONS_MAX; i++) {
        many[i] = (struct rt_operation){0};
        EXPECT_STATUS(rt_ring_start_wait(ring, &many[i], notification, 0), STATUS_OK);
    }
    EXPECT_STATUS(rt_ring_start_wait(ring, &many[RT_OPERATIONS_MAX], notification, 0),
                  STATUS_QUEUE_FULL);
    for (unsigned i = 0; i < RT_OPERATIONS_MAX; i++) {
        EXPECT_STATUS(notification_signal(notification, 1ull << (i % 64)), STATUS_OK);
    }
    while (seen < RT_OPERATIONS_MAX && rt_ring_wait(ring, rttest_now() + RT_NS_PER_S) != NULL) {
        EXPECT(many[seen].cqe.payload[0] == 1ull << (seen % 64)); /* first come, first served */
        seen++;
    }
    EXPECT(seen == RT_OPERATIONS_MAX);
    EXPECT(ring->stray_count == 0 && ring->quiet_count == 0);
    capability_release(notification);
    capability_release(other);
}

/* ------------------------------------------------------------------------------------------
 * Servers
 * ------------------------------------------------------------------------------------------ */

enum method {
    METHOD_ADD,      /* words: the sum of the first two */
    METHOD_BAD_CAP,  /* answers with a capability that does not exist */
    METHOD_TOO_LONG, /* answers with more than fits */
    METHOD_SLOW,     /* answers when told to */
    METHOD_STOP,
};

/* Notifications: METHOD_SLOW has begun; it may go on. */
static uint64_t slow_begun, slow_gate;

static void serve_one(struct rt_server *server, const struct ring_cqe *request)
{
    static char long_text[2 * RT_EXCHANGE_BYTES];
    struct wire_build_struct results;
    uint64_t bits;

    switch ((enum method)request->method) {
    case METHOD_ADD:
        rt_server_reply_words(
            server, (struct rt_words){{request->payload[0] + request->payload[1], request->badge}});
        return;
    case METHOD_BAD_CAP:
        echo_echo_results_init_root(rt_server_reply_begin(server), &results);
        rt_server_transfer(server, 0x123456789ull, RING_TRANSFER_COPY);
        rt_server_reply_end(server);
        return;
    case METHOD_TOO_LONG:
        echo_text_results_init_root(rt_server_reply_begin(server), &results);
        echo_text_results_set_text(&results, long_text, sizeof(long_text));
        rt_server_reply_end(server);
        return;
    case METHOD_SLOW:
        (void)!notification_signal(slow_begun, 1);
        (void)!notification_wait(slow_gate, 0, &bits);
        rt_server_reply_words(server, (struct rt_words){{0}});
        return;
    case METHOD_STOP:
        rt_server_reply_words(server, (struct rt_words){{0}});
        return;
    }
    rt_server_refuse(server, STATUS_BAD_METHOD);
}

static uint64_t serve(void *argument)
{
    struct rt_server server;
    const struct ring_cqe *request;
    uint64_t served = 0;
    bool stop = false;

    if (rt_server_init(&server, *(const uint64_t *)argument, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return 0;
    }
    while (!stop && (request = rt_server_receive(&server)) != NULL) {
        stop = request->method == METHOD_STOP;
        served++;
        serve_one(&server, request);
    }
    rt_ring_flush(server.ring);
    return served;
}

static enum status call(uint64_t client, enum method method, uint64_t a, uint64_t b,
                        struct rt_words *answer)
{
    return rt_ring_call(rt_ring_self(), client, (uint16_t)method, (struct rt_words){{a, b}},
                        answer);
}

/** A call that is cancelled while the server works on it: the server goes on. */
static void check_abandoned_call(uint64_t client)
{
    struct rt_ring *const ring = rt_ring_self();
    const struct rt_call slow = {.target = client, .method = METHOD_SLOW, .message_inline = true};
    struct rt_operation operation = {0};
    struct rt_words answer = {{0}};
    uint64_t bits;

    EXPECT_STATUS(rt_ring_start_call(ring, &operation, &slow), STATUS_OK);
    rt_ring_flush(ring);
    EXPECT_STATUS(notification_wait(slow_begun, 0, &bits), STATUS_OK);
    EXPECT_STATUS(rt_ring_cancel(ring, &operation), STATUS_OK);
    rt_ring_await(ring, &operation);
    EXPECT_STATUS((enum status)operation.cqe.status, STATUS_CANCELLED);
    EXPECT_STATUS(notification_signal(slow_gate, 1), STATUS_OK);
    EXPECT_STATUS(call(client, METHOD_ADD, 7, 8, &answer), STATUS_OK);
    EXPECT(answer.word[0] == 15);
}

void group_server(void)
{
    struct rt_exchange exchange;
    struct rt_words answer = {{0}};
    struct rt_thread *thread;
    uint64_t endpoint = 0, client = 0, second = 0, served = 0;

    if (!EXPECT_STATUS(endpoint_create(&endpoint), STATUS_OK) ||
        !EXPECT_STATUS(endpoint_mint(endpoint, 11, &client), STATUS_OK) ||
        !EXPECT_STATUS(endpoint_mint(endpoint, 22, &second), STATUS_OK) ||
        !EXPECT_STATUS(notification_create(&slow_begun), STATUS_OK) ||
        !EXPECT_STATUS(notification_create(&slow_gate), STATUS_OK) ||
        !EXPECT_STATUS(rt_thread_create(serve, &endpoint, 0, &thread), STATUS_OK)) {
        return;
    }
    for (uint64_t i = 0; i < 100; i++) {
        EXPECT_STATUS(call(i % 2 == 0 ? client : second, METHOD_ADD, i, 1, &answer), STATUS_OK);
        EXPECT(answer.word[0] == i + 1 && answer.word[1] == (i % 2 == 0 ? 11 : 22));
    }
    EXPECT_STATUS(call(client, (enum method)999, 0, 0, &answer), STATUS_BAD_METHOD);
    if (EXPECT_STATUS(rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES), STATUS_OK)) {
        const struct rt_words none = {{0}};

        EXPECT(rt_exchange_call_inline(&exchange, client, METHOD_BAD_CAP, none, NULL) != STATUS_OK);
        EXPECT_STATUS(rt_exchange_call_inline(&exchange, client, METHOD_TOO_LONG, none, NULL),
                      STATUS_TOO_LONG);
        rt_exchange_end(&exchange);
    }
    EXPECT_STATUS(call(client, METHOD_ADD, 2, 3, &answer), STATUS_OK);
    EXPECT(answer.word[0] == 5);
    check_abandoned_call(client);
    EXPECT_STATUS(capability_revoke(second), STATUS_OK);
    EXPECT_STATUS(call(second, METHOD_ADD, 1, 1, &answer), STATUS_OK); /* the revoker's stays */
    capability_release(second);
    EXPECT_STATUS(call(second, METHOD_ADD, 1, 1, &answer), STATUS_STALE);
    EXPECT_STATUS(call(client, METHOD_STOP, 0, 0, &answer), STATUS_OK);
    EXPECT_STATUS(rt_thread_join(thread, &served), STATUS_OK);
    EXPECT(served == 100 + 1 + 2 + 1 + 1 + 1 + 1 + 1);
    /* Nobody can receive any more. */
    capability_release(endpoint);
    EXPECT_STATUS(call(client, METHOD_ADD, 1, 1, &answer), STATUS_PEER_GONE);
    capability_release(client);
    capability_release(slow_begun);
    capability_release(slow_gate);
}
