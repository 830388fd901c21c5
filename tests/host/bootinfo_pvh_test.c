/* SPDX-License-Identifier: MIT */

/*
 * lib/bootinfo: what a loader leaves as PVH start info, and every refusal in a table.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bootinfo_machine.h"

static void test_pvh_good(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault = {BOOT_OK, 0};
    struct boot_info info;

    pvh_good(machine);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.range_count, 5);
    check_range(&info, 0, 0, 0x9f000, BOOT_MEMORY_USABLE);
    check_range(&info, 1, 0x9f000, 0xa0000, BOOT_MEMORY_RESERVED);
    check_range(&info, 2, 0xf0000, 0x100000, BOOT_MEMORY_RESERVED);
    check_range(&info, 3, 0x100000, 0x7ee0000, BOOT_MEMORY_USABLE);
    check_range(&info, 4, 0x7ee0000, 0x7f00000, BOOT_MEMORY_ACPI);
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.modules[0].address, 0x3000000);
    assert_int_equal(info.modules[0].bytes, 0x12345);
    assert_string_equal(info.modules[0].name, "boot package");
    assert_string_equal(info.modules[1].name, "");
    assert_string_equal(info.command_line, "console=ttyS0 quiet");
    assert_int_equal(info.rsdp_address, 0xf5b20);
    assert_int_equal(info.loader_address, START);
    assert_int_equal(info.loader_bytes, 56);
    assert_int_equal(info.truncated, 0);
    assert_int_equal(info.ignored_entries, 0);

    assert_true(boot_info_is_usable(&info, 0, 0x9f000));
    assert_false(boot_info_is_usable(&info, 0, 0x9f001));
    assert_true(boot_info_is_usable(&info, 0x7edffff, 1));
    assert_false(boot_info_is_usable(&info, 0x7ee0000, 1));
    assert_false(boot_info_is_usable(&info, 0xa0000, 1));
    assert_false(boot_info_is_usable(&info, 0x100000, UINT64_MAX));
    assert_false(boot_info_is_usable(&info, UINT64_MAX, 1));
}

static void test_pvh_table(void **state)
{
    static const struct refusal cases[] = {
        {"as it is", {{0}}, BOOT_OK, 0},
        {"a later version", {{START + 4, 4, 7}}, BOOT_OK, 0},
        {"no modules, so no list", {{START + 12, 4, 0}, {START + 16, 8, UINT64_MAX}}, BOOT_OK, 0},
        {"no command line", {{START + 24, 8, 0}}, BOOT_OK, 0},
        {"string in the last byte", {{START + 24, 8, MEMORY_BYTES - 1}}, BOOT_OK, 0},
        {"magic", {{START, 4, 0x336ec579}}, BOOT_BAD_MAGIC, START},
        {"version 0 has no map", {{START + 4, 4, 0}}, BOOT_NO_MEMORY_MAP, START},
        {"empty map", {{START + 48, 4, 0}}, BOOT_NO_MEMORY_MAP, START},
        {"map without memory", {{START + 48, 4, 1}, {MAP + 8, 8, 0}}, BOOT_NO_MEMORY_MAP, START},
        {"command line outside", {{START + 24, 8, MEMORY_BYTES}}, BOOT_OUTSIDE_WINDOW, START + 24},
        {"command line far outside",
         {{START + 24, 8, UINT64_MAX}},
         BOOT_OUTSIDE_WINDOW,
         START + 24},
        {"module list at 0", {{START + 16, 8, 0}}, BOOT_OUTSIDE_WINDOW, START + 16},
        {"module list leaves the window",
         {{START + 16, 8, MEMORY_BYTES - 63}},
         BOOT_OUTSIDE_WINDOW,
         START + 16},
        {"2^32 - 1 modules", {{START + 12, 4, UINT32_MAX}}, BOOT_OUTSIDE_WINDOW, START + 16},
        {"module list wraps", {{START + 16, 8, UINT64_MAX - 8}}, BOOT_OUTSIDE_WINDOW, START + 16},
        {"module name outside",
         {{MODULES + 48, 8, MEMORY_BYTES}},
         BOOT_OUTSIDE_WINDOW,
         MODULES + 48},
        {"module size wraps", {{MODULES + 40, 8, UINT64_MAX - 100}}, BOOT_BAD_MODULE, MODULES + 40},
        {"module beyond physical memory",
         {{MODULES, 8, ((uint64_t)1 << 52) - 0x12344}},
         BOOT_BAD_MODULE,
         MODULES + 8},
        {"map at 0", {{START + 40, 8, 0}}, BOOT_OUTSIDE_WINDOW, START + 40},
        {"map leaves the window",
         {{START + 40, 8, MEMORY_BYTES - 5 * 24 + 1}},
         BOOT_OUTSIDE_WINDOW,
         START + 40},
        {"map wraps", {{START + 40, 8, UINT64_MAX}}, BOOT_OUTSIDE_WINDOW, START + 40},
        {"too many entries",
         {{START + 48, 4, BOOT_MAP_ENTRIES_MAX + 1}},
         BOOT_TOO_MANY_ENTRIES,
         START + 48},
    };

    check_refusals(*state, cases, ARRAY_COUNT(cases), pvh_good, pvh_read);
}

/* The structure itself at the end of the window and beyond. */
static void test_pvh_place(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    memmove(machine->memory + MEMORY_BYTES - 56, machine->memory + START, 56);
    assert_int_equal(boot_info_from_pvh(&machine->window, MEMORY_BYTES - 56, &info, &fault),
                     BOOT_OK);
    memmove(machine->memory + MEMORY_BYTES - 55, machine->memory + START, 55);
    assert_int_equal(boot_info_from_pvh(&machine->window, MEMORY_BYTES - 55, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
    assert_int_equal(fault.address, MEMORY_BYTES - 55 + 40);
    assert_int_equal(boot_info_from_pvh(&machine->window, MEMORY_BYTES - 39, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
    assert_int_equal(fault.address, MEMORY_BYTES - 39);
    assert_int_equal(boot_info_from_pvh(&machine->window, UINT64_MAX - 3, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
}

/* Strings: none at all, and one that the window ends. */
static void test_pvh_strings(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    put(machine, START + 24, 8, 0);
    machine->memory[0] = 'x';
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_string_equal(info.command_line, "");

    put(machine, START + 24, 8, MEMORY_BYTES - 3);
    memcpy(machine->memory + MEMORY_BYTES - 3, "end", 3);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_string_equal(info.command_line, "end");
}

static void test_truncation(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    memset(machine->memory + LINE, 'x', BOOT_COMMAND_LINE_BYTES - 1);
    memset(machine->memory + NAME, 'y', BOOT_MODULE_NAME_BYTES - 1);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.truncated, 0);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_BYTES - 1);

    machine->memory[LINE + BOOT_COMMAND_LINE_BYTES - 1] = 'x';
    machine->memory[NAME + BOOT_MODULE_NAME_BYTES - 1] = 'y';
    for (uint32_t i = 0; i < BOOT_MODULES_MAX; i++) {
        put(machine, MODULES + 32 * (uint64_t)i, 8, 0x100000 + i);
    }
    put(machine, START + 12, 4, BOOT_MODULES_MAX);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.truncated, BOOT_TRUNCATED_COMMAND_LINE | BOOT_TRUNCATED_MODULE_NAME);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_BYTES - 1);
    assert_int_equal(strlen(info.modules[0].name), BOOT_MODULE_NAME_BYTES - 1);
    assert_int_equal(info.module_count, BOOT_MODULES_MAX);

    put(machine, START + 12, 4, 300);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.truncated, BOOT_TRUNCATED_COMMAND_LINE | BOOT_TRUNCATED_MODULE_NAME |
                                         BOOT_TRUNCATED_MODULES);
    assert_int_equal(info.module_count, BOOT_MODULES_MAX);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = BOOT_OK; i <= BOOT_NO_MEMORY_MAP; i++) {
        assert_string_not_equal(boot_error_name((enum boot_error)i), "?");
    }
    assert_string_equal(boot_error_name((enum boot_error)(BOOT_NO_MEMORY_MAP + 1)), "?");
    assert_string_equal(boot_memory_name((enum boot_memory)(BOOT_MEMORY_BAD + 1)), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pvh_good),    TEST(test_pvh_table),  TEST(test_pvh_place),
        TEST(test_pvh_strings), TEST(test_truncation), TEST(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
