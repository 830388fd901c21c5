/* SPDX-License-Identifier: MIT */
/*
 * The ring client against a kernel that answers late, out of order, twice, or with nonsense.
 */
#include "fake_kernel.h"

#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/ring_batch.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static struct rt_ring *ring(void)
{
    return rt_ring_self();
}

static void call_is_one_entry(void **state)
{
    uint64_t memory = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(memory_create(1, &memory), STATUS_OK);
    }
    assert_int_equal(fake.entries, 1000);
    assert_int_equal(memory, (1ull << 20) + 100 + 999);
}

static void transport_comes_before_exception(void **state)
{
    uint64_t memory = 77;

    (void)state;
    fake.page_limit = 0;
    assert_int_equal(memory_create(1, &memory), STATUS_OVER_BUDGET);
    fake.refuse_all = STATUS_STALE;
    assert_int_equal(memory_create(1, &memory), STATUS_STALE);
    assert_int_equal(memory, 77);
}

static void strays_are_counted_and_dropped(void **state)
{
    static const uint64_t data[] = {2, 65, 66, 1ull << 32 | 2, UINT64_MAX, 0x123456789abcdef0};
    uint64_t memory;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(data); i++) {
        fake_reset();
        fake.post_before = 3;
        fake.post_before_data = data[i];
        assert_int_equal(memory_create(1, &memory), STATUS_OK);
        assert_int_equal(memory_create(1, &memory), STATUS_OK);
        assert_int_equal(ring()->stray_count, 6);
    }
    fake_reset();
    fake.post_before = 1;
    fake.post_before_data = RT_USER_DATA_QUIET;
    assert_int_equal(memory_create(1, &memory), STATUS_OK);
    assert_int_equal(ring()->quiet_count, 1);
    assert_int_equal(ring()->stray_count, 0);
}

/** After a reaper the queue is empty also for those who take completions one by one. */
static void reaper_leaves_nothing(void **state)
{
    struct rt_reaper reaper;
    unsigned seen = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_post(RT_USER_DATA_SYNCHRONOUS, STATUS_OK, 0, 0);
    }
    reaper = rt_reaper_begin(ring());
    while (rt_reaper_next(&reaper) != NULL) {
        seen++;
    }
    rt_reaper_end(ring(), &reaper);
    assert_int_equal(seen, 3);
    assert_null(ring_user_peek(&ring()->user));
    fake_post(RT_USER_DATA_QUIET, STATUS_OK, 0, 0);
    assert_non_null(ring_user_peek(&ring()->user));
}

static void other_completions_may_come_first(void **state)
{
    struct rt_operation wait[3] = {{0}};
    uint64_t memory;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rt_ring_start_wait(ring(), &wait[i], 5, 0), STATUS_OK);
    }
    rt_ring_flush(ring());
    assert_int_equal(fake.held_count, 3);
    assert_true(fake_complete(RING_OPERATION_WAIT, STATUS_OK, 10));
    assert_true(fake_complete(RING_OPERATION_WAIT, STATUS_CANCELLED, 20));
    assert_int_equal(memory_create(1, &memory), STATUS_OK);
    assert_int_equal(wait[0].state, RT_OPERATION_DONE);
    assert_int_equal(wait[2].state, RT_OPERATION_PENDING);
    assert_ptr_equal(rt_ring_poll(ring()), &wait[0]);
    assert_ptr_equal(rt_ring_poll(ring()), &wait[1]);
    assert_null(rt_ring_poll(ring()));
    assert_int_equal(wait[0].cqe.payload[0], 10);
    assert_int_equal(wait[1].cqe.status, STATUS_CANCELLED);
    assert_true(fake_complete(RING_OPERATION_WAIT, STATUS_OK, 30));
    rt_ring_await(ring(), &wait[2]);
    assert_int_equal(wait[2].cqe.payload[0], 30);
    assert_int_equal(ring()->pending_count, 0);
}

static void second_completion_of_one_operation(void **state)
{
    struct rt_operation wait = {0};

    (void)state;
    assert_int_equal(rt_ring_start_wait(ring(), &wait, 5, 0), STATUS_OK);
    rt_ring_flush(ring());
    fake.ring.reserved += 2;
    fake_post(wait.user_data, STATUS_OK, 1, 0);
    fake_post(wait.user_data, STATUS_OK, 2, 0);
    assert_ptr_equal(rt_ring_poll(ring()), &wait);
    assert_int_equal(wait.cqe.payload[0], 1);
    assert_null(rt_ring_poll(ring()));
    assert_int_equal(ring()->stray_count, 1);
}

static void slots_are_reused_and_told_apart(void **state)
{
    struct rt_operation wait = {0};
    uint64_t first;

    (void)state;
    assert_int_equal(rt_ring_start_wait(ring(), &wait, 5, 0), STATUS_OK);
    first = wait.user_data;
    rt_ring_flush(ring());
    fake_complete(RING_OPERATION_WAIT, STATUS_OK, 0);
    assert_ptr_equal(rt_ring_poll(ring()), &wait);
    assert_int_equal(rt_ring_start_wait(ring(), &wait, 5, 0), STATUS_OK);
    assert_true(first != wait.user_data);
    rt_ring_flush(ring());
    fake.ring.reserved++;
    fake_post(first, STATUS_OK, 0, 0); /* of the generation before */
    assert_null(rt_ring_poll(ring()));
    assert_int_equal(ring()->stray_count, 1);
}

