/* SPDX-License-Identifier: MIT */

/*
 * What schemac generates, in use: golden/shapes.h is its output for golden/shapes.capnp, kept
 * under version control (schemac_test.py shows that it still is), and the words below are what
 * the capnp tool makes of golden/sample.capnp. Both change only on purpose.
 */

#include "golden/shapes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(literal) literal, sizeof(literal) - 1

/* `capnp eval --binary tests/host/golden/sample.capnp sample`, without the frame's one word. */
static const uint64_t sample_words[] = {
    0x000a000300000000, 0xfffffffa00020003, 0x000000000000fffc, 0x0000000000000000,
    0x0000003a00000025, 0x0000001200000025, 0x0000000000000000, 0x0000000000000000,
    0x0000006f0000001d, 0x0000000000000000, 0x0000001200000051, 0x0000000000000000,
    0x000000030000004c, 0x0000000000000000, 0x0000656c706d6173, 0x000000000000ff00,
    0x000a000300000004, 0x0000000000000001, 0xfffffffffffffffe, 0x0000000000000000,
    0x0000003200000025, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x0000000000000000, 0x0000000000000000,
    0x0000000000000000, 0x0000000000000000, 0x000000646c696863, 0x0000000000000072,
    0x00000002ffffffff, 0x0000000000000002, 0x0000000000000000,
};

static void build_sample(struct wire_builder *builder)
{
    struct wire_build_struct shape;
    struct wire_build_struct child;
    struct wire_build_struct point;
    struct wire_build_list children;

    shape_init_root(builder, &shape);
    shape_set_name(&shape, TEXT("sample"));
    shape_set_blob(&shape, TEXT("\x00\xff"));
    shape_init_children(&shape, 1, &children);
    wire_list_build_struct(&children, 0, &child);
    shape_set_name(&child, TEXT("child"));
    shape_set_number(&child, -2);
    shape_select_pair(&shape);
    shape_pair_set_left(&shape, 3);
    shape_pair_set_right(&shape, TEXT("r"));
    shape_corner_set_x(&shape, 1);
    shape_corner_set_y(&shape, 2);
    shape_init_point(&shape, &point);
    point_set_x(&point, -1);
    point_set_y(&point, 2);
    point_set_colour(&point, COLOUR_DEEP_BLUE);
}

static void test_golden_bytes(void **state)
{
    uint64_t buffer[64];
    struct wire_builder builder;
    size_t length = 0;

    (void)state;
    wire_build_init(&builder, buffer, sizeof(buffer));
    build_sample(&builder);
    assert_int_equal(wire_build_finish(&builder, &length), WIRE_OK);
    assert_int_equal(length, sizeof(sample_words));
    assert_memory_equal(buffer, sample_words, sizeof(sample_words));
}

static void assert_text(struct wire_bytes got, const char *expected)
{
    assert_int_equal(got.length, strlen(expected));
    assert_memory_equal(got.bytes, expected, got.length);
}

static void test_read_sample(void **state)
{
    struct wire_message message;
    struct wire_struct shape;
    struct wire_struct child;
    struct wire_struct point;
    struct wire_list list;
    struct wire_bytes bytes;

    (void)state;
    assert_int_equal(wire_message_init_flat(&message, sample_words, sizeof(sample_words)), WIRE_OK);
    assert_int_equal(wire_read_root(&message, &shape), WIRE_OK);
    assert_int_equal(shape_get_name(shape, &bytes), WIRE_OK);
    assert_text(bytes, "sample");
    assert_int_equal(shape_get_blob(shape, &bytes), WIRE_OK);
    assert_int_equal(bytes.length, 2);
    assert_int_equal(shape_which(shape), SHAPE_WHICH_PAIR);
    assert_int_equal(shape_pair_get_left(shape), 3);
    assert_int_equal(shape_pair_get_right(shape, &bytes), WIRE_OK);
    assert_text(bytes, "r");
    assert_int_equal(shape_corner_get_x(shape), 1);
    assert_int_equal(shape_choice_which(shape), SHAPE_CHOICE_WHICH_SMALL);
    assert_true(shape_has_children(shape));
    assert_int_equal(shape_get_children(shape, &list), WIRE_OK);
    assert_int_equal(wire_list_get_struct(&list, 0, &child), WIRE_OK);
    assert_int_equal(shape_which(child), SHAPE_WHICH_NUMBER);
    assert_int_equal(shape_get_number(child), -2);
    assert_int_equal(shape_corner_get_x(child), -5);
    assert_int_equal(shape_get_point(shape, &point), WIRE_OK);
    assert_int_equal(point_get_x(point), -1);
    assert_int_equal(point_get_colour(point), COLOUR_DEEP_BLUE);

    /* Null pointers read as empty. */
    assert_false(shape_has_next(shape));
    assert_int_equal(shape_get_next(shape, &child), WIRE_OK);
    assert_int_equal(shape_which(child), SHAPE_WHICH_NOTHING);
    assert_int_equal(shape_corner_get_x(child), -5);
    assert_int_equal(shape_get_lists(shape, &child), WIRE_OK);
    assert_int_equal(lists_get_grid(child, &list), WIRE_OK);
    assert_int_equal(list.count, 0);
}

