/* SPDX-License-Identifier: MIT */
/*
 * Pages: `page LINES` has the shell stop when it has printed so many lines of a command, until a
 * key is pressed. Off at first: most terminals keep what has gone by, and programs read this too.
 */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define PAGE_LINES_DEFAULT 22u /* of a terminal of 24 */
#define PAGE_LINES_MAX     2000u
#define KEY_INTERRUPT      0x03 /* ^C */

static uint64_t page_lines; /* 0: no pages */
static uint64_t shown;      /* lines of this command since the last stop */
static bool shows_all;      /* of this command */

/** Past rt_print(), which waits for us. */
static void say(const char *text)
{
    (void)!console_write(rt_capability("console"), text, strlen(text));
}

/** A line more. When the page is full a person says what to do; false: enough. */
static bool line_begins(void)
{
    char key;

    if (shows_all || shown < page_lines) {
        shown++;
        return true;
    }
    say("-- more: Enter, a for all, q to stop --");
    key = input_wait();
    say("\r                                       \r");
    shown = 1; /* the one that begins */
    shows_all = key == 'a';
    return key != 'q' && key != KEY_INTERRUPT;
}

void pager_start(void)
{
    shown = 0;
    shows_all = false;
    rt_print_watch(page_lines == 0 ? NULL : line_begins);
}

void pager_end(void)
{
    rt_print_watch(NULL);
}

void command_page(struct words *words)
{
    uint64_t lines = PAGE_LINES_DEFAULT;

    if (!command_words(words, 1, 2) ||
        (words->count == 2 && !command_number("number of lines", words->word[1], &lines))) {
        return;
    }
    if (lines > PAGE_LINES_MAX) {
        rt_print("a page has at most %u lines\n", PAGE_LINES_MAX);
        return;
    }
    page_lines = lines;
}
