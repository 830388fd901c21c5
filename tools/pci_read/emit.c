/* SPDX-License-Identifier: MIT */
#include "emit.h"

#include <inttypes.h>
#include <string.h>

/* Length of the UTF-8 sequence at `at`, 0 if it is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    const size_t length = at[0] < 0x80   ? 1
                          : at[0] < 0xc2 ? 0
                          : at[0] < 0xe0 ? 2
                          : at[0] < 0xf0 ? 3
                          : at[0] < 0xf5 ? 4
                                         : 0;

    if (length == 0 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates, and what is beyond the last character. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90)) {
        return 0;
    }
    return length;
}

static void put_escaped(struct emit *emit, const char *value, size_t length)
{
    for (size_t i = 0; i < length;) {
        const unsigned char *at = (const unsigned char *)value + i;
        const size_t bytes = utf8_length(at, length - i);

        if (bytes == 0) {
            fputs(emit->json ? "\\ufffd" : "?", emit->out);
            i++;
            continue;
        }
        if (bytes == 1 && (at[0] < ' ' || at[0] == 0x7f)) {
            if (emit->json) {
                fprintf(emit->out, "\\u%04x", at[0]);
            } else {
                fputc('?', emit->out);
            }
        } else if (bytes == 1 && emit->json && (at[0] == '"' || at[0] == '\\')) {
            fprintf(emit->out, "\\%c", at[0]);
        } else if (bytes == 2 && at[0] == 0xc2 && at[1] < 0xa0 && !emit->json) {
            fputc('?', emit->out); /* control characters, too */
        } else {
            fwrite(at, 1, bytes, emit->out);
        }
        i += bytes;
    }
}

static void put_key(struct emit *emit, const char *key)
{
    if (emit->json) {
        fprintf(emit->out, "%s\"%s\":", emit->has_value ? "," : "", key);
    } else {
        fprintf(emit->out, "%s%s=", emit->has_value || emit->list != NULL ? " " : "", key);
    }
    emit->has_value = true;
}

void emit_record(struct emit *emit)
{
    emit->has_value = false;
    emit->list = NULL;
    if (emit->json) {
        fputc('{', emit->out);
    }
}

void emit_record_end(struct emit *emit)
{
    fputs(emit->json ? "}\n" : "\n", emit->out);
}

void emit_list(struct emit *emit, const char *name)
{
    emit->list = name;
    emit->has_item = false;
    if (emit->json) {
        fprintf(emit->out, "%s\"%s\":[", emit->has_value ? "," : "", name);
    }
}

void emit_list_end(struct emit *emit)
{
    emit->list = NULL;
    emit->has_value = true;
    if (emit->json) {
        fputc(']', emit->out);
    }
}

void emit_item(struct emit *emit)
{
    if (emit->json) {
        fputs(emit->has_item ? ",{" : "{", emit->out);
    } else {
        fprintf(emit->out, "\n    %s", emit->list);
    }
    emit->has_item = true;
    emit->has_value = false;
}

void emit_item_end(struct emit *emit)
{
    if (emit->json) {
        fputc('}', emit->out);
    }
}

void emit_bytes(struct emit *emit, const char *key, const char *value, size_t length)
{
    put_key(emit, key);
    fputc('"', emit->out);
    put_escaped(emit, value, length);
    fputc('"', emit->out);
}

void emit_text(struct emit *emit, const char *key, const char *value)
{
    if (emit->json) {
        emit_bytes(emit, key, value, strlen(value));
    } else {
        put_key(emit, key);
        put_escaped(emit, value, strlen(value));
    }
}

void emit_number(struct emit *emit, const char *key, uint64_t value)
{
    put_key(emit, key);
    fprintf(emit->out, "%" PRIu64, value);
}

void emit_flag(struct emit *emit, const char *key, bool value)
{
    if (emit->json) {
        put_key(emit, key);
        fputs(value ? "true" : "false", emit->out);
    } else if (value) {
        fprintf(emit->out, "%s%s", emit->has_value || emit->list != NULL ? " " : "", key);
        emit->has_value = true;
    }
}

void emit_null(struct emit *emit, const char *key)
{
    if (emit->json) {
        put_key(emit, key);
        fputs("null", emit->out);
    }
}

void emit_id(struct emit *emit, const char *key, uint64_t value, int digits)
{
    char text[24];

    snprintf(text, sizeof(text), "%0*" PRIx64, digits, value);
    emit_text(emit, key, text);
}

void emit_address(struct emit *emit, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "0x%" PRIx64, value);
    emit_text(emit, key, text);
}

void emit_offset(struct emit *emit, const char *key, uint64_t value)
{
    if (emit->json) {
        emit_number(emit, key, value);
    } else {
        emit_address(emit, key, value);
    }
}
