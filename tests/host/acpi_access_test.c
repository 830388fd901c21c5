/* SPDX-License-Identifier: MIT */
#include "acpi/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct acpi_access access;

static int setup(void **state)
{
    (void)state;
    memset(&access, 0, sizeof(access));
    return 0;
}

static bool can_read(uint64_t address, uint64_t length)
{
    return acpi_access_memory(&access, address, length, false);
}

static void nothing_is_readable_at_first(void **state)
{
    (void)state;
    assert_false(can_read(0, 1));
    assert_false(can_read(UINT64_MAX, 1));
    assert_false(acpi_access_memory(&access, 0x1000, 4, true));
}

static void all_of_it_must_be_inside(void **state)
{
    (void)state;
    acpi_spans_add(&access.readable, 0x1000, 0x1000);
    assert_true(can_read(0x1000, 0x1000));
    assert_true(can_read(0x1fff, 1));
    assert_false(can_read(0xfff, 1));
    assert_false(can_read(0xfff, 2));
    assert_false(can_read(0x1fff, 2));
    assert_false(can_read(0x2000, 1));
    assert_false(can_read(0x1000, UINT64_MAX));
    assert_false(acpi_access_memory(&access, 0x1000, 1, true));
}

static void writing_has_a_list_of_its_own(void **state)
{
    (void)state;
    acpi_spans_add(&access.writable, 0x1000, 0x10);
    assert_true(acpi_access_memory(&access, 0x1008, 8, true));
    assert_false(acpi_access_memory(&access, 0x100c, 8, true));
    assert_false(can_read(0x1008, 8));
}

static void neighbours_are_one(void **state)
{
    (void)state;
    acpi_spans_add(&access.readable, 0x3000, 0x1000);
    acpi_spans_add(&access.readable, 0x1000, 0x1000);
    acpi_spans_add(&access.readable, 0x2000, 0x1000); /* joins one; both must still cover */
    assert_true(can_read(0x1000, 0x3000));
    assert_false(can_read(0x1000, 0x3001));
    acpi_spans_add(&access.readable, 0x6000, 0); /* nothing */
    assert_false(can_read(0x6000, 1));
}

static void spans_need_not_be_in_order(void **state)
{
    (void)state;
    /* Joined at their ends by what came last, so that they stay apart in the list. */
    for (uint64_t i = 0; i < 8; i++) {
        acpi_spans_add(&access.readable, 0x10000 - i * 0x2000, 0x1000);
    }
    for (uint64_t i = 0; i < 8; i++) {
        acpi_spans_add(&access.readable, 0x11000 - i * 0x2000, 0x1000);
    }
    assert_true(can_read(0x10000 - 7 * 0x2000, 0x10000));
}

static void registers_are_nobodys(void **state)
{
    (void)state;
    acpi_spans_add(&access.readable, 0, 0x10000);
    acpi_spans_add(&access.writable, 0, 0x10000);
    acpi_access_take_memory(&access, 0x5000, 0x1000);
    assert_true(can_read(0x4000, 0x1000));
    assert_true(can_read(0x6000, 4));
    assert_false(can_read(0x5ffc, 4));
    assert_false(can_read(0x4ffc, 8));
    assert_false(can_read(0, 0x10000));
    assert_false(acpi_access_memory(&access, 0x5000, 4, true));
}

static void a_range_without_end_reaches_the_end(void **state)
{
    (void)state;
    acpi_spans_add(&access.readable, 0x1000, 0x1000);
    acpi_access_take_memory(&access, 0x1800, UINT64_MAX);
    assert_true(can_read(0x1000, 0x800));
    assert_false(can_read(0x1800, 1));
}

static void a_list_that_is_full_refuses(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < ACPI_ACCESS_SPANS_MAX; i++) {
        acpi_spans_add(&access.readable, i * 0x2000, 0x1000);
    }
    assert_false(access.readable.is_cut);
    acpi_spans_add(&access.readable, 0x2000 * ACPI_ACCESS_SPANS_MAX, 0x1000);
    assert_true(access.readable.is_cut);
    assert_false(can_read(0x2000 * ACPI_ACCESS_SPANS_MAX, 1));
    assert_true(can_read(0, 0x1000));
    for (uint64_t i = 0; i < ACPI_ACCESS_SPANS_MAX; i++) {
        acpi_access_take_memory(&access, i * 0x2000, 1);
    }
    assert_true(can_read(0x10, 4));
    acpi_access_take_memory(&access, 0x2800, 1);
    assert_false(can_read(0x10, 4)); /* which registers did not fit is not known: none is safe */
}

static void what_nobody_reads_takes_no_room(void **state)
{
    (void)state;
    acpi_spans_add(&access.readable, 0x1000, 0x1000);
    for (uint64_t i = 1; i < 1000; i++) {
        acpi_access_take_memory(&access, i << 20, 0x1000);
    }
    assert_int_equal(access.registers.count, 0);
    assert_true(can_read(0x1000, 0x1000));
}

static void ports(void **state)
{
    (void)state;
    assert_true(acpi_access_ports(&access, 0, 4));
    assert_true(acpi_access_ports(&access, 0xffff, 1));
    assert_false(acpi_access_ports(&access, 0xffff, 2));
    assert_false(acpi_access_ports(&access, 0x10000, 1));
    assert_false(acpi_access_ports(&access, UINT32_MAX, 4));
    acpi_access_take_ports(&access, 0xcf8, 8);
    assert_true(acpi_access_ports(&access, 0xcf7, 1));
    assert_false(acpi_access_ports(&access, 0xcf7, 2));
    assert_false(acpi_access_ports(&access, 0xcff, 1));
    assert_true(acpi_access_ports(&access, 0xd00, 4));
    acpi_access_take_ports(&access, 0xfffe, UINT32_MAX);
    assert_false(acpi_access_ports(&access, 0xffff, 1));
    assert_true(acpi_access_ports(&access, 0xfffd, 1));
    assert_true(acpi_access_ports(&access, 0, 1));
    acpi_access_take_ports(&access, UINT32_MAX, UINT32_MAX);
    assert_true(acpi_access_ports(&access, 0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_readable_at_first, setup),
        cmocka_unit_test_setup(all_of_it_must_be_inside, setup),
        cmocka_unit_test_setup(writing_has_a_list_of_its_own, setup),
        cmocka_unit_test_setup(neighbours_are_one, setup),
        cmocka_unit_test_setup(spans_need_not_be_in_order, setup),
        cmocka_unit_test_setup(registers_are_nobodys, setup),
        cmocka_unit_test_setup(a_range_without_end_reaches_the_end, setup),
        cmocka_unit_test_setup(a_list_that_is_full_refuses, setup),
        cmocka_unit_test_setup(what_nobody_reads_takes_no_room, setup),
        cmocka_unit_test_setup(ports, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
