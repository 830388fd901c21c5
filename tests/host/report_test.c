/* SPDX-License-Identifier: MIT */

/*
 * lib/report: lines of text that line up and never pass column 79, cut where that can be seen;
 * lines of JSON; cursors from anywhere; the words of a request; the line editor of the early
 * prompt.
 */

#include "report/input_line.h"
#include "report/report.h"
#include "report/words.h"

#include "pci/class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

/* ------------------------------------------------------------------------------------------
 * Lines
 * ------------------------------------------------------------------------------------------ */

static const struct report_column columns[] = {
    {"NO", "no", 4, REPORT_DECIMAL}, {"NAME", "name", 6, REPORT_TEXT}, {"AT", "at", 5, REPORT_HEX},
    {"ON", "on", 3, REPORT_YES_NO},  {"NOTE", "note", 0, REPORT_TEXT},
};

static const struct report_table table = {"thing", NULL, columns, 5, NULL};

static void expect_text(const struct report_row *row, const char *expected)
{
    char line[REPORT_LINE_BYTES];
    const size_t length = report_text(&table, row, line);

    assert_string_equal(line, expected);
    assert_int_equal(length, strlen(expected));
}

static void expect_json(const struct report_row *row, const char *expected)
{
    char line[REPORT_LINE_BYTES];

    assert_int_equal(report_json(&table, row, line), strlen(expected));
    assert_string_equal(line, expected);
}

static void test_lines(void **state)
{
    struct report_row row = {0};
    char line[REPORT_LINE_BYTES];

    (void)state;
    assert_int_equal(report_heading(&table, line), strlen("  NO NAME      AT ON  NOTE\n"));
    assert_string_equal(line, "  NO NAME      AT ON  NOTE\n");

    report_set_number(&row, 0, 42);
    report_set_text(&row, 1, "edu");
    report_set_number(&row, 2, 0xfe8);
    report_set_flag(&row, 3, true);
    report_set_text(&row, 4, "a \"note\"\\\n\xe9");
    expect_text(&row, "  42 edu      fe8 yes a \"note\"\\??\n");
    expect_json(&row,
                "{\"table\":\"thing\",\"no\":42,\"name\":\"edu\",\"at\":\"0xfe8\",\"on\":true,"
                "\"note\":\"a \\\"note\\\"\\\\\\u000a\\u00e9\"}\n");

    /* Nothing to say: a dash, and no member. No text at all: blanks, which do not end a line. */
    for (uint32_t i = 0; i < 4; i++) {
        report_set_absent(&row, i);
    }
    row.cells[4] = (struct report_cell){.text = NULL};
    expect_text(&row, "   - -          - -\n");
    expect_json(&row, "{\"table\":\"thing\",\"note\":\"\"}\n");
}

static void test_too_wide(void **state)
{
    struct report_row row = {0};
    char note[200];

    (void)state;
    memset(note, 'n', sizeof(note));
    note[sizeof(note) - 1] = '\0';
    report_set_number(&row, 0, 9999);
    report_set_text(&row, 1, "sixsix");
    report_set_number(&row, 2, 0xfffff);
    report_set_text(&row, 4, "");
    expect_text(&row, "9999 sixsix fffff no\n");
    /* One more each: a text is cut and says so, a number is never another number. */
    report_set_number(&row, 0, 10000);
    report_set_text(&row, 1, "sixsixs");
    report_set_number(&row, 2, 0x100000);
    expect_text(&row, "**** sixsi+ ***** no\n");
    expect_json(&row, "{\"table\":\"thing\",\"no\":10000,\"name\":\"sixsixs\",\"at\":\"0x100000\","
                      "\"on\":false,\"note\":\"\"}\n");
    /* The last column takes what is left. */
    report_set_text(&row, 4, note);
    char line[REPORT_LINE_BYTES];

    assert_int_equal(report_text(&table, &row, line), REPORT_TEXT_COLUMNS + 1);
    assert_string_equal(line + REPORT_TEXT_COLUMNS - 2, "n+\n");
    assert_true(report_json(&table, &row, line) > sizeof(note));
}

