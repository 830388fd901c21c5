/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a person asks a report for: NAME [ARGUMENT] [-j]. The same at the early prompt and at the
 * shell. Pure.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_WORDS_MAX 4u

struct report_words {
    uint32_t count; /* one more than REPORT_WORDS_MAX: there were too many */
    const char *word[REPORT_WORDS_MAX];
    size_t length[REPORT_WORDS_MAX];
};

/** Split text at blanks. The words point into it. */
void report_words_split(const char *text, size_t length, struct report_words *words);

struct report_request {
    bool as_json;
    bool has_argument;
    uint64_t argument;
};

enum report_request_error {
    REPORT_REQUEST_OK = 0,
    REPORT_REQUEST_BAD_ARGUMENT, /* neither a number nor the place of a function */
    REPORT_REQUEST_TOO_MANY
};

/**
 * Read the words behind the first one. A place, "00:1f.2" or "0001:00:1f.2", becomes the number
 * segment << 16 | bus << 8 | device << 3 | function.
 */
MUST_CHECK enum report_request_error report_request_read(const struct report_words *words,
                                                         struct report_request *request);
