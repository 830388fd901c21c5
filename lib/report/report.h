/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reports: what the kernel knows about itself, as lines for a person or for a program.
 *
 * A report is a few tables, one after the other. A table has columns and a function that fills in
 * one row after the other; the same description makes a line of text, which lines up with those
 * above it, and a line of JSON, which keeps what the text had to cut. The early prompt on the
 * serial line and the Diagnostics interface both read reports line by line with report_next(), so
 * there is one place that says what each of them shows.
 *
 * Pure: the rows come from the caller's functions; no locks, no memory of its own. Where a reader
 * is in a report is a number that may come from anywhere: any value is harmless.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_COLUMNS_MAX  12u
#define REPORT_TEXT_COLUMNS 79u  /* of a line of text: a terminal's last one is left alone */
#define REPORT_LINE_BYTES   512u /* room for any line, its newline and zero included */
#define REPORT_SCRATCH_MAX  6u   /* texts that a row can bring along for its cells */
#define REPORT_SCRATCH      32u  /* bytes of each, the zero included */
#define REPORT_LONG_SCRATCH 128u /* one text of a row can be as long as a line, and longer */

enum report_kind {
    REPORT_TEXT,    /* left, cut with a + at its end when it is too wide */
    REPORT_DECIMAL, /* right; shown as stars when it is too wide, never as another number */
    REPORT_HEX,     /* likewise, without 0x; in JSON a string "0x..." */
    REPORT_YES_NO,
};

struct report_column {
    const char *heading; /* in capitals, no wider than the column; NULL: in JSON alone, see below */
    const char *key;     /* in JSON */
    uint8_t width;       /* characters; of the last column, if it is text: 0, as much as is left */
    enum report_kind kind;
};

/* Columns that are in JSON alone come behind those that a person sees. */

struct report_cell {
    bool is_absent;   /* there is nothing to say: shown as - and left out of JSON */
    uint64_t number;  /* of all kinds but text */
    const char *text; /* zero-terminated; NULL is an empty one */
};

struct report_row {
    struct report_cell cells[REPORT_COLUMNS_MAX];
    char scratch[REPORT_SCRATCH_MAX][REPORT_SCRATCH]; /* for texts that have to be made */
    uint32_t scratch_count;
    char long_scratch[REPORT_LONG_SCRATCH];
};

/**
 * Fill in the first row at or behind `*place` and leave the place of the next one there. Places
 * are what the table likes them to be, and start at 0. `argument` is what the report was asked for.
 * Returns: false if there is none.
 */
typedef bool report_rows(uint64_t argument, uint32_t *place, struct report_row *row);

struct report_table {
    const char *name;  /* in JSON */
    const char *empty; /* a line of text for a table without rows; NULL: then it is not shown */
    const struct report_column *columns;
    uint32_t column_count;
    report_rows *rows;
};

struct report {
    const char *name;    /* of the command that shows it */
    const char *summary; /* for help */
    const struct report_table *tables;
    uint32_t table_count;
};

/** The heading of a table. Returns the line's length; `out` has REPORT_LINE_BYTES. */
size_t report_heading(const struct report_table *table, char *out);

/** One row, as text or as JSON; likewise. */
size_t report_text(const struct report_table *table, const struct report_row *row, char *out);
size_t report_json(const struct report_table *table, const struct report_row *row, char *out);

/**
 * The line at `*cursor` (0: the first one), with its newline and a zero, and the cursor of the
 * next.
 *
 * Returns: its length, 0 at the end of the report. A row that JSON has no room for becomes a line
 * that says so.
 */
size_t report_next(const struct report *report, uint64_t argument, bool as_json, uint64_t *cursor,
                   char *out);

/* Cells of a row; `text` must outlive the row. */

static inline void report_set_number(struct report_row *row, uint32_t column, uint64_t number)
{
    row->cells[column] = (struct report_cell){.number = number};
}

static inline void report_set_text(struct report_row *row, uint32_t column, const char *text)
{
    row->cells[column] = (struct report_cell){.text = text};
}

static inline void report_set_flag(struct report_row *row, uint32_t column, bool flag)
{
    row->cells[column] = (struct report_cell){.number = flag ? 1 : 0};
}

/** A text made for this row; at most REPORT_SCRATCH_MAX of them. */
void report_set_made(struct report_row *row, uint32_t column, const char *format, ...)
    PRINTF_LIKE(3, 4);

/** Likewise a long one: one in a row. */
void report_set_long(struct report_row *row, uint32_t column, const char *format, ...)
    PRINTF_LIKE(3, 4);

static inline void report_set_absent(struct report_row *row, uint32_t column)
{
    row->cells[column] = (struct report_cell){.is_absent = true};
}