/** A table that is wider than a line: cut, and its heading too, whatever the widths. */
static void test_too_wide_a_table(void **state)
{
    static const struct report_column wide_columns[] = {
        {"FIRST", "first", 60, REPORT_DECIMAL}, {"SECOND", "second", 255, REPORT_DECIMAL},
        {"THIRD", "third", 255, REPORT_TEXT},   {"FOURTH", "fourth", 255, REPORT_YES_NO},
        {"FIFTH", "fifth", 0, REPORT_TEXT},
    };
    static const struct report_table wide = {"wide", NULL, wide_columns, 5, NULL};
    struct report_row row = {0};
    char line[REPORT_LINE_BYTES];

    (void)state;
    report_set_number(&row, 0, 1);
    assert_int_equal(report_text(&wide, &row, line), REPORT_TEXT_COLUMNS + 1);
    assert_string_equal(line + REPORT_TEXT_COLUMNS - 2, " +\n");
    assert_int_equal(report_heading(&wide, line), 61); /* blanks at the end are cut off */
    assert_string_equal(line + 55, "FIRST\n");
}

/** What JSON has no room for is said, and is still one object. */
static void test_json_too_long(void **state)
{
    struct report_row row = {0};
    char note[600];
    char line[REPORT_LINE_BYTES];

    (void)state;
    memset(note, '"', sizeof(note));
    for (size_t length = 0; length < sizeof(note) - 1; length++) {
        note[length] = '\0';
        report_set_text(&row, 4, note);
        assert_true(report_json(&table, &row, line) < REPORT_LINE_BYTES);
        note[length] = '"';
    }
    assert_string_equal(line, "{\"table\":\"thing\",\"cut\":true}\n");
}

/** Texts made for a row: more than there is room for are left out, long ones cut. */
static void test_made(void **state)
{
    struct report_row row = {0};

    (void)state;
    report_set_made(&row, 1, "%s", "0123456789012345678901234567890123456789");
    assert_int_equal(strlen(row.cells[1].text), REPORT_SCRATCH - 1);
    for (uint32_t i = 0; i < 2 * REPORT_SCRATCH_MAX; i++) {
        report_set_made(&row, i % REPORT_COLUMNS_MAX, "%u", i);
    }
    assert_int_equal(row.scratch_count, REPORT_SCRATCH_MAX);
    assert_string_equal(row.cells[REPORT_SCRATCH_MAX - 2].text, "4");
}

/** Columns for JSON alone come behind the others and change no line of text; a long text is whole
 * in JSON and cut at the end of a line. */
static void test_json_alone(void **state)
{
    static const struct report_column columns[] = {
        {"LINE", "line", 0, REPORT_TEXT},
        {NULL, "at", 0, REPORT_HEX},
        {NULL, "name", 0, REPORT_TEXT},
    };
    static const char end[] = "0007\",\"at\":\"0xab\"}\n";
    const struct report_table named = {"named", NULL, columns, 3, NULL};
    struct report_row row = {0};
    char line[REPORT_LINE_BYTES];
    size_t length;

    (void)state;
    report_set_long(&row, 0, "%0100u", 7u);
    assert_int_equal(strlen(row.cells[0].text), 100);
    report_set_number(&row, 1, 0xab);
    report_set_absent(&row, 2);
    assert_int_equal(report_heading(&named, line), 5);
    assert_string_equal(line, "LINE\n");
    assert_int_equal(report_text(&named, &row, line), REPORT_TEXT_COLUMNS + 1);
    assert_string_equal(line + REPORT_TEXT_COLUMNS - 2, "0+\n");
    length = report_json(&named, &row, line);
    assert_string_equal(line + length - strlen(end), end);
    report_set_long(&row, 0, "%0300u", 7u);
    assert_int_equal(strlen(row.cells[0].text), REPORT_LONG_SCRATCH - 1);
}

/* ------------------------------------------------------------------------------------------
 * Whole reports
 * ------------------------------------------------------------------------------------------ */

/** As many rows as the argument says, at every third place. */
static bool some_rows(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const uint32_t index = *place / 3 + (*place % 3 != 0 ? 1 : 0);

    if (index >= argument) {
        return false;
    }
    report_set_number(row, 0, index);
    *place = 3 * index + 1;
    return true;
}

static bool no_rows(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    (void)place;
    (void)row;
    return false;
}

