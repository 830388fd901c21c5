/* SPDX-License-Identifier: MIT */

/*
 * The outside of a message: length, alignment, and the segment table of a framed one. Inputs lie
 * in allocations of exactly their size.
 */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif

#include "wire/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>

#define MAX_FRAME_WORDS 24u /* 32-bit words */
#define SEGMENTS        3u

struct frame_case {
    const char *name;
    size_t length; /* bytes given to the reader */
    uint32_t words[MAX_FRAME_WORDS];
    enum wire_error error;
    uint32_t segments;
    size_t used_bytes;
};

#define ROOT 0, 0 /* a null root pointer */

static const struct frame_case frames[] = {
    {"one segment", 16, {0, 1, ROOT}, WIRE_OK, 1, 16},
    {"bytes after it", 24, {0, 1, ROOT, 7, 7}, WIRE_OK, 1, 16},
    {"half a word after it", 20, {0, 1, ROOT, 7}, WIRE_OK, 1, 16},
    {"two segments", 32, {1, 1, 1, 0, ROOT, 7, 7}, WIRE_OK, 2, 32},
    {"three segments", 40, {2, 1, 1, 1, ROOT, 7, 7, 8, 8}, WIRE_OK, 3, 40},
    {"an empty segment", 32, {2, 1, 0, 1, ROOT, 8, 8}, WIRE_OK, 3, 32},
    {"empty last segment", 24, {1, 1, 0, 0, ROOT}, WIRE_OK, 2, 24},
    {"nothing", 0, {0}, WIRE_BAD_LENGTH, 0, 0},
    {"less than a word", 7, {0, 1}, WIRE_BAD_LENGTH, 0, 0},
    {"empty first segment", 8, {0, 0}, WIRE_BAD_LENGTH, 0, 0},
    {"truncated table", 8, {1, 1}, WIRE_BAD_LENGTH, 0, 0},
    {"truncated table of three", 8, {2, 1}, WIRE_BAD_LENGTH, 0, 0},
    {"no segment after the table", 8, {0, 1}, WIRE_BAD_LENGTH, 0, 0},
    {"truncated segment", 16, {0, 2, ROOT}, WIRE_BAD_LENGTH, 0, 0},
    {"segment short of a byte", 15, {0, 1, 0, 0}, WIRE_BAD_LENGTH, 0, 0},
    {"truncated second segment", 24, {1, 1, 1, 0, ROOT}, WIRE_BAD_LENGTH, 0, 0},
    {"sizes that wrap 32 bits", 40, {2, 1, 0xffffffff, 2, ROOT}, WIRE_BAD_LENGTH, 0, 0},
    {"largest segment", 16, {0, 0xffffffff, ROOT}, WIRE_BAD_LENGTH, 0, 0},
    {"four segments", 48, {3, 1, 1, 1, 1, 0, ROOT}, WIRE_TOO_MANY_SEGMENTS, 0, 0},
    {"all segments", 16, {0xffffffff, 1, ROOT}, WIRE_TOO_MANY_SEGMENTS, 0, 0},
};

static void test_framed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(frames); i++) {
        const struct frame_case *c = &frames[i];
        uint8_t *bytes = malloc(c->length);
        struct wire_segment *segments = malloc(SEGMENTS * sizeof(*segments));
        struct wire_message message;
        size_t used_bytes = 0;

        memcpy(bytes, c->words, c->length);
        const enum wire_error error =
            wire_message_init_framed(&message, bytes, c->length, segments, SEGMENTS, &used_bytes);

        if (error != c->error || message.fault.error != error) {
            fail_msg("%s: got \"%s\"", c->name, wire_error_text(error));
        }
        if (used_bytes != c->used_bytes || message.segment_count != c->segments) {
            fail_msg("%s: %zu bytes, %u segments", c->name, used_bytes, message.segment_count);
        }
        /* The segments follow the table and each other. */
        const uint8_t *at = bytes + (c->segments / 2 + 1) * WIRE_WORD_BYTES;

        for (uint32_t s = 0; s < message.segment_count; s++) {
            assert_ptr_equal(segments[s].words, at);
            assert_int_equal(segments[s].word_count, c->words[1 + s]);
            at += segments[s].word_count * WIRE_WORD_BYTES;
        }
        if (error == WIRE_OK) {
            struct wire_struct root;

            assert_int_equal(wire_read_root(&message, &root), WIRE_OK);
            assert_int_equal(
                wire_message_init_framed(&message, bytes, c->length, segments, SEGMENTS, NULL),
                WIRE_OK);
        }
        free(segments);
        free(bytes);
    }
}

static void test_flat(void **state)
{
    static const struct {
        size_t length;
        enum wire_error error;
    } cases[] = {
        {0, WIRE_BAD_LENGTH},  {7, WIRE_BAD_LENGTH}, {8, WIRE_OK},
        {12, WIRE_BAD_LENGTH}, {16, WIRE_OK},        {((size_t)1 << 32) + 8, WIRE_BAD_LENGTH},
    };
    uint64_t words[2] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct wire_message message;
        struct wire_struct root;

        assert_int_equal(wire_message_init_flat(&message, words, cases[i].length), cases[i].error);
        assert_int_equal(message.fault.error, cases[i].error);
        if (cases[i].error == WIRE_OK) {
            assert_int_equal(message.flat.word_count, cases[i].length / 8);
            assert_int_equal(wire_read_root(&message, &root), WIRE_OK);
        } else {
            assert_int_equal(message.segment_count, 0);
        }
    }
}

static void test_alignment(void **state)
{
    uint64_t words[4] = {0};
    struct wire_segment segments[1];
    struct wire_message message;

    (void)state;
    for (size_t shift = 1; shift < 8; shift++) {
        const uint8_t *bytes = (const uint8_t *)words + shift;

        assert_int_equal(wire_message_init_flat(&message, bytes, 8), WIRE_MISALIGNED);
        assert_int_equal(wire_message_init_framed(&message, bytes, 16, segments, 1, NULL),
                         WIRE_MISALIGNED);
    }
}

/** A segment of more than 2^29 words, all of it there (as address space). */
static void test_huge_segment(void **state)
{
    const uint32_t words = WIRE_MAX_SEGMENT_WORDS + 1;
    const size_t length = ((size_t)words + 1) * WIRE_WORD_BYTES;
    struct wire_segment segments[1];
    struct wire_message message;
    uint32_t *frame = mmap(NULL, length, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    (void)state;
    if (frame == MAP_FAILED) {
        skip();
    }
    frame[1] = words;
    assert_int_equal(wire_message_init_framed(&message, frame, length, segments, 1, NULL),
                     WIRE_BAD_LENGTH);
    frame[1] = words - 1;
    assert_int_equal(wire_message_init_framed(&message, frame, length, segments, 1, NULL), WIRE_OK);
    assert_int_equal(munmap(frame, length), 0);
}

static void test_error_text(void **state)
{
    (void)state;
    for (uint32_t error = 0; error < WIRE_ERROR_COUNT; error++) {
        assert_non_null(wire_error_text((enum wire_error)error));
    }
    assert_string_equal(wire_error_text(WIRE_ERROR_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framed),     cmocka_unit_test(test_flat),
        cmocka_unit_test(test_alignment),  cmocka_unit_test(test_huge_segment),
        cmocka_unit_test(test_error_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
