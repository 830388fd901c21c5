/* SPDX-License-Identifier: MIT */

/* lib/acpi/srat and slit: one of every entry, every refusal, every length. */

#include "acpi/slit.h"
#include "acpi/srat.h"

#include "acpi_build.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SRAT_BYTES 48u
#define SLIT_BYTES 44u

static const uint8_t entries[] = {
    /* processor 3 in domain 0x04030201, enabled */
    0, 16, 1, 3, 1, 0, 0, 0, 0, 2, 3, 4, 9, 0, 0, 0,
    /* memory, 0x100000000 + 0x8000, domain 0x11223344: enabled, hot-pluggable */
    1, 40, 0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* unknown */
    99, 3, 7,
    /* x2APIC 0x12345, domain 6, not enabled */
    2, 24, 0, 0, 6, 0, 0, 0, 0x45, 0x23, 1, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,
    /* initiator: segment 2, 05:02.1, domain 7 */
    5, 32, 0, 1, 7, 0, 0, 0, 2, 0, 5, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
    0,
    /* port: ACPI0016, UID 3, domain 8 */
    6, 32, 0, 0, 8, 0, 0, 0, 'A', 'C', 'P', 'I', '0', '0', '1', '6', 3, 0, 0, 0, 0, 0, 0, 0, 1, 0,
    0, 0, 0, 0, 0, 0};

