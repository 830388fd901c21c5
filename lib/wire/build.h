/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Builder of Cap'n Proto messages: one segment without framing, in the caller's buffer.
 *
 * Objects are laid out one after the other in the order they are asked for; nothing is ever
 * moved, and setting a pointer twice leaves the first object behind as garbage. What the builder
 * relies on it keeps in struct wire_builder and never reads back from the buffer, so the buffer
 * may be memory that somebody else can write.
 *
 * The first failure sticks: after it nothing more is allocated, structs and lists that could not
 * be allocated take every set and store nothing, and wire_build_finish() returns that failure.
 * So the result of a single set may be ignored; that of wire_build_finish() may not.
 *
 * Context: any. Locks: none; a builder belongs to one writer at a time.
 */

#include "wire/wire.h"

struct wire_builder {
    uint64_t *words;
    uint32_t capacity_words;
    uint32_t used_words;
    enum wire_error error; /* the first failure */
};

/** The place of a pointer word. `place` NULL: there is no such place, writes fail. */
struct wire_build_pointer {
    struct wire_builder *builder;
    uint64_t *place;
};

struct wire_build_struct {
    struct wire_builder *builder; /* NULL: an inline payload */
    uint8_t *data;
    uint64_t *pointers;
    uint32_t data_bytes;
    uint16_t pointer_count;
};

struct wire_build_list {
    struct wire_builder *builder;
    uint8_t *elements;
    uint32_t count;
    uint32_t step_bytes;
    uint32_t data_bytes;
    uint16_t pointer_count;
    bool bits;
};

/** Begin a message in `buffer`, which must be aligned to eight bytes. */
void wire_build_init(struct wire_builder *builder, void *buffer, size_t length);

/** The message is complete: its length in bytes, or the first failure. */
MUST_CHECK enum wire_error wire_build_finish(const struct wire_builder *builder, size_t *length);

/** Record `error` unless an earlier one stands. Returns the one that stands. */
enum wire_error wire_build_fail(struct wire_builder *builder, enum wire_error error);

/** The place of the message's root pointer. */
struct wire_build_pointer wire_build_root(struct wire_builder *builder);

/*
 * Allocate an object, all zero, and point to it. On failure `out` is an empty object that takes
 * every set and stores nothing.
 */
enum wire_error wire_build_struct(struct wire_build_pointer pointer, uint16_t data_words,
                                  uint16_t pointer_count, struct wire_build_struct *out);
enum wire_error wire_build_list(struct wire_build_pointer pointer, enum wire_element element,
                                uint32_t count, struct wire_build_list *out);
enum wire_error wire_build_struct_list(struct wire_build_pointer pointer, uint16_t data_words,
                                       uint16_t pointer_count, uint32_t count,
                                       struct wire_build_list *out);
/** `length` without a NUL; the builder adds it. */
enum wire_error wire_build_text(struct wire_build_pointer pointer, const void *bytes,
                                size_t length);
enum wire_error wire_build_data(struct wire_build_pointer pointer, const void *bytes,
                                size_t length);
/** As wire_build_data(), but the caller fills `*out` itself (NULL on failure). */
enum wire_error wire_build_data_space(struct wire_build_pointer pointer, size_t length,
                                      uint8_t **out);
enum wire_error wire_build_capability(struct wire_build_pointer pointer, uint32_t index);

/** Write an inline payload as a struct without pointers. The caller zeroes the words. */
static inline struct wire_build_struct wire_build_struct_inline(uint64_t *words,
                                                                uint32_t word_count)
{
    return (struct wire_build_struct){
        .data = (uint8_t *)words,
        .data_bytes = word_count * WIRE_WORD_BYTES,
    };
}

/* ------------------------------------------------------------------------------------------
 * Fields of a struct. `offset` is in bytes and a multiple of the field's size.
 * ------------------------------------------------------------------------------------------ */

/** True if the field is there; false and a failure recorded if the struct has no such field. */
static ALWAYS_INLINE bool wire_build_has(const struct wire_build_struct *s, uint32_t offset,
                                         uint32_t bytes)
{
    if (LIKELY(offset + bytes <= s->data_bytes)) {
        return true;
    }
    if (s->builder != NULL) {
        wire_build_fail(s->builder, WIRE_OUT_OF_BOUNDS);
    }
    return false;
}

