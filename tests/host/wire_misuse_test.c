/* SPDX-License-Identifier: MIT */

/*
 * The builder used wrongly: every mistake of a caller has its error, and the first one sticks.
 */

#include "wire/build.h"
#include "wire/read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    uint64_t buffer[16];
    struct wire_builder builder;
    struct wire_build_struct root;
    struct wire_build_list list;
};

static void bench_init(struct bench *bench)
{
    wire_build_init(&bench->builder, bench->buffer, sizeof(bench->buffer));
    assert_int_equal(wire_build_struct(wire_build_root(&bench->builder), 1, 2, &bench->root),
                     WIRE_OK);
    assert_int_equal(wire_build_list(wire_build_pointer_at(&bench->root, 0), WIRE_ELEMENT_TWO_BYTES,
                                     3, &bench->list),
                     WIRE_OK);
}

static void set_u8_beyond(struct bench *b)
{
    wire_set_u8(&b->root, 8, 1);
}

static void set_u16_beyond(struct bench *b)
{
    wire_set_u16(&b->root, 8, 1);
}

static void set_u32_beyond(struct bench *b)
{
    wire_set_u32(&b->root, 8, 1);
}

static void set_u64_beyond(struct bench *b)
{
    wire_set_u64(&b->root, 8, 1);
}

static void set_bit_beyond(struct bench *b)
{
    wire_set_bit(&b->root, 64, true);
}

static void set_pointer_beyond(struct bench *b)
{
    assert_int_equal(wire_build_text(wire_build_pointer_at(&b->root, 2), "x", 1),
                     WIRE_OUT_OF_BOUNDS);
}

static void set_element_beyond(struct bench *b)
{
    wire_list_set_u16(&b->list, 3, 1);
}

static void set_wide_element(struct bench *b)
{
    wire_list_set_u32(&b->list, 0, 1);
}

static void set_bit_of_numbers(struct bench *b)
{
    wire_list_set_bit(&b->list, 0, true);
}

static void set_text_of_numbers(struct bench *b)
{
    assert_int_equal(wire_list_set_text(&b->list, 0, "x", 1), WIRE_OUT_OF_BOUNDS);
}

static void get_struct_beyond(struct bench *b)
{
    struct wire_build_struct s;

    assert_int_equal(wire_list_build_struct(&b->list, 3, &s), WIRE_BAD_INDEX);
    assert_int_equal(s.data_bytes, 0);
}

static void set_bit_beyond_list(struct bench *b)
{
    struct wire_build_list bits;

    assert_int_equal(
        wire_build_list(wire_build_pointer_at(&b->root, 1), WIRE_ELEMENT_BIT, 3, &bits), WIRE_OK);
    wire_list_set_bit(&bits, 3, true);
}

static void list_of_structs_as_plain(struct bench *b)
{
    struct wire_build_list list;

    assert_int_equal(
        wire_build_list(wire_build_pointer_at(&b->root, 1), WIRE_ELEMENT_STRUCT, 0, &list),
        WIRE_NO_SPACE);
}

static void list_too_long(struct bench *b)
{
    struct wire_build_list list;

    assert_int_equal(wire_build_list(wire_build_pointer_at(&b->root, 1), WIRE_ELEMENT_VOID,
                                     WIRE_MAX_LIST_COUNT + 1, &list),
                     WIRE_NO_SPACE);
}

static void structs_too_long(struct bench *b)
{
    struct wire_build_list list;

    assert_int_equal(wire_build_struct_list(wire_build_pointer_at(&b->root, 1), 0xffff, 0xffff,
                                            WIRE_MAX_LIST_COUNT, &list),
                     WIRE_NO_SPACE);
}

static void data_too_long(struct bench *b)
{
    assert_int_equal(wire_build_data(wire_build_pointer_at(&b->root, 1), "x", SIZE_MAX),
                     WIRE_NO_SPACE);
}

static void text_too_long(struct bench *b)
{
    assert_int_equal(wire_build_text(wire_build_pointer_at(&b->root, 1), "x", SIZE_MAX),
                     WIRE_NO_SPACE);
}

static void test_misuse(void **state)
{
    static const struct {
        void (*misuse)(struct bench *bench);
        enum wire_error error;
    } cases[] = {
        {set_u8_beyond, WIRE_OUT_OF_BOUNDS},
        {set_u16_beyond, WIRE_OUT_OF_BOUNDS},
        {set_u32_beyond, WIRE_OUT_OF_BOUNDS},
        {set_u64_beyond, WIRE_OUT_OF_BOUNDS},
        {set_bit_beyond, WIRE_OUT_OF_BOUNDS},
        {set_pointer_beyond, WIRE_OUT_OF_BOUNDS},
        {set_element_beyond, WIRE_BAD_INDEX},
        {set_wide_element, WIRE_BAD_INDEX},
        {set_bit_of_numbers, WIRE_BAD_INDEX},
        {set_text_of_numbers, WIRE_OUT_OF_BOUNDS},
        {get_struct_beyond, WIRE_BAD_INDEX},
        {set_bit_beyond_list, WIRE_BAD_INDEX},
        {list_of_structs_as_plain, WIRE_NO_SPACE},
        {list_too_long, WIRE_NO_SPACE},
        {structs_too_long, WIRE_NO_SPACE},
        {data_too_long, WIRE_NO_SPACE},
        {text_too_long, WIRE_NO_SPACE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bench bench = {0};
        struct wire_build_struct s;
        size_t length = 1;

        bench_init(&bench);
        cases[i].misuse(&bench);
        assert_int_equal(wire_build_finish(&bench.builder, &length), cases[i].error);
        assert_int_equal(length, 1);

        /* It sticks, and what is asked for afterwards takes sets and stores nothing. */
        const uint32_t used = bench.builder.used_words;

        assert_int_equal(wire_build_struct(wire_build_pointer_at(&bench.root, 1), 1, 1, &s),
                         cases[i].error);
        wire_set_u64(&s, 0, UINT64_MAX);
        assert_int_equal(bench.builder.used_words, used);
        assert_int_equal(bench.buffer[1], 0);
        for (uint32_t word = used; word < ARRAY_COUNT(bench.buffer); word++) {
            assert_int_equal(bench.buffer[word], 0);
        }
    }
}

static void test_bad_buffer(void **state)
{
    uint64_t words[2] = {1, 1};
    struct wire_builder builder;
    struct wire_build_struct root;
    size_t length;

    (void)state;
    wire_build_init(&builder, (uint8_t *)words + 4, 8);
    assert_int_equal(wire_build_struct(wire_build_root(&builder), 0, 0, &root), WIRE_MISALIGNED);
    assert_int_equal(wire_build_finish(&builder, &length), WIRE_MISALIGNED);
    wire_build_init(&builder, words, 7);
    assert_int_equal(wire_build_struct(wire_build_root(&builder), 0, 0, &root), WIRE_NO_SPACE);
    assert_int_equal(wire_build_finish(&builder, &length), WIRE_NO_SPACE);
    assert_int_equal(words[0], 1);
}

/** An inline payload has data and nothing else. */
static void test_inline(void **state)
{
    uint64_t words[2] = {0};
    const struct wire_build_struct s = wire_build_struct_inline(words, 1);

    (void)state;
    wire_set_u32(&s, 4, 7);
    wire_set_u32(&s, 8, 7);
    assert_int_equal(wire_build_text(wire_build_pointer_at(&s, 0), "x", 1), WIRE_OUT_OF_BOUNDS);
    assert_int_equal(words[0], UINT64_C(7) << 32);
    assert_int_equal(words[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_bad_buffer),
        cmocka_unit_test(test_inline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
