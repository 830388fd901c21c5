/* SPDX-License-Identifier: MIT */
#include "report/input_line.h"

#include "base/memory.h"

#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE          0x1b
#define DELETE          0x7f

/* Escape sequences of ECMA-48 section 5.4 are passed over, so that a cursor key types nothing. */
enum { ESCAPE_NONE, ESCAPE_SEEN, ESCAPE_CSI, ESCAPE_SS3 };

void input_line_start(struct input_line *line)
{
    line->length = 0;
    line->is_too_long = false;
    line->escape = ESCAPE_NONE;
    line->text[0] = '\0';
}

static size_t say(char echo[INPUT_ECHO_BYTES], const char *bytes)
{
    const size_t length = strlen(bytes);

    memcpy(echo, bytes, length);
    return length;
}

/** Whether a byte belongs to an escape sequence. Control characters break one off. */
static bool take_escape(struct input_line *line, uint8_t byte)
{
    if (byte == ESCAPE) {
        line->escape = ESCAPE_SEEN;
        return true;
    }
    if (line->escape == ESCAPE_NONE) {
        return false;
    }
    if (byte < ' ' || byte >= DELETE) {
        line->escape = ESCAPE_NONE;
        return false;
    }
    if (line->escape == ESCAPE_SEEN && (byte == '[' || byte == 'O')) {
        line->escape = byte == '[' ? ESCAPE_CSI : ESCAPE_SS3;
    } else if (line->escape != ESCAPE_CSI || byte >= '@') {
        line->escape = ESCAPE_NONE;
    }
    return true;
}

static enum input_event take_end(struct input_line *line)
{
    line->text[line->length] = '\0';
    return line->is_too_long ? INPUT_TOO_LONG : INPUT_READY;
}

static void take_back(struct input_line *line, char echo[INPUT_ECHO_BYTES], size_t *echo_length)
{
    if (line->length > 0) {
        line->length--;
        *echo_length = say(echo, "\b \b");
    }
}

/** A character of the line; what does not fit is not shown either. */
static void take_character(struct input_line *line, uint8_t byte, char echo[INPUT_ECHO_BYTES],
                           size_t *echo_length)
{
    if (line->length == INPUT_LINE_MAX) {
        line->is_too_long = true;
        return;
    }
    line->text[line->length++] = (char)byte;
    echo[0] = (char)byte;
    *echo_length = 1;
}

enum input_event input_line_feed(struct input_line *line, uint8_t byte, char echo[INPUT_ECHO_BYTES],
                                 size_t *echo_length)
{
    const bool belongs_to_return = line->after_return && byte == '\n';

    *echo_length = 0;
    line->after_return = byte == '\r';
    if (belongs_to_return || take_escape(line, byte)) {
        return INPUT_NONE;
    }
    switch (byte) {
    case '\r':
    case '\n':
        *echo_length = say(echo, "\n");
        return take_end(line);
    case CONTROL('C'):
        *echo_length = say(echo, "^C\n");
        return INPUT_ABANDONED;
    case CONTROL('U'):
        *echo_length = say(echo, "^U\n");
        return INPUT_ABANDONED;
    case CONTROL('H'):
    case DELETE:
        take_back(line, echo, echo_length);
        return INPUT_NONE;
    default:
        if (byte >= ' ' && byte < DELETE) {
            take_character(line, byte, echo, echo_length);
        }
        return INPUT_NONE; /* other controls, and bytes above ASCII, mean nothing */
    }
}
