/* SPDX-License-Identifier: MIT */

/*
 * lib/acpi/madt: the table QEMU's q35 has, one of every entry, and every refusal. Tables are
 * exact copies on the heap, so that ASan sees a read beyond them.
 */

#include "acpi/madt.h"

#include "data/q35_acpi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A table: 44 bytes of fixed part, then `entries`. */
static struct acpi_bytes make_table(uint32_t local_apic, uint32_t flags, const uint8_t *entries,
                                    size_t length)
{
    uint8_t *table = calloc(1, 44 + length);

    assert_non_null(table);
    memcpy(table, "APIC", 4);
    for (size_t i = 0; i < 4; i++) {
        table[36 + i] = (uint8_t)(local_apic >> (8 * i));
        table[40 + i] = (uint8_t)(flags >> (8 * i));
    }
    memcpy(table + 44, entries, length);
    return (struct acpi_bytes){.at = table, .length = 44 + length};
}

static void free_table(struct acpi_bytes table)
{
    free((void *)(uintptr_t)table.at);
}

static void test_q35(void **state)
{
    const struct acpi_bytes table = {.at = q35_madt, .length = sizeof(q35_madt)};
    struct acpi_madt_entry entry;
    struct acpi_madt madt;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    (void)state;
    assert_int_equal(acpi_madt_open(table, &madt, &fault), ACPI_OK);
    assert_int_equal(madt.local_apic_address, 0xfee00000);
    assert_true(madt.has_8259s);
    assert_int_equal(madt.processor_count, 4);
    assert_int_equal(madt.io_apic_count, 1);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(acpi_madt_next(&madt, &cursor, &entry));
        assert_int_equal(entry.kind, ACPI_MADT_PROCESSOR);
        assert_int_equal(entry.offset, 44 + 8 * i);
        assert_int_equal(entry.processor.apic_id, i);
        assert_true(entry.processor.enabled);
        assert_false(entry.processor.x2apic);
    }
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_IO_APIC);
    assert_int_equal(entry.io_apic.address, 0xfec00000);
    assert_int_equal(entry.io_apic.interrupt_base, 0);
    for (uint32_t i = 0; i < 5; i++) {
        static const uint8_t sources[] = {0, 5, 9, 10, 11};

        assert_true(acpi_madt_next(&madt, &cursor, &entry));
        assert_int_equal(entry.kind, ACPI_MADT_OVERRIDE);
        assert_int_equal(entry.override.source, sources[i]);
        assert_int_equal(entry.override.interrupt, i == 0 ? 2 : sources[i]);
        assert_int_equal(entry.override.input.trigger,
                         i == 0 ? ACPI_TRIGGER_BUS : ACPI_TRIGGER_LEVEL);
        assert_int_equal(entry.override.input.polarity,
                         i == 0 ? ACPI_POLARITY_BUS : ACPI_POLARITY_HIGH);
    }
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_LOCAL_NMI);
    assert_true(entry.local_nmi.all_processors);
    assert_int_equal(entry.local_nmi.lint, 1);
    assert_false(acpi_madt_next(&madt, &cursor, &entry));
    assert_false(acpi_madt_next(&madt, &cursor, &entry));
}

