/* SPDX-License-Identifier: MIT */
/*
 * The shell's line editor on a simulated terminal, which knows backspace and newline and nothing
 * else: what a person would see is compared with what the editor holds.
 */
#include "services/shell/line_editor.h"
#include "services/shell/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COLUMNS 80u

static struct line_editor editor;
static struct text_sink sink;
static char screen[COLUMNS + 1];
static unsigned column;
static unsigned escapes;

static void terminal(struct text_sink *to, const char *bytes, size_t length)
{
    (void)to;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\b') {
            assert_true(column > 0);
            column--;
        } else if (bytes[i] == '\n') {
            memset(screen, ' ', COLUMNS);
            column = 0;
        } else if (bytes[i] == '\033') { /* only ^L sends any */
            escapes++;
            i += 2;
            memset(screen, ' ', COLUMNS);
            column = 0;
        } else {
            assert_in_range(bytes[i], ' ', '~');
            assert_true(column < COLUMNS - 1); /* the last one may wrap */
            screen[column++] = bytes[i];
        }
    }
}

static int setup(void **state)
{
    (void)state;
    sink.write = terminal;
    memset(screen, ' ', COLUMNS);
    column = 0;
    line_editor_init(&editor, &sink, "> ");
    line_editor_start(&editor);
    return 0;
}

static enum line_event type(const char *text)
{
    enum line_event event = LINE_NONE;

    for (; *text != '\0'; text++) {
        event = line_editor_feed(&editor, *text);
    }
    return event;
}

/** The line as the screen shows it, the cursor as a position in it. */
static void check_screen(void)
{
    char expected[COLUMNS + 1];
    size_t visible = editor.length - editor.window;

    if (visible > LINE_EDITOR_COLUMNS - 2) {
        visible = LINE_EDITOR_COLUMNS - 2;
    }
    memset(expected, ' ', COLUMNS);
    memcpy(expected, "> ", 2);
    memcpy(expected + 2, editor.line + editor.window, visible);
    assert_memory_equal(screen, expected, COLUMNS);
    assert_int_equal(column, 2 + editor.cursor - editor.window);
}

static void enter(const char *expected)
{
    assert_int_equal(type("\r"), LINE_READY);
    assert_string_equal(editor.line, expected);
    line_editor_start(&editor);
}

static void keys(void **state)
{
    static const struct {
        const char *typed, *expected;
    } cases[] = {
        {"hello", "hello"},
        {"helo\033[Dl", "hello"},
        {"ello\001h", "hello"},
        {"ello\033[Hh\033[F!", "hello!"},
        {"ello\033OHh\033OF!", "hello!"},
        {"ello\033[1~h\033[4~!", "hello!"},
        {"hellox\b", "hello"},
        {"hellox\177", "hello"},
        {"hxello\033[D\033[D\033[D\033[D\033[D\033[3~", "hello"},
        {"hello world\027", "hello "},
        {"hello world  \027", "hello "},
        {"one two\025", ""},
        {"one two\033[D\033[D\033[D\025", "two"},
        {"one two\033[D\033[D\033[D\013", "one "},
        {"\b\177\027\025\013\033[D\033[C\033[3~\033[A\033[B", ""},
        {"a\033[99~b\033[1;5Dc\033[?25hd", "acdb"},
        {"a\377\200\303\244b\001\005\011\007c", "abc"},
        {"a\033\033[Db", "ba"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(state);
        for (const char *byte = cases[i].typed; *byte != '\0'; byte++) {
            assert_int_equal(line_editor_feed(&editor, *byte), LINE_NONE);
            check_screen();
        }
        enter(cases[i].expected);
    }
    assert_int_equal(escapes, 0);
}

static void endings(void **state)
{
    (void)state;
    assert_int_equal(type("a\n"), LINE_READY);
    line_editor_start(&editor);
    assert_int_equal(type("b\r"), LINE_READY);
    line_editor_start(&editor);
    assert_int_equal(type("\n"), LINE_NONE); /* belongs to the CR */
    assert_int_equal(type("\n"), LINE_READY);
    line_editor_start(&editor);
    assert_int_equal(type("abc\003"), LINE_ABANDONED);
    line_editor_start(&editor);
    enter("");
    type("abc\014");
    assert_true(escapes > 0);
    check_screen();
    enter("abc");
}

static void history(void **state)
{
    (void)state;
    type("first");
    enter("first");
    type("second");
    enter("second");
    type("second");
    enter("second"); /* once is enough */
    enter("");
    type("draft\033[A");
    check_screen();
    assert_memory_equal(editor.line, "second", 6);
    type("\033[A\033[A\033[A");
    check_screen();
    assert_memory_equal(editor.line, "first", 5);
    type("\033[B\033[B\033[B");
    check_screen();
    enter("draft");
    type("\020\020\020\016!");
    enter("second!");
    for (unsigned i = 0; i < 3000; i++) {
        char line[16];

        snprintf(line, sizeof(line), "line %u", i);
        type(line);
        enter(line);
    }
    for (unsigned i = 0; i < 3000; i++) {
        type("\033[A");
    }
    check_screen();
    assert_true(editor.length > 5);
}

static void long_lines(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LINE_EDITOR_MAX; i++) {
        assert_int_equal(line_editor_feed(&editor, (char)('a' + i % 26)), LINE_NONE);
        check_screen();
    }
    for (unsigned i = 0; i < 600; i++) {
        type("\033[D");
        check_screen();
    }
    type("\001");
    check_screen();
    type("\005");
    check_screen();
    assert_int_equal(type("\r"), LINE_READY);
    line_editor_start(&editor);
    for (unsigned i = 0; i < 100000; i++) {
        assert_int_equal(line_editor_feed(&editor, 'x'), LINE_NONE);
    }
    assert_int_equal(type("\r"), LINE_TOO_LONG);
    line_editor_start(&editor);
    check_screen();
    type("ok");
    enter("ok");
}

