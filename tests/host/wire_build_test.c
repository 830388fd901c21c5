/* SPDX-License-Identifier: MIT */

/*
 * The builder: what it writes reads back, and it never leaves its buffer whatever the buffer's
 * size. One generator, run twice from the same seed: first it builds, then it compares what it
 * would build with what the reader says. The seed is printed; WIRE_SEED repeats a run.
 */

#include "wire/build.h"
#include "wire/read.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MAX_DEPTH 4u

struct random {
    uint64_t state;
};

static uint64_t random_next(struct random *random)
{
    /* SplitMix64. */
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_next(random) % bound);
}

enum shape {
    SHAPE_NULL,
    SHAPE_STRUCT,
    SHAPE_STRUCTS,
    SHAPE_LIST,
    SHAPE_POINTERS,
    SHAPE_TEXT,
    SHAPE_DATA,
    SHAPE_CAPABILITY,
    SHAPE_COUNT
};

static void random_bytes(struct random *random, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)random_next(random);
    }
}

static void build_pointer(struct random *random, struct wire_build_pointer pointer, uint32_t depth);

static void build_struct(struct random *random, const struct wire_build_struct *s, uint32_t depth)
{
    for (uint32_t i = 0; i < s->data_bytes; i += 8) {
        switch (random_below(random, 4)) {
        case 0:
            wire_set_u64(s, i, random_next(random));
            break;
        case 1:
            wire_set_u32(s, i + 4, (uint32_t)random_next(random));
            break;
        case 2:
            wire_set_u16(s, i + 2, (uint16_t)random_next(random));
            wire_set_u8(s, i + 7, (uint8_t)random_next(random));
            break;
        default:
            wire_set_bit(s, 8 * i + 13, true);
            wire_set_bit(s, 8 * i + 14, true);
            wire_set_bit(s, 8 * i + 14, false);
            break;
        }
    }
    for (uint32_t i = 0; i < s->pointer_count; i++) {
        build_pointer(random, wire_build_pointer_at(s, i), depth);
    }
}

static void check_struct_data(struct random *random, const struct wire_struct *s)
{
    for (uint32_t i = 0; i < s->data_bytes; i += 8) {
        uint64_t expected = 0;

        switch (random_below(random, 4)) {
        case 0:
            expected = random_next(random);
            break;
        case 1:
            expected = random_next(random) << 32;
            break;
        case 2:
            expected = (random_next(random) & 0xffff) << 16;
            expected |= random_next(random) << 56;
            break;
        default:
            expected = 1u << 13;
            break;
        }
        assert_int_equal(wire_get_u64(s, i), expected);
    }
}

static void check_pointer(struct random *random, struct wire_pointer pointer, uint32_t depth);

static void check_struct(struct random *random, const struct wire_struct *s, uint32_t depth)
{
    check_struct_data(random, s);
    for (uint32_t i = 0; i < s->pointer_count; i++) {
        check_pointer(random, wire_pointer_at(s, i), depth);
    }
}

static void build_element(struct random *random, const struct wire_build_list *list,
                          enum wire_element element, uint32_t index)
{
    const uint64_t value = random_next(random);

    switch (element) {
    case WIRE_ELEMENT_BIT:
        wire_list_set_bit(list, index, value & 1);
        break;
    case WIRE_ELEMENT_BYTE:
        wire_list_set_u8(list, index, (uint8_t)value);
        break;
    case WIRE_ELEMENT_TWO_BYTES:
        wire_list_set_u16(list, index, (uint16_t)value);
        break;
    case WIRE_ELEMENT_FOUR_BYTES:
        wire_list_set_u32(list, index, (uint32_t)value);
        break;
    case WIRE_ELEMENT_EIGHT_BYTES:
        wire_list_set_u64(list, index, value);
        break;
    case WIRE_ELEMENT_VOID:
    case WIRE_ELEMENT_POINTER:
    case WIRE_ELEMENT_STRUCT:
        break;
    }
}

static void check_element(struct random *random, const struct wire_list *list,
                          enum wire_element element, uint32_t index)
{
    const uint64_t value = random_next(random);

