/* SPDX-License-Identifier: MIT */

/*
 * lib/block: which requests a driver of BlockDevice accepts, every refusal by table, and random
 * requests against a model that computes in 128 bits, so that no sum of it can wrap; and how a
 * range of bytes is cut into spans of sectors. The seed is printed; CAPOS_SEED repeats a run.
 */

#include "block/request.h"
#include "block/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

#define READ    BLOCK_OPERATION_READ
#define WRITE   BLOCK_OPERATION_WRITE
#define FLUSH   BLOCK_OPERATION_FLUSH
#define DISCARD BLOCK_OPERATION_DISCARD
#define ZEROES  BLOCK_OPERATION_WRITE_ZEROES
#define MEMORY  8192u

static const struct block_limits disk = {
    .sector_count = 1000,
    .max_sectors = 8,
    .max_discard_sectors = 100,
    .max_zero_sectors = 50,
    .flush = true,
};

struct request_case {
    uint16_t operation;
    uint64_t sector;
    uint32_t sector_count;
    uint64_t data_offset;
    enum block_status expected;
};

static void check_cases(const struct request_case *cases, size_t count,
                        const struct block_limits *limits)
{
    for (size_t i = 0; i < count; i++) {
        const struct block_request request = {
            .operation = cases[i].operation,
            .sector = cases[i].sector,
            .sector_count = cases[i].sector_count,
            .data_offset = cases[i].data_offset,
        };
        const enum block_status seen = block_request_check(&request, limits, MEMORY);

        if (seen != cases[i].expected) {
            fail_msg("case %zu: %s, expected %s", i, block_status_name(seen),
                     block_status_name(cases[i].expected));
        }
    }
}

static void test_disk(void **state)
{
    static const struct request_case cases[] = {
        {READ, 0, 1, 0, BLOCK_STATUS_OK},
        {READ, 999, 1, 0, BLOCK_STATUS_OK},
        {READ, 992, 8, 0, BLOCK_STATUS_OK},
        {WRITE, 992, 8, MEMORY - 8 * 512, BLOCK_STATUS_OK},
        {READ, 0, 0, 0, BLOCK_STATUS_BAD_REQUEST},
        {WRITE, 0, 0, 0, BLOCK_STATUS_BAD_REQUEST},
        {READ, 0, 9, 0, BLOCK_STATUS_BAD_REQUEST},
        {READ, 0, UINT32_MAX, 0, BLOCK_STATUS_BAD_REQUEST},
        {READ, 0, 1, 1, BLOCK_STATUS_BAD_REQUEST},
        {READ, 0, 1, 511, BLOCK_STATUS_BAD_REQUEST},
        {READ, 1000, 1, 0, BLOCK_STATUS_BAD_RANGE},
        {READ, 999, 2, 0, BLOCK_STATUS_BAD_RANGE},
        {READ, 993, 8, 0, BLOCK_STATUS_BAD_RANGE},
        {READ, UINT64_MAX, 1, 0, BLOCK_STATUS_BAD_RANGE}, /* a sum would wrap to 0 */
        {READ, UINT64_MAX - 7, 8, 0, BLOCK_STATUS_BAD_RANGE},
        {WRITE, UINT64_MAX / 512 + 1, 1, 0, BLOCK_STATUS_BAD_RANGE}, /* in bytes it would be 0 */
        {READ, 0, 1, MEMORY, BLOCK_STATUS_BAD_RANGE},
        {READ, 0, 1, MEMORY - 512, BLOCK_STATUS_OK},
        {READ, 0, 2, MEMORY - 512, BLOCK_STATUS_BAD_RANGE},
        {READ, 0, 1, UINT64_MAX - 511, BLOCK_STATUS_BAD_RANGE}, /* a sum would wrap to 0 */
        {READ, 0, 8, MEMORY - 7 * 512, BLOCK_STATUS_BAD_RANGE},
        {FLUSH, 0, 0, 0, BLOCK_STATUS_OK},
        {FLUSH, 1, 0, 0, BLOCK_STATUS_BAD_REQUEST},
        {FLUSH, 0, 1, 0, BLOCK_STATUS_BAD_REQUEST},
        {FLUSH, 0, 0, 512, BLOCK_STATUS_BAD_REQUEST},
        {DISCARD, 900, 100, 0, BLOCK_STATUS_OK},
        {DISCARD, 901, 100, 0, BLOCK_STATUS_BAD_RANGE},
        {DISCARD, 0, 101, 0, BLOCK_STATUS_BAD_REQUEST},
        {DISCARD, 0, 0, 0, BLOCK_STATUS_BAD_REQUEST},
        {DISCARD, 0, 1, 512, BLOCK_STATUS_BAD_REQUEST},
        {ZEROES, 950, 50, 0, BLOCK_STATUS_OK},
        {ZEROES, 0, 51, 0, BLOCK_STATUS_BAD_REQUEST},
        {ZEROES, 1000, 1, 0, BLOCK_STATUS_BAD_RANGE},
        {BLOCK_OPERATION_COUNT, 0, 1, 0, BLOCK_STATUS_BAD_REQUEST},
        {UINT16_MAX, 0, 1, 0, BLOCK_STATUS_BAD_REQUEST},
    };
    (void)state;
    check_cases(cases, ARRAY_COUNT(cases), &disk);
}

