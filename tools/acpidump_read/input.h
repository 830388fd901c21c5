/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Tables in the bytes of a file: one as it is in memory or several one behind the other, or the
 * text that acpidump writes, with any number of them.
 *
 * In a text, a line `NAME @ 0xADDRESS` starts a table; its bytes are in lines `OFFSET: 41 50 ...`
 * of up to 16, with the same bytes as characters behind them. Anything else is passed over, such as
 * acpidump's own warnings.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A table as found, nothing of it checked. */
struct input_table {
    const uint8_t *bytes; /* as many as there are: the header may promise more */
    size_t length;
    char name[4]; /* the signature that the text gives, if name_length is not 0 */
    size_t name_length;
    bool is_text;
    size_t place; /* line from 1 in a text, else offset from 0 */
    bool has_gap; /* text: bytes from `length` on are not in it, others behind them are */
};

/** Takes what is found; `table` and its bytes are valid during the call only. */
struct input_sink {
    void (*take)(struct input_sink *sink, const struct input_table *table);
};

/** Find all tables. Returns: their number. */
size_t input_scan(const uint8_t *bytes, size_t length, struct input_sink *sink);
