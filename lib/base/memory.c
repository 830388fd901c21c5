/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdint.h>

/*
 * Plain loops over words. The string instructions are left alone: an emulator that counts
 * instructions charges them by the byte. Words are accessed at any alignment, which x86 allows.
 */

/** A word at any address, part of an object of any type. */
struct any_word {
    uint64_t value;
} __attribute__((packed, may_alias));

/* GCC turns a loop that copies or fills into a call of memcpy or memset: here, into recursion. */
#ifdef __clang__
#define NOT_AS_A_CALL __attribute__((no_builtin))
#else
#define NOT_AS_A_CALL __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

#define WORD_BYTES sizeof(struct any_word)

static inline uint64_t load(const uint8_t *from)
{
    return ((const struct any_word *)(const void *)from)->value;
}

static inline void store(uint8_t *to, uint64_t value)
{
    ((struct any_word *)(void *)to)->value = value;
}

static NOT_AS_A_CALL void copy_forward(uint8_t *to, const uint8_t *from, size_t length)
{
    while (length >= 4 * WORD_BYTES) {
        const uint64_t first = load(from);
        const uint64_t second = load(from + WORD_BYTES);
        const uint64_t third = load(from + 2 * WORD_BYTES);
        const uint64_t fourth = load(from + 3 * WORD_BYTES);

        store(to, first);
        store(to + WORD_BYTES, second);
        store(to + 2 * WORD_BYTES, third);
        store(to + 3 * WORD_BYTES, fourth);
        to += 4 * WORD_BYTES;
        from += 4 * WORD_BYTES;
        length -= 4 * WORD_BYTES;
    }
    while (length >= WORD_BYTES) {
        store(to, load(from));
        to += WORD_BYTES;
        from += WORD_BYTES;
        length -= WORD_BYTES;
    }
    while (length != 0) {
        *to++ = *from++;
        length--;
    }
}

static NOT_AS_A_CALL void copy_backward(uint8_t *to, const uint8_t *from, size_t length)
{
    while (length >= WORD_BYTES) {
        length -= WORD_BYTES;
        store(to + length, load(from + length));
    }
    while (length != 0) {
        length--;
        to[length] = from[length];
    }
}

NOT_AS_A_CALL void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    copy_forward((uint8_t *)to, (const uint8_t *)from, length);
    return to;
}

NOT_AS_A_CALL void *memmove(void *to, const void *from, size_t length)
{
    /* Forward is right unless the destination starts inside the source. */
    if ((uintptr_t)to - (uintptr_t)from >= length) {
        copy_forward((uint8_t *)to, (const uint8_t *)from, length);
    } else {
        copy_backward((uint8_t *)to, (const uint8_t *)from, length);
    }
    return to;
}

NOT_AS_A_CALL void *memset(void *to, int byte, size_t length)
{
    const uint64_t word = UINT64_C(0x0101010101010101) * (uint8_t)byte;
    uint8_t *at = (uint8_t *)to;

    while (length >= 4 * WORD_BYTES) {
        store(at, word);
        store(at + WORD_BYTES, word);
        store(at + 2 * WORD_BYTES, word);
        store(at + 3 * WORD_BYTES, word);
        at += 4 * WORD_BYTES;
        length -= 4 * WORD_BYTES;
    }
    while (length >= WORD_BYTES) {
        store(at, word);
        at += WORD_BYTES;
        length -= WORD_BYTES;
    }
    while (length != 0) {
        *at++ = (uint8_t)byte;
        length--;
    }
    return to;
}

NOT_AS_A_CALL int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *left = (const uint8_t *)a;
    const uint8_t *right = (const uint8_t *)b;

    while (length >= WORD_BYTES && load(left) == load(right)) {
        left += WORD_BYTES;
        right += WORD_BYTES;
        length -= WORD_BYTES;
    }
    while (length != 0) {
        if (*left != *right) {
            return *left - *right;
        }
        left++;
        right++;
        length--;
    }
    return 0;
}

NOT_AS_A_CALL size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    return length;
}