static void test_read_only_disk(void **state)
{
    static const struct block_limits read_only = {
        .sector_count = 10, .max_sectors = 8, .max_zero_sectors = 8, .read_only = true};
    static const struct request_case cases[] = {
        {READ, 0, 8, 0, BLOCK_STATUS_OK},
        {WRITE, 0, 8, 0, BLOCK_STATUS_READ_ONLY},
        {WRITE, 10, 1, 0, BLOCK_STATUS_BAD_RANGE},
        {ZEROES, 0, 8, 0, BLOCK_STATUS_READ_ONLY},
        {DISCARD, 0, 1, 0, BLOCK_STATUS_UNSUPPORTED},
        {FLUSH, 0, 0, 0, BLOCK_STATUS_UNSUPPORTED},
    };
    (void)state;
    check_cases(cases, ARRAY_COUNT(cases), &read_only);
}

static void test_reserved(void **state)
{
    struct block_request request = {.operation = READ, .sector_count = 1, .reserved_30 = {0, 1}};
    (void)state;

    assert_int_equal(block_request_check(&request, &disk, MEMORY), BLOCK_STATUS_BAD_REQUEST);
    request.reserved_30[1] = 0;
    request.reserved_30[0] = 0x80;
    assert_int_equal(block_request_check(&request, &disk, MEMORY), BLOCK_STATUS_BAD_REQUEST);
    request.operation = FLUSH;
    request.sector_count = 0;
    assert_int_equal(block_request_check(&request, &disk, MEMORY), BLOCK_STATUS_BAD_REQUEST);
}

/** The same rules, one after the other, where nothing can wrap. */
static enum block_status model_check(const struct block_request *request,
                                     const struct block_limits *limits, uint64_t memory_bytes)
{
    const unsigned __int128 disk_end = (unsigned __int128)request->sector + request->sector_count;
    const bool data = request->operation == READ || request->operation == WRITE;
    const unsigned __int128 memory_end =
        (unsigned __int128)request->data_offset +
        (data ? (unsigned __int128)request->sector_count * 512 : 0);
    const uint32_t limit = data                            ? limits->max_sectors
                           : request->operation == DISCARD ? limits->max_discard_sectors
                                                           : limits->max_zero_sectors;

    if (request->operation > ZEROES) {
        return BLOCK_STATUS_BAD_REQUEST;
    }
    if (request->operation == FLUSH) {
        if (!limits->flush) {
            return BLOCK_STATUS_UNSUPPORTED;
        }
        return request->sector == 0 && request->sector_count == 0 && request->data_offset == 0
                   ? BLOCK_STATUS_OK
                   : BLOCK_STATUS_BAD_REQUEST;
    }
    if (limit == 0) {
        return BLOCK_STATUS_UNSUPPORTED;
    }
    if (request->sector_count == 0 || request->sector_count > limit ||
        (data ? request->data_offset % 512 : request->data_offset) != 0) {
        return BLOCK_STATUS_BAD_REQUEST;
    }
    if (disk_end > limits->sector_count || memory_end > memory_bytes) {
        return BLOCK_STATUS_BAD_RANGE;
    }
    return limits->read_only && request->operation != READ ? BLOCK_STATUS_READ_ONLY
                                                           : BLOCK_STATUS_OK;
}

