/* SPDX-License-Identifier: MIT */

/*
 * A Shape read and built again, field by field.
 */

#include "exchange.h"

#include <stdio.h>

#define MAX_MESSAGE         (4u << 20)

#define COPY(prefix, field) prefix##_set_##field(to, prefix##_get_##field(from))
#define COPY_BYTES(prefix, field)                                                                  \
    do {                                                                                           \
        struct wire_bytes bytes;                                                                   \
        if (prefix##_has_##field(from)) {                                                          \
            check(prefix##_get_##field(from, &bytes));                                             \
            check(prefix##_set_##field(to, bytes.bytes, bytes.length));                            \
        }                                                                                          \
    } while (0)
#define COPY_STRUCT(prefix, field, copy)                                                           \
    do {                                                                                           \
        struct wire_struct inner;                                                                  \
        struct wire_build_struct built;                                                            \
        if (prefix##_has_##field(from)) {                                                          \
            check(prefix##_get_##field(from, &inner));                                             \
            check(prefix##_init_##field(to, &built));                                              \
            copy(inner, &built);                                                                   \
        }                                                                                          \
    } while (0)
#define COPY_LIST(prefix, field, copy)                                                             \
    do {                                                                                           \
        struct wire_list inner;                                                                    \
        struct wire_build_list built;                                                              \
        if (prefix##_has_##field(from)) {                                                          \
            check(prefix##_get_##field(from, &inner));                                             \
            check(prefix##_init_##field(to, inner.count, &built));                                 \
            for (uint32_t i = 0; i < inner.count; i++) {                                           \
                copy(&inner, &built, i);                                                           \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static void copy_nothing(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    (void)from;
    (void)to;
    (void)i;
}

static void copy_bit(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    wire_list_set_bit(to, i, wire_list_get_bit(from, i));
}

static void copy_u8(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    wire_list_set_u8(to, i, wire_list_get_u8(from, i));
}

static void copy_u16(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    wire_list_set_u16(to, i, wire_list_get_u16(from, i));
}

static void copy_u32(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    wire_list_set_u32(to, i, wire_list_get_u32(from, i));
}

static void copy_u64(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    wire_list_set_u64(to, i, wire_list_get_u64(from, i));
}

static void copy_text(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    struct wire_bytes text;

    check(wire_list_get_text(from, i, &text));
    check(wire_list_set_text(to, i, text.bytes, text.length));
}

static void copy_data(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    struct wire_bytes data;

    check(wire_list_get_data(from, i, &data));
    check(wire_list_set_data(to, i, data.bytes, data.length));
}

static struct wire_build_struct build_element(const struct wire_build_list *to, uint32_t i)
{
    struct wire_build_struct built;

    check(wire_list_build_struct(to, i, &built));
    return built;
}

static void copy_leaf(struct wire_struct from, const struct wire_build_struct *to)
{
    COPY(leaf, number);
    COPY_BYTES(leaf, text);
}

static void copy_leaf_element(const struct wire_list *from, const struct wire_build_list *to,
                              uint32_t i)
{
    const struct wire_build_struct built = build_element(to, i);

    copy_leaf(element(from, i), &built);
}

static void copy_point(struct wire_struct from, const struct wire_build_struct *to)
{
    COPY(point, x);
    COPY(point, y);
    COPY(point, colour);
    COPY(point, weight_bits);
}

static void copy_point_element(const struct wire_list *from, const struct wire_build_list *to,
                               uint32_t i)
{
    const struct wire_build_struct built = build_element(to, i);

    copy_point(element(from, i), &built);
}

static void copy_grid(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    struct wire_list row;
    struct wire_build_list built;

    check(wire_list_get_list(from, i, WIRE_ELEMENT_TWO_BYTES, &row));
    check(
        wire_build_list(wire_list_build_pointer(to, i), WIRE_ELEMENT_TWO_BYTES, row.count, &built));
    for (uint32_t j = 0; j < row.count; j++) {
        copy_u16(&row, &built, j);
    }
}

static void copy_words(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    struct wire_list row;
    struct wire_build_list built;

    check(wire_list_get_list(from, i, WIRE_ELEMENT_POINTER, &row));
    check(wire_build_list(wire_list_build_pointer(to, i), WIRE_ELEMENT_POINTER, row.count, &built));
    for (uint32_t j = 0; j < row.count; j++) {
        copy_text(&row, &built, j);
    }
}

static void copy_groves(const struct wire_list *from, const struct wire_build_list *to, uint32_t i)
{
    struct wire_list row;
    struct wire_build_list built;

    check(wire_list_get_list(from, i, WIRE_ELEMENT_STRUCT, &row));
    check(wire_build_struct_list(wire_list_build_pointer(to, i), LEAF_DATA_WORDS, LEAF_POINTERS,
                                 row.count, &built));
    for (uint32_t j = 0; j < row.count; j++) {
        copy_leaf_element(&row, &built, j);
    }
}

static void copy_scalars(struct wire_struct from, const struct wire_build_struct *to)
{
    COPY(scalars, flag);
    COPY(scalars, int8);
    COPY(scalars, int16);
    COPY(scalars, int32);
    COPY(scalars, int64);
    COPY(scalars, uint8);
    COPY(scalars, uint16);
    COPY(scalars, uint32);
    COPY(scalars, uint64);
    COPY(scalars, float32_bits);
    COPY(scalars, float64_bits);
    COPY(scalars, colour);
    COPY(scalars, flag_default);
    COPY(scalars, int8_default);
    COPY(scalars, int16_default);
    COPY(scalars, int32_default);
    COPY(scalars, int64_default);
    COPY(scalars, uint8_default);
    COPY(scalars, uint16_default);
    COPY(scalars, uint32_default);
    COPY(scalars, uint64_default);
    COPY(scalars, float32_default_bits);
    COPY(scalars, float64_default_bits);
    COPY(scalars, colour_default);
}

static void copy_lists(struct wire_struct from, const struct wire_build_struct *to)
{
    COPY_LIST(lists, voids, copy_nothing);
    COPY_LIST(lists, bools, copy_bit);
    COPY_LIST(lists, int8s, copy_u8);
    COPY_LIST(lists, uint16s, copy_u16);
    COPY_LIST(lists, int32s, copy_u32);
    COPY_LIST(lists, uint64s, copy_u64);
    COPY_LIST(lists, float32s, copy_u32);
    COPY_LIST(lists, colours, copy_u16);
    COPY_LIST(lists, texts, copy_text);
    COPY_LIST(lists, datas, copy_data);
    COPY_LIST(lists, leaves, copy_leaf_element);
    COPY_LIST(lists, points, copy_point_element);
    COPY_LIST(lists, empties, copy_nothing);
    COPY_LIST(lists, grid, copy_grid);
    COPY_LIST(lists, words, copy_words);
    COPY_LIST(lists, groves, copy_groves);
}

static void copy_empty(struct wire_struct from, const struct wire_build_struct *to)
{
    (void)from;
    (void)to;
}

static void copy_shape(struct wire_struct from, const struct wire_build_struct *to);

static void copy_shape_element(const struct wire_list *from, const struct wire_build_list *to,
                               uint32_t i)
{
    const struct wire_build_struct built = build_element(to, i);

    copy_shape(element(from, i), &built);
}

static void copy_unions(struct wire_struct from, const struct wire_build_struct *to)
{
    switch (shape_which(from)) {
    case SHAPE_WHICH_NOTHING:
        shape_set_nothing(to);
        break;
    case SHAPE_WHICH_NUMBER:
        COPY(shape, number);
        break;
    case SHAPE_WHICH_LABEL:
        COPY_BYTES(shape, label);
        break;
    case SHAPE_WHICH_PAIR:
        shape_select_pair(to);
        COPY(shape_pair, left);
        COPY_BYTES(shape_pair, right);
        break;
    case SHAPE_WHICH_LEAF:
        COPY_STRUCT(shape, leaf, copy_leaf);
        break;
    case SHAPE_WHICH_FLAG:
        COPY(shape, flag);
        break;
    case SHAPE_WHICH_COUNT:
        check(WIRE_WRONG_KIND);
        break;
    }
    switch (shape_choice_which(from)) {
    case SHAPE_CHOICE_WHICH_SMALL:
        COPY(shape_choice, small);
        break;
    case SHAPE_CHOICE_WHICH_TEXTS:
        COPY_LIST(shape_choice, texts, copy_text);
        break;
    case SHAPE_CHOICE_WHICH_COLOUR:
        COPY(shape_choice, colour);
        break;
    case SHAPE_CHOICE_WHICH_COUNT:
        check(WIRE_WRONG_KIND);
        break;
    }
}

static void copy_shape(struct wire_struct from, const struct wire_build_struct *to)
{
    COPY_BYTES(shape, name);
    COPY_BYTES(shape, blob);
    COPY_STRUCT(shape, scalars, copy_scalars);
    COPY_STRUCT(shape, lists, copy_lists);
    COPY_LIST(shape, children, copy_shape_element);
    COPY_STRUCT(shape, next, copy_shape);
    copy_unions(from, to);
    COPY(shape_corner, x);
    COPY(shape_corner, y);
    COPY_STRUCT(shape, point, copy_point);
    COPY_STRUCT(shape, empty, copy_empty);
}

void write_copy(struct wire_struct from)
{
    static uint64_t buffer[MAX_MESSAGE / 8];
    struct wire_builder builder;
    struct wire_build_struct to;
    size_t length = 0;

    wire_build_init(&builder, buffer, sizeof(buffer));
    check(shape_init_root(&builder, &to));
    copy_shape(from, &to);
    check(wire_build_finish(&builder, &length));

    const uint32_t frame[2] = {0, (uint32_t)(length / 8)};

    fwrite(frame, sizeof(frame), 1, stdout);
    fwrite(buffer, length, 1, stdout);
}
