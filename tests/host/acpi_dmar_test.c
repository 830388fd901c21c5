/* SPDX-License-Identifier: MIT */

/*
 * lib/acpi/dmar: the table QEMU's q35 has, then every structure, and every refusal with its place.
 */

#include "acpi/dmar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "acpi_table_copy.h"
#include "data/q35_acpi.h"

static void test_dmar_q35(void **state)
{
    struct acpi_dmar_scope scope;
    struct acpi_dmar_entry entry;
    struct acpi_dmar dmar;
    struct acpi_fault fault;
    uint32_t cursor = 0;
    uint32_t place = 0;

    (void)state;
    assert_int_equal(acpi_dmar_open(bytes_of(q35_dmar, sizeof(q35_dmar)), &dmar, &fault), ACPI_OK);
    assert_int_equal(dmar.address_bits, 39);
    assert_true(dmar.interrupt_remapping);
    assert_false(dmar.x2apic_opt_out);
    assert_int_equal(dmar.unit_count, 1);
    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_UNIT);
    assert_int_equal(entry.offset, 48);
    assert_int_equal(entry.segment, 0);
    assert_false(entry.all);
    assert_int_equal(entry.base, 0xfed90000);
    assert_true(acpi_dmar_next_scope(entry.scopes, &place, &scope));
    assert_int_equal(scope.type, ACPI_SCOPE_IO_APIC);
    assert_int_equal(scope.bus, 0xff);
    assert_int_equal(scope.path_length, 1);
    for (uint32_t i = 0; i < 6; i++) {
        static const uint8_t path[6][2] = {{0, 0}, {1, 0}, {2, 0}, {0x1f, 0}, {0x1f, 2}, {0x1f, 3}};

        assert_true(acpi_dmar_next_scope(entry.scopes, &place, &scope));
        assert_int_equal(scope.type, ACPI_SCOPE_ENDPOINT);
        assert_int_equal(scope.bus, 0);
        assert_int_equal(scope.path_length, 1);
        assert_memory_equal(scope.path, path[i], 2);
    }
    assert_false(acpi_dmar_next_scope(entry.scopes, &place, &scope));
    assert_false(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_false(acpi_dmar_next(&dmar, &cursor, &entry));
}

static uint8_t *make_dmar(const uint8_t *structures, size_t length)
{
    uint8_t *table = calloc(1, 48 + length);

    assert_non_null(table);
    table[36] = 47;
    table[37] = 2;
    memcpy(table + 48, structures, length);
    return table;
}