static void test_constants(void **state)
{
    (void)state;
    assert_int_equal(SHAPES_ANSWER, 42);
    assert_int_equal(SHAPES_TINY, -128);
    assert_int_equal(SHAPES_NEGATIVE, INT32_MIN);
    assert_true(SHAPES_MINIMUM == INT64_MIN);
    assert_true(SHAPES_HUGE == UINT64_MAX);
    assert_string_equal(SHAPES_GREETING, "say \"hi\"\n");
    assert_int_equal(SHAPES_FAVOURITE, COLOUR_DEEP_BLUE);
    assert_int_equal(SHAPES_YES, 1);
}

static void test_enums(void **state)
{
    uint64_t word = 0;
    const struct wire_struct s = wire_struct_inline(&word, 1);

    (void)state;
    assert_string_equal(colour_name(COLOUR_DEEP_BLUE), "deepBlue");
    assert_string_equal(colour_name(COLOUR_COUNT), "?");
    assert_int_equal(DOOR_METHOD_COUNT, 4);

    /* A value from a newer schema, or from an enemy. */
    word = COLOUR_COUNT;
    assert_int_equal(door_paint_params_get_colour(s), COLOUR_COUNT);
    word = 0xffff;
    assert_int_equal(door_paint_params_get_colour(s), COLOUR_COUNT);
    word = COLOUR_GREEN;
    assert_int_equal(door_paint_params_get_colour(s), COLOUR_GREEN);
}

static void test_unknown_union_member(void **state)
{
    uint64_t words[SHAPE_DATA_WORDS] = {0};
    const struct wire_struct s = wire_struct_inline(words, SHAPE_DATA_WORDS);
    const struct wire_build_struct b = wire_build_struct_inline(words, SHAPE_DATA_WORDS);

    (void)state;
    shape_set_flag(&b, true);
    assert_int_equal(shape_which(s), SHAPE_WHICH_FLAG);
    assert_true(shape_get_flag(s));
    shape_set_nothing(&b);
    assert_int_equal(shape_which(s), SHAPE_WHICH_NOTHING);
    memset(words, 0xff, sizeof(words));
    assert_int_equal(shape_which(s), SHAPE_WHICH_COUNT);
    assert_int_equal(shape_choice_which(s), SHAPE_CHOICE_WHICH_COUNT);
}

/** A native struct is the data section. */
static void test_native_struct(void **state)
{
    struct point point = {.x = -3, .y = 4, .colour = COLOUR_GREEN, .weight_bits = 5};
    struct door_paint_params paint = {.colour = COLOUR_GREEN, .coats = 2, .default_ = -9};
    uint64_t words[POINT_DATA_WORDS];
    struct wire_struct s = wire_struct_inline(words, POINT_DATA_WORDS);

    (void)state;
    memcpy(words, &point, sizeof(point));
    assert_int_equal(point_get_x(s), -3);
    assert_int_equal(point_get_y(s), 4);
    assert_int_equal(point_get_colour(s), COLOUR_GREEN);
    assert_int_equal(point_get_weight_bits(s), 5);
    memcpy(words, &paint, sizeof(paint));
    s = wire_struct_inline(words, DOOR_PAINT_PARAMS_DATA_WORDS);
    assert_int_equal(door_paint_params_get_coats(s), 2);
    assert_int_equal(door_paint_params_get_default(s), -9);
}

