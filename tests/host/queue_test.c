/* SPDX-License-Identifier: MIT */

/*
 * lib/queue in one thread: shapes that are refused, every result of every function, poison by
 * every kind of impossible index, and random operations against a naive model for many shapes and
 * across the wrap of the indices. The seed is printed; CAPOS_SEED repeats a run. What two threads
 * can do to each other is explored in tests/explore.
 */

#include "queue/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

#define CAPACITY 4u
#define WORDS    2u
#define BYTES    (WORDS * 8u)

/* A queue on the heap, exactly as large as it says, so that ASan sees every step outside. */
struct fixture {
    struct queue_memory *memory;
    struct queue_producer producer;
    struct queue_consumer consumer;
};

/* As if `first` entries had gone through already. */
static void start(struct fixture *f, uint32_t capacity, uint32_t entry_bytes, uint32_t first)
{
    const uint64_t bytes = queue_memory_bytes(capacity, entry_bytes);

    f->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(f->memory);
    memset(f->memory, 0xa5, bytes);
    queue_memory_init(f->memory);
    assert_true(queue_producer_init(&f->producer, f->memory, bytes, capacity, entry_bytes));
    assert_true(queue_consumer_init(&f->consumer, f->memory, bytes, capacity, entry_bytes));
    f->memory->header.tail = first;
    f->memory->header.head = first;
    f->producer.tail = first;
    f->producer.published = first;
    f->producer.head_seen = first;
    f->consumer.head = first;
    f->consumer.released = first;
    f->consumer.tail_seen = first;
}

static void end(struct fixture *f)
{
    free(f->memory);
}

/* ------------------------------------------------------------------------------------------
 * Shapes
 * ------------------------------------------------------------------------------------------ */

static void test_shapes(void **state)
{
    static const struct {
        uint32_t capacity;
        uint32_t entry_bytes;
        uint64_t memory_bytes; /* 0: refused */
    } cases[] = {
        {1, 8, 192 + 8},
        {2, 8, 192 + 16},
        {64, 64, 192 + 4096},
        {1u << 31, 8, 192 + (8ull << 31)},
        {1u << 31, 0xfffffff8u, 192 + 0xfffffff8ull * (1ull << 31)},
        {0, 8, 0},
        {3, 8, 0},
        {6, 8, 0},
        {0xffffffffu, 8, 0},
        {0x80000001u, 8, 0},
        {4, 0, 0},
        {4, 4, 0},
        {4, 12, 0},
        {4, 0xffffffffu, 0},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct queue_memory *const memory = (struct queue_memory *)(uintptr_t)4096;
        const uint64_t bytes = cases[i].memory_bytes;
        struct queue_producer producer = {.tail = 99};
        struct queue_consumer consumer = {.head = 99};
        const bool good = bytes != 0;

        assert_int_equal(queue_memory_bytes(cases[i].capacity, cases[i].entry_bytes), bytes);
        assert_int_equal(queue_producer_init(&producer, memory, good ? bytes : UINT64_MAX,
                                             cases[i].capacity, cases[i].entry_bytes),
                         good);
        assert_int_equal(queue_consumer_init(&consumer, memory, good ? bytes : UINT64_MAX,
                                             cases[i].capacity, cases[i].entry_bytes),
                         good);
        /* Refused: nothing has changed. */
        assert_int_equal(producer.tail, good ? 0 : 99);
        assert_int_equal(consumer.head, good ? 0 : 99);
        if (good) {
            assert_false(queue_producer_init(&producer, memory, bytes - 1, cases[i].capacity,
                                             cases[i].entry_bytes));
            assert_false(queue_consumer_init(&consumer, memory, bytes - 1, cases[i].capacity,
                                             cases[i].entry_bytes));
        }
    }
}

