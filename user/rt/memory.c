/* SPDX-License-Identifier: MIT */
/*
 * The four functions that compilers call behind the program's back, and strlen. Written for words
 * of eight bytes; the compiler is told (user.mk) not to turn the loops back into calls.
 */
#include "base/memory.h"

#include <stdint.h>

/* May alias anything, at any address. */
typedef uint64_t word __attribute__((may_alias, aligned(1)));

/** Copy from low to high addresses: right also if the target overlaps from below. */
static void copy_upwards(char *target, const char *source, size_t count)
{
    for (; count >= sizeof(word); count -= sizeof(word)) {
        *(word *)target = *(const word *)source;
        target += sizeof(word);
        source += sizeof(word);
    }
    for (; count != 0; count--) {
        *target++ = *source++;
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    copy_upwards(to, from, count);
    return to;
}

void *memmove(void *to, const void *from, size_t count)
{
    char *target = to;
    const char *source = from;

    if ((uintptr_t)target - (uintptr_t)source >= count) {
        copy_upwards(target, source, count);
        return to;
    }
    for (; count >= sizeof(word); count -= sizeof(word)) {
        *(word *)(target + count - sizeof(word)) = *(const word *)(source + count - sizeof(word));
    }
    for (; count != 0; count--) {
        target[count - 1] = source[count - 1];
    }
    return to;
}

void *memset(void *to, int value, size_t count)
{
    char *target = to;
    const word pattern = 0x0101010101010101ull * (uint8_t)value;

    for (; count >= sizeof(word); count -= sizeof(word)) {
        *(word *)target = pattern;
        target += sizeof(word);
    }
    for (; count != 0; count--) {
        *target++ = (char)value;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t count)
{
    const uint8_t *a = left;
    const uint8_t *b = right;

    for (; count != 0; count--, a++, b++) {
        if (*a != *b) {
            return *a < *b ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    return length;
}
