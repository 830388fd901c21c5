/* SPDX-License-Identifier: MIT */

/*
 * Our side of the exchange with the capnp tool (wire_exchange.py drives both):
 *
 *   wire_exchange dump shape|old|new   framed messages → one line of text each, in exactly the
 *                                      form of `capnp decode --short`
 *   wire_exchange copy                 framed Shape messages → the same, rebuilt field by field
 *
 * Everything goes through the accessors that schemac generated.
 */

#include "golden/shapes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEGMENTS 65536u
#define MAX_INPUT    (64u << 20)
#define MAX_MESSAGE  (4u << 20)

/** Stop at the first error; the driver shows what was printed. */
static void check(enum wire_error error)
{
    if (error != WIRE_OK) {
        printf("\nERROR %s\n", wire_error_text(error));
        exit(2);
    }
}

/* ------------------------------------------------------------------------------------------
 * Text, as the tool prints it
 * ------------------------------------------------------------------------------------------ */

/** UTF-8 stays as it is in a text, but not in data. */
static void put_quoted(struct wire_bytes text, bool is_text)
{
    static const char escaped[] = "\a\b\f\n\r\t\v'\"\\";
    static const char letters[] = "abfnrtv'\"\\";

    putchar('"');
    for (size_t i = 0; i < text.length; i++) {
        const uint8_t byte = text.bytes[i];
        const char *place = byte == 0 ? NULL : strchr(escaped, byte);

        if (place != NULL) {
            printf("\\%c", letters[place - escaped]);
        } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_text)) {
            printf("\\%03o", byte);
        } else {
            putchar(byte);
        }
    }
    putchar('"');
}

static void put_float(double value)
{
    char digits[32];
    char *plus;

    snprintf(digits, sizeof(digits), "%g", value);
    plus = strchr(digits, '+');
    if (plus != NULL) {
        memmove(plus, plus + 1, strlen(plus));
    }
    fputs(isnan(value) ? "nan" : digits, stdout);
}

static double float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof(value));
    return (double)value;
}

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/** Begin a field: a comma unless it is the first of its struct. */
static void put_name(bool *first, const char *name)
{
    printf("%s%s = ", *first ? "(" : ", ", name);
    *first = false;
}

static void put_end(bool first)
{
    fputs(first ? "()" : ")", stdout);
}

/* ------------------------------------------------------------------------------------------
 * Lists: one function prints element `i`
 * ------------------------------------------------------------------------------------------ */

static void put_list(const struct wire_list *list, void (*put)(const struct wire_list *, uint32_t))
{
    putchar('[');
    for (uint32_t i = 0; i < list->count; i++) {
        fputs(i == 0 ? "" : ", ", stdout);
        put(list, i);
    }
    putchar(']');
}

static void put_void_element(const struct wire_list *list, uint32_t i)
{
    (void)list;
    (void)i;
    fputs("void", stdout);
}

static void put_bool_element(const struct wire_list *list, uint32_t i)
{
    fputs(wire_list_get_bit(list, i) ? "true" : "false", stdout);
}

static void put_int8_element(const struct wire_list *list, uint32_t i)
{
    printf("%d", (int8_t)wire_list_get_u8(list, i));
}

static void put_uint16_element(const struct wire_list *list, uint32_t i)
{
    printf("%u", wire_list_get_u16(list, i));
}

static void put_int32_element(const struct wire_list *list, uint32_t i)
{
    printf("%" PRId32, (int32_t)wire_list_get_u32(list, i));
}

static void put_uint32_element(const struct wire_list *list, uint32_t i)
{
    printf("%" PRIu32, wire_list_get_u32(list, i));
}

static void put_uint64_element(const struct wire_list *list, uint32_t i)
{
    printf("%" PRIu64, wire_list_get_u64(list, i));
}

static void put_float32_element(const struct wire_list *list, uint32_t i)
{
    put_float(float_of(wire_list_get_u32(list, i)));
}

static void put_colour_element(const struct wire_list *list, uint32_t i)
{
    fputs(colour_name((enum colour)wire_list_get_u16(list, i)), stdout);
}

static void put_text_element(const struct wire_list *list, uint32_t i)
{
    struct wire_bytes text;

    check(wire_list_get_text(list, i, &text));
    put_quoted(text, true);
}

static void put_data_element(const struct wire_list *list, uint32_t i)
{
    struct wire_bytes data;

    check(wire_list_get_data(list, i, &data));
    put_quoted(data, false);
}

static struct wire_struct element(const struct wire_list *list, uint32_t i)
{
    struct wire_struct s;

    check(wire_list_get_struct(list, i, &s));
    return s;
}

