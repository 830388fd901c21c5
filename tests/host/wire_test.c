/* SPDX-License-Identifier: MIT */

/*
 * The reader: every accept and every refusal, message by message. Each segment lies in an
 * allocation of exactly its size, so that ASan sees any access beyond it.
 */

#include "wire/read.h"
#include "wire_walk.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static void fixture_init(struct fixture *fixture, const uint64_t *words, const uint32_t *sizes,
                         uint32_t segment_count)
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

static void fixture_fini(struct fixture *fixture)
{
    for (uint32_t i = 0; i < fixture->message.segment_count; i++) {
        free((void *)(uintptr_t)fixture->segments[i].words);
    }
}

/** The pointer in the first word. */
static struct wire_pointer fixture_pointer(struct fixture *fixture)
{
    return (struct wire_pointer){
        .message = &fixture->message,
        .place = fixture->segments[0].words,
        .segment = 0,
        .depth_left = fixture->message.depth_left,
    };
}

/* ------------------------------------------------------------------------------------------
 * One pointer, read in one way
 * ------------------------------------------------------------------------------------------ */

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

#define OK(count, first)              WIRE_OK, count, first
#define REFUSED(error, segment, word) WIRE_##error, segment, word

/* One case, one line. */
/* clang-format off */
static const struct read_case read_cases[] = {
    /* Structs: `count` is data bytes plus pointers. */
    {"null struct", AS_STRUCT, 0, {1}, {0}, OK(0, 0)},
    {"struct", AS_STRUCT, 0, {4}, {STRUCT(0, 2, 1), 5, 6, 0}, OK(17, 5)},
    {"struct behind a gap", AS_STRUCT, 0, {3}, {STRUCT(1, 1, 0), 9, 5}, OK(8, 5)},
    {"empty struct", AS_STRUCT, 0, {1}, {STRUCT(-1, 0, 0)}, OK(0, 0)},
    {"empty struct at the end", AS_STRUCT, 0, {2}, {STRUCT(1, 0, 0), 0}, OK(0, 0)},
    {"empty struct beyond", AS_STRUCT, 0, {2}, {STRUCT(2, 0, 0), 0}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"struct one word beyond", AS_STRUCT, 0, {3}, {STRUCT(0, 2, 1), 5, 6}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"struct pointers beyond", AS_STRUCT, 0, {2}, {STRUCT(0, 1, 1), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"struct before the segment", AS_STRUCT, 0, {2}, {STRUCT(-2, 1, 0), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"struct far beyond", AS_STRUCT, 0, {2}, {STRUCT(0x1fffffff, 1, 0), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"struct far before", AS_STRUCT, 0, {2}, {STRUCT(-0x20000000, 1, 0), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"struct of 131070 words", AS_STRUCT, 0, {2}, {STRUCT(0, 0xffff, 0xffff), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"struct, but a list", AS_STRUCT, 0, {2}, {LIST(0, EIGHT, 1), 5}, REFUSED(WRONG_KIND, 0, 0)},
    {"struct, but a capability", AS_STRUCT, 0, {1}, {CAPABILITY(1)}, REFUSED(WRONG_KIND, 0, 0)},

    /* Plain lists. */
    {"null list", AS_LIST, EIGHT, {1}, {0}, OK(0, 0)},
    {"list of words", AS_LIST, EIGHT, {3}, {LIST(0, EIGHT, 2), 5, 6}, OK(2, 5)},
    {"list of words beyond", AS_LIST, EIGHT, {3}, {LIST(0, EIGHT, 3), 5, 6}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list of fours", AS_LIST, FOUR, {3}, {LIST(0, FOUR, 3), 5, 6}, OK(3, 5)},
    {"list of fours beyond", AS_LIST, FOUR, {3}, {LIST(0, FOUR, 5), 5, 6}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list of twos", AS_LIST, TWO, {2}, {LIST(0, TWO, 4), 5}, OK(4, 5)},
    {"list of twos beyond", AS_LIST, TWO, {2}, {LIST(0, TWO, 5), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list of bytes", AS_LIST, BYTE, {2}, {LIST(0, BYTE, 8), 5}, OK(8, 5)},
    {"list of bytes beyond", AS_LIST, BYTE, {2}, {LIST(0, BYTE, 9), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list of bits", AS_LIST, BIT, {2}, {LIST(0, BIT, 64), 1}, OK(64, 1)},
    {"list of bits beyond", AS_LIST, BIT, {2}, {LIST(0, BIT, 65), 1}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list of void", AS_LIST, VOID, {1}, {LIST(0, VOID, 60)}, OK(60, 0)},
    {"list of pointers", AS_LIST, POINTER, {2}, {LIST(0, POINTER, 1), 0}, OK(1, 0)},
    {"list of pointers beyond", AS_LIST, POINTER, {2}, {LIST(0, POINTER, 2), 0}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"longest list", AS_LIST, EIGHT, {2}, {LIST(0, EIGHT, 0x1fffffff), 0}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list of 2^32 bits", AS_LIST, EIGHT, {2}, {LIST(0, EIGHT, 0x4000000), 0}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list before the segment", AS_LIST, BYTE, {2}, {LIST(-2, BYTE, 8), 0}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"list, but a struct", AS_LIST, EIGHT, {2}, {STRUCT(0, 1, 0), 5}, REFUSED(WRONG_KIND, 0, 0)},
    {"list, but a capability", AS_LIST, POINTER, {1}, {CAPABILITY(0)}, REFUSED(WRONG_KIND, 0, 0)},

    /* A plain list read as another: wider as narrower, anything but bits as structs. */
    {"words as bytes", AS_LIST, BYTE, {3}, {LIST(0, EIGHT, 2), 5, 6}, OK(2, 5)},
    {"words as void", AS_LIST, VOID, {3}, {LIST(0, EIGHT, 2), 5, 6}, OK(2, 5)},
    {"bytes as words", AS_LIST, EIGHT, {2}, {LIST(0, BYTE, 1), 5}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"void as bytes", AS_LIST, BYTE, {1}, {LIST(0, VOID, 1)}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"bits as bytes", AS_LIST, BYTE, {2}, {LIST(0, BIT, 1), 5}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"bits as void", AS_LIST, VOID, {2}, {LIST(0, BIT, 1), 5}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"bits as structs", AS_LIST, STRUCTS, {2}, {LIST(0, BIT, 1), 5}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"bytes as bits", AS_LIST, BIT, {2}, {LIST(0, BYTE, 1), 5}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"pointers as words", AS_LIST, EIGHT, {2}, {LIST(0, POINTER, 1), 0}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"words as pointers", AS_LIST, POINTER, {2}, {LIST(0, EIGHT, 1), 0}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"void as pointers", AS_LIST, POINTER, {1}, {LIST(0, VOID, 1)}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"fours as structs", AS_LIST, STRUCTS, {3}, {LIST(0, FOUR, 4), 5, 6}, OK(4, 5)},
    {"pointers as structs", AS_LIST, STRUCTS, {3}, {LIST(0, POINTER, 2), 0, 0}, OK(2, 0)},
    {"void as structs", AS_LIST, STRUCTS, {1}, {LIST(0, VOID, 3)}, OK(3, 0)},

    /* Lists of structs. */
    {"structs", AS_LIST, STRUCTS, {6}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1), 5, 0, 6, 0}, OK(2, 5)},
    {"structs with slack", AS_LIST, STRUCTS, {6}, {LIST(0, STRUCTS, 4), TAG(1, 1, 1), 5, 0, 6, 0}, OK(1, 5)},
    {"no structs", AS_LIST, STRUCTS, {2}, {LIST(0, STRUCTS, 0), TAG(0, 1, 1)}, OK(0, 0)},
    {"empty structs", AS_LIST, STRUCTS, {2}, {LIST(0, STRUCTS, 0), TAG(60, 0, 0)}, OK(60, 0)},
    {"structs beyond", AS_LIST, STRUCTS, {5}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1), 5, 0, 6}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"structs without tag", AS_LIST, STRUCTS, {1}, {LIST(0, STRUCTS, 0)}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"more structs than words", AS_LIST, STRUCTS, {6}, {LIST(0, STRUCTS, 4), TAG(3, 1, 1), 5, 0, 6, 0}, REFUSED(BAD_TAG, 0, 1)},
    {"one struct too many", AS_LIST, STRUCTS, {4}, {LIST(0, STRUCTS, 2), TAG(3, 1, 0), 5, 6}, REFUSED(BAD_TAG, 0, 1)},
    {"tag overflows", AS_LIST, STRUCTS, {6}, {LIST(0, STRUCTS, 4), TAG(0x3fffffff, 0xffff, 0xffff), 5, 0, 6, 0}, REFUSED(BAD_TAG, 0, 1)},
    {"tag wraps 32 bits", AS_LIST, STRUCTS, {6}, {LIST(0, STRUCTS, 4), TAG(0x10000000, 16, 0), 5, 0, 6, 0}, REFUSED(BAD_TAG, 0, 1)},
    {"tag is a list pointer", AS_LIST, STRUCTS, {6}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1) | 1, 5, 0, 6, 0}, REFUSED(BAD_TAG, 0, 1)},
    {"structs as words", AS_LIST, EIGHT, {6}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1), 5, 0, 6, 0}, OK(2, 5)},
    {"structs as bytes", AS_LIST, BYTE, {6}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1), 5, 0, 6, 0}, OK(2, 5)},
    {"structs as pointers", AS_LIST, POINTER, {6}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1), 5, 0, 6, 0}, OK(2, 5)},
    {"structs as void", AS_LIST, VOID, {6}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1), 5, 0, 6, 0}, OK(2, 5)},
    {"structs as bits", AS_LIST, BIT, {6}, {LIST(0, STRUCTS, 4), TAG(2, 1, 1), 5, 0, 6, 0}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"dataless structs as bytes", AS_LIST, BYTE, {3}, {LIST(0, STRUCTS, 1), TAG(1, 0, 1), 0}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"pointerless structs as pointers", AS_LIST, POINTER, {3}, {LIST(0, STRUCTS, 1), TAG(1, 1, 0), 0}, REFUSED(WRONG_ELEMENT, 0, 0)},

    /* Text and data. */
    {"null text", AS_TEXT, 0, {1}, {0}, OK(0, 0)},
    {"text", AS_TEXT, 0, {2}, {LIST(0, BYTE, 3), 0x6968}, OK(2, 0x68)},
    {"empty text", AS_TEXT, 0, {2}, {LIST(0, BYTE, 1), 0}, OK(0, 0)},
    {"text filling its word", AS_TEXT, 0, {2}, {LIST(0, BYTE, 8), 0x0067666564636261}, OK(7, 0x61)},
    {"text without NUL", AS_TEXT, 0, {2}, {LIST(0, BYTE, 2), 0x6968}, REFUSED(NO_TERMINATOR, 0, 0)},
    {"text of no bytes", AS_TEXT, 0, {2}, {LIST(0, BYTE, 0), 0}, REFUSED(NO_TERMINATOR, 0, 0)},
    {"text beyond", AS_TEXT, 0, {2}, {LIST(0, BYTE, 9), 0}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"text of twos", AS_TEXT, 0, {2}, {LIST(0, TWO, 2), 0x68}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"text of structs", AS_TEXT, 0, {3}, {LIST(0, STRUCTS, 1), TAG(1, 1, 0), 0}, REFUSED(WRONG_ELEMENT, 0, 0)},
    {"text, but a struct", AS_TEXT, 0, {2}, {STRUCT(0, 1, 0), 0}, REFUSED(WRONG_KIND, 0, 0)},
    {"null data", AS_DATA, 0, {1}, {0}, OK(0, 0)},
    {"data", AS_DATA, 0, {2}, {LIST(0, BYTE, 2), 0x6968}, OK(2, 0x68)},
    {"data of no bytes", AS_DATA, 0, {1}, {LIST(0, BYTE, 0)}, OK(0, 0)},
    {"data beyond", AS_DATA, 0, {2}, {LIST(0, BYTE, 9), 0}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"data of words", AS_DATA, 0, {2}, {LIST(0, EIGHT, 1), 0}, REFUSED(WRONG_ELEMENT, 0, 0)},

    /* Capabilities: `count` is the index. */
    {"null capability", AS_CAPABILITY, 0, {1}, {0}, OK(WIRE_NO_CAPABILITY, 0)},
    {"capability", AS_CAPABILITY, 0, {1}, {CAPABILITY(7)}, OK(7, 0)},
    {"capability with other bits", AS_CAPABILITY, 0, {1}, {CAPABILITY(7) | 4}, REFUSED(WRONG_KIND, 0, 0)},
    {"capability, but a struct", AS_CAPABILITY, 0, {1}, {STRUCT(-1, 0, 0)}, REFUSED(WRONG_KIND, 0, 0)},

    /* Far pointers. */
    {"far struct", AS_STRUCT, 0, {1, 2}, {FAR(1, 0), STRUCT(0, 1, 0), 5}, OK(8, 5)},
    {"far struct before its pad", AS_STRUCT, 0, {1, 2}, {FAR(1, 1), 5, STRUCT(-2, 1, 0)}, OK(8, 5)},
    {"far text", AS_TEXT, 0, {1, 2}, {FAR(1, 0), LIST(0, BYTE, 3), 0x6968}, OK(2, 0x68)},
    {"far capability", AS_CAPABILITY, 0, {1, 1}, {FAR(1, 0), CAPABILITY(3)}, OK(3, 0)},
    {"far within the segment", AS_STRUCT, 0, {3}, {FAR(0, 1), STRUCT(0, 1, 0), 5}, OK(8, 5)},
    {"far to no segment", AS_STRUCT, 0, {1, 2}, {FAR(2, 0), STRUCT(0, 1, 0), 5}, REFUSED(BAD_SEGMENT, 0, 0)},
    {"far to the last segment", AS_STRUCT, 0, {1, 2}, {FAR(UINT32_MAX, 0), 0, 5}, REFUSED(BAD_SEGMENT, 0, 0)},
    {"far pad beyond", AS_STRUCT, 0, {1, 2}, {FAR(1, 2), STRUCT(0, 1, 0), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"far pad far beyond", AS_STRUCT, 0, {1, 2}, {FAR(1, 0x1fffffff), 0, 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"far struct beyond", AS_STRUCT, 0, {1, 2}, {FAR(1, 0), STRUCT(0, 2, 0), 5}, REFUSED(OUT_OF_BOUNDS, 1, 0)},
    {"far struct before the segment", AS_STRUCT, 0, {1, 2}, {FAR(1, 1), 5, STRUCT(-3, 1, 0)}, REFUSED(OUT_OF_BOUNDS, 1, 1)},
    {"far to null", AS_STRUCT, 0, {1, 1}, {FAR(1, 0), 0}, REFUSED(BAD_FAR, 1, 0)},
    {"far to far", AS_STRUCT, 0, {1, 3}, {FAR(1, 0), FAR(1, 1), STRUCT(0, 1, 0), 5}, REFUSED(BAD_FAR, 1, 0)},
    {"far to itself", AS_STRUCT, 0, {1}, {FAR(0, 0)}, REFUSED(BAD_FAR, 0, 0)},
    {"far wrong kind", AS_LIST, EIGHT, {1, 2}, {FAR(1, 0), STRUCT(0, 1, 0), 5}, REFUSED(WRONG_KIND, 1, 0)},

    /* Double far: the pad says where, and then what. */
    {"double far struct", AS_STRUCT, 0, {1, 2, 2}, {FAR2(1, 0), FAR(2, 1), STRUCT(0, 1, 0), 9, 5}, OK(8, 5)},
    {"double far list", AS_LIST, STRUCTS, {1, 2, 2}, {FAR2(1, 0), FAR(2, 0), LIST(0, STRUCTS, 1), TAG(1, 1, 0), 5}, OK(1, 5)},
    {"double far text", AS_TEXT, 0, {1, 2, 1}, {FAR2(1, 0), FAR(2, 0), LIST(0, BYTE, 3), 0x6968}, OK(2, 0x68)},
    {"double far empty struct", AS_STRUCT, 0, {1, 2, 1}, {FAR2(1, 0), FAR(2, 0), 0, 9}, OK(0, 0)},
    {"double far empty struct as list", AS_LIST, EIGHT, {1, 2, 1}, {FAR2(1, 0), FAR(2, 0), 0, 9}, REFUSED(WRONG_KIND, 1, 0)},
    {"double far pad beyond", AS_STRUCT, 0, {1, 1, 1}, {FAR2(1, 0), FAR(2, 0), 5}, REFUSED(OUT_OF_BOUNDS, 0, 0)},
    {"double far pad not far", AS_STRUCT, 0, {1, 2, 1}, {FAR2(1, 0), STRUCT(0, 1, 0), STRUCT(0, 1, 0), 5}, REFUSED(BAD_FAR, 1, 0)},
    {"double far to double far", AS_STRUCT, 0, {1, 2, 1}, {FAR2(1, 0), FAR2(2, 0), STRUCT(0, 1, 0), 5}, REFUSED(BAD_FAR, 1, 0)},
    {"double far tag is far", AS_STRUCT, 0, {1, 2, 1}, {FAR2(1, 0), FAR(2, 0), FAR(2, 0), 5}, REFUSED(BAD_FAR, 1, 0)},
    {"double far tag is capability", AS_CAPABILITY, 0, {1, 2, 1}, {FAR2(1, 0), FAR(2, 0), CAPABILITY(1), 5}, REFUSED(BAD_FAR, 1, 0)},
    {"double far to no segment", AS_STRUCT, 0, {1, 2, 1}, {FAR2(1, 0), FAR(3, 0), STRUCT(0, 1, 0), 5}, REFUSED(BAD_SEGMENT, 1, 0)},
    {"double far to no pad segment", AS_STRUCT, 0, {1, 2, 1}, {FAR2(3, 0), FAR(2, 0), STRUCT(0, 1, 0), 5}, REFUSED(BAD_SEGMENT, 0, 0)},
    {"double far struct beyond", AS_STRUCT, 0, {1, 2, 1}, {FAR2(1, 0), FAR(2, 0), STRUCT(0, 2, 0), 5}, REFUSED(OUT_OF_BOUNDS, 1, 0)},
    {"double far place beyond", AS_STRUCT, 0, {1, 2, 1}, {FAR2(1, 0), FAR(2, 2), STRUCT(0, 1, 0), 5}, REFUSED(OUT_OF_BOUNDS, 1, 0)},
};
/* clang-format on */

/** Read as the case says; `count` and `first` as described at struct read_case. */
static enum wire_error read_one(const struct read_case *c, struct wire_pointer pointer,
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

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(read_cases); i++) {
        const struct read_case *c = &read_cases[i];
        struct fixture fixture;
        struct walk walk = {.fuel = 1000};
        uint32_t segment_count = 0;
        uint64_t count = 0;
        uint64_t first = 0;

        while (segment_count < MAX_SEGMENTS && c->sizes[segment_count] != 0) {
            segment_count++;
        }
        fixture_init(&fixture, c->words, c->sizes, segment_count);
        const enum wire_error error = read_one(c, fixture_pointer(&fixture), &count, &first);
        const struct wire_fault *fault = &fixture.message.fault;

        if (error != c->error || fault->error != error) {
            fail_msg("%s: got \"%s\"", c->name, wire_error_text(error));
        }
        if (error == WIRE_OK && (count != c->segment || first != c->word)) {
            fail_msg("%s: count %u, first %u", c->name, (unsigned)count, (unsigned)first);
        }
        if (error != WIRE_OK && (fault->segment != c->segment || fault->word != c->word)) {
            fail_msg("%s: fault at %u:%u", c->name, fault->segment, fault->word);
        }
        if (error != WIRE_OK && count != 0) {
            fail_msg("%s: refused, but wrote its result", c->name);
        }
        walk_pointer(&walk, fixture_pointer(&fixture));
        fixture_fini(&fixture);
    }
}

