/* SPDX-License-Identifier: MIT */

/*
 * Two versions of one struct as text: what either makes of the other's messages.
 */

#include "text.h"

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

void put_old(struct wire_struct s)
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

void put_new(struct wire_struct s)
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
