/* SPDX-License-Identifier: MIT */
/* Local APIC: the numbers of both modes, of which QEMU's TCG has one. */
#include "apic/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_registers(void **state)
{
    (void)state;
    /* SDM vol. 3A table 11-6 */
    assert_int_equal(apic_register_msr(0x020), 0x802); /* id */
    assert_int_equal(apic_register_msr(0x0b0), 0x80b); /* EOI */
    assert_int_equal(apic_register_msr(0x0f0), 0x80f); /* spurious vector */
    assert_int_equal(apic_register_msr(0x300), 0x830); /* interrupt command, all of it */
    assert_int_equal(apic_register_msr(0x320), 0x832); /* timer */
    assert_int_equal(apic_register_msr(0x3e0), 0x83e); /* divide */
}

static void test_ids(void **state)
{
    (void)state;
    assert_int_equal(apic_id_read(0x07000000, false), 7);
    assert_int_equal(apic_id_read(0x07000000, true), 0x07000000);
    assert_int_equal(apic_id_read(0x123, true), 0x123);
    assert_true(apic_id_fits(0xfe, false));
    assert_false(apic_id_fits(0xff, false));
    assert_false(apic_id_fits(0x100, false));
    assert_true(apic_id_fits(0xff, true));
    assert_true(apic_id_fits(0x12345678, true));
    assert_false(apic_id_fits(0xffffffff, true));
}

static void test_commands(void **state)
{
    (void)state;
    assert_int_equal(apic_command_wide(0x12345678, 0x40e1), 0x12345678000040e1);
    assert_int_equal(apic_command_wide(0, 0xc40e3), 0xc40e3);
    assert_int_equal(apic_command_high(0xfe), 0xfe000000);
    assert_int_equal(apic_message_address(0), 0xfee00000);
    assert_int_equal(apic_message_address(0xfe), 0xfeefe000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