/* ------------------------------------------------------------------------------------------
 * Limits
 * ------------------------------------------------------------------------------------------ */

/** `as` may be read with `words_left` words in the account, and not with one less. */
static void check_cost(const struct read_case *c, uint64_t words_left)
{
    struct fixture fixture;
    uint32_t segment_count = 0;
    uint64_t count = 0;
    uint64_t first = 0;

    while (segment_count < MAX_SEGMENTS && c->sizes[segment_count] != 0) {
        segment_count++;
    }
    fixture_init(&fixture, c->words, c->sizes, segment_count);
    fixture.message.words_left = words_left;
    assert_int_equal(read_one(c, fixture_pointer(&fixture), &count, &first), WIRE_OK);
    assert_int_equal(fixture.message.words_left, 0);
    fixture.message.words_left = words_left - 1;
    assert_int_equal(read_one(c, fixture_pointer(&fixture), &count, &first), WIRE_TRAVERSAL_LIMIT);
    assert_int_equal(fixture.message.fault.error, WIRE_TRAVERSAL_LIMIT);
    fixture_fini(&fixture);
}

static void test_traversal_limit(void **state)
{
    static const struct {
        uint64_t cost;
        struct read_case c;
    } cases[] = {
        {3, {"struct", AS_STRUCT, 0, {4}, {STRUCT(0, 2, 1), 5, 6, 0}, OK(0, 0)}},
        {2, {"list", AS_LIST, TWO, {3}, {LIST(0, TWO, 5), 5, 6}, OK(0, 0)}},
        {2, {"text", AS_TEXT, 0, {3}, {LIST(0, BYTE, 9), 5, 0}, OK(0, 0)}},
        {2, {"data", AS_DATA, 0, {3}, {LIST(0, BYTE, 9), 5, 6}, OK(0, 0)}},
        {3,
         {"structs", AS_LIST, STRUCTS, {4}, {LIST(0, STRUCTS, 2), TAG(2, 1, 0), 5, 6}, OK(0, 0)}},
        {0x1fffffff, {"void", AS_LIST, VOID, {1}, {LIST(0, VOID, 0x1fffffff)}, OK(0, 0)}},
        {0x3fffffff + 1,
         {"empty", AS_LIST, STRUCTS, {2}, {LIST(0, STRUCTS, 0), TAG(0x3fffffff, 0, 0)}, OK(0, 0)}},
        {2, {"far", AS_STRUCT, 0, {1, 2}, {FAR(1, 0), STRUCT(0, 1, 0), 5}, OK(0, 0)}},
        {3,
         {"double far",
          AS_STRUCT,
          0,
          {1, 2, 1},
          {FAR2(1, 0), FAR(2, 0), STRUCT(0, 1, 0), 5},
          OK(0, 0)}},
        {1, {"far capability", AS_CAPABILITY, 0, {1, 1}, {FAR(1, 0), CAPABILITY(3)}, OK(0, 0)}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        check_cost(&cases[i].c, cases[i].cost);
    }
}

/** A chain of structs, each pointing to the next, and the list or struct at its end. */
static void test_nesting_limit(void **state)
{
    uint64_t words[] = {STRUCT(0, 0, 1), STRUCT(0, 0, 1), LIST(-1, EIGHT, 0)};
    const uint32_t size = ARRAY_COUNT(words);
    struct fixture fixture;
    struct wire_struct s;
    struct wire_list list;

    (void)state;
    fixture_init(&fixture, words, &size, 1);
    for (uint16_t depth = 0; depth <= 3; depth++) {
        struct wire_pointer pointer = fixture_pointer(&fixture);
        uint32_t level = 0;

        pointer.depth_left = depth;
        while (level < 2 && wire_read_struct(pointer, &s) == WIRE_OK) {
            pointer = wire_pointer_at(&s, 0);
            level++;
        }
        assert_int_equal(level, depth < 2 ? depth : 2);
        if (level == 2) {
            assert_int_equal(wire_read_list(pointer, WIRE_ELEMENT_EIGHT_BYTES, &list),
                             depth == 2 ? WIRE_NESTING_LIMIT : WIRE_OK);
        }
        assert_int_equal(fixture.message.fault.error, depth == 3 ? WIRE_OK : WIRE_NESTING_LIMIT);
        fixture.message.fault.error = WIRE_OK;
    }
    fixture_fini(&fixture);
}

/** A struct that contains itself ends at the nesting limit. */
static void test_cycle(void **state)
{
    const uint64_t words[] = {STRUCT(-1, 0, 1)};
    uint64_t *copy = malloc(sizeof(words));
    struct wire_message message;
    struct wire_struct s;
    uint32_t depth = 0;

    (void)state;
    memcpy(copy, words, sizeof(words));
    assert_int_equal(wire_message_init_flat(&message, copy, sizeof(words)), WIRE_OK);
    message.words_left = 1000;
    enum wire_error error = wire_read_root(&message, &s);

    while (error == WIRE_OK) {
        depth++;
        error = wire_read_struct(wire_pointer_at(&s, 0), &s);
    }
    assert_int_equal(error, WIRE_NESTING_LIMIT);
    assert_int_equal(depth, WIRE_NESTING_DEFAULT);

    /* With the default limits a cycle cannot even cost that much. */
    assert_int_equal(wire_message_init_flat(&message, copy, sizeof(words)), WIRE_OK);
    for (error = wire_read_root(&message, &s); error == WIRE_OK;) {
        error = wire_read_struct(wire_pointer_at(&s, 0), &s);
    }
    assert_int_equal(error, WIRE_TRAVERSAL_LIMIT);
    free(copy);
}

/** A list that contains itself does, too. */
static void test_cycle_of_lists(void **state)
{
    const uint64_t words[] = {LIST(0, POINTER, 1), LIST(-1, POINTER, 1)};
    const uint32_t size = ARRAY_COUNT(words);
    struct fixture fixture;
    struct wire_list list;
    uint32_t depth = 0;

    (void)state;
    fixture_init(&fixture, words, &size, 1);
    enum wire_error error = wire_read_list(fixture_pointer(&fixture), WIRE_ELEMENT_POINTER, &list);

    while (error == WIRE_OK) {
        depth++;
        error = wire_list_get_list(&list, 0, WIRE_ELEMENT_POINTER, &list);
    }
    assert_int_equal(error, WIRE_NESTING_LIMIT);
    assert_int_equal(depth, fixture.message.depth_left);
    fixture_fini(&fixture);
}

/* ------------------------------------------------------------------------------------------
 * A message that changes while it is read
 * ------------------------------------------------------------------------------------------ */

/** One word that another thread keeps changing between something good and something bad. */
struct changing {
    uint64_t *word;
    uint64_t good;
    uint64_t bad;
    bool stop;
};

static void *change_word(void *argument)
{
    struct changing *changing = argument;

    while (!__atomic_load_n(&changing->stop, __ATOMIC_RELAXED)) {
        __atomic_store_n(changing->word, changing->bad, __ATOMIC_RELAXED);
        __atomic_store_n(changing->word, changing->good, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void read_changing_message(const uint64_t *words, size_t length)
{
    for (uint32_t i = 0; i < 20000; i++) {
        struct wire_message message;
        struct walk walk = {.fuel = 100};
        struct wire_struct root;

        assert_int_equal(wire_message_init_flat(&message, words, length), WIRE_OK);
        if (wire_read_root(&message, &root) == WIRE_OK) {
            walk_struct(&walk, &root);
        }
    }
}

/** Whatever the reader hands out is inside the message, because it loads each word once. */
static void test_changing_memory(void **state)
{
    static const uint64_t good[] = {
        STRUCT(0, 0, 2), LIST(1, STRUCTS, 2), LIST(2, BYTE, 8), TAG(2, 1, 0), 5, 0,
    };
    static const uint64_t bad[] = {
        STRUCT(0, 9, 9), LIST(1, STRUCTS, 90), LIST(2, BYTE, 800), TAG(90, 9, 9), 6, UINT64_MAX,
    };
    uint64_t *words = malloc(sizeof(good));

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(good); i++) {
        struct changing changing = {.word = words + i, .good = good[i], .bad = bad[i]};
        pthread_t thread;

        memcpy(words, good, sizeof(good));
        assert_int_equal(pthread_create(&thread, NULL, change_word, &changing), 0);
        read_changing_message(words, sizeof(good));
        __atomic_store_n(&changing.stop, true, __ATOMIC_RELAXED);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    free(words);
}

/* ------------------------------------------------------------------------------------------
 * Elements and fields beyond the end
 * ------------------------------------------------------------------------------------------ */

static void test_fields_beyond_the_end(void **state)
{
    const uint64_t words[] = {UINT64_MAX};
    const struct wire_struct s = wire_struct_inline(words, 1);
    struct wire_bytes text;

    (void)state;
    assert_int_equal(wire_get_u8(&s, 7), 0xff);
    assert_int_equal(wire_get_u8(&s, 8), 0);
    assert_int_equal(wire_get_u16(&s, 6), 0xffff);
    assert_int_equal(wire_get_u16(&s, 8), 0);
    assert_int_equal(wire_get_u32(&s, 4), 0xffffffff);
    assert_int_equal(wire_get_u32(&s, 8), 0);
    assert_int_equal(wire_get_u64(&s, 0), UINT64_MAX);
    assert_int_equal(wire_get_u64(&s, 8), 0);
    assert_true(wire_get_bit(&s, 63));
    assert_false(wire_get_bit(&s, 64));
    assert_true(wire_pointer_is_null(wire_pointer_at(&s, 0)));
    assert_int_equal(wire_read_text(wire_pointer_at(&s, 0), &text), WIRE_OK);
    assert_int_equal(text.length, 0);
    assert_int_equal(text.bytes[0], 0);
}

static void test_elements_beyond_the_end(void **state)
{
    static const struct read_case lists[] = {
        {"bits", AS_LIST, BIT, {2}, {LIST(0, BIT, 3), UINT64_MAX}, OK(3, 1)},
        {"bytes", AS_LIST, BYTE, {2}, {LIST(0, BYTE, 8), UINT64_MAX}, OK(8, 1)},
        {"twos", AS_LIST, TWO, {2}, {LIST(0, TWO, 4), UINT64_MAX}, OK(4, 1)},
        {"fours", AS_LIST, FOUR, {2}, {LIST(0, FOUR, 2), UINT64_MAX}, OK(2, 1)},
        {"words", AS_LIST, EIGHT, {2}, {LIST(0, EIGHT, 1), UINT64_MAX}, OK(1, 1)},
        {"pointers", AS_LIST, POINTER, {2}, {LIST(0, POINTER, 1), STRUCT(-1, 0, 0)}, OK(1, 0)},
        {"structs",
         AS_LIST,
         STRUCTS,
         {3},
         {LIST(0, STRUCTS, 1), TAG(1, 1, 0), UINT64_MAX},
         OK(1, 1)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        struct fixture fixture;
        struct wire_list list = {0};
        struct wire_list inner;
        struct wire_struct s;
        struct wire_bytes bytes;
        uint32_t capability;

        fixture_init(&fixture, lists[i].words, lists[i].sizes, 1);
        assert_int_equal(
            wire_read_list(fixture_pointer(&fixture), (enum wire_element)lists[i].element, &list),
            WIRE_OK);
        const uint32_t end = list.count;

        for (uint32_t index = end; index != end + 3; index = index == end ? UINT32_MAX : end + 3) {
            assert_int_equal(wire_list_get_bit(&list, index), 0);
            assert_int_equal(wire_list_get_u8(&list, index), 0);
            assert_int_equal(wire_list_get_u16(&list, index), 0);
            assert_int_equal(wire_list_get_u32(&list, index), 0);
            assert_int_equal(wire_list_get_u64(&list, index), 0);
            assert_int_equal(wire_list_get_struct(&list, index, &s), WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_text(&list, index, &bytes), WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_data(&list, index, &bytes), WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_list(&list, index, WIRE_ELEMENT_BYTE, &inner),
                             WIRE_BAD_INDEX);
            assert_int_equal(wire_list_get_capability(&list, index, &capability), WIRE_BAD_INDEX);
            assert_true(wire_pointer_is_null(wire_list_pointer_at(&list, index)));
        }
        fixture_fini(&fixture);
    }
}

/** An element read wider than it is gives zero, never its neighbour. */
static void test_narrow_elements(void **state)
{
    const uint64_t words[] = {LIST(0, BYTE, 8), UINT64_MAX};
    const uint32_t size = ARRAY_COUNT(words);
    struct fixture fixture;
    struct wire_list list;
    struct wire_struct s;

    (void)state;
    fixture_init(&fixture, words, &size, 1);
    assert_int_equal(wire_read_list(fixture_pointer(&fixture), WIRE_ELEMENT_STRUCT, &list),
                     WIRE_OK);
    assert_int_equal(wire_list_get_u8(&list, 7), 0xff);
    assert_int_equal(wire_list_get_u16(&list, 0), 0);
    assert_int_equal(wire_list_get_u32(&list, 0), 0);
    assert_int_equal(wire_list_get_u64(&list, 0), 0);
    assert_false(wire_list_get_bit(&list, 0));
    assert_int_equal(wire_list_get_struct(&list, 7, &s), WIRE_OK);
    assert_int_equal(wire_get_u8(&s, 0), 0xff);
    assert_int_equal(wire_get_u16(&s, 0), 0);
    assert_int_equal(wire_get_u32(&s, 0), 0);
    assert_int_equal(wire_get_u64(&s, 0), 0);
    assert_int_equal(s.pointer_count, 0);
    assert_true(wire_pointer_is_null(wire_list_pointer_at(&list, 7)));
    fixture_fini(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_traversal_limit),
        cmocka_unit_test(test_nesting_limit),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_cycle_of_lists),
        cmocka_unit_test(test_changing_memory),
        cmocka_unit_test(test_fields_beyond_the_end),
        cmocka_unit_test(test_elements_beyond_the_end),
        cmocka_unit_test(test_narrow_elements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
