/* SPDX-License-Identifier: MIT */
#include "services/shell/line_editor.h"

#include "base/memory.h"

#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE          0x1b
#define DELETE          0x7f

/** States of an escape sequence: ECMA-48 §5.4, and SS3, which some keypads send. */
enum { ESCAPE_NONE, ESCAPE_SEEN, ESCAPE_CSI, ESCAPE_SS3 };

void line_editor_init(struct line_editor *editor, struct text_sink *out, const char *prompt)
{
    memset(editor, 0, sizeof(*editor));
    editor->out = out;
    editor->prompt = prompt;
    editor->prompt_length = strlen(prompt);
}

static void put(struct line_editor *editor, const char *bytes, size_t length)
{
    if (length != 0) {
        editor->out->write(editor->out, bytes, length);
    }
}

void line_editor_start(struct line_editor *editor)
{
    editor->length = editor->cursor = editor->window = 0;
    editor->shown_length = editor->shown_cursor = 0;
    editor->overflow = false;
    editor->escape_state = ESCAPE_NONE;
    editor->history_place = editor->history_used;
    put(editor, editor->prompt, editor->prompt_length);
}

/* ------------------------------------------------------------------------------------------
 * The screen
 * ------------------------------------------------------------------------------------------ */

/** Move the terminal's cursor to a column behind the prompt. */
static void screen_move(struct line_editor *editor, size_t column)
{
    for (; editor->shown_cursor > column; editor->shown_cursor--) {
        put(editor, "\b", 1);
    }
    /* Forward by writing what is there anyway. */
    put(editor, editor->shown + editor->shown_cursor, column - editor->shown_cursor);
    editor->shown_cursor = column;
}

/** Make the screen show the line, writing no more than what differs. */
static void screen_update(struct line_editor *editor)
{
    const size_t width = LINE_EDITOR_COLUMNS - editor->prompt_length;
    size_t visible, same = 0, old_length;

    if (editor->cursor < editor->window) {
        editor->window = editor->cursor > width / 4 ? editor->cursor - width / 4 : 0;
    } else if (editor->cursor - editor->window >= width) {
        editor->window = editor->cursor - width + width / 4;
    }
    visible = editor->length - editor->window;
    if (visible > width) {
        visible = width;
    }
    while (same < visible && same < editor->shown_length &&
           editor->shown[same] == editor->line[editor->window + same]) {
        same++;
    }
    old_length = editor->shown_length;
    if (same < visible || same < old_length) {
        screen_move(editor, same);
        put(editor, editor->line + editor->window + same, visible - same);
        memcpy(editor->shown + same, editor->line + editor->window + same, visible - same);
        for (size_t column = visible; column < old_length; column++) {
            put(editor, " ", 1);
            editor->shown[column] = ' ';
        }
        editor->shown_cursor = visible > old_length ? visible : old_length;
        editor->shown_length = visible;
    }
    screen_move(editor, editor->cursor - editor->window);
}

/* ------------------------------------------------------------------------------------------
 * Editing
 * ------------------------------------------------------------------------------------------ */

static void line_insert(struct line_editor *editor, char byte)
{
    if (editor->length == LINE_EDITOR_MAX) {
        editor->overflow = true;
        return;
    }
    memmove(editor->line + editor->cursor + 1, editor->line + editor->cursor,
            editor->length - editor->cursor);
    editor->line[editor->cursor++] = byte;
    editor->length++;
}

/** Remove the bytes from `first` up to `end`; the cursor is then at `first`. */
static void line_remove(struct line_editor *editor, size_t first, size_t end)
{
    memmove(editor->line + first, editor->line + end, editor->length - end);
    editor->length -= end - first;
    editor->cursor = first;
}

/** Where the word before the cursor begins. */
static size_t word_start(const struct line_editor *editor)
{
    size_t place = editor->cursor;

    while (place > 0 && editor->line[place - 1] == ' ') {
        place--;
    }
    while (place > 0 && editor->line[place - 1] != ' ') {
        place--;
    }
    return place;
}

static void line_set(struct line_editor *editor, const char *text, size_t length)
{
    memcpy(editor->line, text, length);
    editor->length = editor->cursor = length;
    editor->window = 0;
}

/** Remember the line, unless it is empty or the same as the last one. */
static void history_add(struct line_editor *editor)
{
    const size_t bytes = editor->length + 1;
    size_t last = editor->history_used;

    if (editor->length == 0) {
        return;
    }
    for (last = last > 0 ? last - 1 : 0; last > 0 && editor->history[last - 1] != '\0'; last--) {
    }
    if (editor->history_used - last == bytes &&
        memcmp(editor->history + last, editor->line, editor->length) == 0) {
        return;
    }
    while (editor->history_used + bytes > sizeof(editor->history)) {
        const size_t oldest = strlen(editor->history) + 1;

        memmove(editor->history, editor->history + oldest, editor->history_used - oldest);
        editor->history_used -= oldest;
    }
    memcpy(editor->history + editor->history_used, editor->line, editor->length);
    editor->history[editor->history_used + editor->length] = '\0';
    editor->history_used += bytes;
}

static void history_older(struct line_editor *editor)
{
    size_t place = editor->history_place;

    if (place == 0) {
        return;
    }
    if (place == editor->history_used) {
        memcpy(editor->draft, editor->line, editor->length);
        editor->draft_length = editor->length;
    }
    for (place--; place > 0 && editor->history[place - 1] != '\0'; place--) {
    }
    editor->history_place = place;
    line_set(editor, editor->history + place, strlen(editor->history + place));
}