static ALWAYS_INLINE void wire_set_u8(const struct wire_build_struct *s, uint32_t offset,
                                      uint8_t value)
{
    if (wire_build_has(s, offset, 1)) {
        s->data[offset] = value;
    }
}

static ALWAYS_INLINE void wire_set_u16(const struct wire_build_struct *s, uint32_t offset,
                                       uint16_t value)
{
    if (wire_build_has(s, offset, 2)) {
        *(wire_u16 *)(void *)(s->data + offset) = value;
    }
}

static ALWAYS_INLINE void wire_set_u32(const struct wire_build_struct *s, uint32_t offset,
                                       uint32_t value)
{
    if (wire_build_has(s, offset, 4)) {
        *(wire_u32 *)(void *)(s->data + offset) = value;
    }
}

static ALWAYS_INLINE void wire_set_u64(const struct wire_build_struct *s, uint32_t offset,
                                       uint64_t value)
{
    if (wire_build_has(s, offset, 8)) {
        *(wire_u64 *)(void *)(s->data + offset) = value;
    }
}

static ALWAYS_INLINE void wire_set_bit(const struct wire_build_struct *s, uint32_t bit, bool value)
{
    if (wire_build_has(s, bit / 8, 1)) {
        const uint8_t mask = (uint8_t)(1u << (bit % 8));
        uint8_t *byte = &s->data[bit / 8];

        *byte = (uint8_t)(value ? *byte | mask : *byte & ~mask);
    }
}

static ALWAYS_INLINE struct wire_build_pointer
wire_build_pointer_at(const struct wire_build_struct *s, uint32_t index)
{
    return (struct wire_build_pointer){
        .builder = s->builder,
        .place = index < s->pointer_count ? s->pointers + index : NULL,
    };
}

/* ------------------------------------------------------------------------------------------
 * Elements of a list. A set beyond the end, or of another size than the list's elements, stores
 * nothing and is recorded as a failure.
 * ------------------------------------------------------------------------------------------ */

/** The place of a scalar element, or NULL and a failure recorded. */
void *wire_build_list_place(const struct wire_build_list *list, uint32_t index, uint32_t bytes);

static inline void wire_list_set_u8(const struct wire_build_list *list, uint32_t index,
                                    uint8_t value)
{
    uint8_t *place = (uint8_t *)wire_build_list_place(list, index, 1);

    if (place != NULL) {
        *place = value;
    }
}

static inline void wire_list_set_u16(const struct wire_build_list *list, uint32_t index,
                                     uint16_t value)
{
    wire_u16 *place = (wire_u16 *)wire_build_list_place(list, index, 2);

    if (place != NULL) {
        *place = value;
    }
}

static inline void wire_list_set_u32(const struct wire_build_list *list, uint32_t index,
                                     uint32_t value)
{
    wire_u32 *place = (wire_u32 *)wire_build_list_place(list, index, 4);

    if (place != NULL) {
        *place = value;
    }
}

static inline void wire_list_set_u64(const struct wire_build_list *list, uint32_t index,
                                     uint64_t value)
{
    wire_u64 *place = (wire_u64 *)wire_build_list_place(list, index, 8);

    if (place != NULL) {
        *place = value;
    }
}

void wire_list_set_bit(const struct wire_build_list *list, uint32_t index, bool value);

/** Element `index` of a list of structs; an empty struct and a failure beyond the end. */
enum wire_error wire_list_build_struct(const struct wire_build_list *list, uint32_t index,
                                       struct wire_build_struct *out);

/** The pointer that is element `index`: for wire_build_text(), wire_build_list() and the rest. */
struct wire_build_pointer wire_list_build_pointer(const struct wire_build_list *list,
                                                  uint32_t index);

static inline enum wire_error wire_list_set_text(const struct wire_build_list *list, uint32_t index,
                                                 const void *bytes, size_t length)
{
    return wire_build_text(wire_list_build_pointer(list, index), bytes, length);
}

static inline enum wire_error wire_list_set_data(const struct wire_build_list *list, uint32_t index,
                                                 const void *bytes, size_t length)
{
    return wire_build_data(wire_list_build_pointer(list, index), bytes, length);
}
