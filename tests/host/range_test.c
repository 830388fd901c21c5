/* SPDX-License-Identifier: MIT */

/*
 * lib/range against sets of bits: all ranges over the numbers 0 to 12, all pairs of them, and the
 * same moved to the top of the 64-bit numbers, where overflow would show.
 */

#include "range/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { N = 13 };

/* Number k of a test is base + k; N itself only ends ranges. */
static const uint64_t bases[] = {0, 0x7ffffffffffffff8, UINT64_MAX - N};

static uint32_t set_of(struct range range, uint64_t base)
{
    uint32_t set = 0;

    assert_true(range.start <= range.end);
    for (uint32_t k = 0; k < N; k++) {
        set |= range_has(range, base + k) ? 1u << k : 0;
    }
    return set;
}

static uint32_t bits(uint32_t start, uint32_t end)
{
    return ((1u << end) - 1) & ~((1u << start) - 1);
}

static void check_pair(uint64_t base, struct range a, struct range b)
{
    const uint32_t set_a = bits((uint32_t)(a.start - base), (uint32_t)(a.end - base));
    const uint32_t set_b = bits((uint32_t)(b.start - base), (uint32_t)(b.end - base));
    struct range below;
    struct range above;
    struct range both;

    assert_int_equal(set_of(a, base), set_a);
    assert_int_equal(range_overlaps(a, b), (set_a & set_b) != 0);
    both = range_intersect(a, b);
    assert_int_equal(set_of(both, base), set_a & set_b);
    assert_true(range_has_range(a, both));
    range_subtract(a, b, &below, &above);
    assert_int_equal(set_of(below, base) | set_of(above, base), set_a & ~set_b);
    assert_int_equal(set_of(below, base) & set_of(above, base), 0);
    assert_true(range_is_empty(below) || range_is_empty(above) || below.end <= above.start);
    assert_true(range_has_range(a, below) && range_has_range(a, above));
    assert_int_equal(range_has_range(a, b), b.start >= a.start && b.end <= a.end);
    assert_int_equal(range_has_span(a, b.start, range_length(b)), range_has_range(a, b));
}

static void test_all_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bases); i++) {
        const uint64_t base = bases[i];

        for (uint32_t pair = 0; pair < (N + 1) * (N + 1) * (N + 1) * (N + 1); pair++) {
            const uint64_t a_start = pair % (N + 1);
            const uint64_t a_end = pair / (N + 1) % (N + 1);
            const uint64_t b_start = pair / (N + 1) / (N + 1) % (N + 1);
            const uint64_t b_end = pair / (N + 1) / (N + 1) / (N + 1);

            if (a_start <= a_end && b_start <= b_end) {
                check_pair(base, (struct range){base + a_start, base + a_end},
                           (struct range){base + b_start, base + b_end});
            }
        }
    }
}

static void test_alignment(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bases); i++) {
        for (uint64_t alignment = 1; alignment <= 8; alignment *= 2) {
            for (uint64_t start = bases[i]; start - bases[i] <= N; start++) {
                for (uint64_t end = start; end - bases[i] <= N; end++) {
                    const struct range range = {start, end};
                    const struct range shrunk = range_shrink(range, alignment);
                    const bool fits = end <= UINT64_MAX - (alignment - 1);
                    struct range grown = {1, 2};

                    assert_true(shrunk.start <= shrunk.end);
                    assert_true(range_has_range(range, shrunk));
                    assert_true(range_is_empty(shrunk) ||
                                ((shrunk.start | shrunk.end) % alignment == 0 &&
                                 shrunk.start - start < alignment && end - shrunk.end < alignment));
                    if (range_is_empty(shrunk) && start % alignment == 0) {
                        assert_true(end - start < alignment);
                    }
                    assert_int_equal(range_grow(range, alignment, &grown), fits);
                    if (!fits) {
                        assert_int_equal(grown.start, 1);
                        continue;
                    }
                    assert_true(range_has_range(grown, range));
                    assert_int_equal((grown.start | grown.end) % alignment, 0);
                    assert_true(start - grown.start < alignment && grown.end - end < alignment);
                }
            }
        }
    }
}

static void test_overflow(void **state)
{
    struct range range = {1, 2};
    uint64_t number = 77;

    (void)state;
    assert_false(range_make(UINT64_MAX, 1, &range));
    assert_false(range_make(1, UINT64_MAX, &range));
    assert_false(range_make(UINT64_MAX, UINT64_MAX, &range));
    assert_int_equal(range.start, 1);
    assert_true(range_make(UINT64_MAX, 0, &range));
    assert_true(range_is_empty(range));
    assert_true(range_make(1, UINT64_MAX - 1, &range));
    assert_int_equal(range.end, UINT64_MAX);
    assert_int_equal(range_length(range), UINT64_MAX - 1);
    assert_false(range_has_span(range, 5, UINT64_MAX - 3));
    assert_false(range_has_span(range, UINT64_MAX, 1));
    assert_true(range_has_span(range, UINT64_MAX, 0));
    assert_false(range_has_span((struct range){0x1000, 0x2000}, 0x3000, UINT64_MAX));
    assert_false(range_has_span((struct range){0x1000, 0x2000}, 0x1800, UINT64_MAX - 0x100));

    assert_false(range_align_up(UINT64_MAX, 2, &number));
    assert_int_equal(number, 77);
    assert_true(range_align_up(UINT64_MAX - 4095, 4096, &number));
    assert_int_equal(number, UINT64_MAX - 4095);
    assert_int_equal(range_align_down(UINT64_MAX, 4096), UINT64_MAX - 4095);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pairs),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
