/* SPDX-License-Identifier: MIT */

/*
 * lib/base/memory.c under other names, against libc, for every small length, alignment and
 * overlap. Buffers are of exactly their size, for ASan.
 */

#define memcpy  capos_memcpy
#define memmove capos_memmove
#define memset  capos_memset
#define memcmp  capos_memcmp
#define strlen  capos_strlen
#include "base/memory.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTHS 100u
#define SHIFTS  9u

static void fill(uint8_t *bytes, size_t length, uint32_t seed)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(seed + i * 37);
    }
}

static void test_copy(void **state)
{
    (void)state;
    for (size_t length = 0; length < LENGTHS; length++) {
        for (size_t shift = 0; shift < SHIFTS; shift++) {
            uint8_t *from = malloc(length + shift);
            uint8_t *to = malloc(length + shift + 1);

            fill(from, length + shift, 1);
            fill(to, length + shift + 1, 100);
            const uint8_t before = shift == 0 ? 0 : to[shift - 1];
            const uint8_t after = to[shift + length];

            assert_ptr_equal(capos_memcpy(to + shift, from + shift, length), to + shift);
            assert_memory_equal(to + shift, from + shift, length);
            assert_int_equal(after, to[shift + length]);
            assert_true(shift == 0 || before == to[shift - 1]);
            free(from);
            free(to);
        }
    }
}

static void test_move(void **state)
{
    (void)state;
    for (size_t length = 0; length < LENGTHS; length++) {
        for (size_t from = 0; from < 40; from++) {
            for (size_t to = 0; to < 40; to += 3) {
                uint8_t ours[LENGTHS + 40];
                uint8_t theirs[LENGTHS + 40];

                fill(ours, sizeof(ours), 7);
                fill(theirs, sizeof(theirs), 7);
                assert_ptr_equal(capos_memmove(ours + to, ours + from, length), ours + to);
                memmove(theirs + to, theirs + from, length);
                assert_memory_equal(ours, theirs, sizeof(ours));
            }
        }
    }
}

static void test_set(void **state)
{
    (void)state;
    for (size_t length = 0; length < LENGTHS; length++) {
        for (size_t shift = 0; shift < SHIFTS; shift++) {
            uint8_t *ours = malloc(length + shift);
            uint8_t *theirs = malloc(length + shift);

            fill(ours, length + shift, 3);
            fill(theirs, length + shift, 3);
            assert_ptr_equal(capos_memset(ours + shift, 0x1a5, length), ours + shift);
            memset(theirs + shift, 0xa5, length);
            assert_memory_equal(ours, theirs, length + shift);
            free(ours);
            free(theirs);
        }
    }
}

static void test_compare(void **state)
{
    (void)state;
    for (size_t length = 0; length < LENGTHS; length++) {
        uint8_t *a = malloc(length);
        uint8_t *b = malloc(length);

        fill(a, length, 3);
        fill(b, length, 3);
        assert_int_equal(capos_memcmp(a, b, length), 0);
        for (size_t i = 0; i < length; i++) {
            a[i] = 0x80;
            b[i] = 0x7f;
            assert_true(capos_memcmp(a, b, length) > 0);
            assert_true(capos_memcmp(b, a, length) < 0);
            assert_int_equal(capos_memcmp(a, b, i), 0);
            b[i] = a[i];
        }
        free(a);
        free(b);
    }
}

static void test_length(void **state)
{
    (void)state;
    for (size_t length = 0; length < LENGTHS; length++) {
        char *text = malloc(length + 1);

        memset(text, 'x', length);
        text[length] = '\0';
        assert_int_equal(capos_strlen(text), length);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),    cmocka_unit_test(test_move),   cmocka_unit_test(test_set),
        cmocka_unit_test(test_compare), cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
