/* SPDX-License-Identifier: MIT */
/*
 * The heap against a naive model, against its owner's mistakes, and without memory.
 */
#include "fake_kernel.h"

#include "rt/address_space.h"
#include "rt/heap.h"
#include "rt/panic.h"
#include "rt/thread.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS  200u
#define ROUNDS 60000u

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static uint32_t random_state;

static uint32_t random_next(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static void against_a_model(void **state)
{
    static uint8_t *blocks[SLOTS];
    static size_t sizes[SLOTS];

    (void)state;
    random_state = 20240229;
    printf("seed %u\n", random_state);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const unsigned slot = random_next() % SLOTS;
        const size_t size = random_next() % (round % 50 == 0 ? 200000 : 900);

        for (size_t i = 0; blocks[slot] != NULL && i < sizes[slot]; i++) {
            assert_int_equal(blocks[slot][i], (uint8_t)slot);
        }
        if (blocks[slot] != NULL && round % 4 == 0) {
            blocks[slot] = heap_reallocate(blocks[slot], size);
            for (size_t i = 0; i < size && i < sizes[slot]; i++) {
                assert_int_equal(blocks[slot][i], (uint8_t)slot);
            }
        } else {
            heap_free(blocks[slot]);
            blocks[slot] = heap_allocate(size);
        }
        assert_non_null(blocks[slot]);
        assert_int_equal((uintptr_t)blocks[slot] % RT_HEAP_ALIGNMENT, 0);
        sizes[slot] = size;
        memset(blocks[slot], (int)slot, size);
        if (round % 1000 == 0) {
            (void)heap_check();
        }
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        heap_free(blocks[slot]);
    }
    {
        struct heap_statistics statistics;
        const size_t free_blocks = heap_check();

        heap_statistics_get(&statistics);
        assert_int_equal(statistics.block_count, 0);
        assert_int_equal(statistics.used_bytes, 0);
        assert_int_equal(statistics.large_bytes, 0);
        /* Everything is merged: one free block an arena. */
        assert_true(free_blocks <= statistics.arena_bytes / 4096);
    }
}

static void mistakes_end_the_process(void **state)
{
    char *const block = heap_allocate(100);
    char *const other = heap_allocate(100);

    (void)state;
    assert_non_null(block);
    assert_non_null(other);
    heap_free(block);
    assert_int_equal(FAKE_EXIT_CODE(heap_free(block)), RT_EXIT_PANIC);
    fake_reset();
}

static void nothing_left(void **state)
{
    void *last = NULL;

    (void)state;
    fake.page_limit = fake.pages;
    assert_null(heap_allocate(RT_HEAP_LARGE_BYTES));
    for (unsigned i = 0; i < 100000; i++) {
        void *const block = heap_allocate(4000);

        if (block == NULL) {
            break;
        }
        assert_ptr_not_equal(block, last);
        last = block;
    }
    assert_null(heap_allocate(4000));
    assert_null(heap_reallocate(last, 60000));
    heap_free(last);
    assert_non_null(heap_allocate(3000));
    assert_null(heap_allocate(SIZE_MAX));
    assert_null(heap_allocate(SIZE_MAX - 15));
    assert_null(heap_allocate_zeroed(SIZE_MAX / 2, 3));
}

static void addresses(void **state)
{
    uint64_t a, b, c;

    (void)state;
    assert_int_equal(rt_space_reserve(0, &a), STATUS_NO_MEMORY);
    assert_int_equal(rt_space_reserve(UINT64_MAX, &a), STATUS_NO_MEMORY);
    assert_int_equal(rt_space_reserve(1ull << 30, &a), STATUS_NO_MEMORY);
    assert_int_equal(rt_space_reserve(16, &a), STATUS_OK);
    assert_int_equal(rt_space_reserve(1, &b), STATUS_OK);
    assert_true(b >= a + 17 * RT_PAGE_BYTES); /* a guard page between */
    rt_space_release(a, 16);
    assert_int_equal(rt_space_reserve(31, &c), STATUS_OK);
    assert_true(c == a);
    rt_space_release(c, 31);
    rt_space_release(b, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses, setup),
        cmocka_unit_test_setup(against_a_model, setup),
        cmocka_unit_test_setup(nothing_left, setup),
        cmocka_unit_test_setup(mistakes_end_the_process, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
