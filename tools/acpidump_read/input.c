/* SPDX-License-Identifier: MIT */
#include "input.h"

#include "bytes/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES  36u
#define LINE_BYTES    16u
#define OFFSET_DIGITS 8u
#define NAME_BYTES    8u
/* A gap that much wider than the one before is the one before the characters. */
#define GAP_MORE       4u
#define OFFSET_16_BITS 0xffffu

/* ---------------------------------------------------------------------------- What both need */

static bool is_rsdp(const uint8_t *bytes, size_t length)
{
    return length >= 8 && memcmp(bytes, "RSD PTR ", 8) == 0;
}

/* How many bytes a table says it has, as far as its first `length` bytes tell. */
static size_t length_said(const uint8_t *bytes, size_t length)
{
    if (is_rsdp(bytes, length)) {
        return length > 15 && bytes[15] < 2 ? 20 : HEADER_BYTES;
    }
    return length >= 8 ? bytes_u32(bytes + 4) : SIZE_MAX;
}

/* ---------------------------------------------------------------------------- As in memory */

static bool is_signature(const uint8_t *bytes)
{
    for (size_t i = 0; i < 4; i++) {
        if (bytes[i] < ' ' || bytes[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Whether the bytes start with what can be a table that is all there. */
static bool is_whole(const uint8_t *bytes, size_t length)
{
    const size_t said = length_said(bytes, length);

    return (said >= HEADER_BYTES || is_rsdp(bytes, length)) && said <= length;
}

static size_t scan_memory(const uint8_t *bytes, size_t length, struct input_sink *sink)
{
    size_t count = 0;
    size_t offset = 0;

    do {
        struct input_table table = {.bytes = bytes + offset, .place = offset};
        const bool whole = is_whole(table.bytes, length - offset);

        table.length = whole ? length_said(table.bytes, length - offset) : length - offset;
        sink->take(sink, &table);
        count++;
        offset += table.length;
        /* What is behind a table is another, or padding. */
    } while (length - offset >= HEADER_BYTES && is_signature(bytes + offset) &&
             is_whole(bytes + offset, length - offset));
    return count;
}

/* ---------------------------------------------------------------------------- Text */

struct line {
    const uint8_t *at;
    size_t length; /* without its end */
};

struct text {
    struct input_sink *sink;
    struct input_table table; /* the one in hand, if `open` */
    bool open;
    uint8_t *bytes; /* its bytes */
    size_t room;
    size_t count; /* tables so far */
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static size_t skip_blanks(struct line line, size_t at)
{
    while (at < line.length && is_blank(line.at[at])) {
        at++;
    }
    return at;
}

/* `NAME @ 0x...`, NAME of up to eight characters, any but ':'. */
static bool read_title(struct line line, struct input_table *table)
{
    const size_t start = skip_blanks(line, 0);
    size_t at = start;
    size_t end;

    while (at < line.length && at <= start + NAME_BYTES + 1 && line.at[at] != '@') {
        if (line.at[at] == ':') {
            return false;
        }
        at++;
    }
    if (at >= line.length || line.at[at] != '@') {
        return false;
    }
    for (end = at; end > start && is_blank(line.at[end - 1]);) {
        end--;
    }
    at = skip_blanks(line, at + 1);
    if (line.length - at < 3 || line.at[at] != '0' || (line.at[at + 1] | 0x20) != 'x' ||
        hex_digit(line.at[at + 2]) < 0) {
        return false;
    }
    table->name_length = end - start < sizeof(table->name) ? end - start : sizeof(table->name);
    memcpy(table->name, line.at + start, table->name_length);
    return true;
}

/* `OFFSET:` and where the bytes start. */
static bool read_offset(struct line line, size_t *offset, size_t *at)
{
    size_t digits = 0;

    *offset = 0;
    for (*at = skip_blanks(line, 0); *at < line.length && hex_digit(line.at[*at]) >= 0; ++*at) {
        *offset = *offset << 4 | (size_t)hex_digit(line.at[*at]);
        if (++digits > OFFSET_DIGITS) {
            return false;
        }
    }
    *at = skip_blanks(line, *at);
    if (digits == 0 || *at >= line.length || line.at[*at] != ':') {
        return false;
    }
    ++*at;
    return true;
}

/* Bytes from `at` on, at most `most`. */
static size_t read_bytes(struct line line, size_t at, size_t most, uint8_t *bytes)
{
    size_t widest = 0;
    size_t count = 0;

    while (count < most) {
        const size_t start = skip_blanks(line, at);
        int high;
        int low;

        if (count > 0 && (start == at || start - at > widest + GAP_MORE)) {
            break;
        }
        if (line.length - start < 2 || (high = hex_digit(line.at[start])) < 0 ||
            (low = hex_digit(line.at[start + 1])) < 0 ||
            (count + 1 < most && line.length - start > 2 && !is_blank(line.at[start + 2]))) {
            break;
        }
        if (count > 0 && start - at > widest) {
            widest = start - at;
        }
        bytes[count++] = (uint8_t)(high << 4 | low);
        at = start + 2;
    }
    return count;
}

static void close_table(struct text *text)
{
    if (text->open) {
        text->table.bytes = text->bytes;
        text->sink->take(text->sink, &text->table);
        text->count++;
        text->open = false;
    }
}

static void open_table(struct text *text, const struct input_table *table, size_t line_number)
{
    close_table(text);
    text->table = *table;
    text->table.is_text = true;
    text->table.place = line_number;
    text->open = true;
}

static void append(struct text *text, const uint8_t *bytes, size_t count)
{
    if (text->room - text->table.length < count) {
        text->room = text->room * 2 + 4096;
        text->bytes = realloc(text->bytes, text->room);
        if (text->bytes == NULL) {
            fputs("acpidump-read: out of memory\n", stderr);
            exit(1);
        }
    }
    if (count != 0) {
        memcpy(text->bytes + text->table.length, bytes, count);
        text->table.length += count;
    }
}

/* How many more bytes the table in hand may have. A header too small for a table is read whole. */
static size_t bytes_left(const struct text *text)
{
    size_t said = length_said(text->bytes, text->table.length);

    if (said < HEADER_BYTES && !is_rsdp(text->bytes, text->table.length)) {
        said = HEADER_BYTES;
    }
    return said > text->table.length ? said - text->table.length : 0;
}

static void take_line(struct text *text, struct line line, size_t number)
{
    static const struct input_table untitled = {0};
    struct input_table titled = {0};
    uint8_t bytes[LINE_BYTES];
    size_t offset;
    size_t count;
    size_t left;
    size_t at;

    if (read_title(line, &titled)) {
        open_table(text, &titled, number);
        return;
    }
    if (!read_offset(line, &offset, &at)) {
        return;
    }
    left = text->open ? bytes_left(text) : 0;
    if (offset == 0 && (!text->open || (text->table.length > 0 && left == 0))) {
        open_table(text, &untitled, number); /* without a title */
        left = LINE_BYTES;
    }
    if (!text->open || left == 0 || text->table.has_gap) {
        return;
    }
    /* Some versions print the lower 16 bits only. */
    if (offset != text->table.length && offset != (text->table.length & OFFSET_16_BITS)) {
        text->table.has_gap = true;
        return;
    }
    count = read_bytes(line, at, left < LINE_BYTES ? left : LINE_BYTES, bytes);
    append(text, bytes, count);
}

static size_t scan_text(const uint8_t *bytes, size_t length, struct input_sink *sink)
{
    struct text text = {.sink = sink};
    size_t number = 0;

    for (size_t start = 0; start < length;) {
        const uint8_t *end = memchr(bytes + start, '\n', length - start);
        const size_t stop = end != NULL ? (size_t)(end - bytes) : length;
        struct line line = {.at = bytes + start, .length = stop - start};

        while (line.length > 0 && line.at[line.length - 1] == '\r') {
            line.length--;
        }
        take_line(&text, line, ++number);
        start = stop + 1;
    }
    close_table(&text);
    free(text.bytes);
    return text.count;
}

size_t input_scan(const uint8_t *bytes, size_t length, struct input_sink *sink)
{
    size_t count;

    if (length == 0) {
        return 0;
    }
    if (is_whole(bytes, length)) {
        return scan_memory(bytes, length, sink);
    }
    count = scan_text(bytes, length, sink);
    if (count == 0 && memchr(bytes, 0, length) != NULL) {
        count = scan_memory(bytes, length, sink); /* one that is cut, or is none */
    }
    return count;
}
