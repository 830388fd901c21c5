/* SPDX-License-Identifier: MIT */

/*
 * lib/acpi/fadt, sleep, mcfg and hpet: the tables QEMU's q35 has, then what is changed in them.
 */

#include "acpi/fadt.h"
#include "acpi/hpet.h"
#include "acpi/mcfg.h"
#include "acpi/sleep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "acpi_table_copy.h"
#include "data/q35_acpi.h"

/* -------------------------------------------------------------------------------- FADT */

static void check_io(struct acpi_register got, uint64_t port, uint8_t bits)
{
    assert_int_equal(got.space, ACPI_SPACE_IO);
    assert_int_equal(got.address, port);
    assert_int_equal(got.bit_width, bits);
}

static void test_fadt_q35(void **state)
{
    struct acpi_fault fault;
    struct acpi_fadt fadt;

    (void)state;
    assert_int_equal(acpi_fadt_open(bytes_of(q35_fadt, sizeof(q35_fadt)), &fadt, &fault), ACPI_OK);
    assert_int_equal(fadt.revision, 3);
    assert_int_equal(fadt.dsdt_address, 0x7fe0040);
    assert_int_equal(fadt.sci_interrupt, 9);
    assert_int_equal(fadt.smi_command_port, 0xb2);
    assert_int_equal(fadt.acpi_enable, 2);
    assert_int_equal(fadt.acpi_disable, 3);
    assert_int_equal(fadt.century_register, 0x32);
    assert_int_equal(fadt.flags & ACPI_FADT_RESET_SUPPORTED, ACPI_FADT_RESET_SUPPORTED);
    check_io(fadt.pm1a_event, 0x600, 32);
    check_io(fadt.pm1a_control, 0x604, 16);
    check_io(fadt.timer, 0x608, 32);
    assert_false(fadt.timer_is_32_bit);
    assert_int_equal(fadt.pm1b_event.address, 0);
    assert_int_equal(fadt.pm1b_control.address, 0);
    check_io(fadt.reset, 0xcf9, 8);
    assert_int_equal(fadt.reset_value, 0x0f);
    assert_int_equal(fadt.sleep_control.address, 0);
}

/* What each length leaves: shorter tables lose fields, never more. */
static void test_fadt_every_length(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 300; length++) {
        uint8_t *table = copy_of(q35_fadt, sizeof(q35_fadt), length);
        struct acpi_fault fault;
        struct acpi_fadt fadt;
        enum acpi_error error;

        if (length >= 111) {
            put(table, 109, 2, 0x1234);
        }
        if (length >= 152) {
            put(table, 148, 4, 0); /* the new PM1a event block: only the old one is left */
        }
        if (length >= 268) {
            put(table, 244, 4, 0x0108);
            put(table, 248, 8, 7);
            put(table, 256, 4, 0x0108);
            put(table, 260, 8, 9);
        }
        error = acpi_fadt_open(bytes_of(table, length), &fadt, &fault);
        if (length < 44) {
            assert_int_equal(error, ACPI_BAD_LENGTH);
            assert_int_equal(fault.offset, length);
            free(table);
            continue;
        }
        assert_int_equal(error, ACPI_OK);
        assert_int_equal(fadt.dsdt_address, 0x7fe0040);
        assert_int_equal(fadt.sci_interrupt, length >= 48 ? 9 : 0);
        assert_int_equal(fadt.smi_command_port, length >= 50 ? 0xb2 : 0);
        assert_int_equal(fadt.boot_flags, length > 132 ? 0x1234 : 0);
        assert_int_equal(fadt.flags != 0, length >= 116);
        assert_int_equal(fadt.reset.address, length >= 128 ? 0xcf9 : 0);
        assert_int_equal(fadt.reset_value, length >= 129 ? 0xf : 0);
        assert_int_equal(fadt.pm1a_control.address, length >= 68 ? 0x604 : 0);
        assert_int_equal(fadt.pm1a_control.bit_width, length >= 90 ? 16 : 0);
        assert_int_equal(fadt.timer.address, length >= 80 ? 0x608 : 0);
        assert_int_equal(fadt.sleep_control.address, length >= 268 ? 7 : 0);
        assert_int_equal(fadt.sleep_status.address, length >= 268 ? 9 : 0);
        free(table);
    }
}