/** Every scalar with a default: reads as it from zero bits, and survives a round trip. */
static void test_defaults(void **state)
{
    uint64_t words[SCALARS_DATA_WORDS] = {0};
    const struct wire_struct s = wire_struct_inline(words, SCALARS_DATA_WORDS);
    const struct wire_struct none = wire_struct_inline(words, 0);
    const struct wire_build_struct b = wire_build_struct_inline(words, SCALARS_DATA_WORDS);

    (void)state;
    assert_true(scalars_get_flag_default(none));
    assert_true(scalars_get_flag_default(s));
    assert_int_equal(scalars_get_int8_default(s), -5);
    assert_int_equal(scalars_get_int16_default(s), -300);
    assert_int_equal(scalars_get_int32_default(s), -70000);
    assert_true(scalars_get_int64_default(s) == -5000000000);
    assert_int_equal(scalars_get_uint8_default(s), 200);
    assert_int_equal(scalars_get_uint16_default(s), 60000);
    assert_true(scalars_get_uint32_default(s) == 4000000000u);
    assert_true(scalars_get_uint64_default(s) == 10000000000000000000u);
    assert_int_equal(scalars_get_float32_default_bits(s), 0x3fc00000);
    assert_true(scalars_get_float64_default_bits(s) == 0x3fd0000000000000);
    assert_int_equal(scalars_get_colour_default(s), COLOUR_GREEN);

    scalars_set_flag_default(&b, false);
    scalars_set_int8_default(&b, INT8_MIN);
    scalars_set_int16_default(&b, INT16_MIN);
    scalars_set_int32_default(&b, 0);
    scalars_set_int64_default(&b, INT64_MAX);
    scalars_set_uint8_default(&b, 0);
    scalars_set_uint16_default(&b, 0xffff);
    scalars_set_uint32_default(&b, 1);
    scalars_set_uint64_default(&b, 0);
    scalars_set_float32_default_bits(&b, 3);
    scalars_set_float64_default_bits(&b, 4);
    scalars_set_colour_default(&b, COLOUR_RED);
    assert_false(scalars_get_flag_default(s));
    assert_int_equal(scalars_get_int8_default(s), INT8_MIN);
    assert_int_equal(scalars_get_int16_default(s), INT16_MIN);
    assert_int_equal(scalars_get_int32_default(s), 0);
    assert_true(scalars_get_int64_default(s) == INT64_MAX);
    assert_int_equal(scalars_get_uint8_default(s), 0);
    assert_int_equal(scalars_get_uint16_default(s), 0xffff);
    assert_int_equal(scalars_get_uint32_default(s), 1);
    assert_int_equal(scalars_get_uint64_default(s), 0);
    assert_int_equal(scalars_get_float32_default_bits(s), 3);
    assert_int_equal(scalars_get_float64_default_bits(s), 4);
    assert_int_equal(scalars_get_colour_default(s), COLOUR_RED);

    /* No other field was touched. */
    assert_false(scalars_get_flag(s));
    assert_int_equal(scalars_get_int8(s), 0);
    assert_int_equal(scalars_get_uint64(s), 0);
    assert_int_equal(scalars_get_colour(s), COLOUR_RED);
}

/** Capabilities and untyped pointers, which the tool's text form cannot say. */
static void test_opaque(void **state)
{
    uint64_t buffer[16];
    struct wire_builder builder;
    struct wire_build_struct b;
    struct wire_build_list doors;
    struct wire_message message;
    struct wire_struct s;
    struct wire_list list;
    struct wire_bytes text;
    uint32_t index = 0;
    size_t length = 0;

    (void)state;
    wire_build_init(&builder, buffer, sizeof(buffer));
    opaque_init_root(&builder, &b);
    opaque_set_door(&b, 0);
    wire_build_text(opaque_init_any(&b), TEXT("any"));
    opaque_init_doors(&b, 2, &doors);
    wire_build_capability(wire_list_build_pointer(&doors, 1), 5);
    assert_int_equal(wire_build_finish(&builder, &length), WIRE_OK);

    assert_int_equal(wire_message_init_flat(&message, buffer, length), WIRE_OK);
    assert_int_equal(wire_read_root(&message, &s), WIRE_OK);
    assert_int_equal(opaque_get_door(s, &index), WIRE_OK);
    assert_int_equal(index, 0);
    assert_int_equal(wire_read_text(opaque_get_any(s), &text), WIRE_OK);
    assert_text(text, "any");
    assert_int_equal(opaque_get_doors(s, &list), WIRE_OK);
    assert_int_equal(wire_list_get_capability(&list, 0, &index), WIRE_OK);
    assert_int_equal(index, WIRE_NO_CAPABILITY);
    assert_int_equal(wire_list_get_capability(&list, 1, &index), WIRE_OK);
    assert_int_equal(index, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_read_sample),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_enums),
        cmocka_unit_test(test_unknown_union_member),
        cmocka_unit_test(test_native_struct),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_opaque),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