static void history_newer(struct line_editor *editor)
{
    if (editor->history_place == editor->history_used) {
        return;
    }
    editor->history_place += strlen(editor->history + editor->history_place) + 1;
    if (editor->history_place == editor->history_used) {
        line_set(editor, editor->draft, editor->draft_length);
    } else {
        const char *const line = editor->history + editor->history_place;

        line_set(editor, line, strlen(line));
    }
}

static void key_delete(struct line_editor *editor)
{
    if (editor->cursor < editor->length) {
        line_remove(editor, editor->cursor, editor->cursor + 1);
    }
}

static void key_backspace(struct line_editor *editor)
{
    if (editor->cursor > 0) {
        line_remove(editor, editor->cursor - 1, editor->cursor);
    }
}

static void key_left(struct line_editor *editor)
{
    editor->cursor -= editor->cursor > 0 ? 1 : 0;
}

static void key_right(struct line_editor *editor)
{
    editor->cursor += editor->cursor < editor->length ? 1 : 0;
}

/** A complete escape sequence. Unknown ones do nothing. */
static void key_escape(struct line_editor *editor, char final)
{
    switch (final) {
    case 'A':
        history_older(editor);
        break;
    case 'B':
        history_newer(editor);
        break;
    case 'C':
        key_right(editor);
        break;
    case 'D':
        key_left(editor);
        break;
    case 'H':
        editor->cursor = 0;
        break;
    case 'F':
        editor->cursor = editor->length;
        break;
    case '~':
        if (editor->escape_number == 1 || editor->escape_number == 7) {
            editor->cursor = 0;
        } else if (editor->escape_number == 4 || editor->escape_number == 8) {
            editor->cursor = editor->length;
        } else if (editor->escape_number == 3) {
            key_delete(editor);
        }
        break;
    default:
        break;
    }
}

/** Take a byte as part of an escape sequence. False: there is none, or it was broken off. */
static bool feed_escape(struct line_editor *editor, char byte)
{
    if (byte == ESCAPE) {
        editor->escape_state = ESCAPE_SEEN;
        editor->escape_number = 0;
        return true;
    }
    switch (editor->escape_state) {
    case ESCAPE_SEEN:
        editor->escape_state = byte == '[' ? ESCAPE_CSI : byte == 'O' ? ESCAPE_SS3 : ESCAPE_NONE;
        return byte >= ' ';
    case ESCAPE_CSI:
        if (byte >= '0' && byte <= '9') {
            editor->escape_number = (editor->escape_number * 10 + (unsigned)(byte - '0')) % 1000;
            return true;
        }
        if (byte >= ' ' && byte < '@') { /* other parameters and intermediate bytes */
            return true;
        }
        break;
    case ESCAPE_SS3:
        break;
    default:
        return false;
    }
    editor->escape_state = ESCAPE_NONE;
    if (byte < '@' || byte > '~') {
        return false;
    }
    key_escape(editor, byte);
    return true;
}

/** The line is complete. */
static enum line_event line_end(struct line_editor *editor)
{
    const bool too_long = editor->overflow;

    editor->cursor = editor->length;
    screen_update(editor);
    put(editor, "\n", 1);
    editor->line[editor->length] = '\0';
    if (too_long) {
        return LINE_TOO_LONG;
    }
    history_add(editor);
    return LINE_READY;
}

static enum line_event feed_control(struct line_editor *editor, char byte)
{
    switch (byte) {
    case '\n':
    case '\r':
        return line_end(editor);
    case CONTROL('C'):
        put(editor, "^C\n", 3);
        return LINE_ABANDONED;
    case CONTROL('A'):
        editor->cursor = 0;
        break;
    case CONTROL('B'):
        key_left(editor);
        break;
    case CONTROL('D'):
        key_delete(editor);
        break;
    case CONTROL('E'):
        editor->cursor = editor->length;
        break;
    case CONTROL('F'):
        key_right(editor);
        break;
    case CONTROL('H'):
    case DELETE:
        key_backspace(editor);
        break;
    case CONTROL('K'):
        editor->length = editor->cursor;
        break;
    case CONTROL('L'): /* asked for by name: the one place that sends an escape sequence */
        put(editor, "\033[H\033[J", 6);
        put(editor, editor->prompt, editor->prompt_length);
        editor->shown_length = editor->shown_cursor = 0;
        break;
    case CONTROL('N'):
        history_newer(editor);
        break;
    case CONTROL('P'):
        history_older(editor);
        break;
    case CONTROL('U'):
        line_remove(editor, 0, editor->cursor);
        break;
    case CONTROL('W'):
        line_remove(editor, word_start(editor), editor->cursor);
        break;
    default:
        return LINE_NONE;
    }
    screen_update(editor);
    return LINE_NONE;
}

enum line_event line_editor_feed(struct line_editor *editor, char byte)
{
    const bool belongs_to_return = editor->after_return && byte == '\n';

    editor->after_return = byte == '\r';
    if (belongs_to_return) {
        return LINE_NONE;
    }
    if (feed_escape(editor, byte)) {
        screen_update(editor);
        return LINE_NONE;
    }
    if (byte >= ' ' && byte < DELETE) {
        line_insert(editor, byte);
        screen_update(editor);
        return LINE_NONE;
    }
    return feed_control(editor, byte); /* bytes above ASCII end in its default */
}
