/* SPDX-License-Identifier: MIT */

/*
 * lib/text against the host's snprintf: directives are put together at random, both sides format
 * the same arguments, text and returned length must agree at every capacity. What differs from C
 * on purpose, and number parsing, have tables of their own. The seed is printed; CAPOS_SEED
 * repeats a run.
 */

#include "text/text.h"

#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

/* Format on both sides, at a random capacity, and compare. */
static void compare(const char *format, ...)
{
    char expected[700];
    char got[700];
    const size_t capacity = random_next() % 4 == 0 ? random_next() % 20 : 600;
    va_list arguments;
    int wanted;
    size_t length;

    memset(expected, '~', sizeof(expected));
    memset(got, '~', sizeof(got));
    va_start(arguments, format);
    wanted = vsnprintf(expected, capacity, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    length = text_vformat(got, capacity, format, arguments);
    va_end(arguments);

    if (wanted < 0 || length != (size_t)wanted || memcmp(expected, got, sizeof(got)) != 0) {
        fail_msg("format \"%s\": expected \"%.600s\" (%d), got \"%.600s\" (%zu)", format, expected,
                 wanted, got, length);
    }
}

/* A directive with random flags, width and precision. */
static void random_directive(char *out, size_t size, const char *flags, bool precision,
                             const char *conversion)
{
    size_t at = (size_t)snprintf(out, size, "a%%");

    for (const char *flag = flags; *flag != '\0'; flag++) {
        if (random_next() % 3 == 0) {
            at += (size_t)snprintf(out + at, size - at, "%c", *flag);
        }
    }
    if (random_next() % 2 == 0) {
        at += (size_t)snprintf(out + at, size - at, "%u", (unsigned)(random_next() % 70));
    }
    if (precision && random_next() % 3 == 0) {
        at += (size_t)snprintf(out + at, size - at, ".");
        if (random_next() % 4 != 0) {
            at += (size_t)snprintf(out + at, size - at, "%u", (unsigned)(random_next() % 40));
        }
    }
    snprintf(out + at, size - at, "%sz", conversion);
}

/* Small, large and special values alike. */
static uint64_t random_value(void)
{
    const uint64_t value = random_next() >> (random_next() % 64);

    switch (random_next() % 8) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return (uint64_t)1 << (random_next() % 64);
    case 3:
        return 0 - value;
    default:
        return value;
    }
}

static void test_random_integers(void **state)
{
    static const char *const signed_int[] = {"d", "i", "hd", "hhd"};
    static const char *const signed_long[] = {"ld", "lld", "zd", "jd", "td"};
    static const char *const unsigned_int[] = {"u", "x", "X", "hu", "hhx"};
    static const char *const unsigned_long[] = {"lu", "lx", "llu", "llX", "zu", "jx", "zx"};
    char format[64];

    (void)state;
    for (int i = 0; i < 40000; i++) {
        const uint64_t value = random_value();

        random_directive(format, sizeof(format), "-0", true,
                         signed_int[random_next() % ARRAY_COUNT(signed_int)]);
        compare(format, (int)value);
        random_directive(format, sizeof(format), "-0", true,
                         signed_long[random_next() % ARRAY_COUNT(signed_long)]);
        compare(format, (long)value);
        random_directive(format, sizeof(format), "-0#", true,
                         unsigned_int[random_next() % ARRAY_COUNT(unsigned_int)]);
        compare(format, (unsigned int)value);
        random_directive(format, sizeof(format), "-0#", true,
                         unsigned_long[random_next() % ARRAY_COUNT(unsigned_long)]);
        compare(format, (unsigned long)value);
        if (value != 0) {
            random_directive(format, sizeof(format), "-", false, "p");
            compare(format, (void *)(uintptr_t)value);
        }
    }
}

static void test_random_strings(void **state)
{
    char format[64];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char string[60];
        const size_t length = random_next() % sizeof(string);

        for (size_t k = 0; k < length; k++) {
            string[k] = (char)(random_next() % 255 + 1);
        }
        string[length] = '\0';
        random_directive(format, sizeof(format), "-", true, "s");
        compare(format, string);
        random_directive(format, sizeof(format), "-", false, "c");
        compare(format, (int)(random_next() % 256));
        compare("%.*s|", (int)(random_next() % 80) - 10, string);
        compare("%*s|%-*d", (int)(random_next() % 80) - 40, string, (int)(random_next() % 80) - 40,
                (int)random_next());
        compare("%*.*lx", (int)(random_next() % 80) - 40, (int)(random_next() % 50) - 10,
                (unsigned long)random_next());
    }
}

static void test_mixed_arguments(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        compare("cpu%u: %s at %016lx (%c%c) %lld%% of %zu, %-8s|%8.3s|%08x|%hhu", 3u, "trap",
                0xffffffff80001234ul, 'o', 'k', -5ll, (size_t)77, "left", "precision", 0xbeefu,
                513);
        compare("%d %d %ld %ld", INT_MIN, INT_MAX, LONG_MIN, LONG_MAX);
        compare("");
        compare("no directive");
        compare("%%");
    }
}

/* A precision must keep the string from being read any further (ASan watches). */
static void test_unterminated_string(void **state)
{
    char *bytes = malloc(3);
    char out[8];

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, "abc", 3);
    assert_int_equal(text_format(out, sizeof(out), "%.*s", 3, bytes), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(text_format(out, sizeof(out), "%.3s", bytes), 3);
    free(bytes);
}

/* text_format() without the compiler's look at the directives. */
static size_t format_unchecked(char *out, size_t capacity, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = text_vformat(out, capacity, format, arguments);
    va_end(arguments);
    return length;
}

