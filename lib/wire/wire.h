/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the reader (wire/read.h) and the builder (wire/build.h) of Cap'n Proto messages share:
 * what can go wrong, the element sizes of lists, and the encoding of a pointer word.
 *
 * Encoding: https://capnproto.org/encoding.html. A message is a sequence of 64-bit little-endian
 * words in one or more segments. A pointer word has its kind in bits 0 and 1:
 *
 *   struct      offset (bits 2..31, signed words), data words (32..47), pointers (48..63)
 *   list        offset (bits 2..31, signed words), element size (32..34), count (35..63)
 *   far         two-word landing pad (bit 2), word (3..31), segment (32..63)
 *   capability  zero (bits 2..31), index (32..63)
 *
 * Offsets count from the end of the pointer word. A word of zero is a null pointer. Everything
 * here is pure: no allocation, no globals, no locks.
 */

#include "base/compiler.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are read as they are stored");

enum wire_error {
    WIRE_OK = 0,
    WIRE_MISALIGNED,        /* the message does not start at a multiple of eight */
    WIRE_BAD_LENGTH,        /* shorter than its frame says, not whole words, empty, or huge */
    WIRE_TOO_MANY_SEGMENTS, /* more than the caller gave room for */
    WIRE_BAD_SEGMENT,       /* a far pointer names a segment that does not exist */
    WIRE_BAD_FAR,           /* a far pointer's landing pad is not what a landing pad must be */
    WIRE_OUT_OF_BOUNDS,     /* a pointer's target is not inside its segment */
    WIRE_WRONG_KIND,        /* a pointer of another kind than the schema says */
    WIRE_WRONG_ELEMENT,     /* a list whose elements cannot be read as the schema says */
    WIRE_BAD_TAG,           /* a struct list whose tag does not fit its length */
    WIRE_NO_TERMINATOR,     /* a text without its final NUL */
    WIRE_TRAVERSAL_LIMIT,   /* more words visited than the message may cost */
    WIRE_NESTING_LIMIT,     /* pointers nested too deep */
    WIRE_BAD_INDEX,         /* a list element beyond the end: the caller's mistake */
    WIRE_NO_SPACE,          /* builder: the buffer is full */
    WIRE_ERROR_COUNT
};

/** The latest refusal: what, and at which word of which segment the refused thing stands. */
struct wire_fault {
    enum wire_error error;
    uint32_t segment;
    uint32_t word;
};

/** Element sizes of lists, as numbered in a list pointer. */
enum wire_element {
    WIRE_ELEMENT_VOID = 0,
    WIRE_ELEMENT_BIT = 1,
    WIRE_ELEMENT_BYTE = 2,
    WIRE_ELEMENT_TWO_BYTES = 3,
    WIRE_ELEMENT_FOUR_BYTES = 4,
    WIRE_ELEMENT_EIGHT_BYTES = 5,
    WIRE_ELEMENT_POINTER = 6,
    WIRE_ELEMENT_STRUCT = 7 /* each a data section and pointers; one tag word before the first */
};

#define WIRE_WORD_BYTES         8u
#define WIRE_MAX_LIST_COUNT     ((1u << 29) - 1u)
#define WIRE_MAX_SEGMENT_WORDS  (1u << 29)
#define WIRE_NO_CAPABILITY      UINT32_MAX /* the index that a null capability pointer reads as */

#define WIRE_POINTER_STRUCT     0u
#define WIRE_POINTER_LIST       1u
#define WIRE_POINTER_FAR        2u
#define WIRE_POINTER_CAPABILITY 3u

/* Words of a message may be declared as bytes by their owner. */
typedef uint16_t __attribute__((may_alias)) wire_u16;
typedef uint32_t __attribute__((may_alias)) wire_u32;
typedef uint64_t __attribute__((may_alias)) wire_u64;

/** Bits that one element of a list that is not a struct list takes. */
static inline uint32_t wire_element_bits(enum wire_element element)
{
    switch (element) {
    case WIRE_ELEMENT_VOID:
    case WIRE_ELEMENT_STRUCT:
        return 0;
    case WIRE_ELEMENT_BIT:
        return 1;
    case WIRE_ELEMENT_BYTE:
        return 8;
    case WIRE_ELEMENT_TWO_BYTES:
        return 16;
    case WIRE_ELEMENT_FOUR_BYTES:
        return 32;
    case WIRE_ELEMENT_EIGHT_BYTES:
    case WIRE_ELEMENT_POINTER:
        return 64;
    }
    return 0;
}

/** A few words for people; "?" for a value that is no wire_error. */
static inline const char *wire_error_text(enum wire_error error)
{
    static const char *const text[WIRE_ERROR_COUNT] = {
        [WIRE_OK] = "ok",
        [WIRE_MISALIGNED] = "message not aligned to eight bytes",
        [WIRE_BAD_LENGTH] = "message length does not match its frame",
        [WIRE_TOO_MANY_SEGMENTS] = "too many segments",
        [WIRE_BAD_SEGMENT] = "far pointer to a segment that does not exist",
        [WIRE_BAD_FAR] = "malformed landing pad of a far pointer",
        [WIRE_OUT_OF_BOUNDS] = "pointer target outside its segment",
        [WIRE_WRONG_KIND] = "pointer of the wrong kind",
        [WIRE_WRONG_ELEMENT] = "list of the wrong element size",
        [WIRE_BAD_TAG] = "struct list does not fit its length",
        [WIRE_NO_TERMINATOR] = "text without final NUL",
        [WIRE_TRAVERSAL_LIMIT] = "traversal limit exceeded",
        [WIRE_NESTING_LIMIT] = "nesting limit exceeded",
        [WIRE_BAD_INDEX] = "list index beyond the end",
        [WIRE_NO_SPACE] = "buffer full",
    };

    return (unsigned)error < WIRE_ERROR_COUNT ? text[error] : "?";
}
