/* SPDX-License-Identifier: MIT */
/*
 * A shared line: who is told, when it is masked, and that its sums are those of its sharers
 * whatever happens in whatever order, against a model that counts anew each time.
 */
#include "intx/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "random.h"

#define SHARERS 4u
#define STEPS   200000u

static void test_one_that_admits(void **state)
{
    struct intx_line line = {0};
    struct intx_sharer sharer;

    (void)state;
    intx_join(&line, &sharer, true);
    assert_false(intx_is_unmasked(&line));
    assert_false(intx_offer(&line, &sharer, true)); /* masked: it is not told */
    intx_set(&line, &sharer, INTX_OPEN);
    assert_true(intx_is_unmasked(&line));
    assert_false(intx_offer(&line, &sharer, false));
    assert_false(intx_blame(&line, &sharer));
    assert_true(intx_offer(&line, &sharer, true));
    assert_int_equal(sharer.state, INTX_TAKEN);
    assert_true(intx_is_unmasked(&line)); /* for the others */
    assert_false(intx_offer(&line, &sharer, true));
    intx_set(&line, &sharer, INTX_OPEN);
    assert_true(intx_offer(&line, &sharer, true));
    intx_set(&line, &sharer, INTX_MASKED);
    assert_false(intx_is_unmasked(&line));
    intx_leave(&line, &sharer);
    assert_int_equal(line.sharer_count, 0);
    assert_false(intx_is_unmasked(&line));
}

static void test_one_that_does_not(void **state)
{
    struct intx_line line = {0};
    struct intx_sharer silent, other;

    (void)state;
    intx_join(&line, &silent, false);
    intx_join(&line, &other, true);
    intx_set(&line, &other, INTX_OPEN);
    assert_false(intx_is_unmasked(&line)); /* it cannot be kept from its pin */
    assert_true(intx_is_polled(&line));
    intx_set(&line, &silent, INTX_OPEN);
    assert_true(intx_is_unmasked(&line));
    assert_false(intx_is_polled(&line));
    assert_false(intx_offer(&line, &silent, true));
    assert_true(intx_blame(&line, &silent));
    assert_false(intx_is_unmasked(&line)); /* held until it is acknowledged */
    assert_true(intx_is_polled(&line));
    assert_false(intx_blame(&line, &silent));
    assert_true(intx_offer(&line, &other, true)); /* by a poll */
    assert_false(intx_is_polled(&line));
    intx_set(&line, &silent, INTX_OPEN);
    assert_true(intx_is_unmasked(&line));
    assert_true(intx_blame(&line, &silent));
    intx_leave(&line, &silent); /* torn down, and never acknowledged */
    assert_true(intx_is_unmasked(&line));
    intx_leave(&line, &other);
    assert_int_equal(line.armed | line.held | line.admitting | line.sharer_count, 0);
}

static void test_storm(void **state)
{
    struct intx_line line = {0};
    struct intx_sharer sharer, other;
    uint64_t now = 5;

    (void)state;
    intx_join(&line, &sharer, true);
    intx_set(&line, &sharer, INTX_OPEN);
    for (uint32_t i = 0; i + 1 < INTX_STORM_COUNT; i++) {
        assert_false(intx_arrived(&line, false, now++));
    }
    assert_false(intx_arrived(&line, true, now)); /* one that is somebody's: all over again */
    for (uint32_t i = 0; i + 1 < INTX_STORM_COUNT; i++) {
        assert_false(intx_arrived(&line, false, now++));
    }
    now += INTX_STORM_WINDOW_NS; /* too long ago: likewise */
    for (uint32_t i = 0; i + 1 < INTX_STORM_COUNT; i++) {
        assert_false(intx_arrived(&line, false, now));
        assert_true(intx_is_unmasked(&line));
    }
    assert_true(intx_arrived(&line, false, now));
    assert_false(intx_is_unmasked(&line));
    assert_true(intx_is_polled(&line));
    assert_false(intx_arrived(&line, false, now)); /* reported once */
    assert_true(intx_offer(&line, &sharer, true));
    intx_set(&line, &sharer, INTX_OPEN);
    assert_false(intx_is_unmasked(&line)); /* acknowledging does not open it */
    intx_join(&line, &other, true);
    assert_true(intx_is_unmasked(&line));
    for (uint32_t i = 0; i + 1 < INTX_STORM_COUNT; i++) {
        assert_false(intx_arrived(&line, false, now));
    }
    assert_true(intx_arrived(&line, false, now));
    intx_leave(&line, &other);
    assert_true(intx_is_unmasked(&line));
}

/** What the sums must be. */
static void compare(const struct intx_line *line, const struct intx_sharer *sharers,
                    const bool *is_there)
{
    uint32_t count = 0, armed = 0, held = 0, admitting = 0;

    for (uint32_t i = 0; i < SHARERS; i++) {
        if (is_there[i]) {
            count++;
            armed += sharers[i].state != INTX_MASKED;
            held += !sharers[i].admits && sharers[i].state != INTX_OPEN;
            admitting += sharers[i].admits && sharers[i].state == INTX_OPEN;
        }
    }
    assert_int_equal(line->sharer_count, count);
    assert_int_equal(line->armed, armed);
    assert_int_equal(line->held, held);
    assert_int_equal(line->admitting, admitting);
    assert_int_equal(intx_is_unmasked(line), armed != 0 && held == 0 && !line->is_storm);
    assert_int_equal(intx_is_polled(line),
                     admitting != 0 && (armed == 0 || held != 0 || line->is_storm));
}

static void test_random(void **state)
{
    struct intx_line line = {0};
    struct intx_sharer sharers[SHARERS] = {0};
    bool is_there[SHARERS] = {false};

    (void)state;
    random_seed();
    for (uint32_t step = 0; step < STEPS; step++) {
        const uint32_t at = (uint32_t)(random_next() % SHARERS);
        struct intx_sharer *sharer = &sharers[at];
        const uint64_t choice = random_next() % 8;
        const bool bit = (random_next() & 1) != 0;

        if (!is_there[at]) {
            intx_join(&line, sharer, bit);
            is_there[at] = true;
        } else if (choice == 0) {
            intx_leave(&line, sharer);
            is_there[at] = false;
        } else if (choice < 4) {
            intx_set(&line, sharer, bit ? INTX_OPEN : INTX_MASKED);
        } else if (choice < 6) {
            const bool expected = sharer->admits && sharer->state == INTX_OPEN && bit;

            assert_int_equal(intx_offer(&line, sharer, bit), expected);
        } else if (choice < 7) {
            const bool expected = !sharer->admits && sharer->state == INTX_OPEN;

            assert_int_equal(intx_blame(&line, sharer), expected);
        } else {
            (void)!intx_arrived(&line, bit && (random_next() & 63) == 0, step);
        }
        compare(&line, sharers, is_there);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_admits),
        cmocka_unit_test(test_one_that_does_not),
        cmocka_unit_test(test_storm),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
