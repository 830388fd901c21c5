/* SPDX-License-Identifier: MIT */
#include "diag/prompt.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/power.h"
#include "arch/x86_64/uart.h"
#include "diag/log.h"
#include "diag/reports.h"
#include "diag/trace.h"
#include "lock.h"
#include "object/console.h"
#include "report/input_line.h"
#include "report/words.h"
#include "sched/timer.h"
#include "text/text.h"

#define KEY_DIAGNOSTICS 0x04 /* ^D */
#define KEY_INTERRUPT   0x03 /* ^C */
#define NS_PER_MS       1000000ull
#define PROMPT          "diag> "
#define PAGE_LINES      22u   /* of a terminal of 24 */
#define LINES_MAX       2000u /* of one command */
#define TYPED_AHEAD_MAX 256u

enum pager { PAGER_GO_ON, PAGER_STOP };

/** The prompt's own memory, all there is of it: one CPU uses it, before anything else runs. */
static struct {
    struct input_line input;
    uint8_t ahead[TYPED_AHEAD_MAX]; /* typed while something was printed; more is dropped */
    uint32_t ahead_head;
    uint32_t ahead_tail;
    uint32_t page_lines; /* 0: no pages */
    uint32_t shown;      /* lines since the last stop */
    char line[REPORT_LINE_BYTES];
} prompt;

/* ------------------------------------------------------------------------------------------
 * The line
 * ------------------------------------------------------------------------------------------ */

static void say(const char *text)
{
    uart_write(text, strlen(text));
}

static uint8_t take_byte(void)
{
    uint8_t byte;

    if (prompt.ahead_head != prompt.ahead_tail) {
        return prompt.ahead[prompt.ahead_head++ % TYPED_AHEAD_MAX];
    }
    while (!uart_read(&byte)) {
        cpu_relax();
    }
    return byte;
}

/** Keep what is typed meanwhile; whether ^C is among it. */
static bool is_interrupted(void)
{
    uint8_t byte;

    /* Bounded: a line that is flooded is not emptied. */
    for (uint32_t i = 0; i < TYPED_AHEAD_MAX && uart_read(&byte); i++) {
        if (byte == KEY_INTERRUPT) {
            prompt.ahead_head = prompt.ahead_tail;
            return true;
        }
        if (prompt.ahead_tail - prompt.ahead_head < TYPED_AHEAD_MAX) {
            prompt.ahead[prompt.ahead_tail++ % TYPED_AHEAD_MAX] = byte;
        }
    }
    return false;
}

