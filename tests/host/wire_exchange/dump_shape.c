/* SPDX-License-Identifier: MIT */

/*
 * A Shape as a line of text: every kind of field and element, and what a union selects.
 */

#include "text.h"

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

static void put_shape_element(const struct wire_list *list, uint32_t i)
{
    put_shape(element(list, i));
}

void put_shape(struct wire_struct s)
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