static void test_memory_refused(void **state)
{
    struct queue_producer producer;
    struct queue_consumer consumer;
    (void)state;

    assert_false(queue_producer_init(&producer, NULL, 4096, 4, 8));
    assert_false(queue_consumer_init(&consumer, NULL, 4096, 4, 8));
    for (uintptr_t offset = 1; offset < 8; offset++) {
        struct queue_memory *const memory = (struct queue_memory *)(4096 + offset);

        assert_false(queue_producer_init(&producer, memory, 4096, 4, 8));
        assert_false(queue_consumer_init(&consumer, memory, 4096, 4, 8));
    }
}

/* ------------------------------------------------------------------------------------------
 * Results, one by one
 * ------------------------------------------------------------------------------------------ */

static void test_fill_and_drain(void **state)
{
    static const uint32_t firsts[] = {0, 1, 3, 0xfffffffcu, 0xfffffffeu, 0xffffffffu, 0x7fffffffu};
    (void)state;

    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        struct fixture f;
        uint64_t entry[WORDS] = {0};

        start(&f, CAPACITY, BYTES, firsts[i]);
        for (uint64_t n = 0; n < CAPACITY; n++) {
            const uint64_t put[WORDS] = {n, ~n};

            assert_int_equal(queue_producer_put(&f.producer, put), QUEUE_OK);
        }
        assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_FULL);
        /* Not published: not there. */
        assert_int_equal(queue_consumer_take(&f.consumer, entry), QUEUE_EMPTY);
        assert_true(queue_producer_publish(&f.producer));
        for (uint64_t n = 0; n < CAPACITY; n++) {
            assert_int_equal(queue_consumer_take(&f.consumer, entry), QUEUE_OK);
            assert_int_equal(entry[0], n);
            assert_int_equal(entry[1], ~n);
        }
        entry[0] = 77;
        assert_int_equal(queue_consumer_take(&f.consumer, entry), QUEUE_EMPTY);
        assert_int_equal(entry[0], 77);
        /* Not given back: still full. */
        assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_FULL);
        queue_consumer_release(&f.consumer);
        assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_OK);
        end(&f);
    }
}

static void test_signals(void **state)
{
    struct fixture f;
    uint64_t entry[WORDS] = {0};
    (void)state;

    start(&f, CAPACITY, BYTES, 0xffffffffu);
    assert_false(queue_producer_publish(&f.producer)); /* nothing new: no signal */

    /* The first one wakes; a burst costs one signal. */
    assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_OK);
    assert_true(queue_producer_publish(&f.producer));
    assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_OK);
    assert_false(queue_producer_publish(&f.producer));

    /* Entries left: no wait, flag untouched. */
    assert_int_equal(queue_consumer_take(&f.consumer, entry), QUEUE_OK);
    assert_int_equal(queue_consumer_prepare_wait(&f.consumer), QUEUE_OK);
    assert_int_equal(f.memory->header.consumer_signalled, 1);
    assert_int_equal(f.memory->header.head, 0); /* and the taken place is given back */
    assert_int_equal(queue_consumer_take(&f.consumer, entry), QUEUE_OK);

    /* Published behind the consumer's back: no wait, flag set again. */
    assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_OK);
    assert_false(queue_producer_publish(&f.producer));
    assert_int_equal(queue_consumer_prepare_wait(&f.consumer), QUEUE_OK);
    assert_int_equal(f.memory->header.consumer_signalled, 1);
    assert_int_equal(queue_consumer_take(&f.consumer, entry), QUEUE_OK);

    /* Empty: wait; the next publish signals. */
    assert_int_equal(queue_consumer_prepare_wait(&f.consumer), QUEUE_EMPTY);
    assert_int_equal(f.memory->header.consumer_signalled, 0);
    assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_OK);
    assert_true(queue_producer_publish(&f.producer));

    /* Any value but zero is a set flag. */
    f.memory->header.consumer_signalled = 0x80000000u;
    assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_OK);
    assert_false(queue_producer_publish(&f.producer));
    end(&f);
}

/* ------------------------------------------------------------------------------------------
 * Poison
 * ------------------------------------------------------------------------------------------ */