static void test_fadt_choices(void **state)
{
    uint8_t *table = copy_of(q35_fadt, sizeof(q35_fadt), sizeof(q35_fadt));
    const struct acpi_bytes bytes = bytes_of(table, sizeof(q35_fadt));
    struct acpi_fault fault;
    struct acpi_fadt fadt;

    (void)state;
    put(table, 140, 8, 0x123456789a); /* new DSDT */
    put(table, 68, 4, 0x700);         /* old PM1b control */
    put(table, 89, 1, 200);           /* a length that is no register's */
    put(table, 184 + 4, 8, 0);        /* no new one */
    put(table, 172, 4, 0x00002000);   /* new PM1a control: in memory */
    put(table, 172 + 4, 8, 0xfe000000);
    put(table, 112, 4, 0); /* no flags: no reset register, timer of 24 bits */
    assert_int_equal(acpi_fadt_open(bytes, &fadt, &fault), ACPI_OK);
    assert_int_equal(fadt.dsdt_address, 0x123456789a);
    check_io(fadt.pm1b_control, 0x700, 0);
    assert_int_equal(fadt.pm1a_control.space, ACPI_SPACE_MEMORY);
    assert_int_equal(fadt.pm1a_control.address, 0xfe000000);
    assert_int_equal(fadt.reset.address, 0);
    assert_int_equal(fadt.reset_value, 0);
    assert_false(fadt.timer_is_32_bit);
    put(table, 112, 4, ACPI_FADT_TIMER_32_BIT);
    assert_int_equal(acpi_fadt_open(bytes, &fadt, &fault), ACPI_OK);
    assert_true(fadt.timer_is_32_bit);
    free(table);
}

/* -------------------------------------------------------------------------------- _S5 */

struct aml_case {
    const char *what;
    uint8_t aml[24];
    size_t length;
    enum acpi_error error;
    uint8_t type_a;
    uint8_t type_b;
};

static const struct aml_case aml_cases[] = {
    {"zeros", {8, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0}, 12, ACPI_OK, 0, 0},
    {"one", {8, '_', 'S', '5', '_', 0x12, 4, 2, 1, 0}, 10, ACPI_OK, 1, 0},
    {"bytes", {8, '_', 'S', '5', '_', 0x12, 6, 2, 0xa, 7, 0xa, 5}, 12, ACPI_OK, 7, 5},
    {"words", {8, '_', 'S', '5', '_', 0x12, 9, 2, 0xb, 5, 0, 0xc, 6, 0, 0, 0}, 16, ACPI_OK, 5, 6},
    {"root prefix", {8, 0x5c, '_', 'S', '5', '_', 0x12, 6, 2, 0xa, 5, 0}, 12, ACPI_OK, 5, 0},
    {"long package", {8, '_', 'S', '5', '_', 0x12, 0x46, 0, 2, 0xa, 5, 1}, 12, ACPI_OK, 5, 1},
    {"longest package", {8, '_', 'S', '5', '_', 0x12, 0xc6, 0, 0, 0, 2, 1, 1}, 13, ACPI_OK, 1, 1},
    {"both in one", {8, '_', 'S', '5', '_', 0x12, 5, 1, 0xb, 5, 3}, 11, ACPI_OK, 5, 3},
    {"the second one is good",
     {8, '_', 'S', '5', '_', 0x14, 8, '_', 'S', '5', '_', 0x12, 6, 2, 0xa, 5, 0},
     17,
     ACPI_OK,
     5,
     0},
    {"behind other things",
     {8, '_', 'S', '3', '_', 0x12, 4, 2, 1, 1, 8, '_', 'S', '5', '_', 0x12, 4, 2, 0, 1},
     20,
     ACPI_OK,
     0,
     1},
    {"nothing", {0}, 0, ACPI_NOT_FOUND, 0, 0},
    {"_S4_", {8, '_', 'S', '4', '_', 0x12, 6, 4, 0, 0, 0, 0}, 12, ACPI_NOT_FOUND, 0, 0},
    {"_T5_", {8, '_', 'T', '5', '_', 0x12, 6, 4, 0, 0, 0, 0}, 12, ACPI_NOT_FOUND, 0, 0},
    {"aS5_", {8, 'a', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0}, 12, ACPI_NOT_FOUND, 0, 0},
    {"_S5A", {8, '_', 'S', '5', 'A', 0x12, 6, 4, 0, 0, 0, 0}, 12, ACPI_NOT_FOUND, 0, 0},
    {"a use", {0x70, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0, 0}, 12, ACPI_NOT_FOUND, 0, 0},
    {"a use by path",
     {0x70, 0x5c, '_', 'S', '5', '_', 0x12, 6, 4, 0, 0, 0},
     12,
     ACPI_NOT_FOUND,
     0,
     0},
    {"a method", {8, '_', 'S', '5', '_', 0x14, 6, 4, 0, 0}, 10, ACPI_NOT_FOUND, 0, 0},
    {"empty package", {8, '_', 'S', '5', '_', 0x12, 2, 0, 0, 0}, 10, ACPI_NOT_FOUND, 0, 0},
    {"a string", {8, '_', 'S', '5', '_', 0x12, 6, 2, 0xd, 'a', 0}, 11, ACPI_NOT_FOUND, 0, 0},
    {"type 8", {8, '_', 'S', '5', '_', 0x12, 6, 2, 0xa, 8, 0}, 11, ACPI_NOT_FOUND, 0, 0},
    {"second type 8", {8, '_', 'S', '5', '_', 0x12, 6, 2, 0, 0xa, 8}, 11, ACPI_NOT_FOUND, 0, 0},
    {"large type", {8, '_', 'S', '5', '_', 0x12, 6, 2, 0xb, 1, 1, 0}, 12, ACPI_NOT_FOUND, 0, 0},
};

