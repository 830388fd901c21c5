/* SPDX-License-Identifier: MIT */
/*
 * Entry, the capability set, thread-local storage and output.
 */
#include "fake_kernel.h"

#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/start_info.h"
#include "rt/thread_storage.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

NORETURN void rt_start(struct ring_memory *ring, uint64_t argument);
int rt_test_main(int count, char **arguments);

static int seen_count;
static char seen_arguments[256];

/* rt/process.c is compiled with this name in the place of main. */
int rt_test_main(int count, char **arguments)
{
    seen_count = count;
    seen_arguments[0] = '\0';
    for (int i = 0; i < count; i++) {
        strncat(seen_arguments, arguments[i], 64);
        strcat(seen_arguments, "|");
    }
    assert_null(arguments[count]);
    rt_print("%s: %d", rt_program_name(), count);
    return 42;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

/** Start the program; its exit code. */
static NOINLINE int64_t start(void)
{
    return FAKE_EXIT_CODE(rt_start(fake.memory, 0));
}

static void put_length(uint64_t length)
{
    memcpy(&fake.memory->message[RT_START_INFO_LENGTH_OFFSET], &length, sizeof(length));
}

/** Write a StartInfo as the kernel does. */
static void put_start_info(const char *const *arguments, uint32_t argument_count,
                           const char *const *names, uint32_t name_count)
{
    struct rt_text texts[80];
    struct rt_grant grants[8];
    size_t length;

    for (uint32_t i = 0; i < argument_count; i++) {
        texts[i] = (struct rt_text){arguments[i], strlen(arguments[i])};
    }
    for (uint32_t i = 0; i < name_count; i++) {
        grants[i] = (struct rt_grant){.name = names[i], .name_length = strlen(names[i])};
    }
    assert_int_equal(rt_start_info_build(fake.memory->message, RT_START_INFO_LENGTH_OFFSET, texts,
                                         argument_count, grants, name_count, &length),
                     WIRE_OK);
    put_length(length);
}

static void arguments_and_capabilities(void **state)
{
    static const char *const arguments[] = {"prog", "two words", ""};
    static const char *const names[] = {"console", "a", "timer"};

    (void)state;
    put_start_info(arguments, 3, names, 3);
    assert_int_equal(start(), 42);
    assert_int_equal(seen_count, 3);
    assert_string_equal(seen_arguments, "prog|two words||");
    assert_int_equal(rt_capability_count(), 3);
    assert_int_equal(rt_capability("console"), 1ull << 20 | 3);
    assert_int_equal(rt_capability("timer"), 1ull << 20 | 5);
    assert_int_equal(rt_capability("time"), 0);
    assert_int_equal(rt_capability("timers"), 0);
    assert_int_equal(rt_capability(""), 0);
    assert_string_equal(rt_capability_name(1), "a");
    assert_null(rt_capability_name(3));
    assert_memory_equal(fake.output, "prog: 3", 7);
    assert_int_equal(FAKE_EXIT_CODE(rt_capability_required("nothing")), RT_EXIT_PANIC);
}

static void nothing_at_all(void **state)
{
    (void)state;
    assert_int_equal(start(), 42);
    assert_int_equal(seen_count, 0);
    assert_int_equal(rt_capability("console"), 0);
    assert_string_equal(rt_program_name(), "?");
}

static void long_start_info_moves_to_the_heap(void **state)
{
    static char long_argument[4000];
    const char *arguments[] = {"prog", long_argument};

    (void)state;
    memset(long_argument, 'x', sizeof(long_argument) - 1);
    put_start_info(arguments, 2, NULL, 0);
    assert_int_equal(start(), 42);
    assert_int_equal(seen_count, 2);
    assert_int_equal(rt_ring_self()->area_used, 0);
}

static void hostile_start_info(void **state)
{
    static const char *const arguments[] = {"prog", "argument"};
    static const char *const names[] = {"console"};
    uint64_t original[32];

    (void)state;
    /* A length that cannot be is no message. */
    put_start_info(arguments, 2, names, 1);
    put_length(RING_MESSAGE_BYTES);
    assert_int_equal(start(), 42);
    assert_int_equal(rt_capability_count(), 0);
    fake_reset();
    put_start_info(arguments, 2, names, 1);
    put_length(UINT64_MAX);
    assert_int_equal(start(), 42);
    assert_int_equal(rt_capability_count(), 0);
    fake_reset();
    put_length(3);
    assert_true(start() > 100);
    /* Every word of it replaced by every one of these: a clean end or a clean start. */
    put_start_info(arguments, 2, names, 1);
    memcpy(original, fake.memory->message, sizeof(original));
    for (size_t word = 0; word < 24; word++) {
        static const uint64_t values[] = {0,
                                          UINT64_MAX,
                                          0x7fffffff00000001,
                                          1ull << 32 | 1,
                                          0x0000ffff0000000c,
                                          0xfffffffe00000002,
                                          0x41};

        for (size_t v = 0; v < ARRAY_COUNT(values); v++) {
            int64_t code;

            fake_reset();
            memcpy(fake.memory->message, original, sizeof(original));
            put_length(24 * 8);
            memcpy(&fake.memory->message[word * 8], &values[v], 8);
            code = start();
            assert_true(code == 42 || code == 134 || code == 135);
        }
    }
}

static void storage_blocks(void **state)
{
    static const char bytes[] = {1, 2, 3, 4, 5};
    static const struct {
        size_t file, memory, alignment;
    } cases[] = {{0, 0, 1}, {5, 5, 1}, {5, 17, 8}, {5, 64, 64}, {5, 65, 64}, {1, 200, 16}};
    static _Alignas(64) char block[1024];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct rt_tls_image image = {bytes, cases[i].file, cases[i].memory,
                                           cases[i].alignment};
        const size_t rounded =
            (cases[i].memory + cases[i].alignment - 1) / cases[i].alignment * cases[i].alignment;
        struct rt_thread_pointer *pointer;
        const char *storage;

        memset(block, 0xee, sizeof(block));
        pointer = rt_tls_block_init(&image, block, fake_thread);
        storage = (const char *)pointer - rounded;
        assert_ptr_equal(pointer->self, pointer);
        assert_ptr_equal(pointer->thread, fake_thread);
        assert_int_equal((uintptr_t)pointer % 64, 0);
        assert_true(storage >= block);
        assert_true((const char *)(pointer + 1) <= block + rt_tls_block_bytes(&image));
        assert_memory_equal(storage, bytes, cases[i].file);
        for (size_t b = cases[i].file; b < cases[i].memory; b++) {
            assert_int_equal(storage[b], 0);
        }
        assert_int_equal((unsigned char)block[rt_tls_block_bytes(&image)], 0xee);
    }
}