/* The producer has written 6 entries from `first` on, published 5; the consumer gave back 3. */
static void check_producer_poison(uint32_t first, uint32_t head, bool honest)
{
    struct fixture f;
    struct queue_memory *copy;
    const uint64_t entry[WORDS] = {1, 2};
    const size_t bytes = (size_t)queue_memory_bytes(CAPACITY, BYTES);

    start(&f, CAPACITY, BYTES, first + 2);
    f.producer.tail = first + 6;
    f.producer.published = first + 5;
    f.memory->header.tail = first + 5;
    f.memory->header.head = head;
    copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, f.memory, bytes);

    if (honest) {
        assert_int_equal(queue_producer_put(&f.producer, entry),
                         first + 6 - head == CAPACITY ? QUEUE_FULL : QUEUE_OK);
        assert_false(f.producer.poisoned);
    } else {
        assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_POISONED);
        assert_true(f.producer.poisoned);
        /* For good, even if the index is mended; and nothing is written. */
        f.memory->header.head = first + 3;
        copy->header.head = first + 3;
        assert_int_equal(queue_producer_put(&f.producer, entry), QUEUE_POISONED);
        assert_false(queue_producer_publish(&f.producer));
        assert_memory_equal(copy, f.memory, bytes);
    }
    free(copy);
    end(&f);
}

static void test_producer_poison(void **state)
{
    static const uint32_t firsts[] = {0, 100, 0xfffffffau, 0xfffffffcu, 0xfffffffeu, 0x7ffffffdu};
    (void)state;

    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        const uint32_t first = firsts[i];

        for (uint32_t head = 2; head <= 5; head++) {
            check_producer_poison(first, first + head, true);
        }
        check_producer_poison(first, first + 1, false); /* gone back; tail - head > capacity */
        check_producer_poison(first, first + 6, false); /* read what was not published */
        check_producer_poison(first, first + 7, false); /* beyond the tail */
        check_producer_poison(first, first - 1, false);
        check_producer_poison(first, first + 0x80000000u, false);
    }
}

/* The consumer has taken 3 entries from `first` on and given back 2; it has seen the tail at 3. */
static void check_consumer_poison(uint32_t first, uint32_t tail, bool honest, bool waiting)
{
    struct fixture f;
    uint64_t entry[WORDS] = {1, 2};
    struct queue_header copy;
    enum queue_result result;

    start(&f, CAPACITY, BYTES, first + 2);
    f.consumer.head = first + 3;
    f.consumer.tail_seen = first + 3;
    f.memory->header.tail = tail;

    result = waiting ? queue_consumer_prepare_wait(&f.consumer)
                     : queue_consumer_take(&f.consumer, entry);
    if (honest) {
        assert_int_equal(result, tail == first + 3 ? QUEUE_EMPTY : QUEUE_OK);
        assert_false(f.consumer.poisoned);
    } else {
        assert_int_equal(result, QUEUE_POISONED);
        assert_true(f.consumer.poisoned);
        assert_int_equal(entry[0], 1);
        f.memory->header.tail = first + 4;
        copy = f.memory->header;
        assert_int_equal(queue_consumer_take(&f.consumer, entry), QUEUE_POISONED);
        assert_int_equal(queue_consumer_prepare_wait(&f.consumer), QUEUE_POISONED);
        queue_consumer_release(&f.consumer);
        assert_memory_equal(&copy, &f.memory->header, sizeof(copy));
    }
    end(&f);
}

static void test_consumer_poison(void **state)
{
    static const uint32_t firsts[] = {0, 100, 0xfffffffau, 0xfffffffcu, 0xfffffffeu, 0x7ffffffdu};
    (void)state;

    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
        const uint32_t first = firsts[i];

        for (uint32_t tail = 3; tail <= 6; tail++) {
            check_consumer_poison(first, first + tail, true, false);
        }
        check_consumer_poison(first, first + 2, false, false); /* gone back */
        check_consumer_poison(first, first + 7, false, false); /* place 3 was not given back */
        check_consumer_poison(first, first - 1, false, false);
        check_consumer_poison(first, first + 0x80000000u, false, false);
        /* Before it waits, the consumer gives back all that it took. */
        for (uint32_t tail = 3; tail <= 7; tail++) {
            check_consumer_poison(first, first + tail, true, true);
        }
        check_consumer_poison(first, first + 2, false, true);
        check_consumer_poison(first, first + 8, false, true); /* tail - head > capacity */
    }
}