static void test_soft_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(aml_cases); i++) {
        const size_t length = ACPI_HEADER_BYTES + aml_cases[i].length;
        uint8_t *table = calloc(1, length);
        struct acpi_soft_off off = {.type_a = 99, .type_b = 99};
        struct acpi_fault fault;
        enum acpi_error error;

        assert_non_null(table);
        memcpy(table + ACPI_HEADER_BYTES, aml_cases[i].aml, aml_cases[i].length);
        error = acpi_soft_off_find(bytes_of(table, length), &off, &fault);
        if (error != aml_cases[i].error ||
            (error == ACPI_OK &&
             (off.type_a != aml_cases[i].type_a || off.type_b != aml_cases[i].type_b))) {
            fail_msg("%s: %s, %u %u", aml_cases[i].what, acpi_error_name(error), off.type_a,
                     off.type_b);
        }
        free(table);
    }
}

/* The firmware's own, whole and cut everywhere. */
static void test_soft_off_q35(void **state)
{
    struct acpi_soft_off off;
    struct acpi_fault fault;

    (void)state;
    assert_int_equal(
        acpi_soft_off_find(bytes_of(q35_dsdt_part, sizeof(q35_dsdt_part)), &off, &fault), ACPI_OK);
    assert_int_equal(off.type_a, 0);
    assert_int_equal(off.type_b, 0);
    for (size_t length = 0; length < sizeof(q35_dsdt_part); length++) {
        uint8_t *table = copy_of(q35_dsdt_part, sizeof(q35_dsdt_part), length);

        /* Name (_S5_, Package () {0, 0: ten bytes from the name on are enough */
        assert_int_equal(acpi_soft_off_find(bytes_of(table, length), &off, &fault),
                         length < 36            ? ACPI_BAD_LENGTH
                         : length < 36 + 26 + 9 ? ACPI_NOT_FOUND
                                                : ACPI_OK);
        free(table);
    }
}

/* -------------------------------------------------------------------------------- MCFG */

