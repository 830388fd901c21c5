/* SPDX-License-Identifier: MIT */
#include "report/words.h"

#include "text/text.h"

void report_words_split(const char *text, size_t length, struct report_words *words)
{
    size_t at = 0;

    words->count = 0;
    while (words->count <= REPORT_WORDS_MAX) {
        while (at < length && text[at] == ' ') {
            at++;
        }
        const size_t start = at;

        while (at < length && text[at] != ' ') {
            at++;
        }
        if (at == start) {
            return;
        }
        if (words->count < REPORT_WORDS_MAX) {
            words->word[words->count] = text + start;
            words->length[words->count] = at - start;
        }
        words->count++;
    }
}

static bool hex_digit(char byte, uint32_t *value)
{
    if (byte >= '0' && byte <= '9') {
        *value = (uint32_t)(byte - '0');
    } else if (byte >= 'a' && byte <= 'f') {
        *value = (uint32_t)(byte - 'a') + 10;
    } else if (byte >= 'A' && byte <= 'F') {
        *value = (uint32_t)(byte - 'A') + 10;
    } else {
        return false;
    }
    return true;
}

/** Exactly `digits` hexadecimal digits, and behind them `end` (0: nothing). */
static bool take_hex(const char **at, size_t *left, uint32_t digits, char end, uint32_t *value)
{
    uint32_t digit;

    *value = 0;
    if (*left < digits + (end != 0 ? 1 : 0)) {
        return false;
    }
    for (uint32_t i = 0; i < digits; i++) {
        if (!hex_digit((*at)[i], &digit)) {
            return false;
        }
        *value = *value << 4 | digit;
    }
    *at += digits;
    *left -= digits;
    if (end == 0) {
        return *left == 0;
    }
    if (**at != end) {
        return false;
    }
    (*at)++;
    (*left)--;
    return true;
}

#define PLACE_BYTES        7u /* 00:1f.2 */
#define PLACE_LONG_BYTES   12u
#define DEVICES_PER_BUS    32u
#define FUNCTIONS_PER_SLOT 8u

static bool read_place(const char *word, size_t length, uint64_t *argument)
{
    uint32_t segment = 0;
    uint32_t bus, device, function;

    if (length == PLACE_LONG_BYTES) {
        if (!take_hex(&word, &length, 4, ':', &segment)) {
            return false;
        }
    }
    if (length != PLACE_BYTES || !take_hex(&word, &length, 2, ':', &bus) ||
        !take_hex(&word, &length, 2, '.', &device) || !take_hex(&word, &length, 1, 0, &function) ||
        device >= DEVICES_PER_BUS || function >= FUNCTIONS_PER_SLOT) {
        return false;
    }
    *argument = (uint64_t)segment << 16 | bus << 8 | device << 3 | function;
    return true;
}

enum report_request_error report_request_read(const struct report_words *words,
                                              struct report_request *request)
{
    *request = (struct report_request){.as_json = false};
    if (words->count > REPORT_WORDS_MAX) {
        return REPORT_REQUEST_TOO_MANY;
    }
    for (uint32_t i = 1; i < words->count; i++) {
        const char *word = words->word[i];
        const size_t length = words->length[i];

        if (length == 2 && word[0] == '-' && word[1] == 'j') {
            request->as_json = true;
        } else if (request->has_argument) {
            return REPORT_REQUEST_TOO_MANY;
        } else if (read_place(word, length, &request->argument) ||
                   text_parse_u64(word, length, &request->argument) == TEXT_OK) {
            request->has_argument = true;
        } else {
            return REPORT_REQUEST_BAD_ARGUMENT;
        }
    }
    return REPORT_REQUEST_OK;
}
