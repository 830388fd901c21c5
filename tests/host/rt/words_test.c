/* SPDX-License-Identifier: MIT */
/*
 * Numbers, places and bytes as a person types them at the prompt: what is read, and what is not.
 */
#include "services/shell/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void sizes(void **state)
{
    static const struct {
        const char *word;
        enum text_error error;
        uint64_t value;
    } cases[] = {
        {"0", TEXT_OK, 0},
        {"512", TEXT_OK, 512},
        {"4K", TEXT_OK, 4096},
        {"4k", TEXT_OK, 4096},
        {"0x10K", TEXT_OK, 16384},
        {"3M", TEXT_OK, 3 << 20},
        {"2g", TEXT_OK, 2ull << 30},
        {"18446744073709551615", TEXT_OK, UINT64_MAX},
        {"17179869183G", TEXT_OK, 17179869183ull << 30},
        {"17179869184G", TEXT_OUT_OF_RANGE, 0},
        {"18446744073709551616", TEXT_OUT_OF_RANGE, 0},
        {"", TEXT_EMPTY, 0},
        {"K", TEXT_EMPTY, 0},
        {"4KK", TEXT_BAD_DIGIT, 0},
        {"4B", TEXT_BAD_DIGIT, 0},
        {"-1", TEXT_BAD_DIGIT, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t value = 77;

        assert_int_equal(words_size(cases[i].word, &value), cases[i].error);
        assert_true(value == (cases[i].error == TEXT_OK ? cases[i].value : 77));
    }
}

static void places(void **state)
{
    static const char *const bad[] = {
        "",         "00",       "00:03",    "00:03.",        "00:03.8",   "00:20.0",
        "100:00.0", ":03.0",    "00:03.0x", "00:.0",         "0:0:0:0.0", "1:00:03",
        "g0:00.0",  "00:03.0:", "00:03:0",  "10000:00:03.0", " 00:03.0"};
    uint16_t segment = 9, bdf = 9;

    (void)state;
    assert_true(words_bdf("00:03.0", &segment, &bdf));
    assert_int_equal(segment, 0);
    assert_int_equal(bdf, 3 << 3);
    assert_true(words_bdf("ff:1f.7", &segment, &bdf));
    assert_int_equal(bdf, 0xffff);
    assert_true(words_bdf("1:2.3", &segment, &bdf));
    assert_int_equal(bdf, 1 << 8 | 2 << 3 | 3);
    assert_true(words_bdf("aBcD:00:00.0", &segment, &bdf));
    assert_int_equal(segment, 0xabcd);
    assert_int_equal(bdf, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(words_bdf(bad[i], &segment, &bdf));
    }
    assert_int_equal(segment, 0xabcd);
}

static void bytes(void **state)
{
    uint8_t out[4] = {1, 2, 3, 4};
    size_t length = 77;

    (void)state;
    assert_false(words_hex_bytes("", out, sizeof(out), &length));
    assert_false(words_hex_bytes("123", out, sizeof(out), &length));
    assert_false(words_hex_bytes("0011223344", out, sizeof(out), &length));
    assert_false(words_hex_bytes("00xx", out, sizeof(out), &length));
    assert_int_equal(length, 77);
    assert_int_equal(out[0], 1); /* a refused word changes nothing */
    assert_true(words_hex_bytes("dEadBEef", out, sizeof(out), &length));
    assert_int_equal(length, 4);
    assert_memory_equal(out, "\xde\xad\xbe\xef", 4);
}

/** What is suggested for a word: at most two edits or a beginning, never what is half another. */
static void nearest(void **state)
{
    static const char *const known[] = {
        "help", "ps", "reboot", "devices", "dma", "blk1", "a name that is longer than any word"};
    static const struct {
        const char *word;
        const char *suggested;
    } cases[] = {
        {"hepl", "help"},
        {"halp", "help"},
        {"rebot", "reboot"},
        {"ps", "ps"},
        {"sp", "ps"}, /* one swap */
        {"xy", ""},
        {"dev", "devices"},
        {"d", ""},
        {"dm", "dma"},
        {"devise", "devices"},
        {"blk", "blk1"},
        {"devicesandmore", ""},
        {"a name that is longer than any wor", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct words_nearest found;

        words_nearest_init(&found, cases[i].word);
        for (size_t j = 0; j < sizeof(known) / sizeof(known[0]); j++) {
            words_nearest_offer(&found, known[j]);
        }
        assert_string_equal(found.name, cases[i].suggested);
    }
    assert_true(words_same("a", "a") && words_same("", ""));
    assert_false(words_same("a", "ab") || words_same("ab", "a") || words_same("a", "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(places),
        cmocka_unit_test(bytes),
        cmocka_unit_test(nearest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