static void test_dmar_every_structure(void **state)
{
    static const uint8_t structures[] = {
        3, 0, 20, 0, 0, 0,  0, 0, 0,   0,    0xd9, 0xfe, 1, 0, 0, 0, 4,    3,    2, 1, /* RHSA */
        4, 0, 12, 0, 0, 0,  0, 7, 'A', 'B',  0,    'C', /* ANDD, with something behind the name */
        0, 0, 16, 0, 1, 0,  7, 0, 0,   0,    0xd9, 0xfe, 1, 0, 0, 0, /* unit, all devices */
        9, 9, 4,  0,                                                 /* unknown */
        1, 0, 34, 0, 0, 0,  2, 0, 0,   0x10, 0,    0,    0, 0, 0, 0, 0xff, 0x2f, 0, 0,
        0, 0, 0,  0, 2, 10, 0, 0, 9,   5,    1,    2,    3, 4, /* reserved memory, a bridge and
                                                                * behind it
                                                                */
        1, 0, 24, 0, 1, 0,  0, 0, 0,   0x10, 0,    0,    0, 0, 0, 0, 0xfe, 0x2f, 0, 0,
        0, 0, 0,  0, 2, 0,  8, 0, 1,   0,    3,    0,                   /* ATS, all ports */
        5, 0, 17, 0, 1, 0,  4, 0, 1,   9,    0,    0,    0, 0, 1, 2, 3, /* SATC, an odd path */
        6, 0, 16, 0, 0, 0,  8, 0, 1,   8,    0,    0,    0, 1, 6, 0,    /* SIDP */
        0, 0, 0,  0,                                                    /* length 0: the end */
        0, 0, 1,  0,
    };
    uint8_t *table = make_dmar(structures, sizeof(structures));
    struct acpi_dmar_scope scope;
    struct acpi_dmar_entry entry;
    struct acpi_dmar dmar;
    struct acpi_fault fault;
    uint32_t cursor = 0;
    uint32_t place = 0;

    (void)state;
    assert_int_equal(acpi_dmar_open(bytes_of(table, 48 + sizeof(structures)), &dmar, &fault),
                     ACPI_OK);
    assert_int_equal(dmar.address_bits, 48);
    assert_false(dmar.interrupt_remapping);
    assert_true(dmar.x2apic_opt_out);
    assert_int_equal(dmar.unit_count, 1);
    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_AFFINITY);
    assert_int_equal(entry.offset, 48);
    assert_int_equal(entry.base, 0x1fed90000);
    assert_int_equal(entry.proximity, 0x01020304);
    assert_false(acpi_dmar_next_scope(entry.scopes, &place, &scope));
    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_NAMED);
    assert_int_equal(entry.device_number, 7);
    assert_int_equal(entry.name.length, 2);
    assert_memory_equal(entry.name.at, "AB", 3);
    assert_false(acpi_dmar_next_scope(entry.scopes, &place, &scope));
    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_UNIT);
    assert_int_equal(entry.segment, 7);
    assert_true(entry.all);
    assert_int_equal(entry.base, 0x1fed90000);
    assert_false(acpi_dmar_next_scope(entry.scopes, &place, &scope));

    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_RESERVED);
    assert_int_equal(entry.segment, 2);
    assert_false(entry.all);
    assert_int_equal(entry.base, 0x1000);
    assert_int_equal(entry.limit, 0x2fff);
    assert_true(entry.well_formed);
    place = 0;
    assert_true(acpi_dmar_next_scope(entry.scopes, &place, &scope));
    assert_int_equal(scope.type, ACPI_SCOPE_BRIDGE);
    assert_int_equal(scope.enumeration_id, 9);
    assert_int_equal(scope.bus, 5);
    assert_int_equal(scope.path_length, 2);
    assert_memory_equal(scope.path, ((uint8_t[]){1, 2, 3, 4}), 4);
    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_false(entry.all);
    assert_false(entry.well_formed);

    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_ATS);
    assert_int_equal(entry.segment, 3);
    assert_true(entry.all);
    assert_int_equal(entry.base, 0);
    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_SATC);
    assert_false(entry.all);
    place = 0;
    assert_true(acpi_dmar_next_scope(entry.scopes, &place, &scope));
    assert_int_equal(scope.path_length, 1);
    assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_DMAR_PROPERTY);
    assert_int_equal(entry.segment, 8);
    place = 0;
    assert_true(acpi_dmar_next_scope(entry.scopes, &place, &scope));
    assert_memory_equal(scope.path, ((uint8_t[]){6, 0}), 2);
    assert_false(acpi_dmar_next(&dmar, &cursor, &entry));
    free(table);
}