    switch (element) {
    case WIRE_ELEMENT_BIT:
        assert_int_equal(wire_list_get_bit(list, index), value & 1);
        break;
    case WIRE_ELEMENT_BYTE:
        assert_int_equal(wire_list_get_u8(list, index), (uint8_t)value);
        break;
    case WIRE_ELEMENT_TWO_BYTES:
        assert_int_equal(wire_list_get_u16(list, index), (uint16_t)value);
        break;
    case WIRE_ELEMENT_FOUR_BYTES:
        assert_int_equal(wire_list_get_u32(list, index), (uint32_t)value);
        break;
    case WIRE_ELEMENT_EIGHT_BYTES:
        assert_int_equal(wire_list_get_u64(list, index), value);
        break;
    case WIRE_ELEMENT_VOID:
    case WIRE_ELEMENT_POINTER:
    case WIRE_ELEMENT_STRUCT:
        break;
    }
}

static void build_pointer(struct random *random, struct wire_build_pointer pointer, uint32_t depth)
{
    const enum shape shape =
        depth == 0 ? SHAPE_NULL : (enum shape)random_below(random, SHAPE_COUNT);
    const uint16_t data_words = (uint16_t)random_below(random, 4);
    const uint16_t pointer_count = (uint16_t)random_below(random, 4);
    const enum wire_element element = (enum wire_element)random_below(random, 6);
    const uint32_t count = random_below(random, 20);
    struct wire_build_struct s;
    struct wire_build_list list;
    uint8_t bytes[20];

    switch (shape) {
    case SHAPE_NULL:
    case SHAPE_COUNT:
        break;
    case SHAPE_STRUCT:
        wire_build_struct(pointer, data_words, pointer_count, &s);
        build_struct(random, &s, depth - 1);
        break;
    case SHAPE_STRUCTS:
        wire_build_struct_list(pointer, data_words, pointer_count, count / 4, &list);
        for (uint32_t i = 0; i < list.count; i++) {
            wire_list_build_struct(&list, i, &s);
            build_struct(random, &s, depth - 1);
        }
        break;
    case SHAPE_LIST:
        wire_build_list(pointer, element, count, &list);
        for (uint32_t i = 0; i < list.count; i++) {
            build_element(random, &list, element, i);
        }
        break;
    case SHAPE_POINTERS:
        wire_build_list(pointer, WIRE_ELEMENT_POINTER, count / 4, &list);
        for (uint32_t i = 0; i < list.count; i++) {
            build_pointer(random, wire_list_build_pointer(&list, i), depth - 1);
        }
        break;
    case SHAPE_TEXT:
        random_bytes(random, bytes, count);
        wire_build_text(pointer, bytes, count);
        break;
    case SHAPE_DATA:
        random_bytes(random, bytes, count);
        wire_build_data(pointer, bytes, count);
        break;
    case SHAPE_CAPABILITY:
        wire_build_capability(pointer, count);
        break;
    }
}