static void test_beyond_c(void **state)
{
    char out[64];

    (void)state;
    format_unchecked(out, sizeof(out), "%p %s", NULL, (const char *)NULL);
    assert_string_equal(out, "0x0 (null)");
    /* An unknown directive ends formatting: the rest is copied. */
    assert_int_equal(format_unchecked(out, sizeof(out), "%d %f %s", 1, 2.0, "x"), 7);
    assert_string_equal(out, "1 %f %s");
    assert_int_equal(format_unchecked(out, sizeof(out), "50%"), 3);
    assert_string_equal(out, "50%");
    assert_int_equal(format_unchecked(out, sizeof(out), "%-5l", 1l), 4);
    assert_string_equal(out, "%-5l");
    /* Field sizes are limited. */
    assert_int_equal(format_unchecked(out, sizeof(out), "%99999999999d", 1), TEXT_FIELD_MAX);
    assert_int_equal(format_unchecked(out, sizeof(out), "%*d", INT_MIN, 1), TEXT_FIELD_MAX);
    assert_int_equal(format_unchecked(out, sizeof(out), "%.*d", INT_MAX, 1), TEXT_FIELD_MAX);
    assert_int_equal(format_unchecked(out, sizeof(out), "%.99999999d", 1), TEXT_FIELD_MAX);
    /* Capacities at the edge. */
    assert_int_equal(text_format(NULL, 0, "%d", 12345), 5);
    assert_int_equal(text_format(out, 1, "%d", 12345), 5);
    assert_string_equal(out, "");
    assert_int_equal(text_format(out, 6, "%d", 12345), 5);
    assert_string_equal(out, "12345");
    assert_int_equal(text_format(out, 5, "%d", 12345), 5);
    assert_string_equal(out, "1234");
}

struct collecting_sink {
    struct text_sink sink;
    char text[128];
    size_t length;
};

static void collect(struct text_sink *sink, const char *bytes, size_t length)
{
    struct collecting_sink *collecting = CONTAINER_OF(sink, struct collecting_sink, sink);

    assert_true(length > 0);
    assert_true(collecting->length + length < sizeof(collecting->text));
    memcpy(collecting->text + collecting->length, bytes, length);
    collecting->length += length;
}

static void test_sink(void **state)
{
    struct collecting_sink sink = {.sink = {.write = collect}};

    (void)state;
    assert_int_equal(text_print(&sink.sink, "[%40d] %s", 7, "end"), 46);
    assert_int_equal(sink.length, 46);
    assert_string_equal(sink.text, "[                                       7] end");
}

static void test_hex(void **state)
{
    char out[17] = "................";

    (void)state;
    text_hex(out, 0x0123456789abcdef, 16);
    assert_string_equal(out, "0123456789abcdef");
    text_hex(out, 0x0123456789abcdef, 3);
    assert_string_equal(out, "def3456789abcdef");
}

static void test_parse_table(void **state)
{
    static const struct {
        const char *text;
        enum text_error error;
        uint64_t value;
    } cases[] = {
        {"0", TEXT_OK, 0},
        {"7", TEXT_OK, 7},
        {"0042", TEXT_OK, 42},
        {"18446744073709551615", TEXT_OK, UINT64_MAX},
        {"0xffffffffffffffff", TEXT_OK, UINT64_MAX},
        {"0X00000000000000001aB", TEXT_OK, 0x1ab},
        {"", TEXT_EMPTY, 0},
        {"0x", TEXT_EMPTY, 0},
        {"18446744073709551616", TEXT_OUT_OF_RANGE, 0},
        {"99999999999999999999999", TEXT_OUT_OF_RANGE, 0},
        {"0x10000000000000000", TEXT_OUT_OF_RANGE, 0},
        {"99999999999999999999999x", TEXT_BAD_DIGIT, 0},
        {"-1", TEXT_BAD_DIGIT, 0},
        {"+1", TEXT_BAD_DIGIT, 0},
        {" 1", TEXT_BAD_DIGIT, 0},
        {"1 ", TEXT_BAD_DIGIT, 0},
        {"12a", TEXT_BAD_DIGIT, 0},
        {"0xg", TEXT_BAD_DIGIT, 0},
        {"1/", TEXT_BAD_DIGIT, 0},
        {"1:", TEXT_BAD_DIGIT, 0},
        {"0x@", TEXT_BAD_DIGIT, 0},
        {"0x`", TEXT_BAD_DIGIT, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        /* An exact copy on the heap: reading past the length is seen. */
        const size_t length = strlen(cases[i].text);
        char *copy = malloc(length + (length == 0));
        uint64_t value = 0x5555;

        assert_non_null(copy);
        memcpy(copy, cases[i].text, length);
        assert_string_equal(text_error_name(text_parse_u64(copy, length, &value)),
                            text_error_name(cases[i].error));
        assert_int_equal(value, cases[i].error == TEXT_OK ? cases[i].value : 0x5555);
        free(copy);
    }
}

static void test_parse_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        const uint64_t value = random_value();
        char text[32];
        uint64_t back = ~value;

        assert_int_equal(text_parse_u64(text, text_format(text, sizeof(text), "%lu", value), &back),
                         TEXT_OK);
        assert_int_equal(back, value);
        assert_int_equal(
            text_parse_u64(text, text_format(text, sizeof(text), "0x%lX", value), &back), TEXT_OK);
        assert_int_equal(back, value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_integers),
        cmocka_unit_test(test_random_strings),
        cmocka_unit_test(test_mixed_arguments),
        cmocka_unit_test(test_unterminated_string),
        cmocka_unit_test(test_beyond_c),
        cmocka_unit_test(test_sink),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_parse_table),
        cmocka_unit_test(test_parse_round_trip),
    };

    random_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