static void any_bytes(void **state)
{
    uint32_t random = 4711;

    (void)state;
    for (unsigned i = 0; i < 400000; i++) {
        char byte;

        random = random * 1664525u + 1013904223u;
        byte = (char)(random >> 13);
        if (random >> 31 != 0) { /* half of them keys of consequence */
            static const char keys_of_consequence[] = "abc \b\177\001\005\013\025\027\033[ABCD3~";

            byte = keys_of_consequence[(random >> 8) % (sizeof(keys_of_consequence) - 1)];
        }
        if (line_editor_feed(&editor, byte) != LINE_NONE) {
            line_editor_start(&editor);
        }
        check_screen();
    }
}

/* ------------------------------------------------------------------------------------------ */

static void splitting(void **state)
{
    static const struct {
        const char *line;
        enum words_error error;
        bool background;
        const char *words; /* joined by | */
    } cases[] = {
        {"", WORDS_OK, false, ""},
        {"   ", WORDS_OK, false, ""},
        {"one", WORDS_OK, false, "one|"},
        {"  one   two ", WORDS_OK, false, "one|two|"},
        {"\"one two\" three", WORDS_OK, false, "one two|three|"},
        {"a\"b c\"d", WORDS_OK, false, "ab cd|"},
        {"\"\"", WORDS_OK, false, "|"},
        {"run x &", WORDS_OK, true, "run|x|"},
        {"run x&", WORDS_OK, true, "run|x|"},
        {"&", WORDS_OK, true, ""},
        {"a & b", WORDS_OK, false, "a|&|b|"},
        {"\"", WORDS_OPEN_QUOTE, false, ""},
        {"a \"b", WORDS_OPEN_QUOTE, false, ""},
        {"1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3", WORDS_TOO_MANY, false,
         ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[128], joined[128] = "";
        struct words words;

        strcpy(line, cases[i].line);
        assert_int_equal(words_split(line, &words), cases[i].error);
        if (cases[i].error != WORDS_OK) {
            continue;
        }
        for (size_t w = 0; w < words.count; w++) {
            strcat(joined, words.word[w]);
            strcat(joined, "|");
        }
        assert_string_equal(joined, cases[i].words);
        assert_int_equal(words.background, cases[i].background);
        assert_null(words.word[words.count]);
    }
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(words_distance("help", "help"), 0);
    assert_int_equal(words_distance("hlep", "help"), 1);
    assert_int_equal(words_distance("hel", "help"), 1);
    assert_int_equal(words_distance("helpp", "help"), 1);
    assert_int_equal(words_distance("heap", "help"), 1);
    assert_int_equal(words_distance("", "help"), 4);
    assert_int_equal(words_distance("abcd", "wxyz"), 4);
    assert_int_equal(words_distance("this-one-is-longer-than-any-command", "help"), 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys, setup),
        cmocka_unit_test_setup(endings, setup),
        cmocka_unit_test_setup(history, setup),
        cmocka_unit_test_setup(long_lines, setup),
        cmocka_unit_test_setup(any_bytes, setup),
        cmocka_unit_test(splitting),
        cmocka_unit_test(distances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
