/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A line that somebody types at the early prompt: no history, no cursor keys, a fixed size, and
 * nothing that bytes from the line could do beyond it. (The shell's editor is a program's; this one
 * is for when there are no programs.)
 *
 * Pure: bytes in, what to echo out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_LINE_MAX   78u /* bytes of a line: one row of a terminal behind the prompt */
#define INPUT_ECHO_BYTES 4u

enum input_event {
    INPUT_NONE,      /* go on */
    INPUT_READY,     /* Enter: `text` is the line, terminated */
    INPUT_TOO_LONG,  /* Enter, after more bytes than a line may have: none of them counts */
    INPUT_ABANDONED, /* ^C */
};

struct input_line {
    char text[INPUT_LINE_MAX + 1];
    uint32_t length;
    bool is_too_long;
    bool after_return; /* an LF right after a CR belongs to it */
    uint8_t escape;    /* how far into an escape sequence */
};

/** Begin a new line. What belongs to the end of the last one is still recognised. */
void input_line_start(struct input_line *line);

/**
 * Take one byte. `echo` gets what the terminal is to show, `*echo_length` bytes of it. After an
 * event other than INPUT_NONE, start again.
 */
enum input_event input_line_feed(struct input_line *line, uint8_t byte, char echo[INPUT_ECHO_BYTES],
                                 size_t *echo_length);
