/* SPDX-License-Identifier: MIT */

/*
 * lib/refusal: which of a class's refusals have a record, classes apart from each other, what is
 * left when there are too many of them, and the bound on a process's records whatever it does. No
 * refusal is lost: records and omissions add up.
 */

#include "refusal/refusal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

#define LOG_RECORDS 1024u /* that the kernel keeps */

static void test_one_class(void **state)
{
    static const uint64_t told[] = {1,  2,   3,    4,    5,     6,     7,      8,
                                    9,  10,  11,   12,   13,    14,    15,     16,
                                    64, 256, 1024, 4096, 16384, 65536, 262144, 1048576};
    struct refusal_counts counts;
    uint64_t count = 0, records = 0;
    (void)state;

    memset(&counts, 0xa5, sizeof(counts));
    refusal_counts_init(&counts);
    for (uint64_t i = 1; i <= 1100000; i++) {
        if (refusal_count(&counts, 3, 7, &count)) {
            assert_true(records < sizeof(told) / sizeof(told[0]));
            assert_int_equal(i, told[records]);
            records++;
        }
        assert_int_equal(count, i);
        assert_int_equal(counts.omitted + records, i);
    }
    assert_int_equal(records, sizeof(told) / sizeof(told[0]));
}

static void test_numbers_of_64_bits(void **state)
{
    struct refusal_counts counts = {.counts = {(1ull << 62) - 2}, .class_count = 1};
    uint64_t count = 0;
    (void)state;

    assert_false(refusal_count(&counts, 0, 0, &count));
    assert_true(refusal_count(&counts, 0, 0, &count));
    assert_int_equal(count, 1ull << 62);
    counts.counts[0] = (1ull << 33) - 1; /* a power of two, and of eight, but not of four */
    assert_false(refusal_count(&counts, 0, 0, &count));
}

static void test_classes(void **state)
{
    struct refusal_counts counts = {0};
    uint64_t count = 0;
    (void)state;

    /* Kind and reason both count, and neither class's number says anything of another's. */
    for (uint64_t i = 1; i <= REFUSALS_EACH; i++) {
        assert_true(refusal_count(&counts, 1, 2, &count));
        assert_int_equal(count, i);
    }
    assert_false(refusal_count(&counts, 1, 2, &count));
    assert_true(refusal_count(&counts, 2, 2, &count));
    assert_int_equal(count, 1);
    assert_true(refusal_count(&counts, 1, 1, &count));
    assert_int_equal(count, 1);
    assert_true(refusal_count(&counts, 2, 1, &count));
    assert_int_equal(count, 1);
    assert_false(refusal_count(&counts, 1, 2, &count));
    assert_int_equal(count, REFUSALS_EACH + 2);
    assert_int_equal(counts.class_count, 4);
}

static void test_too_many_classes(void **state)
{
    struct refusal_counts counts = {0};
    uint64_t count = 0;
    (void)state;

    for (uint32_t i = 0; i < REFUSAL_CLASSES - 1; i++) {
        assert_true(refusal_count(&counts, (uint8_t)i, 5, &count));
        assert_int_equal(count, 1);
    }
    for (uint32_t i = 1; i <= 200; i++) {
        const bool is_told = refusal_count(&counts, (uint8_t)(100 + i % 100), 5, &count);

        assert_int_equal(count, i);
        assert_int_equal(is_told, i <= REFUSALS_EACH || i == 64);
    }
    /* Those that have a class keep it. */
    assert_true(refusal_count(&counts, 0, 5, &count));
    assert_int_equal(count, 2);
    assert_true(refusal_count(&counts, REFUSAL_CLASSES - 2, 5, &count));
    assert_int_equal(count, 2);
}

static void test_bound(void **state)
{
    struct refusal_counts counts = {0};
    uint64_t count = 0, records = 0;
    (void)state;

    random_seed();
    /* All classes there are, at random, as a process would that wants to fill the log. */
    for (uint32_t i = 1; i <= 4000000; i++) {
        const uint64_t word = random_next();

        records += refusal_count(&counts, (uint8_t)word, (uint8_t)(word >> 8), &count) ? 1 : 0;
        assert_int_equal(records + counts.omitted, i);
        assert_true(counts.class_count < REFUSAL_CLASSES);
    }
    assert_true(records < LOG_RECORDS / 2);
    assert_true(REFUSAL_CLASSES * REFUSAL_RECORDS < LOG_RECORDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_class), cmocka_unit_test(test_numbers_of_64_bits),
        cmocka_unit_test(test_classes),   cmocka_unit_test(test_too_many_classes),
        cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