/** A number near one of the places where something may go wrong. */
static uint64_t edge(uint64_t middle)
{
    const uint64_t places[] = {0, middle, UINT64_MAX, UINT64_MAX / 512, 1ull << 32, 1ull << 63};

    return places[random_below(ARRAY_COUNT(places))] + random_below(20) - 10;
}

static void test_random(void **state)
{
    uint32_t seen[BLOCK_STATUS_COUNT] = {0};
    (void)state;

    for (uint32_t round = 0; round < 400000; round++) {
        const struct block_limits limits = {
            .sector_count = random_below(3) == 0 ? edge(64) : 64 + random_below(8),
            .max_sectors = random_below(16),
            .max_discard_sectors = random_below(2) * random_below(100),
            .max_zero_sectors = random_below(2) * random_below(100),
            .read_only = random_below(4) == 0,
            .flush = random_below(4) != 0,
        };
        const uint64_t memory_bytes = 4096ull * random_below(4);
        const struct block_request request = {
            .operation = (uint16_t)random_below(6),
            .sector = random_below(3) != 0 ? random_below(70) : edge(64),
            .sector_count = random_below(8) != 0 ? random_below(16) : (uint32_t)edge(16),
            .data_offset = random_below(3) != 0 ? 512ull * random_below(24) : edge(4096),
        };
        const enum block_status expected = model_check(&request, &limits, memory_bytes);

        assert_int_equal(block_request_check(&request, &limits, memory_bytes), expected);
        seen[expected]++;
    }
    assert_true(seen[BLOCK_STATUS_OK] > 1000 && seen[BLOCK_STATUS_BAD_RANGE] > 1000 &&
                seen[BLOCK_STATUS_BAD_REQUEST] > 1000 && seen[BLOCK_STATUS_READ_ONLY] > 1000 &&
                seen[BLOCK_STATUS_UNSUPPORTED] > 1000);
}

/* ------------------------------------------------------------------------------------------
 * Spans
 * ------------------------------------------------------------------------------------------ */

static void test_span_refusals(void **state)
{
    struct block_span span;
    (void)state;

    assert_false(block_span_first(0, 0, 8, &span));
    assert_false(block_span_first(0, 1, 0, &span));
    assert_false(block_span_first(UINT64_MAX, 1, 8, &span));
    assert_true(block_span_first(UINT64_MAX - 1, 1, 8, &span));
    assert_false(block_span_first(2, UINT64_MAX - 1, 8, &span));
}

/** Every byte of a range is in exactly one span, in order, and the spans are what they say. */
static void test_span_walk(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 20000; round++) {
        const uint32_t max_sectors = 1 + random_below(8);
        const uint64_t start = random_below(2) == 0 ? random_below(3000) : (1ull << 40) - 700;
        const uint64_t length = random_below(9000);
        uint64_t at = start;
        uint32_t partial = 0;
        struct block_span span;

        while (block_span_first(at, start + length - at, max_sectors, &span)) {
            assert_int_equal(span.sector * 512 + span.skip, at);
            assert_true(span.skip < 512 && span.bytes != 0);
            assert_true(span.sector_count >= 1 && span.sector_count <= max_sectors);
            assert_true(span.skip + span.bytes <= span.sector_count * 512);
            assert_true(span.skip + span.bytes > (span.sector_count - 1) * 512);
            assert_int_equal(span.whole, span.bytes == span.sector_count * 512);
            partial += span.whole ? 0 : 1;
            at += span.bytes;
        }
        assert_int_equal(at, start + length);
        assert_true(partial <= 2);
    }
}

static void test_span_large(void **state)
{
    struct block_span span;
    (void)state;

    assert_true(block_span_first(0, UINT64_MAX, UINT32_MAX, &span));
    assert_int_equal((uint64_t)span.sector_count * 512, span.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk),          cmocka_unit_test(test_read_only_disk),
        cmocka_unit_test(test_reserved),      cmocka_unit_test(test_random),
        cmocka_unit_test(test_span_refusals), cmocka_unit_test(test_span_walk),
        cmocka_unit_test(test_span_large),
    };

    random_seed();
    return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