/* One entry of every kind, and of those that are passed over. */
static void test_every_entry(void **state)
{
    static const uint8_t entries[] = {
        0,  8,  1,    0xff, 1,    0,    0,    0, /* no processor */
        0,  8,  2,    7,    2,    0,    0,    0, /* may come later */
        0,  8,  3,    8,    3,    0,    0,    0, /* enabled: bit 1 reserved */
        0,  8,  4,    9,    0,    0,    0,    0, /* unusable */
        9,  16, 0,    0,    0xff, 0xff, 0xff, 0xff, 1,    0,    0, 0,
        0,  0,  0,    0, /* no processor */
        9,  16, 0,    0,    0x00, 0x01, 0x02, 0x03, 1,    0,    0, 0,
        9,  8,  7,    6,                                              /* x2APIC */
        6,  2,                                                        /* unknown, empty */
        99, 5,  1,    2,    3,                                        /* unknown */
        1,  12, 5,    0,    0,    0,    0xc0, 0xfe, 24,   0,    0, 0, /* I/O APIC */
        2,  10, 0,    4,    6,    0,    0,    0,    0x0b, 0, /* reserved polarity, trigger */
        3,  8,  0x0f, 0,    30,   0,    0,    0,             /* NMI source */
        4,  6,  3,    5,    0,    1,                         /* local NMI */
        10, 12, 5,    0,    0xff, 0xff, 0xff, 0xff, 1,    0,    0, 0, /* x2APIC NMI, all */
        10, 12, 0,    0,    1,    1,    0,    0,    0,    0,    0, 0, /* x2APIC NMI, one */
        5,  12, 0,    0,    0,    0,    0xe0, 0xfe, 1,    0,    0, 0, /* local APIC address */
        16, 16, 1,    0,    0,    0,    0,    0,    0,    0x10, 0, 0,
        2,  0,  0,    0, /* wake-up mailbox */
        0,  0,           /* two bytes: no entry */
    };
    const struct acpi_bytes table = make_table(0xfee00000, 0, entries, sizeof(entries));
    struct acpi_madt_entry entry;
    struct acpi_madt madt;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    (void)state;
    assert_int_equal(acpi_madt_open(table, &madt, &fault), ACPI_OK);
    assert_int_equal(madt.local_apic_address, 0x1fee00000);
    assert_false(madt.has_8259s);
    assert_int_equal(madt.processor_count, 2);
    assert_int_equal(madt.io_apic_count, 1);

    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.processor.apic_id, 7);
    assert_int_equal(entry.processor.uid, 2);
    assert_false(entry.processor.enabled);
    assert_true(entry.processor.online_capable);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_true(entry.processor.enabled);
    assert_false(entry.processor.online_capable);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_false(entry.processor.enabled || entry.processor.online_capable);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_PROCESSOR);
    assert_true(entry.processor.x2apic && entry.processor.enabled);
    assert_int_equal(entry.processor.apic_id, 0x03020100);
    assert_int_equal(entry.processor.uid, 0x06070809);

    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_IO_APIC);
    assert_int_equal(entry.io_apic.id, 5);
    assert_int_equal(entry.io_apic.interrupt_base, 24);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_OVERRIDE);
    assert_int_equal(entry.override.input.polarity, ACPI_POLARITY_LOW);
    assert_int_equal(entry.override.input.trigger, ACPI_TRIGGER_LEVEL);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_NMI_SOURCE);
    assert_int_equal(entry.nmi_source.interrupt, 30);
    assert_int_equal(entry.nmi_source.input.polarity, ACPI_POLARITY_LOW);
    assert_int_equal(entry.nmi_source.input.trigger, ACPI_TRIGGER_LEVEL);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_LOCAL_NMI);
    assert_false(entry.local_nmi.all_processors);
    assert_int_equal(entry.local_nmi.uid, 3);
    assert_int_equal(entry.local_nmi.lint, 1);
    assert_int_equal(entry.local_nmi.input.polarity, ACPI_POLARITY_HIGH);
    assert_int_equal(entry.local_nmi.input.trigger, ACPI_TRIGGER_EDGE);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_true(entry.local_nmi.all_processors);
    assert_int_equal(entry.local_nmi.lint, 1);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_false(entry.local_nmi.all_processors);
    assert_int_equal(entry.local_nmi.uid, 0x101);
    assert_true(acpi_madt_next(&madt, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_MADT_WAKEUP);
    assert_int_equal(entry.wakeup.mailbox_version, 1);
    assert_int_equal(entry.wakeup.mailbox_address, 0x200001000);
    assert_false(acpi_madt_next(&madt, &cursor, &entry));
    free_table(table);
}

static void test_empty(void **state)
{
    const struct acpi_bytes table = make_table(0, 1, (const uint8_t *)"", 0);
    struct acpi_madt_entry entry;
    struct acpi_madt madt;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    (void)state;
    assert_int_equal(acpi_madt_open(table, &madt, &fault), ACPI_OK);
    assert_int_equal(madt.local_apic_address, 0xfee00000); /* 0 is no address */
    assert_false(acpi_madt_next(&madt, &cursor, &entry));
    for (size_t length = 0; length < 44; length++) {
        uint8_t *bytes = malloc(length + 1);

        assert_non_null(bytes);
        memcpy(bytes, table.at, length);
        bytes = realloc(bytes, length + (length == 0));
        assert_int_equal(
            acpi_madt_open((struct acpi_bytes){.at = bytes, .length = length}, &madt, &fault),
            ACPI_BAD_LENGTH);
        assert_int_equal(fault.offset, length);
        free(bytes);
    }
    free_table(table);
}

/* Behind a good entry: every type with every length, in tables of every length. */
static void test_lengths(void **state)
{
    static const uint8_t needed[17] = {8, 12, 10, 8, 6, 12, 0, 0, 0, 16, 12, 0, 0, 0, 0, 0, 16};

    (void)state;
    for (uint8_t type = 0; type < 20; type++) {
        for (uint8_t length = 0; length < 20; length++) {
            for (size_t there = 3; there < 24; there++) {
                const uint8_t least = type < 17 ? needed[type] : 0;
                const bool good = length >= 2 && length >= least && there >= least;
                uint8_t entries[8 + 24] = {0, 8, 0, 1, 1, 0, 0, 0, type, length};
                struct acpi_madt_entry entry;
                struct acpi_madt madt;
                struct acpi_fault fault;
                struct acpi_bytes table;
                uint32_t cursor = 0;

                /* What follows is an unknown entry that takes the rest. */
                for (size_t i = 10; i < 8 + there; i++) {
                    entries[i] = 200;
                }
                table = make_table(1, 0, entries, 8 + there);
                if (acpi_madt_open(table, &madt, &fault) == ACPI_OK) {
                    assert_true(good);
                    while (acpi_madt_next(&madt, &cursor, &entry)) {
                    }
                } else {
                    assert_int_equal(fault.error, ACPI_BAD_ENTRY);
                    assert_false(good);
                    assert_int_equal(fault.offset, 52);
                }
                free_table(table);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_q35),
        cmocka_unit_test(test_every_entry),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