static bool stuck_rows(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    (void)place;
    report_set_number(row, 0, 7);
    return true;
}

static const struct report_table tables[] = {
    {"silent", NULL, columns, 1, no_rows},
    {"some", "not one", columns, 1, some_rows},
    {"none", "none of these", columns, 1, no_rows},
    {"stuck", NULL, columns, 1, stuck_rows},
};
static const struct report report = {"report", "for tests", tables, 4};

static void expect_report(uint64_t argument, bool as_json, const char *expected)
{
    char all[1024] = "";
    char line[REPORT_LINE_BYTES];
    uint64_t cursor = 0;
    size_t length;

    while ((length = report_next(&report, argument, as_json, &cursor, line)) != 0) {
        assert_int_equal(length, strlen(line));
        assert_int_equal(line[length - 1], '\n');
        strcat(all, line);
        assert_true(strlen(all) < 512);
    }
    assert_string_equal(all, expected);
    assert_int_equal(report_next(&report, argument, as_json, &cursor, line), 0);
}

static void test_report(void **state)
{
    (void)state;
    expect_report(0, false, "not one\nnone of these\n  NO\n   7\n");
    expect_report(2, false, "  NO\n   0\n   1\nnone of these\n  NO\n   7\n");
    expect_report(0, true, "{\"table\":\"stuck\",\"no\":7}\n");
    expect_report(1, true, "{\"table\":\"some\",\"no\":0}\n{\"table\":\"stuck\",\"no\":7}\n");
}