static void test_mcfg(void **state)
{
    struct acpi_mcfg_entry entry;
    struct acpi_fault fault;
    uint32_t count = 0;
    uint8_t *table;

    (void)state;
    assert_int_equal(acpi_mcfg_open(bytes_of(q35_mcfg, sizeof(q35_mcfg)), &count, &fault), ACPI_OK);
    assert_int_equal(count, 1);
    assert_int_equal(acpi_mcfg_get(bytes_of(q35_mcfg, sizeof(q35_mcfg)), 0, &entry, &fault),
                     ACPI_OK);
    assert_int_equal(entry.base, 0xb0000000);
    assert_int_equal(entry.segment, 0);
    assert_int_equal(entry.first_bus, 0);
    assert_int_equal(entry.last_bus, 255);
    assert_int_equal(acpi_mcfg_get(bytes_of(q35_mcfg, sizeof(q35_mcfg)), 1, &entry, &fault),
                     ACPI_NOT_FOUND);
    assert_int_equal(
        acpi_mcfg_get(bytes_of(q35_mcfg, sizeof(q35_mcfg)), UINT32_MAX, &entry, &fault),
        ACPI_NOT_FOUND);

    for (size_t length = 0; length < 60; length++) {
        table = copy_of(q35_mcfg, sizeof(q35_mcfg), length);
        assert_int_equal(acpi_mcfg_open(bytes_of(table, length), &count, &fault),
                         length < 44 ? ACPI_BAD_LENGTH : ACPI_NOT_FOUND);
        assert_int_equal(acpi_mcfg_get(bytes_of(table, length), 0, &entry, &fault), ACPI_NOT_FOUND);
        free(table);
    }

    /* Two entries and a piece; the first is bad in every way, the second stays good. */
    table = copy_of(q35_mcfg, sizeof(q35_mcfg), 44 + 2 * 16 + 15);
    memcpy(table + 60, table + 44, 16);
    put(table, 60 + 8, 2, 0x1234);
    assert_int_equal(acpi_mcfg_open(bytes_of(table, 91), &count, &fault), ACPI_OK);
    assert_int_equal(count, 2);
    put(table, 44, 8, 0);
    assert_int_equal(acpi_mcfg_get(bytes_of(table, 91), 0, &entry, &fault), ACPI_BAD_ADDRESS);
    assert_int_equal(fault.offset, 44);
    put(table, 44, 8, UINT64_MAX - 0xfffffff);
    assert_int_equal(acpi_mcfg_get(bytes_of(table, 91), 0, &entry, &fault), ACPI_BAD_RANGE);
    assert_int_equal(fault.offset, 44);
    put(table, 44, 8, UINT64_MAX - 0x10000000);
    assert_int_equal(acpi_mcfg_get(bytes_of(table, 91), 0, &entry, &fault), ACPI_OK);
    put(table, 54, 2, 0x0304);
    assert_int_equal(acpi_mcfg_get(bytes_of(table, 91), 0, &entry, &fault), ACPI_BAD_RANGE);
    assert_int_equal(fault.offset, 55);
    put(table, 54, 2, 0x0404);
    assert_int_equal(acpi_mcfg_get(bytes_of(table, 91), 0, &entry, &fault), ACPI_OK);
    assert_int_equal(acpi_mcfg_get(bytes_of(table, 91), 1, &entry, &fault), ACPI_OK);
    assert_int_equal(entry.segment, 0x1234);
    free(table);
}

/* -------------------------------------------------------------------------------- HPET */

static void test_hpet(void **state)
{
    uint8_t *table = copy_of(q35_hpet, sizeof(q35_hpet), sizeof(q35_hpet));
    const struct acpi_bytes bytes = bytes_of(table, sizeof(q35_hpet));
    struct acpi_fault fault;
    struct acpi_hpet hpet;

    (void)state;
    assert_int_equal(acpi_hpet_open(bytes, &hpet, &fault), ACPI_OK);
    assert_int_equal(hpet.address, 0xfed00000);
    assert_int_equal(hpet.block_id, 0x8086a201);
    assert_int_equal(hpet.comparator_count, 3);
    assert_true(hpet.is_64_bit);
    assert_int_equal(hpet.number, 0);

    put(table, 44, 8, 0xfed0000000000000); /* a mistake that real firmware made */
    put(table, 52, 1, 3);
    put(table, 53, 2, 0x80);
    assert_int_equal(acpi_hpet_open(bytes, &hpet, &fault), ACPI_OK);
    assert_int_equal(hpet.address, 0xfed00000);
    assert_int_equal(hpet.number, 3);
    assert_int_equal(hpet.minimum_tick, 0x80);

    put(table, 44, 8, 0);
    assert_int_equal(acpi_hpet_open(bytes, &hpet, &fault), ACPI_BAD_ADDRESS);
    assert_int_equal(fault.offset, 44);
    put(table, 40, 1, ACPI_SPACE_IO);
    put(table, 44, 8, 0xfed00000);
    assert_int_equal(acpi_hpet_open(bytes, &hpet, &fault), ACPI_BAD_ADDRESS);
    assert_int_equal(fault.offset, 40);
    free(table);
    for (size_t length = 0; length < sizeof(q35_hpet); length++) {
        table = copy_of(q35_hpet, sizeof(q35_hpet), length);
        assert_int_equal(acpi_hpet_open(bytes_of(table, length), &hpet, &fault), ACPI_BAD_LENGTH);
        assert_int_equal(fault.offset, length);
        free(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fadt_q35),     cmocka_unit_test(test_fadt_every_length),
        cmocka_unit_test(test_fadt_choices), cmocka_unit_test(test_soft_off),
        cmocka_unit_test(test_soft_off_q35), cmocka_unit_test(test_mcfg),
        cmocka_unit_test(test_hpet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