/* ------------------------------------------------------------------------------------------
 * Random operations against a naive model
 * ------------------------------------------------------------------------------------------ */

/* All entries ever, and four counters that only grow. */
struct model {
    uint64_t put;
    uint64_t published;
    uint64_t taken;
    uint64_t released;
    bool flag;
};

static void fill(uint64_t *entry, uint32_t words, uint64_t number)
{
    for (uint32_t i = 0; i < words; i++) {
        entry[i] = (number + 1) * 0x9e3779b97f4a7c15u + i;
    }
}

static void random_run(uint32_t capacity, uint32_t words, uint32_t first, uint32_t steps)
{
    struct fixture f;
    struct model model = {0};
    uint64_t *entry = calloc(words, 8);
    uint64_t *expected = calloc(words, 8);

    assert_non_null(entry);
    assert_non_null(expected);
    start(&f, capacity, words * 8, first);
    for (uint32_t i = 0; i < steps; i++) {
        switch (random_next() % 8) {
        case 0:
        case 1:
        case 2: {
            const bool room = model.put - model.released < capacity;

            fill(entry, words, model.put);
            assert_int_equal(queue_producer_put(&f.producer, entry), room ? QUEUE_OK : QUEUE_FULL);
            model.put += room;
            break;
        }
        case 3: {
            const bool signal = model.put != model.published && !model.flag;

            assert_int_equal(queue_producer_publish(&f.producer), signal);
            model.published = model.put;
            model.flag = model.flag || signal;
            break;
        }
        case 4:
        case 5: {
            const bool there = model.taken < model.published;

            assert_int_equal(queue_consumer_take(&f.consumer, entry),
                             there ? QUEUE_OK : QUEUE_EMPTY);
            if (there) {
                fill(expected, words, model.taken);
                assert_memory_equal(entry, expected, words * 8);
                model.taken++;
            }
            break;
        }
        case 6:
            queue_consumer_release(&f.consumer);
            model.released = model.taken;
            break;
        default: {
            /* Only the consumer knows whether it has seen the newest entries already; either
             * way the answer is the same. */
            const bool there = model.taken < model.published;
            const bool looked = f.consumer.tail_seen == f.consumer.head;

            assert_int_equal(queue_consumer_prepare_wait(&f.consumer),
                             there ? QUEUE_OK : QUEUE_EMPTY);
            model.released = model.taken;
            if (looked) {
                model.flag = there;
            }
            break;
        }
        }
        assert_int_equal(f.memory->header.tail, (uint32_t)(first + model.published));
        assert_int_equal(f.memory->header.head, (uint32_t)(first + model.released));
        assert_int_equal(f.memory->header.consumer_signalled, model.flag);
        assert_false(f.producer.poisoned || f.consumer.poisoned);
    }
    free(entry);
    free(expected);
    end(&f);
}

static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t run = 0; run < 200; run++) {
        const uint32_t capacity = 1u << random_next() % 10;
        const uint32_t words = 1 + (uint32_t)(random_next() % 9);
        /* Two runs of three cross the wrap. */
        const uint32_t first =
            run % 3 == 0 ? (uint32_t)random_next() : 0u - (uint32_t)(random_next() % 200);

        random_run(capacity, words, first, 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),          cmocka_unit_test(test_memory_refused),
        cmocka_unit_test(test_fill_and_drain),  cmocka_unit_test(test_signals),
        cmocka_unit_test(test_producer_poison), cmocka_unit_test(test_consumer_poison),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