/* The fields of a struct; `has` first, because the tool leaves null pointers out. */
#define PUT_NUMBER(prefix, field, name, format, type)                                              \
    do {                                                                                           \
        put_name(&first, name);                                                                    \
        printf(format, (type)prefix##_get_##field(s));                                             \
    } while (0)
#define PUT_BOOL(prefix, field, name)                                                              \
    do {                                                                                           \
        put_name(&first, name);                                                                    \
        fputs(prefix##_get_##field(s) ? "true" : "false", stdout);                                 \
    } while (0)
#define PUT_COLOUR(prefix, field, name)                                                            \
    do {                                                                                           \
        put_name(&first, name);                                                                    \
        fputs(colour_name(prefix##_get_##field(s)), stdout);                                       \
    } while (0)
#define PUT_TEXT(prefix, field, name)                                                              \
    do {                                                                                           \
        struct wire_bytes bytes;                                                                   \
        check(prefix##_get_##field(s, &bytes));                                                    \
        if (prefix##_has_##field(s)) {                                                             \
            put_name(&first, name);                                                                \
            put_quoted(bytes, true);                                                               \
        }                                                                                          \
    } while (0)
#define PUT_STRUCT(prefix, field, name, put)                                                       \
    do {                                                                                           \
        struct wire_struct inner;                                                                  \
        check(prefix##_get_##field(s, &inner));                                                    \
        if (prefix##_has_##field(s)) {                                                             \
            put_name(&first, name);                                                                \
            put(inner);                                                                            \
        }                                                                                          \
    } while (0)
#define PUT_LIST(prefix, field, name, put)                                                         \
    do {                                                                                           \
        struct wire_list list;                                                                     \
        check(prefix##_get_##field(s, &list));                                                     \
        if (prefix##_has_##field(s)) {                                                             \
            put_name(&first, name);                                                                \
            put_list(&list, put);                                                                  \
        }                                                                                          \
    } while (0)

static void put_leaf(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(leaf, number, "number", "%" PRIu32, uint32_t);
    PUT_TEXT(leaf, text, "text");
    put_end(first);
}

static void put_leaf_element(const struct wire_list *list, uint32_t i)
{
    put_leaf(element(list, i));
}

static void put_point(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(point, x, "x", "%" PRId32, int32_t);
    PUT_NUMBER(point, y, "y", "%" PRId32, int32_t);
    PUT_COLOUR(point, colour, "colour");
    put_name(&first, "weight");
    put_float(double_of(point_get_weight_bits(s)));
    put_end(first);
}

static void put_point_element(const struct wire_list *list, uint32_t i)
{
    put_point(element(list, i));
}

static void put_empty(struct wire_struct s)
{
    (void)s;
    fputs("()", stdout);
}

static void put_empty_element(const struct wire_list *list, uint32_t i)
{
    put_empty(element(list, i));
}

static void put_grid_element(const struct wire_list *list, uint32_t i)
{
    struct wire_list row;

    check(wire_list_get_list(list, i, WIRE_ELEMENT_TWO_BYTES, &row));
    put_list(&row, put_uint16_element);
}

static void put_words_element(const struct wire_list *list, uint32_t i)
{
    struct wire_list row;

    check(wire_list_get_list(list, i, WIRE_ELEMENT_POINTER, &row));
    put_list(&row, put_text_element);
}

static void put_groves_element(const struct wire_list *list, uint32_t i)
{
    struct wire_list row;

    check(wire_list_get_list(list, i, WIRE_ELEMENT_STRUCT, &row));
    put_list(&row, put_leaf_element);
}

static void put_scalars(struct wire_struct s)
{
    bool first = true;

    PUT_BOOL(scalars, flag, "flag");
    PUT_NUMBER(scalars, int8, "int8", "%d", int);
    PUT_NUMBER(scalars, int16, "int16", "%d", int);
    PUT_NUMBER(scalars, int32, "int32", "%" PRId32, int32_t);
    PUT_NUMBER(scalars, int64, "int64", "%" PRId64, int64_t);
    PUT_NUMBER(scalars, uint8, "uint8", "%u", unsigned);
    PUT_NUMBER(scalars, uint16, "uint16", "%u", unsigned);
    PUT_NUMBER(scalars, uint32, "uint32", "%" PRIu32, uint32_t);
    PUT_NUMBER(scalars, uint64, "uint64", "%" PRIu64, uint64_t);
    put_name(&first, "float32");
    put_float(float_of(scalars_get_float32_bits(s)));
    put_name(&first, "float64");
    put_float(double_of(scalars_get_float64_bits(s)));
    PUT_COLOUR(scalars, colour, "colour");
    put_name(&first, "nothing");
    fputs("void", stdout);
    PUT_BOOL(scalars, flag_default, "flagDefault");
    PUT_NUMBER(scalars, int8_default, "int8Default", "%d", int);
    PUT_NUMBER(scalars, int16_default, "int16Default", "%d", int);
    PUT_NUMBER(scalars, int32_default, "int32Default", "%" PRId32, int32_t);
    PUT_NUMBER(scalars, int64_default, "int64Default", "%" PRId64, int64_t);
    PUT_NUMBER(scalars, uint8_default, "uint8Default", "%u", unsigned);
    PUT_NUMBER(scalars, uint16_default, "uint16Default", "%u", unsigned);
    PUT_NUMBER(scalars, uint32_default, "uint32Default", "%" PRIu32, uint32_t);
    PUT_NUMBER(scalars, uint64_default, "uint64Default", "%" PRIu64, uint64_t);
    put_name(&first, "float32Default");
    put_float(float_of(scalars_get_float32_default_bits(s)));
    put_name(&first, "float64Default");
    put_float(double_of(scalars_get_float64_default_bits(s)));
    PUT_COLOUR(scalars, colour_default, "colourDefault");
    put_end(first);
}

static void put_lists(struct wire_struct s)
{
    bool first = true;

    PUT_LIST(lists, voids, "voids", put_void_element);
    PUT_LIST(lists, bools, "bools", put_bool_element);
    PUT_LIST(lists, int8s, "int8s", put_int8_element);
    PUT_LIST(lists, uint16s, "uint16s", put_uint16_element);
    PUT_LIST(lists, int32s, "int32s", put_int32_element);
    PUT_LIST(lists, uint64s, "uint64s", put_uint64_element);
    PUT_LIST(lists, float32s, "float32s", put_float32_element);
    PUT_LIST(lists, colours, "colours", put_colour_element);
    PUT_LIST(lists, texts, "texts", put_text_element);
    PUT_LIST(lists, datas, "datas", put_data_element);
    PUT_LIST(lists, leaves, "leaves", put_leaf_element);
    PUT_LIST(lists, points, "points", put_point_element);
    PUT_LIST(lists, empties, "empties", put_empty_element);
    PUT_LIST(lists, grid, "grid", put_grid_element);
    PUT_LIST(lists, words, "words", put_words_element);
    PUT_LIST(lists, groves, "groves", put_groves_element);
    put_end(first);
}

static void put_pair(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(shape_pair, left, "left", "%d", int);
    PUT_TEXT(shape_pair, right, "right");
    put_end(first);
}

static void put_corner(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(shape_corner, x, "x", "%" PRId32, int32_t);
    PUT_NUMBER(shape_corner, y, "y", "%u", unsigned);
    put_end(first);
}

static void put_choice(struct wire_struct s)
{
    bool first = true;

    switch (shape_choice_which(s)) {
    case SHAPE_CHOICE_WHICH_SMALL:
        PUT_NUMBER(shape_choice, small, "small", "%u", unsigned);
        break;
    case SHAPE_CHOICE_WHICH_TEXTS:
        PUT_LIST(shape_choice, texts, "texts", put_text_element);
        break;
    case SHAPE_CHOICE_WHICH_COLOUR:
        PUT_COLOUR(shape_choice, colour, "colour");
        break;
    case SHAPE_CHOICE_WHICH_COUNT:
        break;
    }
    put_end(first);
}

static void put_shape(struct wire_struct s);

static void put_shape_element(const struct wire_list *list, uint32_t i)
{
    put_shape(element(list, i));
}

static void put_shape(struct wire_struct s)
{
    struct wire_bytes blob;
    bool first = true;

    PUT_TEXT(shape, name, "name");
    check(shape_get_blob(s, &blob));
    if (shape_has_blob(s)) {
        put_name(&first, "blob");
        put_quoted(blob, false);
    }
    PUT_STRUCT(shape, scalars, "scalars", put_scalars);
    PUT_STRUCT(shape, lists, "lists", put_lists);
    PUT_LIST(shape, children, "children", put_shape_element);
    PUT_STRUCT(shape, next, "next", put_shape);
    switch (shape_which(s)) {
    case SHAPE_WHICH_NOTHING:
        put_name(&first, "nothing");
        fputs("void", stdout);
        break;
    case SHAPE_WHICH_NUMBER:
        PUT_NUMBER(shape, number, "number", "%" PRId64, int64_t);
        break;
    case SHAPE_WHICH_LABEL:
        PUT_TEXT(shape, label, "label");
        break;
    case SHAPE_WHICH_PAIR:
        put_name(&first, "pair");
        put_pair(s);
        break;
    case SHAPE_WHICH_LEAF:
        PUT_STRUCT(shape, leaf, "leaf", put_leaf);
        break;
    case SHAPE_WHICH_FLAG:
        PUT_BOOL(shape, flag, "flag");
        break;
    case SHAPE_WHICH_COUNT:
        break;
    }
    put_name(&first, "corner");
    put_corner(s);
    put_name(&first, "choice");
    put_choice(s);
    PUT_STRUCT(shape, point, "point", put_point);
    PUT_STRUCT(shape, empty, "empty", put_empty);
    put_end(first);
}

static void put_old_leaf(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(old_leaf, number, "number", "%u", unsigned);
    PUT_TEXT(old_leaf, text, "text");
    put_end(first);
}

static void put_old_leaf_element(const struct wire_list *list, uint32_t i)
{
    put_old_leaf(element(list, i));
}

static void put_old(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(old, number, "number", "%u", unsigned);
    PUT_LIST(old, numbers, "numbers", put_uint32_element);
    PUT_LIST(old, names, "names", put_text_element);
    PUT_STRUCT(old, leaf, "leaf", put_old_leaf);
    PUT_LIST(old, leaves, "leaves", put_old_leaf_element);
    PUT_LIST(old, nothings, "nothings", put_void_element);
    put_end(first);
}

static void put_new_leaf(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(new_leaf, number, "number", "%u", unsigned);
    PUT_TEXT(new_leaf, text, "text");
    PUT_NUMBER(new_leaf, more, "more", "%" PRIu64, uint64_t);
    PUT_TEXT(new_leaf, note, "note");
    put_end(first);
}

static void put_new_leaf_element(const struct wire_list *list, uint32_t i)
{
    put_new_leaf(element(list, i));
}

static void put_new_number_element(const struct wire_list *list, uint32_t i)
{
    const struct wire_struct s = element(list, i);
    bool first = true;

    PUT_NUMBER(new_number, value, "value", "%" PRIu32, uint32_t);
    PUT_NUMBER(new_number, extra, "extra", "%" PRIu64, uint64_t);
    PUT_TEXT(new_number, note, "note");
    put_end(first);
}

static void put_new_name_element(const struct wire_list *list, uint32_t i)
{
    const struct wire_struct s = element(list, i);
    bool first = true;

    PUT_TEXT(new_name, name, "name");
    PUT_NUMBER(new_name, weight, "weight", "%u", unsigned);
    put_end(first);
}

static void put_new(struct wire_struct s)
{
    bool first = true;

    PUT_NUMBER(new, number, "number", "%u", unsigned);
    PUT_LIST(new, numbers, "numbers", put_new_number_element);
    PUT_LIST(new, names, "names", put_new_name_element);
    PUT_STRUCT(new, leaf, "leaf", put_new_leaf);
    PUT_LIST(new, leaves, "leaves", put_new_leaf_element);
    PUT_LIST(new, nothings, "nothings", put_new_number_element);
    PUT_TEXT(new, added, "added");
    PUT_BOOL(new, flag, "flag");
    put_end(first);
}

/* ------------------------------------------------------------------------------------------
 * Rebuilding a Shape. Null stays null.
 * ------------------------------------------------------------------------------------------ */

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

/** Rebuild a message and write it framed, in one segment. */
static void write_copy(struct wire_struct from)
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

/* ------------------------------------------------------------------------------------------ */

int main(int argument_count, char **arguments)
{
    static struct wire_segment segments[MAX_SEGMENTS];
    static uint64_t input[MAX_INPUT / 8];
    const char *command = argument_count > 1 ? arguments[1] : "";
    const char *type = argument_count > 2 ? arguments[2] : "shape";
    const bool copy = strcmp(command, "copy") == 0;
    const size_t length = fread(input, 1, sizeof(input), stdin);
    size_t at = 0;

    if (!copy && strcmp(command, "dump") != 0) {
        fprintf(stderr, "usage: wire_exchange dump shape|old|new | copy\n");
        return 1;
    }
    while (at < length) {
        struct wire_message message;
        struct wire_struct root;
        size_t used = 0;

        check(wire_message_init_framed(&message, (const uint8_t *)input + at, length - at, segments,
                                       MAX_SEGMENTS, &used));
        check(wire_read_root(&message, &root));
        at += used;
        if (copy) {
            write_copy(root);
            continue;
        }
        if (strcmp(type, "old") == 0) {
            put_old(root);
        } else if (strcmp(type, "new") == 0) {
            put_new(root);
        } else {
            put_shape(root);
        }
        putchar('\n');
    }
    return 0;
}
