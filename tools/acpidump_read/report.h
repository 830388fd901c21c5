/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is said about tables: the same facts as text for people, or as one JSON object a line.
 *
 * A table is a head, then fields, then lists of items, which have fields and lists themselves:
 *
 *   report_table_begin, report_u64..., report_list_begin,
 *       report_item_begin, report_u64..., report_item_end..., report_list_end, report_table_end
 *
 * Bytes of firmware and of file names are escaped: every line of output is valid UTF-8, and in
 * JSON mode valid JSON.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct report {
    FILE *to;
    bool json;
    bool line_empty;    /* text: nothing is in this line yet */
    bool list_empty;    /* JSON: no item is in the innermost list yet */
    unsigned int depth; /* lists around this place */
};

/** Where a table is: in a file, at a byte or (of a text) at a line. */
struct report_place {
    const char *file;
    bool is_line;
    size_t number; /* offset from 0, or line from 1 */
};

/** Signature and status "read" or "refused"; then the fields follow. */
void report_table_begin(struct report *report, const struct report_place *place,
                        const char *signature, size_t signature_length, const char *status);
void report_table_end(struct report *report);

/** A list of the table or item; `name` appears in JSON only. */
void report_list_begin(struct report *report, const char *name);
void report_list_end(struct report *report);
void report_item_begin(struct report *report, const char *kind);
void report_item_end(struct report *report);

/** Text: what follows goes to a new line. */
void report_break(struct report *report);

/** Fields: numbers; addresses (in JSON a string "0x..."); truth; characters that mean themselves.
 */
void report_u64(struct report *report, const char *name, uint64_t value);
void report_hex(struct report *report, const char *name, uint64_t value);
void report_bool(struct report *report, const char *name, bool value);
void report_word(struct report *report, const char *name, const char *value);
/** Characters from outside: escaped, and in quotes. */
void report_bytes(struct report *report, const char *name, const void *bytes, size_t length);
/** Small numbers in a row. */
void report_numbers(struct report *report, const char *name, const uint8_t *numbers, size_t count);
/** A PCI function, as 00:1f.3. */
void report_function(struct report *report, const char *name, unsigned int id);
