/* SPDX-License-Identifier: MIT */

/*
 * The reader, pointer by pointer: every accept and every refusal, one case a line.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire_pointer.h"
#include "wire_walk.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
