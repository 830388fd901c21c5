/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For tests of the reader, lib/wire/read.h: a message word by word, in segments that are
 * allocations of exactly their size, so that ASan sees any access beyond them; and one pointer read
 * in one way. Include after cmocka.h.
 */

#include "wire/read.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORDS    12u
#define MAX_SEGMENTS 3u

/* Pointer words, as in wire/wire.h. */
#define OFFSET(words) ((uint64_t)((uint32_t)(words) << 2))
#define STRUCT(words, data, count)                                                                 \
    (OFFSET(words) | (uint64_t)(data) << 32 | (uint64_t)(count) << 48)
#define LIST(words, element, count)                                                                \
    (OFFSET(words) | 1u | (uint64_t)(element) << 32 | (uint64_t)(count) << 35)
#define FAR(segment, word)         (2u | (uint64_t)(word) << 3 | (uint64_t)(segment) << 32)
#define FAR2(segment, word)        (FAR(segment, word) | 4u)
#define CAPABILITY(index)          (3u | (uint64_t)(index) << 32)
#define TAG(count, data, pointers) STRUCT(count, data, pointers)

enum { VOID, BIT, BYTE, TWO, FOUR, EIGHT, POINTER, STRUCTS };

/** A message under test: `sizes` says how `words` are cut into segments. */
struct fixture {
    struct wire_message message;
    struct wire_segment segments[MAX_SEGMENTS];
};

static inline void fixture_init(struct fixture *fixture, const uint64_t *words,
                                const uint32_t *sizes, uint32_t segment_count)
{
    memset(fixture, 0, sizeof(*fixture));
    for (uint32_t i = 0; i < segment_count; i++) {
        uint64_t *copy = malloc(sizes[i] * sizeof(*words));

        memcpy(copy, words, sizes[i] * sizeof(*words));
        fixture->segments[i] = (struct wire_segment){.words = copy, .word_count = sizes[i]};
        words += sizes[i];
    }
    fixture->message = (struct wire_message){
        .segments = fixture->segments,
        .segment_count = segment_count,
        .depth_left = 8,
        .words_left = 64,
    };
}

static inline void fixture_fini(struct fixture *fixture)
{
    for (uint32_t i = 0; i < fixture->message.segment_count; i++) {
        free((void *)(uintptr_t)fixture->segments[i].words);
    }
}

/** The pointer in the first word. */
static inline struct wire_pointer fixture_pointer(struct fixture *fixture)
{
    return (struct wire_pointer){
        .message = &fixture->message,
        .place = fixture->segments[0].words,
        .segment = 0,
        .depth_left = fixture->message.depth_left,
    };
}

enum read_as { AS_STRUCT, AS_LIST, AS_TEXT, AS_DATA, AS_CAPABILITY };

struct read_case {
    const char *name;
    enum read_as as;
    uint32_t element; /* AS_LIST: expected */
    uint32_t sizes[MAX_SEGMENTS];
    uint64_t words[MAX_WORDS];
    enum wire_error error;
    uint32_t segment; /* of the fault; on success the number of elements, bytes, the index */
    uint32_t word;    /* of the fault; on success the first scalar, if there is one */
};

/* The rest of a case. */
#define OK(count, first)              WIRE_OK, count, first
#define REFUSED(error, segment, word) WIRE_##error, segment, word

/** Read as the case says; `count` and `first` as described at struct read_case. */
static inline enum wire_error read_one(const struct read_case *c, struct wire_pointer pointer,
                                       uint64_t *count, uint64_t *first)
{
    struct wire_struct s = {0};
    struct wire_list list = {0};
    struct wire_bytes bytes = {0};
    uint32_t capability = 0;
    enum wire_error error = WIRE_OK;

    *first = 0;
    switch (c->as) {
    case AS_STRUCT:
        error = wire_read_struct(pointer, &s);
        *count = s.data_bytes + s.pointer_count;
        *first = wire_get_u64(&s, 0);
        break;
    case AS_LIST:
        error = wire_read_list(pointer, (enum wire_element)c->element, &list);
        *count = list.count;
        *first = list.bits ? wire_list_get_bit(&list, 0) : wire_list_get_u8(&list, 0);
        break;
    case AS_TEXT:
        error = wire_read_text(pointer, &bytes);
        *count = bytes.length;
        *first = bytes.length == 0 ? 0 : bytes.bytes[0];
        break;
    case AS_DATA:
        error = wire_read_data(pointer, &bytes);
        *count = bytes.length;
        *first = bytes.length == 0 ? 0 : bytes.bytes[0];
        break;
    case AS_CAPABILITY:
        error = wire_read_capability(pointer, &capability);
        *count = capability;
        break;
    }
    return error;
}