/* Reserved memory is delivered however odd it is, but said to be so. */
static void test_dmar_reserved_ranges(void **state)
{
    static const struct {
        uint64_t base;
        uint64_t limit;
        bool well_formed;
    } cases[] = {
        {0x1000, 0x1fff, true},  {0x1001, 0x1fff, false},    {0x1000, 0x1ffe, false},
        {0x2000, 0x1fff, false}, {0x1000, UINT64_MAX, true}, {0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint8_t structure[24] = {1, 0, 24};
        struct acpi_dmar_entry entry;
        struct acpi_dmar dmar;
        struct acpi_fault fault;
        uint32_t cursor = 0;
        uint8_t *table;

        put(structure, 8, 8, cases[i].base);
        put(structure, 16, 8, cases[i].limit);
        table = make_dmar(structure, sizeof(structure));
        assert_int_equal(acpi_dmar_open(bytes_of(table, 72), &dmar, &fault), ACPI_OK);
        assert_true(acpi_dmar_next(&dmar, &cursor, &entry));
        assert_int_equal(entry.well_formed, cases[i].well_formed);
        free(table);
    }
}

static void check_dmar_refused(const uint8_t *structures, size_t length, enum acpi_error error,
                               uint64_t offset)
{
    uint8_t *table = make_dmar(structures, length);
    struct acpi_dmar dmar;
    struct acpi_fault fault = {ACPI_OK, 0};

    assert_string_equal(
        acpi_error_name(acpi_dmar_open(bytes_of(table, 48 + length), &dmar, &fault)),
        acpi_error_name(error));
    assert_int_equal(fault.offset, offset);
    free(table);
}

static void test_dmar_refusals(void **state)
{
    uint8_t unit[24] = {0, 0, 24, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 1, 0};
    struct acpi_dmar dmar;
    struct acpi_fault fault;
    uint8_t *table;

    (void)state;
    for (size_t length = 0; length < 48; length++) {
        table = copy_of(q35_dmar, sizeof(q35_dmar), length);
        assert_int_equal(acpi_dmar_open(bytes_of(table, length), &dmar, &fault), ACPI_BAD_LENGTH);
        free(table);
    }
    table = copy_of(q35_dmar, sizeof(q35_dmar), sizeof(q35_dmar));
    table[36] = 0;
    assert_int_equal(acpi_dmar_open(bytes_of(table, sizeof(q35_dmar)), &dmar, &fault),
                     ACPI_BAD_ADDRESS);
    assert_int_equal(fault.offset, 36);
    table[36] = 255;
    assert_int_equal(acpi_dmar_open(bytes_of(table, sizeof(q35_dmar)), &dmar, &fault), ACPI_OK);
    assert_int_equal(dmar.address_bits, 64);
    free(table);

    check_dmar_refused(unit, 24, ACPI_OK, 0);
    check_dmar_refused(unit, 23, ACPI_BAD_ENTRY, 48); /* leaves the table */
    unit[9] = 0;
    check_dmar_refused(unit, 24, ACPI_BAD_ADDRESS, 48 + 8);
    unit[9] = 0x10;
    unit[17] = 9; /* the scope leaves the structure */
    check_dmar_refused(unit, 24, ACPI_BAD_ENTRY, 48 + 16);
    unit[17] = 7; /* a scope without a path */
    check_dmar_refused(unit, 24, ACPI_BAD_ENTRY, 48 + 16);
    unit[17] = 0;
    check_dmar_refused(unit, 24, ACPI_BAD_ENTRY, 48 + 16);
    unit[17] = 8;
    unit[2] = 21; /* the rest of the structure is less than a scope's fixed part */
    check_dmar_refused(unit, 24, ACPI_BAD_ENTRY, 48 + 16);
    unit[2] = 17; /* and less than a length, at the end of the table */
    check_dmar_refused(unit, 17, ACPI_BAD_ENTRY, 48 + 16);
    /* a device name without an end */
    check_dmar_refused((uint8_t[]){4, 0, 10, 0, 0, 0, 0, 1, 'A', 0}, 10, ACPI_OK, 0);
    check_dmar_refused((uint8_t[]){4, 0, 10, 0, 0, 0, 0, 1, 'A', 'B', 0}, 11, ACPI_BAD_ENTRY, 48);
    for (uint8_t type = 0; type < 8; type++) {
        static const uint8_t fixed[8] = {16, 24, 8, 20, 9, 8, 8, 4};

        for (uint8_t length = 1; length < fixed[type]; length++) {
            uint8_t structure[24] = {type, 0, length, 0, 0, 0, 0, 0, 1};

            check_dmar_refused(structure, 24, ACPI_BAD_ENTRY, 48);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dmar_q35),
        cmocka_unit_test(test_dmar_every_structure),
        cmocka_unit_test(test_dmar_reserved_ranges),
        cmocka_unit_test(test_dmar_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
