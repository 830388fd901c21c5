/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reader of Cap'n Proto messages, in place: nothing is copied, nothing is allocated.
 *
 * The message is an enemy's until proven otherwise. Every pointer is checked when it is followed,
 * against the bounds of its segment, the nesting limit and the traversal limit; after that, field
 * access is a compare and a load. A field beyond the end of a shorter (older) struct reads as its
 * default; a longer (newer) struct is read as far as the schema knows it.
 *
 * The memory may change while it is being read: the kernel reads messages out of memory that it
 * shares with a process. Every pointer word, tag and scalar is therefore loaded exactly once per
 * access, and bounds are checked on the loaded copy. What no reader can give is the same answer
 * to two accesses: read a field once, then use the value.
 *
 * The traversal limit bounds what a small message can cost (many pointers to one big list, lists
 * of a billion empty elements): each followed pointer takes the words of its target out of
 * `words_left`. It covers WIRE_TRAVERSAL_FACTOR complete visits of an honest message; code that
 * walks the same message again and again starts each walk with a fresh struct wire_message.
 *
 * Context: any. Locks: none; one struct wire_message belongs to one reader at a time.
 */

#include "wire/wire.h"

#define WIRE_TRAVERSAL_FACTOR 8u
#define WIRE_NESTING_DEFAULT  64u

struct wire_segment {
    const uint64_t *words;
    uint32_t word_count;
};

/** A message being read. The caller's storage; structs and lists read from it point back here. */
struct wire_message {
    const struct wire_segment *segments; /* NULL: one segment, `flat` */
    uint32_t segment_count;
    uint16_t depth_left;     /* how deep pointers below the root pointer may nest */
    uint64_t words_left;     /* what may still be visited; may be set after init */
    struct wire_fault fault; /* the latest refusal */
    struct wire_segment flat;
};

/** The place of a pointer word. `place` NULL: beyond the end of its struct, reads as null. */
struct wire_pointer {
    struct wire_message *message;
    const uint64_t *place;
    uint32_t segment;
    uint16_t depth_left;
};

struct wire_struct {
    struct wire_message *message; /* NULL for a struct that came without a message (inline) */
    const uint8_t *data;
    const uint64_t *pointers;
    uint32_t data_bytes;
    uint32_t segment;
    uint16_t pointer_count;
    uint16_t depth_left;
};

/** Elements are at multiples of step_bytes; each has data_bytes of data, or pointers, or both. */
struct wire_list {
    struct wire_message *message;
    const uint8_t *elements;
    uint32_t count;
    uint32_t step_bytes;
    uint32_t data_bytes;
    uint32_t segment;
    uint16_t pointer_count;
    uint16_t depth_left;
    bool bits; /* a list of Bool, eight to a byte */
};

/**
 * A text (length without its NUL) or data. `bytes` is never NULL. In memory that somebody else can
 * write, only the length holds: the NUL was there when it was checked.
 */
struct wire_bytes {
    const uint8_t *bytes;
    size_t length;
};

/**
 * Begin reading a single segment without framing; its first word is the root pointer.
 *
 * Returns: WIRE_OK; WIRE_MISALIGNED; WIRE_BAD_LENGTH if not a whole number of words, or none.
 */
MUST_CHECK enum wire_error wire_message_init_flat(struct wire_message *message, const void *bytes,
                                                  size_t length);

/**
 * Begin reading a framed message, as `capnp eval --binary` writes it.
 *
 * `segments` is the caller's storage for the segment table and must live as long as the message.
 * `used_bytes` (may be NULL) receives the length of the message; more bytes may follow it.
 *
 * Returns: WIRE_OK; WIRE_MISALIGNED; WIRE_BAD_LENGTH; WIRE_TOO_MANY_SEGMENTS.
 */
MUST_CHECK enum wire_error wire_message_init_framed(struct wire_message *message, const void *bytes,
                                                    size_t length, struct wire_segment *segments,
                                                    uint32_t segment_capacity, size_t *used_bytes);

/*
 * Follow a pointer. A null pointer gives an empty struct, list, text or data, or
 * WIRE_NO_CAPABILITY. On error `out` is unchanged and message->fault says what and where.
 */
MUST_CHECK enum wire_error wire_read_struct(struct wire_pointer pointer, struct wire_struct *out);
MUST_CHECK enum wire_error wire_read_list(struct wire_pointer pointer, enum wire_element expected,
                                          struct wire_list *out);
MUST_CHECK enum wire_error wire_read_text(struct wire_pointer pointer, struct wire_bytes *out);
MUST_CHECK enum wire_error wire_read_data(struct wire_pointer pointer, struct wire_bytes *out);
MUST_CHECK enum wire_error wire_read_capability(struct wire_pointer pointer, uint32_t *out);

/** The root struct of a message. */
MUST_CHECK enum wire_error wire_read_root(struct wire_message *message, struct wire_struct *out);

/** View the words of an inline payload as a struct without pointers. */
static inline struct wire_struct wire_struct_inline(const uint64_t *words, uint32_t word_count)
{
    return (struct wire_struct){
        .data = (const uint8_t *)words,
        .data_bytes = word_count * WIRE_WORD_BYTES,
    };
}

/* ------------------------------------------------------------------------------------------
 * Fields of a struct. `offset` is in bytes and a multiple of the field's size.
 * ------------------------------------------------------------------------------------------ */

