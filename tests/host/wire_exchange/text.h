/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Text as the tool prints it: scalars, elements of lists, and the fields of a struct `s`, of which
 * `first` says whether one has been printed.
 */

#include "exchange.h"

#include <inttypes.h>
#include <stdio.h>

/** UTF-8 stays as it is in a text, but not in data. */
void put_quoted(struct wire_bytes text, bool is_text);

void put_float(double value);

/** The bits of a message as a number. */
double float_of(uint32_t bits);
double double_of(uint64_t bits);

/** Begin a field: a comma unless it is the first of its struct. */
void put_name(bool *first, const char *name);
/** End a struct. */
void put_end(bool first);

void put_list(const struct wire_list *list, void (*put)(const struct wire_list *, uint32_t));

/* Elements of lists, for put_list(). */
void put_void_element(const struct wire_list *list, uint32_t i);
void put_bool_element(const struct wire_list *list, uint32_t i);
void put_int8_element(const struct wire_list *list, uint32_t i);
void put_uint16_element(const struct wire_list *list, uint32_t i);
void put_int32_element(const struct wire_list *list, uint32_t i);
void put_uint32_element(const struct wire_list *list, uint32_t i);
void put_uint64_element(const struct wire_list *list, uint32_t i);
void put_float32_element(const struct wire_list *list, uint32_t i);
void put_colour_element(const struct wire_list *list, uint32_t i);
void put_text_element(const struct wire_list *list, uint32_t i);
void put_data_element(const struct wire_list *list, uint32_t i);

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