static void test_srat_every_entry(void **state)
{
    const size_t length = SRAT_BYTES + sizeof(entries);
    uint8_t *table = table_with("SRAT", SRAT_BYTES, entries, sizeof(entries));
    struct acpi_srat_entry entry;
    struct acpi_srat srat;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    (void)state;
    table[8] = 3;
    assert_int_equal(acpi_srat_open(table_bytes(table, length), &srat, &fault), ACPI_OK);
    assert_int_equal(srat.processor_count, 1);
    assert_int_equal(srat.memory_count, 1);
    assert_true(acpi_srat_next(&srat, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_SRAT_PROCESSOR);
    assert_int_equal(entry.offset, 48);
    assert_int_equal(entry.proximity, 0x04030201);
    assert_true(entry.enabled);
    assert_int_equal(entry.processor.apic_id, 3);
    assert_int_equal(entry.processor.clock_domain, 9);
    assert_false(entry.processor.x2apic);
    assert_true(acpi_srat_next(&srat, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_SRAT_MEMORY);
    assert_int_equal(entry.proximity, 0x11223344);
    assert_int_equal(entry.memory.base, 0x100000000);
    assert_int_equal(entry.memory.length, 0x8000);
    assert_true(entry.memory.well_formed);
    assert_true(entry.memory.hot_pluggable);
    assert_false(entry.memory.non_volatile);
    assert_true(acpi_srat_next(&srat, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_SRAT_PROCESSOR);
    assert_int_equal(entry.proximity, 6);
    assert_false(entry.enabled);
    assert_int_equal(entry.processor.apic_id, 0x12345);
    assert_int_equal(entry.processor.clock_domain, 8);
    assert_true(entry.processor.x2apic);
    assert_true(acpi_srat_next(&srat, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_SRAT_INITIATOR);
    assert_true(entry.device.is_pci);
    assert_int_equal(entry.device.segment, 2);
    assert_int_equal(entry.device.device_id, 0x511);
    assert_true(acpi_srat_next(&srat, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_SRAT_PORT);
    assert_false(entry.device.is_pci);
    assert_memory_equal(entry.device.hid, "ACPI0016", 8);
    assert_int_equal(entry.device.uid, 3);
    assert_false(acpi_srat_next(&srat, &cursor, &entry));
    assert_false(acpi_srat_next(&srat, &cursor, &entry));

    /* In revision 1 a domain has one byte. */
    table[8] = 1;
    cursor = 0;
    assert_int_equal(acpi_srat_open(table_bytes(table, length), &srat, &fault), ACPI_OK);
    assert_true(acpi_srat_next(&srat, &cursor, &entry));
    assert_int_equal(entry.proximity, 1);
    assert_true(acpi_srat_next(&srat, &cursor, &entry));
    assert_int_equal(entry.proximity, 0x44);
    free(table);
}

static void test_srat_ranges(void **state)
{
    static const struct {
        uint64_t base, length;
        bool well_formed;
    } cases[] = {
        {0, 0, false},          {0, 1, true},          {UINT64_MAX, 1, true},
        {UINT64_MAX, 2, false}, {0, UINT64_MAX, true}, {2, UINT64_MAX, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint8_t *table = table_new("SRAT", SRAT_BYTES + 40);
        struct acpi_srat_entry entry;
        struct acpi_srat srat;
        struct acpi_fault fault;
        uint32_t cursor = 0;

        table_put(table, SRAT_BYTES, 2, 1 | 40 << 8);
        table_put(table, SRAT_BYTES + 8, 8, cases[i].base);
        table_put(table, SRAT_BYTES + 16, 8, cases[i].length);
        assert_int_equal(acpi_srat_open(table_bytes(table, SRAT_BYTES + 40), &srat, &fault),
                         ACPI_OK);
        assert_int_equal(srat.memory_count, 0); /* not enabled */
        assert_true(acpi_srat_next(&srat, &cursor, &entry));
        assert_int_equal(entry.memory.well_formed, cases[i].well_formed);
        free(table);
    }
}

/* Every type with every length, in tables of every length. */
static void test_srat_refusals(void **state)
{
    static const uint8_t needed[8] = {16, 40, 24, 0, 0, 32, 32, 0};
    struct acpi_srat srat;
    struct acpi_fault fault;

    (void)state;
    for (size_t length = 0; length < SRAT_BYTES; length++) {
        uint8_t *table = table_new("SRAT", length);

        assert_int_equal(acpi_srat_open(table_bytes(table, length), &srat, &fault),
                         ACPI_BAD_LENGTH);
        assert_int_equal(fault.offset, length);
        free(table);
    }
    for (uint8_t type = 0; type < 8; type++) {
        for (uint8_t length = 0; length < 48; length++) {
            for (size_t there = 3; there < 48; there++) {
                uint8_t contents[48] = {type, length};
                const bool good = length >= 2 && length >= needed[type] && there >= needed[type];
                uint8_t *table;

                for (size_t i = 2; i < there; i++) {
                    contents[i] = 200; /* unknown, and takes the rest */
                }
                table = table_with("SRAT", SRAT_BYTES, contents, there);
                if (acpi_srat_open(table_bytes(table, SRAT_BYTES + there), &srat, &fault) !=
                    ACPI_OK) {
                    assert_false(good);
                    assert_int_equal(fault.error, ACPI_BAD_ENTRY);
                    assert_int_equal(fault.offset, SRAT_BYTES);
                } else {
                    assert_true(good);
                }
                free(table);
            }
        }
    }
}

static void check_slit(const uint8_t *distances, size_t length, uint64_t count,
                       enum acpi_error error, uint64_t offset)
{
    uint8_t *table = table_with("SLIT", SLIT_BYTES, distances, length);
    struct acpi_slit slit;
    struct acpi_fault fault = {ACPI_OK, 0};

    table_put(table, 36, 8, count);
    assert_int_equal(acpi_slit_open(table_bytes(table, SLIT_BYTES + length), &slit, &fault), error);
    assert_int_equal(fault.offset, offset);
    if (error == ACPI_OK) {
        assert_int_equal(slit.domain_count, count);
        for (uint32_t i = 0; i < count * count; i++) {
            assert_int_equal(acpi_slit_distance(&slit, i / (uint32_t)count, i % (uint32_t)count),
                             distances[i]);
        }
    }
    free(table);
}

static void test_slit(void **state)
{
    static const uint8_t good[] = {10, 20, 255, 21, 10, 11, 30, 31, 10};
    uint8_t bad[9];

    (void)state;
    for (size_t length = 0; length < SLIT_BYTES; length++) {
        uint8_t *table = table_new("SLIT", length);
        struct acpi_slit slit;
        struct acpi_fault fault;

        assert_int_equal(acpi_slit_open(table_bytes(table, length), &slit, &fault),
                         ACPI_BAD_LENGTH);
        assert_int_equal(fault.offset, length);
        free(table);
    }
    check_slit(good, 0, 0, ACPI_OK, 0);
    check_slit(good, 1, 1, ACPI_OK, 0);
    check_slit(good, 9, 3, ACPI_OK, 0);
    check_slit(good, 8, 3, ACPI_BAD_LENGTH, 36);
    check_slit(good, 9, 4, ACPI_BAD_LENGTH, 36);
    check_slit(good, 9, 0x10000, ACPI_BAD_LENGTH, 36);
    check_slit(good, 9, 0x100000000, ACPI_BAD_LENGTH, 36); /* its square is 0 in 64 bits */
    check_slit(good, 9, UINT64_MAX, ACPI_BAD_LENGTH, 36);
    for (size_t i = 0; i < 9; i++) {
        memcpy(bad, good, 9);
        bad[i] = i % 4 == 0 ? 11 : 10;
        check_slit(bad, 9, 3, ACPI_BAD_ENTRY, SLIT_BYTES + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_srat_every_entry),
        cmocka_unit_test(test_srat_ranges),
        cmocka_unit_test(test_srat_refusals),
        cmocka_unit_test(test_slit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
