/* SPDX-License-Identifier: MIT */
#include "report/report.h"

#include "base/memory.h"
#include "text/text.h"

/* A cursor: which table, whether its heading is out, and the place in it. */
#define CURSOR_TABLE_SHIFT 33u
#define CURSOR_HEADED      (1ull << 32)

/** A line being made: what does not fit is counted, not written. */
struct line {
    char *bytes;
    size_t capacity;
    size_t length;
};

static void put(struct line *line, char byte)
{
    if (line->length < line->capacity) {
        line->bytes[line->length] = byte;
    }
    line->length++;
}

static void put_string(struct line *line, const char *text)
{
    for (; *text != '\0'; text++) {
        put(line, *text);
    }
}

/** End a line with a newline, for which there is room, and a zero. */
static size_t end_line(struct line *line)
{
    line->bytes[line->length] = '\n';
    line->bytes[line->length + 1] = '\0';
    return line->length + 1;
}

/* ------------------------------------------------------------------------------------------
 * Text
 * ------------------------------------------------------------------------------------------ */

/** A byte that a terminal shows as one character; texts may come from firmware and devices. */
static char printable(char byte)
{
    return byte >= ' ' && byte < 0x7f ? byte : '?';
}

/** How many columns a person sees. */
static uint32_t visible_count(const struct report_table *table)
{
    uint32_t count = table->column_count;

    while (count > 0 && table->columns[count - 1].heading == NULL) {
        count--;
    }
    return count;
}

/** Width of a column: the last one, if it says so, gets what is left of the line. */
static size_t width_of(const struct report_table *table, uint32_t column, const struct line *line)
{
    const size_t width = table->columns[column].width;

    if (width != 0) {
        return width;
    }
    return line->length < REPORT_TEXT_COLUMNS ? REPORT_TEXT_COLUMNS - line->length : 0;
}

static void put_left(struct line *line, const char *text, size_t width, bool is_last)
{
    const size_t length = strlen(text);

    for (size_t i = 0; i < width && i < length; i++) {
        put(line, length > width && i == width - 1 ? '+' : printable(text[i]));
    }
    for (size_t i = length; i < width && !is_last; i++) {
        put(line, ' ');
    }
}

static void put_right(struct line *line, const char *text, size_t width)
{
    const size_t length = strlen(text);

    for (size_t i = length; i < width; i++) {
        put(line, ' ');
    }
    for (size_t i = 0; i < length && i < width; i++) {
        put(line, length > width ? '*' : text[i]);
    }
}

static void put_cell(struct line *line, const struct report_table *table, uint32_t column,
                     const struct report_cell *cell)
{
    const enum report_kind kind = table->columns[column].kind;
    const size_t width = width_of(table, column, line);
    const bool is_last = column + 1 == visible_count(table);
    char number[24];

    if (cell->is_absent && (kind == REPORT_DECIMAL || kind == REPORT_HEX)) {
        put_right(line, "-", width);
        return;
    }
    switch (kind) {
    case REPORT_TEXT:
        put_left(line,
                 cell->is_absent      ? "-"
                 : cell->text == NULL ? ""
                                      : cell->text,
                 width, is_last);
        break;
    case REPORT_YES_NO:
        put_left(line, cell->is_absent ? "-" : cell->number != 0 ? "yes" : "no", width, is_last);
        break;
    case REPORT_DECIMAL:
        text_format(number, sizeof(number), "%llu", (unsigned long long)cell->number);
        put_right(line, number, width);
        break;
    case REPORT_HEX:
        text_format(number, sizeof(number), "%llx", (unsigned long long)cell->number);
        put_right(line, number, width);
        break;
    }
}

/** Blanks at the end of a line are of no use. */
static void trim(struct line *line)
{
    while (line->length > 0 && line->bytes[line->length - 1] == ' ') {
        line->length--;
    }
}

size_t report_heading(const struct report_table *table, char *out)
{
    const uint32_t count = visible_count(table);
    struct line line = {.bytes = out, .capacity = REPORT_TEXT_COLUMNS};

    for (uint32_t i = 0; i < count; i++) {
        const struct report_column *column = &table->columns[i];
        const size_t width = width_of(table, i, &line);

        if (column->kind == REPORT_TEXT || column->kind == REPORT_YES_NO) {
            put_left(&line, column->heading, width, false);
        } else {
            put_right(&line, column->heading, width);
        }
        if (i + 1 < count) {
            put(&line, ' ');
        }
    }
    line.length = line.length < line.capacity ? line.length : line.capacity;
    trim(&line);
    return end_line(&line);
}