/** From any cursor a report ends, and its lines are lines. */
static void test_cursors(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t i = 0; i < 20000; i++) {
        uint64_t cursor = random_next() >> random_next() % 64;
        char line[REPORT_LINE_BYTES];
        size_t length;
        uint32_t count = 0;

        while ((length = report_next(&report, 20, random_next() % 2 == 0, &cursor, line)) != 0) {
            assert_int_equal(line[length - 1], '\n');
            assert_int_equal(line[length], '\0');
            assert_true(count++ < 30);
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * Requests
 * ------------------------------------------------------------------------------------------ */

static enum report_request_error request(const char *text, struct report_request *out)
{
    struct report_words words;

    report_words_split(text, strlen(text), &words);
    return report_request_read(&words, out);
}

static void test_requests(void **state)
{
    static const struct {
        const char *text;
        enum report_request_error error;
        bool as_json, has_argument;
        uint64_t argument;
    } cases[] = {
        {"pci", REPORT_REQUEST_OK, false, false, 0},
        {"  pci   -j ", REPORT_REQUEST_OK, true, false, 0},
        {"pci 00:1f.2", REPORT_REQUEST_OK, false, true, 0xfa},
        {"pci -j 0001:A0:1f.7", REPORT_REQUEST_OK, true, true, 0x1a0ff},
        {"caps 12", REPORT_REQUEST_OK, false, true, 12},
        {"caps 0x1f", REPORT_REQUEST_OK, false, true, 31},
        {"pci 00:20.0", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci 00:1f.8", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci 00:1f.2x", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci 0:1f.2", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci 00-1f.2", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci 0001-00:1f.2", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci 18446744073709551616", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci -k", REPORT_REQUEST_BAD_ARGUMENT, false, false, 0},
        {"pci 1 2", REPORT_REQUEST_TOO_MANY, false, false, 0},
        {"pci -j -j -j 1", REPORT_REQUEST_TOO_MANY, false, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct report_request read;

        assert_int_equal(request(cases[i].text, &read), cases[i].error);
        if (cases[i].error == REPORT_REQUEST_OK) {
            assert_int_equal(read.as_json, cases[i].as_json);
            assert_int_equal(read.has_argument, cases[i].has_argument);
            assert_int_equal(read.argument, cases[i].argument);
        }
    }
    struct report_words words;

    report_words_split("   ", 3, &words);
    assert_int_equal(words.count, 0);
}

/* ------------------------------------------------------------------------------------------
 * Typing
 * ------------------------------------------------------------------------------------------ */

/** Type bytes; the last event, and what the terminal got. */
static enum input_event type(struct input_line *line, const char *bytes, char *shown)
{
    enum input_event event = INPUT_NONE;

    for (*shown = '\0'; *bytes != '\0'; bytes++) {
        char echo[INPUT_ECHO_BYTES];
        size_t length;

        event = input_line_feed(line, (uint8_t)*bytes, echo, &length);
        assert_true(length <= sizeof(echo));
        strncat(shown, echo, length);
    }
    return event;
}

static void test_typing(void **state)
{
    struct input_line line = {0};
    char shown[512];

    (void)state;
    input_line_start(&line);
    assert_int_equal(type(&line, "pcx\b\x7fi\x1b[A\x1b[3~\x1bOP\x01\xff -\r", shown), INPUT_READY);
    assert_string_equal(line.text, "pi -");
    assert_string_equal(shown, "pcx\b \b\b \bi -\n");

    /* The LF of a CR LF is no line of its own; a second one is. */
    input_line_start(&line);
    assert_int_equal(type(&line, "\n", shown), INPUT_NONE);
    assert_int_equal(type(&line, "\n", shown), INPUT_READY);
    assert_string_equal(line.text, "");

    input_line_start(&line);
    assert_int_equal(type(&line, "\b\bx\x03", shown), INPUT_ABANDONED);
    assert_string_equal(shown, "x^C\n");
    input_line_start(&line);
    assert_int_equal(type(&line, "abc\x15", shown), INPUT_ABANDONED);
    /* A control character breaks a sequence off. */
    input_line_start(&line);
    assert_int_equal(type(&line, "\x1b[12\r", shown), INPUT_READY);
}

static void test_too_long_a_line(void **state)
{
    struct input_line line = {0};
    char bytes[INPUT_LINE_MAX + 2];
    char shown[512];

    (void)state;
    memset(bytes, 'a', sizeof(bytes));
    bytes[INPUT_LINE_MAX] = '\0';
    input_line_start(&line);
    assert_int_equal(type(&line, bytes, shown), INPUT_NONE);
    assert_int_equal(type(&line, "\r", shown), INPUT_READY);
    assert_string_equal(line.text, bytes);

    bytes[INPUT_LINE_MAX] = 'a';
    bytes[INPUT_LINE_MAX + 1] = '\0';
    input_line_start(&line);
    (void)type(&line, bytes, shown);
    assert_int_equal(strlen(shown), INPUT_LINE_MAX);
    assert_int_equal(type(&line, "\b\b\b\r", shown), INPUT_TOO_LONG);
    input_line_start(&line);
    assert_int_equal(type(&line, "help\r", shown), INPUT_READY);
}

/** Any bytes: the line stays terminated and inside, and is all that it can be. */
static void test_any_bytes(void **state)
{
    struct input_line line = {0};

    (void)state;
    random_seed();
    input_line_start(&line);
    for (uint32_t i = 0; i < 200000; i++) {
        char echo[INPUT_ECHO_BYTES];
        size_t length = 99;
        const enum input_event event =
            input_line_feed(&line, (uint8_t)(random_next() >> 20), echo, &length);

        assert_true(length <= sizeof(echo));
        assert_true(line.length <= INPUT_LINE_MAX);
        if (event != INPUT_NONE) {
            assert_int_equal(event == INPUT_READY ? strlen(line.text) : line.length, line.length);
            for (uint32_t j = 0; event == INPUT_READY && j < line.length; j++) {
                assert_true(line.text[j] >= ' ' && line.text[j] < 0x7f);
            }
            input_line_start(&line);
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(pci_class_name(0x060400), "PCI bridge");
    assert_string_equal(pci_class_name(0x0680ff), "bridge");
    assert_string_equal(pci_class_name(0x130000), "instrumentation");
    assert_string_equal(pci_class_name(0x140000), "unknown");
    assert_string_equal(pci_class_name(0xff0000), "unassigned class");
    assert_string_equal(pci_capability_name(0x11, false), "MSI-X");
    assert_string_equal(pci_capability_name(0x11, true), "");
    assert_string_equal(pci_capability_name(0x0d, true), "access control services");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_too_wide),
        cmocka_unit_test(test_too_wide_a_table),
        cmocka_unit_test(test_json_too_long),
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_json_alone),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_cursors),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_typing),
        cmocka_unit_test(test_too_long_a_line),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