static void no_more_than_the_limit(void **state)
{
    static struct rt_operation wait[RT_OPERATIONS_MAX + 1];
    uint64_t memory;

    (void)state;
    for (unsigned i = 0; i <= RT_OPERATIONS_MAX; i++) {
        wait[i] = (struct rt_operation){0};
        assert_int_equal(rt_ring_start_wait(ring(), &wait[i], 5, 0),
                         i < RT_OPERATIONS_MAX ? STATUS_OK : STATUS_QUEUE_FULL);
    }
    assert_int_equal(memory_create(1, &memory), STATUS_OK);
    while (fake_complete(RING_OPERATION_WAIT, STATUS_OK, 0)) {
        assert_non_null(rt_ring_poll(ring()));
    }
    assert_int_equal(ring()->pending_count, 0);
}

static void refused_entries_are_offered_again(void **state)
{
    uint64_t memory;

    (void)state;
    fake.refuse_entries = 3;
    assert_int_equal(memory_create(1, &memory), STATUS_OK);
    assert_int_equal(fake.entries, 4);
    fake.refuse_entries = 2;
    rt_ring_sleep_until(ring(), 1);
    assert_int_equal(fake.refuse_entries, 0);
}

static void wait_times_out(void **state)
{
    struct rt_operation wait = {0};

    (void)state;
    assert_null(rt_ring_wait(ring(), 1000));
    assert_int_equal(rt_ring_start_wait(ring(), &wait, 5, 0), STATUS_OK);
    assert_null(rt_ring_wait(ring(), 1000));
    fake_complete(RING_OPERATION_WAIT, STATUS_OK, 3);
    assert_ptr_equal(rt_ring_wait(ring(), 1000), &wait);
}

static void hostile_answers_end_the_process(void **state)
{
    uint64_t memory;

    (void)state;
    fake.break_tail = true;
    assert_int_equal(FAKE_EXIT_CODE((void)!memory_create(1, &memory)), RT_EXIT_PANIC);
    fake_reset();
    fake.entry_result = 5; /* more than was offered */
    assert_int_equal(FAKE_EXIT_CODE((void)!memory_create(1, &memory)), RT_EXIT_PANIC);
    fake_reset();
    fake.entry_result = (uint64_t)STATUS_POISONED << 32;
    assert_int_equal(FAKE_EXIT_CODE((void)!memory_create(1, &memory)), RT_EXIT_PANIC);
}

static void area_is_given_out_once(void **state)
{
    uint32_t offset[RT_AREA_GRANULES], big;

    (void)state;
    for (unsigned i = 0; i < RT_AREA_GRANULES; i++) {
        assert_int_equal(rt_area_allocate(ring(), 1 + i % RT_AREA_GRANULE_BYTES, &offset[i]),
                         STATUS_OK);
        assert_int_equal(offset[i], i * RT_AREA_GRANULE_BYTES);
    }
    assert_int_equal(rt_area_allocate(ring(), 1, &big), STATUS_NO_MEMORY);
    rt_area_free(ring(), offset[3], 1);
    rt_area_free(ring(), offset[4], 1);
    assert_int_equal(rt_area_allocate(ring(), 2 * RT_AREA_GRANULE_BYTES + 1, &big),
                     STATUS_NO_MEMORY);
    assert_int_equal(rt_area_allocate(ring(), 2 * RT_AREA_GRANULE_BYTES, &big), STATUS_OK);
    assert_int_equal(big, offset[3]);
    fake_reset();
    assert_int_equal(rt_area_allocate(ring(), RING_MESSAGE_BYTES, &big), STATUS_OK);
    assert_int_equal(rt_area_allocate(ring(), 0, &big), STATUS_NO_MEMORY);
    fake_reset();
    assert_int_equal(rt_area_allocate(ring(), RING_MESSAGE_BYTES + 1, &big), STATUS_NO_MEMORY);
    assert_int_equal(rt_area_allocate(ring(), UINT32_MAX, &big), STATUS_NO_MEMORY);
    assert_int_equal(rt_area_allocate(ring(), 100, &big), STATUS_OK);
    rt_area_free(ring(), big, 100);
    /* The panic itself needs a granule for its message. */
    assert_int_equal(FAKE_EXIT_CODE(rt_area_free(ring(), big, 100)), RT_EXIT_PANIC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(call_is_one_entry, setup),
        cmocka_unit_test_setup(transport_comes_before_exception, setup),
        cmocka_unit_test_setup(strays_are_counted_and_dropped, setup),
        cmocka_unit_test_setup(reaper_leaves_nothing, setup),
        cmocka_unit_test_setup(other_completions_may_come_first, setup),
        cmocka_unit_test_setup(second_completion_of_one_operation, setup),
        cmocka_unit_test_setup(slots_are_reused_and_told_apart, setup),
        cmocka_unit_test_setup(no_more_than_the_limit, setup),
        cmocka_unit_test_setup(refused_entries_are_offered_again, setup),
        cmocka_unit_test_setup(wait_times_out, setup),
        cmocka_unit_test_setup(hostile_answers_end_the_process, setup),
        cmocka_unit_test_setup(area_is_given_out_once, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
