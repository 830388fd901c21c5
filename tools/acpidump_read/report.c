/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <inttypes.h>
#include <string.h>

/* Length of the valid UTF-8 sequence that starts at `at`; 0 if there is none. */
static size_t utf8_length(const uint8_t *at, size_t left)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t form = 0; form < 3; form++) {
        uint32_t point = at[0] & (uint8_t)~forms[form].mask;

        if ((at[0] & forms[form].mask) != forms[form].lead || left < form + 2) {
            continue;
        }
        for (size_t i = 1; i < form + 2; i++) {
            if ((at[i] & 0xc0) != 0x80) {
                return 0;
            }
            point = point << 6 | (at[i] & 0x3f);
        }
        return point < forms[form].least || point > 0x10ffff || (point >> 11) == 0x1b ? 0
                                                                                      : form + 2;
    }
    return 0;
}

/* C1 control characters, U+0080 to U+009F, do things to terminals. */
static bool is_control(const uint8_t *at)
{
    return at[0] == 0xc2 && at[1] < 0xa0;
}

/* The bytes, with escapes for what would end the string or confuse a terminal. */
static void put_escaped(struct report *report, const uint8_t *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (at[i] == '"' || at[i] == '\\') {
            fprintf(report->to, "\\%c", at[i]);
        } else if (at[i] >= ' ' && at[i] < 0x7f) {
            putc(at[i], report->to);
        } else {
            const size_t sequence = utf8_length(at + i, length - i);

            if (sequence != 0 && !is_control(at + i)) {
                fwrite(at + i, 1, sequence, report->to);
                i += sequence - 1;
            } else {
                fprintf(report->to, report->json ? "\\u%04x" : "\\x%02x", at[i]);
            }
        }
    }
}

static void put_quoted(struct report *report, const void *bytes, size_t length)
{
    putc('"', report->to);
    put_escaped(report, bytes, length);
    putc('"', report->to);
}

static void put_indent(struct report *report)
{
    for (unsigned int i = 0; i <= report->depth; i++) {
        fputs("  ", report->to);
    }
}

/* What stands before a value. */
static void put_name(struct report *report, const char *name)
{
    if (report->json) {
        fprintf(report->to, ",\"%s\":", name);
        return;
    }
    if (report->line_empty) {
        put_indent(report);
        report->line_empty = false;
    } else {
        putc(' ', report->to);
    }
    fprintf(report->to, "%s=", name);
}

void report_break(struct report *report)
{
    if (!report->json && !report->line_empty) {
        putc('\n', report->to);
        report->line_empty = true;
    }
}

void report_table_begin(struct report *report, const struct report_place *place,
                        const char *signature, size_t signature_length, const char *status)
{
    report->depth = 0;
    report->line_empty = false;
    if (report->json) {
        fputs("{\"file\":", report->to);
        put_quoted(report, place->file, strlen(place->file));
        fprintf(report->to, ",\"%s\":%zu,\"signature\":", place->is_line ? "line" : "at",
                place->number);
        put_quoted(report, signature, signature_length);
        report_word(report, "status", status);
        return;
    }
    put_escaped(report, (const uint8_t *)place->file, strlen(place->file));
    fprintf(report->to, place->is_line ? ": line %zu: " : ": at %zu: ", place->number);
    put_escaped(report, (const uint8_t *)signature, signature_length);
    fprintf(report->to, "%s%s", signature_length != 0 ? " " : "", status);
}

void report_table_end(struct report *report)
{
    if (report->json) {
        fputs("}\n", report->to);
    } else {
        report_break(report);
    }
}

void report_list_begin(struct report *report, const char *name)
{
    if (report->json) {
        fprintf(report->to, ",\"%s\":[", name);
        report->list_empty = true;
    }
    report->depth++;
}

void report_list_end(struct report *report)
{
    if (report->json) {
        putc(']', report->to);
        report->list_empty = false;
    }
    report->depth--;
}

void report_item_begin(struct report *report, const char *kind)
{
    if (report->json) {
        fprintf(report->to, "%s{\"kind\":\"%s\"", report->list_empty ? "" : ",", kind);
        return;
    }
    report_break(report);
    put_indent(report);
    fputs(kind, report->to);
    report->line_empty = false;
}

void report_item_end(struct report *report)
{
    if (report->json) {
        putc('}', report->to);
        report->list_empty = false;
    }
}

void report_u64(struct report *report, const char *name, uint64_t value)
{
    put_name(report, name);
    fprintf(report->to, "%" PRIu64, value);
}

void report_hex(struct report *report, const char *name, uint64_t value)
{
    put_name(report, name);
    fprintf(report->to, report->json ? "\"0x%" PRIx64 "\"" : "0x%" PRIx64, value);
}

void report_bool(struct report *report, const char *name, bool value)
{
    put_name(report, name);
    fputs(value ? "true" : "false", report->to);
}

void report_word(struct report *report, const char *name, const char *value)
{
    put_name(report, name);
    fprintf(report->to, report->json ? "\"%s\"" : "%s", value);
}

void report_bytes(struct report *report, const char *name, const void *bytes, size_t length)
{
    put_name(report, name);
    put_quoted(report, bytes, length);
}

void report_numbers(struct report *report, const char *name, const uint8_t *numbers, size_t count)
{
    put_name(report, name);
    putc('[', report->to);
    for (size_t i = 0; i < count; i++) {
        fprintf(report->to, "%s%u", i != 0 ? "," : "", numbers[i]);
    }
    putc(']', report->to);
}

void report_function(struct report *report, const char *name, unsigned int id)
{
    put_name(report, name);
    fprintf(report->to, report->json ? "\"%02x:%02x.%u\"" : "%02x:%02x.%u", id >> 8 & 0xff,
            id >> 3 & 0x1f, id & 7);
}
