/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Splitting a command line into words, and finding what somebody may have meant. No system calls.
 */

#include "text/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX      32u
#define WORDS_NAME_MAX 31u /* longer words are like none */

struct words {
    char *word[WORDS_MAX + 1]; /* terminated, in the line; the one behind the last is NULL */
    size_t count;
    bool background; /* the line ended in & */
};

enum words_error {
    WORDS_OK = 0,
    WORDS_TOO_MANY,  /* more than WORDS_MAX */
    WORDS_OPEN_QUOTE /* a " without its partner */
};

/**
 * Split `line` at spaces, in place. "two words" is one word; a final & sets `background`.
 *
 * Returns: WORDS_OK; what is wrong with the line.
 */
enum words_error words_split(char *line, struct words *words);

/** Edits (insert, delete, replace, swap of neighbours) that lead from `a` to `b`; 99 for far. */
unsigned words_distance(const char *a, const char *b);

/** The known word that somebody may have meant by another one. */
struct words_nearest {
    const char *wanted;
    char name[WORDS_NAME_MAX + 1]; /* empty: none is like it */
    unsigned distance;
};

/** Begin to look for what `wanted` may have meant. */
void words_nearest_init(struct words_nearest *nearest, const char *wanted);

/**
 * A known word. The nearest is kept: that of which `wanted` is the beginning, or that which one or
 * two edits lead to, if those are not half of it.
 */
void words_nearest_offer(struct words_nearest *nearest, const char *name);

/** Whether two words are the same. */
bool words_same(const char *a, const char *b);

/**
 * Read a number of bytes or blocks: decimal, or 0x and hexadecimal, with K, M or G behind it for
 * 2^10, 2^20 or 2^30. Returns: TEXT_OK, and only then `*number` is written; what is wrong.
 */
MUST_CHECK enum text_error words_size(const char *word, uint64_t *number);

/** Read the place of a PCI function, "00:03.0" or "0001:00:03.0", in hexadecimal digits. */
MUST_CHECK bool words_bdf(const char *word, uint16_t *segment, uint16_t *bdf);

/**
 * Read bytes from hexadecimal digits, two for each, at most `capacity` of them.
 *
 * Returns: true and their number; false if there is an odd digit, something that is no digit, none
 * at all or too many.
 */
MUST_CHECK bool words_hex_bytes(const char *digits, uint8_t *bytes, size_t capacity,
                                size_t *length);
