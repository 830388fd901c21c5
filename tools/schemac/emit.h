/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The C side of a schema. emit.c writes one header: constants, enums, interfaces; emit_struct.c
 * the sizes of structs, C structs for inline payloads and, field by field, the accessors.
 */

#include "schema.h"

#include <stdio.h>

/** Write the header for requested file `index` to `out`. */
void emit_file(FILE *out, const struct schema *schema, uint32_t index);

/** `#define`s of the struct's section sizes. */
void emit_struct_sizes(FILE *out, const struct node *node);

/** The struct as a C struct with the layout of its data section, if it can be one. */
void emit_struct_native(FILE *out, const struct node *node);

/** Enums of the unions, readers and builders, groups included. */
void emit_struct_accessors(FILE *out, const struct node *node);

/** Print `text` in upper case. */
void emit_upper(FILE *out, const char *text);
