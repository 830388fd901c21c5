/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Line editing on a serial line.
 *
 * Bytes in, text for the terminal out; no system calls, so it is tested on the host. The only
 * control characters it sends for ordinary editing are backspace and newline, so that even a
 * printing terminal or a log file shows something sensible. A line that is wider than the screen
 * scrolls sideways. Bytes that mean nothing are ignored; a line that is longer than
 * LINE_EDITOR_MAX is refused as a whole when it ends, rather than cut and executed.
 */

#include "text/text.h"

#include <stdbool.h>

#define LINE_EDITOR_MAX           1023u /* bytes of a line */
#define LINE_EDITOR_HISTORY_BYTES 4096u
#define LINE_EDITOR_COLUMNS       79u /* of the terminal, less the last, where some wrap */

enum line_event {
    LINE_NONE,     /* go on */
    LINE_READY,    /* Enter: line_editor.line is complete */
    LINE_TOO_LONG, /* Enter, after more bytes than a line may have */
    LINE_ABANDONED /* ^C */
};

struct line_editor {
    struct text_sink *out;
    const char *prompt;
    size_t prompt_length;
    char line[LINE_EDITOR_MAX + 1]; /* terminated when an event says so */
    size_t length;
    size_t cursor;
    size_t window; /* first byte of the line that is on the screen */
    bool overflow;
    bool after_return; /* the last byte was CR: an LF right after it belongs to it */

    char shown[LINE_EDITOR_COLUMNS]; /* what the screen has behind the prompt */
    size_t shown_length;
    size_t shown_cursor;

    unsigned escape_state; /* how far into an escape sequence, see feed_escape() */
    unsigned escape_number;

    char history[LINE_EDITOR_HISTORY_BYTES]; /* terminated lines, oldest first */
    size_t history_used;
    size_t history_place;            /* of the line on display; history_used: the new line */
    char draft[LINE_EDITOR_MAX + 1]; /* the new line, while an old one is on display */
    size_t draft_length;
};

/** Prepare an editor that writes to `out`. */
void line_editor_init(struct line_editor *editor, struct text_sink *out, const char *prompt);

/** Begin a new line: write the prompt. */
void line_editor_start(struct line_editor *editor);

/** Take one byte from the terminal. After an event other than LINE_NONE, start again. */
enum line_event line_editor_feed(struct line_editor *editor, char byte);
