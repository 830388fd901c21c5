/* SPDX-License-Identifier: MIT */
/*
 * The server's side of a call: requests in a row, answers that the kernel refuses, endpoints that
 * end.
 */
#include "fake_kernel.h"

#include "rt/panic.h"
#include "rt/server.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct rt_server server;
static unsigned deliveries; /* requests that arrive when the server waits */
static uint64_t next_call;
static enum status refuse_returns[4]; /* what the next RETURNs are answered with */
static unsigned returns;
static uint16_t exceptions[4]; /* of the RETURNs seen */
static bool armed;             /* the kernel has the RECV */
static struct ring_sqe receive;

static bool handler(const struct ring_sqe *sqe)
{
    if (sqe->operation == RING_OPERATION_RECV) {
        assert_false(armed);
        receive = *sqe;
        armed = true;
        return true; /* its completion stays reserved */
    }
    if (sqe->operation == RING_OPERATION_RETURN) {
        const enum status status = refuse_returns[returns % 4];

        assert_int_equal(sqe->flags & (SQE_QUIET | SQE_REARM), SQE_QUIET | SQE_REARM);
        exceptions[returns++ % 4] = sqe->method;
        if (status == STATUS_OK || status == STATUS_PEER_GONE) {
            assert_false(armed);
            armed = true; /* also when the caller is gone */
            fake.ring.reserved++;
        }
        if (status == STATUS_OK) {
            ring_kernel_unreserve(&fake.ring);
        } else {
            fake_post(sqe->user_data, status, 0, 0);
        }
        return true;
    }
    return false;
}

static void deliver(void)
{
    if (!armed || deliveries == 0) {
        fake_exits = true;
        rt_arch_exit(RT_EXIT_PROCESS, 1000); /* nothing more will happen */
    }
    deliveries--;
    next_call++;
    armed = false;
    fake_post_cqe(&(struct ring_cqe){.user_data = receive.user_data,
                                     .flags = CQE_INLINE | CQE_INCOMING,
                                     .method = 3,
                                     .badge = 9,
                                     .call_id = next_call,
                                     .payload = {next_call, 2, 3, 4}});
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake.handler = handler;
    fake.idle = deliver;
    memset(refuse_returns, 0, sizeof(refuse_returns));
    returns = deliveries = 0;
    next_call = 0;
    armed = false;
    assert_int_equal(rt_server_init(&server, 77, 1024), STATUS_OK);
    return 0;
}

static void one_entry_each(void **state)
{
    (void)state;
    deliveries = 100;
    for (unsigned i = 1; i <= 100; i++) {
        const struct ring_cqe *const request = rt_server_receive(&server);

        assert_non_null(request);
        assert_int_equal(request->badge, 9);
        assert_int_equal(request->payload[0], i);
        rt_server_reply_words(&server, (struct rt_words){{i}});
    }
    assert_int_equal(fake.entries, 100);
    assert_int_equal(FAKE_EXIT_CODE(rt_server_receive(&server)), 1000);
    assert_int_equal(returns, 100);
    assert_true(armed);
}

static void refused_answer_becomes_an_exception(void **state)
{
    (void)state;
    deliveries = 2;
    refuse_returns[0] = STATUS_BAD_CAPABILITY;
    assert_non_null(rt_server_receive(&server));
    rt_server_reply_words(&server, (struct rt_words){{0}});
    assert_non_null(rt_server_receive(&server));
    assert_int_equal(returns, 2);
    assert_int_equal(exceptions[0], STATUS_OK);
    assert_int_equal(exceptions[1], STATUS_BAD_CAPABILITY);
    assert_int_equal(server.refused_count, 1);
}

static void caller_that_is_gone(void **state)
{
    (void)state;
    /* The kernel has armed the RECV although the answer went nowhere. */
    deliveries = 3;
    refuse_returns[0] = STATUS_PEER_GONE;
    refuse_returns[1] = STATUS_NOT_FOUND;
    assert_non_null(rt_server_receive(&server));
    rt_server_reply_words(&server, (struct rt_words){{0}});
    assert_non_null(rt_server_receive(&server));
    rt_server_refuse(&server, STATUS_BAD_METHOD);
    assert_non_null(rt_server_receive(&server));
    assert_int_equal(returns, 3);
}

static void endpoint_that_ends(void **state)
{
    (void)state;
    assert_int_equal(FAKE_EXIT_CODE(rt_server_receive(&server)), 1000);
    armed = false;
    fake_post(receive.user_data, STATUS_CANCELLED, 0, 0);
    assert_null(rt_server_receive(&server));
    /* Asking again asks the kernel again. */
    deliveries = 1;
    assert_non_null(rt_server_receive(&server));
}

static void with_an_event_loop(void **state)
{
    struct rt_operation *done;

    (void)state;
    deliveries = 3;
    for (unsigned i = 1; i <= 3; i++) {
        const struct ring_cqe *request;

        assert_int_equal(rt_server_arm(&server), STATUS_OK);
        done = rt_ring_wait(rt_ring_self(), RT_NO_DEADLINE);
        assert_true(rt_server_owns(&server, done));
        request = rt_server_take(&server, done);
        assert_non_null(request);
        assert_int_equal(request->call_id, i);
        rt_server_reply_words(&server, (struct rt_words){{0}});
    }
}

static void answers_that_do_not_fit(void **state)
{
    static char text[2000];
    struct wire_build_struct results;

    (void)state;
    deliveries = 2;
    assert_non_null(rt_server_receive(&server));
    echo_text_results_init_root(rt_server_reply_begin(&server), &results);
    echo_text_results_set_text(&results, text, sizeof(text));
    rt_server_reply_end(&server);
    assert_non_null(rt_server_receive(&server));
    assert_int_equal(exceptions[0], STATUS_TOO_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_entry_each, setup),
        cmocka_unit_test_setup(refused_answer_becomes_an_exception, setup),
        cmocka_unit_test_setup(caller_that_is_gone, setup),
        cmocka_unit_test_setup(endpoint_that_ends, setup),
        cmocka_unit_test_setup(with_an_event_loop, setup),
        cmocka_unit_test_setup(answers_that_do_not_fit, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
