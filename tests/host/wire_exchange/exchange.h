/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Our side of the exchange with the capnp tool (../wire_exchange.py drives both):
 *
 *   wire_exchange dump shape|old|new   framed messages → one line of text each, in exactly the
 *                                      form of `capnp decode --short`
 *   wire_exchange copy                 framed Shape messages → the same, rebuilt field by field
 *
 * Everything goes through the accessors that schemac generated.
 */

#include "golden/shapes.h"

/** Stop at the first error; the driver shows what was printed. */
void check(enum wire_error error);

/** text.c: an element that is a struct. */
struct wire_struct element(const struct wire_list *list, uint32_t i);

/** dump_shape.c: a Shape as the tool prints it, without an end of line. */
void put_shape(struct wire_struct s);

/** dump_versions.c: two versions of one struct, likewise. */
void put_old(struct wire_struct s);
void put_new(struct wire_struct s);

/** copy_shape.c: rebuild a Shape and write it framed, in one segment. */
void write_copy(struct wire_struct from);