static void check_pointer(struct random *random, struct wire_pointer pointer, uint32_t depth)
{
    const enum shape shape =
        depth == 0 ? SHAPE_NULL : (enum shape)random_below(random, SHAPE_COUNT);
    const uint16_t data_words = (uint16_t)random_below(random, 4);
    const uint16_t pointer_count = (uint16_t)random_below(random, 4);
    const enum wire_element element = (enum wire_element)random_below(random, 6);
    const uint32_t count = random_below(random, 20);
    struct wire_struct s;
    struct wire_list list;
    struct wire_bytes got;
    uint32_t capability;
    uint8_t bytes[20];

    assert_int_equal(wire_pointer_is_null(pointer), shape == SHAPE_NULL);
    switch (shape) {
    case SHAPE_NULL:
    case SHAPE_COUNT:
        break;
    case SHAPE_STRUCT:
        assert_int_equal(wire_read_struct(pointer, &s), WIRE_OK);
        assert_int_equal(s.data_bytes, 8 * data_words);
        assert_int_equal(s.pointer_count, pointer_count);
        check_struct(random, &s, depth - 1);
        break;
    case SHAPE_STRUCTS:
        assert_int_equal(wire_read_list(pointer, WIRE_ELEMENT_STRUCT, &list), WIRE_OK);
        assert_int_equal(list.count, count / 4);
        for (uint32_t i = 0; i < list.count; i++) {
            assert_int_equal(wire_list_get_struct(&list, i, &s), WIRE_OK);
            check_struct(random, &s, depth - 1);
        }
        break;
    case SHAPE_LIST:
        assert_int_equal(wire_read_list(pointer, element, &list), WIRE_OK);
        assert_int_equal(list.count, count);
        for (uint32_t i = 0; i < list.count; i++) {
            check_element(random, &list, element, i);
        }
        break;
    case SHAPE_POINTERS:
        assert_int_equal(wire_read_list(pointer, WIRE_ELEMENT_POINTER, &list), WIRE_OK);
        assert_int_equal(list.count, count / 4);
        for (uint32_t i = 0; i < list.count; i++) {
            check_pointer(random, wire_list_pointer_at(&list, i), depth - 1);
        }
        break;
    case SHAPE_TEXT:
        random_bytes(random, bytes, count);
        assert_int_equal(wire_read_text(pointer, &got), WIRE_OK);
        assert_int_equal(got.length, count);
        assert_memory_equal(got.bytes, bytes, count);
        assert_int_equal(got.bytes[count], 0);
        break;
    case SHAPE_DATA:
        random_bytes(random, bytes, count);
        assert_int_equal(wire_read_data(pointer, &got), WIRE_OK);
        assert_int_equal(got.length, count);
        assert_memory_equal(got.bytes, bytes, count);
        break;
    case SHAPE_CAPABILITY:
        assert_int_equal(wire_read_capability(pointer, &capability), WIRE_OK);
        assert_int_equal(capability, count);
        break;
    }
}

/** Build the message of `seed` in a buffer of exactly `length` bytes; the words used, or 0. */
static size_t build_message(uint64_t seed, uint64_t *buffer, size_t length)
{
    struct random random = {.state = seed};
    struct wire_builder builder;
    struct wire_build_struct root;
    size_t used = 0;

    wire_build_init(&builder, buffer, length);
    wire_build_struct(wire_build_root(&builder), 2, 3, &root);
    build_struct(&random, &root, MAX_DEPTH);
    if (wire_build_finish(&builder, &used) != WIRE_OK) {
        assert_int_equal(used, 0);
        assert_int_equal(builder.error, WIRE_NO_SPACE);
    }
    assert_true(used <= length);
    return used;
}

static void test_random_messages(void **state)
{
    const char *wish = getenv("WIRE_SEED");
    const uint64_t seed = wish == NULL ? (uint64_t)time(NULL) : strtoull(wish, NULL, 0);
    const size_t length = 1u << 20;
    uint64_t *large = malloc(length);

    (void)state;
    printf("WIRE_SEED=%" PRIu64 "\n", seed);
    for (uint64_t i = 0; i < 2000; i++) {
        struct random random = {.state = seed + i};
        const size_t used = build_message(seed + i, large, length);
        struct wire_message message;
        struct wire_struct root;

        assert_int_not_equal(used, 0);
        uint64_t *exact = malloc(used);

        memset(exact, 0xa5, used);
        assert_int_equal(build_message(seed + i, exact, used), used);
        assert_memory_equal(exact, large, used);
        assert_int_equal(wire_message_init_flat(&message, exact, used), WIRE_OK);
        assert_int_equal(wire_read_root(&message, &root), WIRE_OK);
        check_struct(&random, &root, MAX_DEPTH);
        free(exact);
    }
    free(large);
}

/** Whatever the buffer's size, nothing is written behind it and a shortage is reported. */
static void test_every_buffer_size(void **state)
{
    uint64_t *large = malloc(1u << 20);

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const size_t needed = build_message(seed, large, 1u << 20);
        const size_t limit = needed < 800 ? needed : 800;

        for (size_t length = 0; length < limit; length++) {
            uint64_t *buffer = malloc(length);

            assert_int_equal(build_message(seed, buffer, length), 0);
            free(buffer);
        }
    }
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages),
        cmocka_unit_test(test_every_buffer_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