size_t report_text(const struct report_table *table, const struct report_row *row, char *out)
{
    const uint32_t count = visible_count(table);
    struct line line = {.bytes = out, .capacity = REPORT_TEXT_COLUMNS};

    for (uint32_t i = 0; i < count; i++) {
        put_cell(&line, table, i, &row->cells[i]);
        if (i + 1 < count) {
            put(&line, ' ');
        }
    }
    if (line.length > line.capacity) {
        line.length = line.capacity;
        line.bytes[line.length - 1] = '+';
    }
    trim(&line);
    return end_line(&line);
}

/* ------------------------------------------------------------------------------------------
 * JSON
 * ------------------------------------------------------------------------------------------ */

/** A string, RFC 8259 section 7; bytes beyond ASCII are taken for Latin-1. */
static void put_json_string(struct line *line, const char *text)
{
    put(line, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            put(line, '\\');
            put(line, *text);
        } else if (*text >= ' ' && *text < 0x7f) {
            put(line, *text);
        } else {
            char code[2];

            text_hex(code, (uint8_t)*text, 2);
            put_string(line, "\\u00");
            put(line, code[0]);
            put(line, code[1]);
        }
    }
    put(line, '"');
}

static void put_json_value(struct line *line, enum report_kind kind, const struct report_cell *cell)
{
    char number[24];

    switch (kind) {
    case REPORT_TEXT:
        put_json_string(line, cell->text == NULL ? "" : cell->text);
        return;
    case REPORT_YES_NO:
        put_string(line, cell->number != 0 ? "true" : "false");
        return;
    case REPORT_DECIMAL:
        text_format(number, sizeof(number), "%llu", (unsigned long long)cell->number);
        put_string(line, number);
        return;
    case REPORT_HEX:
        text_format(number, sizeof(number), "\"0x%llx\"", (unsigned long long)cell->number);
        put_string(line, number);
        return;
    }
}

size_t report_json(const struct report_table *table, const struct report_row *row, char *out)
{
    struct line line = {.bytes = out, .capacity = REPORT_LINE_BYTES - 2};

    put_string(&line, "{\"table\":");
    put_json_string(&line, table->name);
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (!row->cells[i].is_absent) {
            put(&line, ',');
            put_json_string(&line, table->columns[i].key);
            put(&line, ':');
            put_json_value(&line, table->columns[i].kind, &row->cells[i]);
        }
    }
    put(&line, '}');
    if (line.length > line.capacity) {
        line.length = 0;
        put_string(&line, "{\"table\":");
        put_json_string(&line, table->name);
        put_string(&line, ",\"cut\":true}");
    }
    return end_line(&line);
}

void report_set_made(struct report_row *row, uint32_t column, const char *format, ...)
{
    va_list arguments;

    if (row->scratch_count < REPORT_SCRATCH_MAX) {
        char *text = row->scratch[row->scratch_count++];

        va_start(arguments, format);
        (void)text_vformat(text, REPORT_SCRATCH, format, arguments);
        va_end(arguments);
        report_set_text(row, column, text);
    }
}

void report_set_long(struct report_row *row, uint32_t column, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)text_vformat(row->long_scratch, REPORT_LONG_SCRATCH, format, arguments);
    va_end(arguments);
    report_set_text(row, column, row->long_scratch);
}

/* ------------------------------------------------------------------------------------------
 * Line by line
 * ------------------------------------------------------------------------------------------ */

static uint64_t cursor_make(uint64_t table, uint64_t headed, uint32_t place)
{
    return table << CURSOR_TABLE_SHIFT | headed | place;
}

static size_t put_empty(const struct report_table *table, char *out)
{
    struct line line = {.bytes = out, .capacity = REPORT_TEXT_COLUMNS};

    put_left(&line, table->empty, REPORT_TEXT_COLUMNS, true);
    return end_line(&line);
}

size_t report_next(const struct report *report, uint64_t argument, bool as_json, uint64_t *cursor,
                   char *out)
{
    uint64_t number = *cursor >> CURSOR_TABLE_SHIFT;
    uint64_t headed = *cursor & CURSOR_HEADED;
    uint32_t place = (uint32_t)*cursor;

    for (; number < report->table_count; number++, headed = 0, place = 0) {
        const struct report_table *table = &report->tables[number];
        uint32_t next = place;
        struct report_row row = {0};

        if (table->rows(argument, &next, &row)) {
            if (!as_json && headed == 0) {
                *cursor = cursor_make(number, CURSOR_HEADED, place);
                return report_heading(table, out);
            }
            /* A row that leads nowhere else would be shown for ever. */
            *cursor = next > place ? cursor_make(number, CURSOR_HEADED, next)
                                   : cursor_make(number + 1, 0, 0);
            return as_json ? report_json(table, &row, out) : report_text(table, &row, out);
        }
        if (!as_json && headed == 0 && table->empty != NULL) {
            *cursor = cursor_make(number + 1, 0, 0);
            return put_empty(table, out);
        }
    }
    *cursor = cursor_make(report->table_count, 0, 0);
    return 0;
}
