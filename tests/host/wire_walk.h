/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Visits everything that the reader hands out for a message, without a schema: every pointer is
 * read as everything it could be, every byte of every result is touched. Under ASan, with each
 * segment in an allocation of exactly its size, a check that lets too much through shows itself.
 *
 * The message's traversal limit bounds the walk, `fuel` the widths of lists of empty elements.
 */

#include "wire/read.h"

struct walk {
    uint64_t sum;  /* keeps the loads alive */
    uint32_t fuel; /* elements still to be visited */
};

static inline void walk_struct(struct walk *walk, const struct wire_struct *s);
static inline void walk_pointer(struct walk *walk, struct wire_pointer pointer);

static inline void walk_bytes(struct walk *walk, const struct wire_bytes *bytes)
{
    for (size_t i = 0; i < bytes->length; i++) {
        walk->sum += bytes->bytes[i];
    }
}

static inline void walk_list(struct walk *walk, const struct wire_list *list)
{
    struct wire_struct element;

    for (uint32_t i = 0; i < list->count && walk->fuel != 0; i++, walk->fuel--) {
        walk->sum += wire_list_get_bit(list, i);
        walk->sum += wire_list_get_u8(list, i);
        walk->sum += wire_list_get_u16(list, i);
        walk->sum += wire_list_get_u32(list, i);
        walk->sum += wire_list_get_u64(list, i);
        if (!list->bits && wire_list_get_struct(list, i, &element) == WIRE_OK) {
            walk_struct(walk, &element);
        }
    }
    /* The last element lies where a wrong bound shows. */
    if (list->count != 0) {
        const uint32_t last = list->count - 1;

        walk->sum += wire_list_get_bit(list, last) + wire_list_get_u8(list, last);
        if (wire_list_get_struct(list, last, &element) == WIRE_OK && !list->bits) {
            walk->sum += element.data_bytes == 0 ? 0 : element.data[element.data_bytes - 1];
            walk->sum +=
                element.pointer_count == 0 ? 0 : element.pointers[element.pointer_count - 1];
        }
    }
}

static inline void walk_struct(struct walk *walk, const struct wire_struct *s)
{
    for (uint32_t i = 0; i < s->data_bytes; i++) {
        walk->sum += wire_get_u8(s, i);
    }
    if (s->data_bytes % 8 == 0) {
        for (uint32_t i = 0; i <= s->data_bytes; i += 8) {
            walk->sum += wire_get_u64(s, i);
        }
    }
    for (uint32_t i = 0; i <= s->pointer_count; i++) {
        walk_pointer(walk, wire_pointer_at(s, i));
    }
}

static inline void walk_pointer(struct walk *walk, struct wire_pointer pointer)
{
    struct wire_struct s;
    struct wire_list list;
    struct wire_bytes bytes;
    uint32_t capability;

    if (wire_pointer_is_null(pointer)) {
        return;
    }
    if (wire_read_struct(pointer, &s) == WIRE_OK) {
        walk_struct(walk, &s);
    }
    for (uint32_t element = WIRE_ELEMENT_VOID; element <= WIRE_ELEMENT_STRUCT; element++) {
        if (wire_read_list(pointer, (enum wire_element)element, &list) == WIRE_OK) {
            walk_list(walk, &list);
        }
    }
    if (wire_read_text(pointer, &bytes) == WIRE_OK) {
        walk_bytes(walk, &bytes);
        walk->sum += bytes.bytes[bytes.length];
    }
    if (wire_read_data(pointer, &bytes) == WIRE_OK) {
        walk_bytes(walk, &bytes);
    }
    if (wire_read_capability(pointer, &capability) == WIRE_OK) {
        walk->sum += capability;
    }
}
