/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Output, twice the same: a JSON object a line, or for people, a paragraph whose first line is
 * the record's own values and each further line one item of one of its lists. Whatever a file or
 * its name holds, JSON is valid UTF-8 and the text has no control characters.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct emit {
    FILE *out;
    bool json;
    bool has_value;   /* something was written in the innermost object */
    const char *list; /* the list being written; NULL outside */
    bool has_item;
};

void emit_record(struct emit *emit);
void emit_record_end(struct emit *emit);
void emit_list(struct emit *emit, const char *name);
void emit_list_end(struct emit *emit);
void emit_item(struct emit *emit);
void emit_item_end(struct emit *emit);

void emit_text(struct emit *emit, const char *key, const char *value);
void emit_bytes(struct emit *emit, const char *key, const char *value, size_t length);
void emit_number(struct emit *emit, const char *key, uint64_t value);
void emit_flag(struct emit *emit, const char *key, bool value);
void emit_null(struct emit *emit, const char *key);
/** Identifiers: exactly `digits` hexadecimal digits, as a string. */
void emit_id(struct emit *emit, const char *key, uint64_t value, int digits);
/** Addresses: 0x and digits, as a string, because JSON's numbers have 53 bits. */
void emit_address(struct emit *emit, const char *key, uint64_t value);
/** Offsets in configuration space: a number in JSON, hexadecimal for people. */
void emit_offset(struct emit *emit, const char *key, uint64_t value);