static void output_goes_out_by_lines(void **state)
{
    static const char *const names[] = {"console"};
    char text[2001];

    (void)state;
    put_start_info(NULL, 0, names, 1);
    assert_int_equal(start(), 42);
    fake.output_length = 0;
    rt_print("half a line");
    assert_int_equal(fake.output_length, 0);
    rt_print(", and the rest %d\nmore", 7);
    assert_memory_equal(fake.output, "half a line, and the rest 7\n", 28);
    assert_int_equal(fake.output_length, 28);
    rt_print_flush();
    assert_int_equal(fake.output_length, 32);
    memset(text, 'a', sizeof(text) - 1);
    text[2000] = '\0';
    rt_print("%s\n", text);
    assert_int_equal(fake.output_length, 32 + 2001);
    fake.refuse_all = STATUS_STALE; /* a console that is gone */
    rt_print("nobody hears this\n");
}

/** A process panics once, so this test comes first. */
static void panic_says_why(void **state)
{
    static const char *const arguments[] = {"prog"};
    static const char *const names[] = {"console"};
    char text[2001];

    (void)state;
    put_start_info(arguments, 1, names, 1);
    assert_int_equal(start(), 42);
    fake.output_length = 0;
    memset(text, 'a', sizeof(text) - 1);
    text[2000] = '\0';
    assert_int_equal(FAKE_EXIT_CODE(rt_panic("%s %d", text, 1)), RT_EXIT_PANIC);
    assert_memory_equal(fake.output, "prog: panic: aaa", 16);
    assert_int_equal(fake.output[fake.output_length - 1], '\n');
    fake.output_length = 0;
    assert_int_equal(FAKE_EXIT_CODE(rt_panic("again")), RT_EXIT_PANIC);
    assert_int_equal(fake.output_length, 0);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(panic_says_why, setup),
        cmocka_unit_test_setup(arguments_and_capabilities, setup),
        cmocka_unit_test_setup(nothing_at_all, setup),
        cmocka_unit_test_setup(long_start_info_moves_to_the_heap, setup),
        cmocka_unit_test_setup(hostile_start_info, setup),
        cmocka_unit_test_setup(storage_blocks, setup),
        cmocka_unit_test_setup(output_goes_out_by_lines, setup),
    };

    (void)count;
    (void)arguments;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