static ALWAYS_INLINE uint8_t wire_get_u8(const struct wire_struct *s, uint32_t offset)
{
    return offset < s->data_bytes ? *(const volatile uint8_t *)(s->data + offset) : 0;
}

static ALWAYS_INLINE uint16_t wire_get_u16(const struct wire_struct *s, uint32_t offset)
{
    return offset + 2 <= s->data_bytes
               ? *(const volatile wire_u16 *)(const void *)(s->data + offset)
               : 0;
}

static ALWAYS_INLINE uint32_t wire_get_u32(const struct wire_struct *s, uint32_t offset)
{
    return offset + 4 <= s->data_bytes
               ? *(const volatile wire_u32 *)(const void *)(s->data + offset)
               : 0;
}

static ALWAYS_INLINE uint64_t wire_get_u64(const struct wire_struct *s, uint32_t offset)
{
    return offset + 8 <= s->data_bytes
               ? *(const volatile wire_u64 *)(const void *)(s->data + offset)
               : 0;
}

static ALWAYS_INLINE bool wire_get_bit(const struct wire_struct *s, uint32_t bit)
{
    return (wire_get_u8(s, bit / 8) >> (bit % 8)) & 1;
}

static ALWAYS_INLINE struct wire_pointer wire_pointer_at(const struct wire_struct *s,
                                                         uint32_t index)
{
    return (struct wire_pointer){
        .message = s->message,
        .place = index < s->pointer_count ? s->pointers + index : NULL,
        .segment = s->segment,
        .depth_left = s->depth_left,
    };
}

static ALWAYS_INLINE bool wire_pointer_is_null(struct wire_pointer pointer)
{
    return pointer.place == NULL || *(const volatile wire_u64 *)pointer.place == 0;
}

/* ------------------------------------------------------------------------------------------
 * Elements of a list. A scalar beyond the end reads as zero; a pointer or struct beyond the end
 * is refused with WIRE_BAD_INDEX.
 * ------------------------------------------------------------------------------------------ */

static ALWAYS_INLINE const void *wire_list_place(const struct wire_list *list, uint32_t index)
{
    return list->elements + (size_t)index * list->step_bytes;
}

static ALWAYS_INLINE bool wire_list_has(const struct wire_list *list, uint32_t index,
                                        uint32_t bytes)
{
    return index < list->count && bytes <= list->data_bytes;
}

static ALWAYS_INLINE uint8_t wire_list_get_u8(const struct wire_list *list, uint32_t index)
{
    return wire_list_has(list, index, 1) ? *(const volatile uint8_t *)wire_list_place(list, index)
                                         : 0;
}

static ALWAYS_INLINE uint16_t wire_list_get_u16(const struct wire_list *list, uint32_t index)
{
    return wire_list_has(list, index, 2) ? *(const volatile wire_u16 *)wire_list_place(list, index)
                                         : 0;
}

static ALWAYS_INLINE uint32_t wire_list_get_u32(const struct wire_list *list, uint32_t index)
{
    return wire_list_has(list, index, 4) ? *(const volatile wire_u32 *)wire_list_place(list, index)
                                         : 0;
}

static ALWAYS_INLINE uint64_t wire_list_get_u64(const struct wire_list *list, uint32_t index)
{
    return wire_list_has(list, index, 8) ? *(const volatile wire_u64 *)wire_list_place(list, index)
                                         : 0;
}

static ALWAYS_INLINE bool wire_list_get_bit(const struct wire_list *list, uint32_t index)
{
    return list->bits && index < list->count &&
           ((*(const volatile uint8_t *)(list->elements + index / 8) >> (index % 8)) & 1);
}

/** The pointer that is, or leads, element `index`; null if the elements have none. */
static ALWAYS_INLINE struct wire_pointer wire_list_pointer_at(const struct wire_list *list,
                                                              uint32_t index)
{
    const uint8_t *place = NULL;

    if (index < list->count && list->pointer_count != 0) {
        place = (const uint8_t *)wire_list_place(list, index) + list->data_bytes;
    }
    return (struct wire_pointer){
        .message = list->message,
        .place = (const uint64_t *)(const void *)place,
        .segment = list->segment,
        .depth_left = list->depth_left,
    };
}

MUST_CHECK enum wire_error wire_list_get_struct(const struct wire_list *list, uint32_t index,
                                                struct wire_struct *out);

static inline MUST_CHECK enum wire_error wire_list_get_list(const struct wire_list *list,
                                                            uint32_t index,
                                                            enum wire_element expected,
                                                            struct wire_list *out)
{
    return index < list->count ? wire_read_list(wire_list_pointer_at(list, index), expected, out)
                               : WIRE_BAD_INDEX;
}

static inline MUST_CHECK enum wire_error wire_list_get_text(const struct wire_list *list,
                                                            uint32_t index, struct wire_bytes *out)
{
    return index < list->count ? wire_read_text(wire_list_pointer_at(list, index), out)
                               : WIRE_BAD_INDEX;
}

static inline MUST_CHECK enum wire_error wire_list_get_data(const struct wire_list *list,
                                                            uint32_t index, struct wire_bytes *out)
{
    return index < list->count ? wire_read_data(wire_list_pointer_at(list, index), out)
                               : WIRE_BAD_INDEX;
}

static inline MUST_CHECK enum wire_error wire_list_get_capability(const struct wire_list *list,
                                                                  uint32_t index, uint32_t *out)
{
    return index < list->count ? wire_read_capability(wire_list_pointer_at(list, index), out)
                               : WIRE_BAD_INDEX;
}
