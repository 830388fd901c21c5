/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Accessors of one field: emit_read.c its getter, emit_build.c its setter. What both need to know
 * about types is in emit_field.c.
 */

#include "emit.h"

/** A field and the struct or group that it stands in. */
struct place {
    FILE *out;
    const struct node *node;
    const struct field *field;
};

/** Bytes of a scalar in a data section; 0: not a scalar of whole bytes. */
uint32_t scalar_bytes(enum type_kind kind);

/** Its C type; NULL for what is no scalar. Floating point travels as bits: the kernel has none. */
const char *scalar_name(enum type_kind kind);

/** What the names of the accessors of floating point end with. */
const char *bits_suffix(enum type_kind kind);

/** The enum wire_element of a list type's elements. */
const char *element_name(const struct type *list);

/** Print ` ^ 0x...` if zero stands for something else. */
void emit_default(const struct place *p);

/** Print the two section sizes of a struct. */
void emit_section_sizes(FILE *out, const struct node *node);

void emit_getter(const struct place *p);
void emit_setter(const struct place *p);

/** A setter that only selects: "set" of a Void member or "select" of a group in a union. */
void emit_selector(const struct place *p, const char *verb);
