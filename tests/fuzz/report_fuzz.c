/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as what somebody types at the early prompt, and any number as a report's cursor. Lines
 * stay inside their buffers and are text; every line of a report is one line of text or one object,
 * and every report ends.
 */

#include "report/input_line.h"
#include "report/report.h"
#include "report/words.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static const char *given; /* what was typed: the texts of the report */

static bool rows(uint64_t argument, uint32_t *place, struct report_row *row)
{
    if (*place >= argument % 16) {
        return false;
    }
    row->cells[0] = (struct report_cell){.number = argument};
    row->cells[1] = (struct report_cell){.text = given};
    row->cells[2] = (struct report_cell){.text = given, .is_absent = argument % 2 == 0};
    report_set_made(row, 3, "%s%u", given, *place);
    (*place)++;
    return true;
}

static const struct report_column columns[] = {
    {"NUMBER", "number", 9, REPORT_DECIMAL},
    {"TEXT", "text", 12, REPORT_TEXT},
    {"MORE", "more", 20, REPORT_TEXT},
    {"REST", "rest", 0, REPORT_TEXT},
};
static const struct report_table tables[] = {
    {"first", "none", columns, 4, rows},
    {"second", NULL, columns, 2, rows},
};
static const struct report report = {"report", NULL, tables, 2};

static void read_report(const struct report_request *request, uint64_t cursor)
{
    char line[REPORT_LINE_BYTES];
    uint32_t lines = 0;
    size_t length;

    while ((length = report_next(&report, request->argument, request->as_json, &cursor, line)) !=
           0) {
        check(length < REPORT_LINE_BYTES && line[length] == '\0' && line[length - 1] == '\n');
        check(request->as_json || length <= REPORT_TEXT_COLUMNS + 1);
        for (size_t i = 0; i + 1 < length; i++) {
            check(line[i] >= ' ' && line[i] < 0x7f);
        }
        check(!request->as_json || (line[0] == '{' && line[length - 2] == '}'));
        check(lines++ < 40);
    }
}

static void take_line(const struct input_line *line, uint64_t cursor)
{
    struct report_words words;
    struct report_request request;

    check(line->length <= INPUT_LINE_MAX && strlen(line->text) == line->length);
    report_words_split(line->text, line->length, &words);
    for (uint32_t i = 0; i < words.count && i < REPORT_WORDS_MAX; i++) {
        check(words.length[i] > 0 && words.word[i] >= line->text &&
              words.word[i] + words.length[i] <= line->text + line->length);
    }
    given = line->text;
    if (words.count != 0 && report_request_read(&words, &request) == REPORT_REQUEST_OK) {
        read_report(&request, cursor);
        request.argument |= 15;
        read_report(&request, cursor);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_line line = {0};
    uint64_t cursor = 0;

    if (size >= sizeof(cursor)) {
        memcpy(&cursor, data, sizeof(cursor));
        cursor = data[0] % 2 == 0 ? 0 : cursor;
    }
    input_line_start(&line);
    for (size_t i = 0; i < size; i++) {
        char echo[INPUT_ECHO_BYTES];
        size_t length;
        const enum input_event event = input_line_feed(&line, data[i], echo, &length);

        check(length <= sizeof(echo));
        if (event == INPUT_READY) {
            take_line(&line, cursor);
        }
        if (event != INPUT_NONE) {
            input_line_start(&line);
        }
    }
    return 0;
}
