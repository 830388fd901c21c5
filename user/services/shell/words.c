/* SPDX-License-Identifier: MIT */
#include "services/shell/words.h"

#include "base/memory.h"

#define DISTANCE_MAX_LENGTH 31u
#define DISTANCE_FAR        99u

enum words_error words_split(char *line, struct words *words)
{
    char *from = line;
    char *to = line;

    words->count = 0;
    words->background = false;
    for (;;) {
        bool quoted = false;
        bool at_end;

        while (*from == ' ') {
            from++;
        }
        if (*from == '\0') {
            break;
        }
        if (words->count == WORDS_MAX) {
            return WORDS_TOO_MANY;
        }
        words->word[words->count++] = to;
        for (; *from != '\0' && (quoted || *from != ' '); from++) {
            if (*from == '"') {
                quoted = !quoted;
            } else {
                *to++ = *from;
            }
        }
        if (quoted) {
            return WORDS_OPEN_QUOTE;
        }
        /* The terminator may take the place of the space that is being read. */
        at_end = *from == '\0';
        from += at_end ? 0 : 1;
        *to++ = '\0';
        if (at_end) {
            break;
        }
    }
    if (words->count != 0) {
        char *const last = words->word[words->count - 1];
        const size_t length = strlen(last);

        if (length != 0 && last[length - 1] == '&') {
            words->background = true;
            last[length - 1] = '\0';
            words->count -= length == 1 ? 1 : 0;
        }
    }
    words->word[words->count] = NULL;
    return WORDS_OK;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned words_distance(const char *a, const char *b)
{
    /* Three rows of the table of F. Damerau's distance (optimal string alignment). */
    unsigned rows[3][DISTANCE_MAX_LENGTH + 1];
    const size_t a_length = strlen(a);
    const size_t b_length = strlen(b);
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *row = rows[2];

    if (a_length > DISTANCE_MAX_LENGTH || b_length > DISTANCE_MAX_LENGTH) {
        return DISTANCE_FAR;
    }
    for (size_t j = 0; j <= b_length; j++) {
        last[j] = (unsigned)j;
        before[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *const spare = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            const unsigned replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);

            row[j] = smaller(replaced, smaller(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = smaller(row[j], before[j - 2] + 1);
            }
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[b_length];
}
