/* SPDX-License-Identifier: MIT */
#include "services/shell/words.h"

#include "base/memory.h"

#define DISTANCE_MAX_LENGTH WORDS_NAME_MAX
#define DISTANCE_FAR        99u
#define DISTANCE_LIKE       2u /* edits; more make another word */
#define PREFIX_MIN          2u /* letters that say what is meant */

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

bool words_same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

void words_nearest_init(struct words_nearest *nearest, const char *wanted)
{
    nearest->wanted = wanted;
    nearest->name[0] = '\0';
    nearest->distance = DISTANCE_LIKE + 1;
}

void words_nearest_offer(struct words_nearest *nearest, const char *name)
{
    const size_t wanted_length = strlen(nearest->wanted);
    const size_t length = strlen(name);
    unsigned distance = words_distance(nearest->wanted, name);

    if (length > WORDS_NAME_MAX) {
        return;
    }
    if (2 * distance > length) {
        distance = DISTANCE_FAR; /* three letters of which two are others are no likeness */
    }
    if (distance > DISTANCE_LIKE && wanted_length >= PREFIX_MIN && wanted_length < length &&
        memcmp(nearest->wanted, name, wanted_length) == 0) {
        distance = DISTANCE_LIKE;
    }
    if (distance < nearest->distance) {
        memcpy(nearest->name, name, length + 1);
        nearest->distance = distance;
    }
}

enum text_error words_size(const char *word, uint64_t *number)
{
    size_t length = strlen(word);
    unsigned shift = 0;
    uint64_t value;
    enum text_error error;

    if (length != 0) {
        switch (word[length - 1]) {
        case 'K':
        case 'k':
            shift = 10;
            break;
        case 'M':
        case 'm':
            shift = 20;
            break;
        case 'G':
        case 'g':
            shift = 30;
            break;
        default:
            break;
        }
    }
    error = text_parse_u64(word, length - (shift == 0 ? 0 : 1), &value);
    if (error == TEXT_OK && value > UINT64_MAX >> shift) {
        error = TEXT_OUT_OF_RANGE;
    }
    if (error == TEXT_OK) {
        *number = value << shift;
    }
    return error;
}

/** The value of a hexadecimal digit; 16 if it is none. */
static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a') + 10;
    }
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

/** Read one to four hexadecimal digits up to `end`, and step behind that. */
static bool hex_field(const char **text, char end, unsigned most, unsigned *value)
{
    const char *from = *text;

    *value = 0;
    while (hex_digit(*from) < 16 && from - *text < 4) {
        *value = *value << 4 | hex_digit(*from++);
    }
    if (from == *text || *from != end || *value > most) {
        return false;
    }
    *text = from + (end == '\0' ? 0 : 1);
    return true;
}

bool words_bdf(const char *word, uint16_t *segment, uint16_t *bdf)
{
    unsigned colons = 0, domain = 0, bus, device, function;

    for (const char *c = word; *c != '\0'; c++) {
        colons += *c == ':' ? 1 : 0;
    }
    if ((colons == 2 && !hex_field(&word, ':', 0xffff, &domain)) ||
        !hex_field(&word, ':', 0xff, &bus) || !hex_field(&word, '.', 31, &device) ||
        !hex_field(&word, '\0', 7, &function)) {
        return false;
    }
    *segment = (uint16_t)domain;
    *bdf = (uint16_t)(bus << 8 | device << 3 | function);
    return true;
}

bool words_hex_bytes(const char *digits, uint8_t *bytes, size_t capacity, size_t *length)
{
    const size_t count = strlen(digits);

    if (count == 0 || count % 2 != 0 || count / 2 > capacity) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (hex_digit(digits[i]) > 15) {
            return false;
        }
    }
    for (size_t i = 0; i < count / 2; i++) {
        bytes[i] = (uint8_t)(hex_digit(digits[2 * i]) << 4 | hex_digit(digits[2 * i + 1]));
    }
    *length = count / 2;
    return true;
}