/** A line in prompt.input; false if there is none to carry out. */
static bool read_line(void)
{
    char echo[INPUT_ECHO_BYTES];
    size_t echo_length;

    say(PROMPT);
    input_line_start(&prompt.input);
    for (;;) {
        const enum input_event event =
            input_line_feed(&prompt.input, take_byte(), echo, &echo_length);

        uart_write(echo, echo_length);
        switch (event) {
        case INPUT_NONE:
            break;
        case INPUT_READY:
            return true;
        case INPUT_TOO_LONG:
            say("the line is too long\n");
            return false;
        case INPUT_ABANDONED:
            return false;
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * Pages
 * ------------------------------------------------------------------------------------------ */

static enum pager ask_for_more(void)
{
    say("-- more: Enter, a for all, q to stop --");
    const uint8_t key = take_byte();

    say("\r                                       \r");
    prompt.shown = 0;
    if (key == 'a') {
        prompt.shown = PAGE_LINES + 1; /* beyond: no other stop in this command */
    }
    return key == 'q' || key == KEY_INTERRUPT ? PAGER_STOP : PAGER_GO_ON;
}

static enum pager say_line(const char *line)
{
    if (is_interrupted()) {
        say("^C\n");
        return PAGER_STOP;
    }
    if (prompt.page_lines != 0 && prompt.shown == prompt.page_lines &&
        ask_for_more() == PAGER_STOP) {
        return PAGER_STOP;
    }
    prompt.shown++;
    say(line);
    return PAGER_GO_ON;
}

static void print_report(const struct report *report, uint64_t argument, bool as_json)
{
    uint64_t cursor = 0;

    for (uint32_t lines = 0;; lines++) {
        spin_lock(&kernel_lock);
        const size_t length = report_next(report, argument, as_json, &cursor, prompt.line);

        spin_unlock(&kernel_lock);
        if (length == 0) {
            return;
        }
        if (lines == LINES_MAX) {
            say("-- cut: there is more than one command prints --\n");
            return;
        }
        if (say_line(prompt.line) == PAGER_STOP) {
            return;
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * Commands
 * ------------------------------------------------------------------------------------------ */

/** The prompt's own commands; all others are reports. */
static const struct {
    const char *name, *summary;
} own_commands[] = {
    {"page", "[LINES] how many lines before a stop; 0: never"},
    {"help", "[COMMAND] this, or the line of one command"},
    {"continue", "go on booting"},
    {"reboot", "start the machine again"},
    {"halt", "stop the machine"},
};

static bool is_word(const struct report_words *words, uint32_t index, const char *word)
{
    return words->length[index] == strlen(word) &&
           memcmp(words->word[index], word, strlen(word)) == 0;
}

/** Its line of the list, if it was asked for: by name, or by naming none. */
static bool help_line(const struct report_words *words, const char *name, const char *summary)
{
    if (words->count == 2 && !is_word(words, 1, name)) {
        return false;
    }
    text_format(prompt.line, sizeof(prompt.line), "  %-9s %s\n", name, summary);
    say(prompt.line);
    return true;
}

/** Returns: whether there is such a command. */
static bool print_help(const struct report_words *words)
{
    const struct report *report;
    bool found = false;

    for (uint32_t i = 0; (report = report_in_help(i)) != NULL; i++) {
        if (report->summary != NULL) {
            found |= help_line(words, report->name, report->summary);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(own_commands); i++) {
        found |= help_line(words, own_commands[i].name, own_commands[i].summary);
    }
    if (words->count == 1) {
        say("Reports take -j: JSON objects, one a line. ^C stops one.\n");
    }
    return found;
}

static void set_page(const struct report_words *words)
{
    uint64_t lines;

    if (words->count == 1) {
        prompt.page_lines = PAGE_LINES;
    } else if (words->count == 2 &&
               text_parse_u64(words->word[1], words->length[1], &lines) == TEXT_OK &&
               lines <= LINES_MAX) {
        prompt.page_lines = (uint32_t)lines;
    } else {
        say("usage: page [LINES]\n");
    }
}

/** A command that shows a report; false: there is none of that name. */
static bool show_report(const struct report_words *words)
{
    struct report_request request;

    switch (report_request_read(words, &request)) {
    case REPORT_REQUEST_OK:
        break;
    case REPORT_REQUEST_BAD_ARGUMENT:
        say("neither a number nor the place of a function, as 00:1f.2 is one\n");
        return true;
    case REPORT_REQUEST_TOO_MANY:
        say("too many words\n");
        return true;
    }
    const struct report *report =
        report_of_command(words->word[0], words->length[0], request.has_argument);

    if (report == NULL) {
        return false;
    }
    print_report(report, request.argument, request.as_json);
    return true;
}

/** Recording from here on shows how the first process starts. False: `trace` wants to be read. */
static bool control_trace(const struct report_words *words)
{
    if (words->count != 2 || (!is_word(words, 1, "on") && !is_word(words, 1, "off"))) {
        return false;
    }
    spin_lock(&kernel_lock);
    trace_control(is_word(words, 1, "on") ? TRACE_COMMAND_START : TRACE_COMMAND_STOP);
    spin_unlock(&kernel_lock);
    return true;
}

/** Carry out the line; false: go on booting. */
static bool execute(void)
{
    struct report_words words;

    prompt.shown = 0;
    report_words_split(prompt.input.text, prompt.input.length, &words);
    if (words.count == 0) {
        return true;
    }
    if (is_word(&words, 0, "continue")) {
        return false;
    }
    if (is_word(&words, 0, "help") && words.count <= 2) {
        if (!print_help(&words)) {
            say("no such command; help lists them\n");
        }
    } else if (is_word(&words, 0, "page")) {
        set_page(&words);
    } else if (is_word(&words, 0, "reboot")) {
        power_reboot();
    } else if (is_word(&words, 0, "halt")) {
        power_halt();
    } else if (is_word(&words, 0, "trace") && control_trace(&words)) {
        say(trace_is_on ? "recording\n" : "not recording\n");
    } else if (!show_report(&words)) {
        say("no such command; help lists them\n");
    }
    return true;
}

/* ------------------------------------------------------------------------------------------
 * Coming and going
 * ------------------------------------------------------------------------------------------ */

/** Whether ^D was typed so far, or is within the window. What else was typed is the console's. */
static bool is_called(uint32_t wait_ms)
{
    const uint64_t end = clock_ns() + wait_ms * NS_PER_MS;
    uint32_t taken = 0;
    uint8_t byte;

    if (wait_ms != 0) {
        log_info("diag", "^D within %u ms for diagnostics", wait_ms);
    }
    do {
        /* Bounded: a flooded line does not keep the machine from booting. */
        while (taken < TYPED_AHEAD_MAX && uart_read(&byte)) {
            if (byte == KEY_DIAGNOSTICS) {
                return true;
            }
            taken++;
            console_type(byte);
        }
        cpu_relax();
    } while (taken < TYPED_AHEAD_MAX && clock_ns() < end);
    return false;
}

void prompt_run(const struct prompt_options *options)
{
    if (!uart_is_present()) {
        if (options->is_wanted) {
            log_info("diag", "diag=1: no COM1, nobody could ask anything");
        }
        return;
    }
    if (!options->is_wanted && !is_called(options->wait_ms)) {
        return;
    }
    log_info("diag", "no process runs yet; help lists the commands, continue goes on booting");
    prompt.page_lines = PAGE_LINES;
    while (!read_line() || execute()) {
    }
    log_info("diag", "booting goes on");
}
