/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Splitting a command line into words, and finding what somebody may have meant. No system calls.
 */

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX 32u

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
