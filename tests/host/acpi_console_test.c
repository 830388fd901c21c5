/* SPDX-License-Identifier: MIT */

/* lib/acpi/spcr, dbg2 and waet: what is read, every refusal, every length. */

#include "acpi/dbg2.h"
#include "acpi/spcr.h"
#include "acpi/waet.h"

#include "acpi_build.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SPCR_BYTES 88u

static uint8_t *make_spcr(uint8_t revision)
{
    uint8_t *table = table_new("SPCR", SPCR_BYTES);

    table[8] = revision;
    table[36] = ACPI_SERIAL_16550_GAS;
    table_put(table, 40, 4, 0x01000801); /* ports of 8 bits */
    table_put(table, 44, 8, 0x3f8);
    table[52] = 3;
    table[53] = 4;
    table_put(table, 54, 4, 0x11);
    table[58] = 7;
    table[62] = 3;
    table_put(table, 64, 4, 0x80861234); /* device, vendor */
    table[68] = 5;
    table[69] = 6;
    table[70] = 1;
    table[75] = 9;
    table_put(table, 76, 4, 1843200);
    table_put(table, 80, 4, 921600);
    return table;
}

/* What each length leaves of the table. */
static void test_spcr_every_length(void **state)
{
    (void)state;
    for (uint8_t revision = 1; revision <= 4; revision++) {
        for (size_t length = 0; length <= SPCR_BYTES; length++) {
            uint8_t *whole = make_spcr(revision);
            uint8_t *table = realloc(whole, length != 0 ? length : 1);
            struct acpi_spcr spcr;
            struct acpi_fault fault;
            const enum acpi_error error = acpi_spcr_open(table_bytes(table, length), &spcr, &fault);

            if (length < 59) {
                assert_int_equal(error, ACPI_BAD_LENGTH);
                assert_int_equal(fault.offset, length);
                free(table);
                continue;
            }
            assert_int_equal(error, ACPI_OK);
            assert_int_equal(spcr.revision, revision);
            assert_int_equal(spcr.interface, ACPI_SERIAL_16550_GAS);
            assert_int_equal(spcr.port.space, ACPI_SPACE_IO);
            assert_int_equal(spcr.port.address, 0x3f8);
            assert_int_equal(spcr.interrupt_type, 3);
            assert_int_equal(spcr.irq, 4);
            assert_int_equal(spcr.interrupt, 0x11);
            assert_int_equal(spcr.baud_rate, revision >= 4 && length >= 84 ? 921600 : 115200);
            assert_int_equal(spcr.terminal, length >= 63 ? 3 : 0);
            assert_int_equal(spcr.is_pci, length >= 76);
            assert_int_equal(spcr.vendor, length >= 76 ? 0x8086 : 0);
            assert_int_equal(spcr.device, length >= 76 ? 0x1234 : 0);
            assert_int_equal(spcr.bus, length >= 76 ? 5 : 0);
            assert_int_equal(spcr.slot, length >= 76 ? 6 : 0);
            assert_int_equal(spcr.function, length >= 76 ? 1 : 0);
            assert_int_equal(spcr.segment, length >= 76 ? 9 : 0);
            assert_int_equal(spcr.clock_hz, revision >= 3 && length >= 80 ? 1843200 : 0);
            free(table);
        }
    }
}

static void test_spcr_choices(void **state)
{
    static const uint32_t rates[] = {0, 0, 0, 9600, 19200, 0, 57600, 115200, 0};
    uint8_t *table = make_spcr(4);
    struct acpi_spcr spcr;
    struct acpi_fault fault;

    (void)state;
    table_put(table, 80, 4, 0);
    for (uint8_t code = 0; code < ARRAY_COUNT(rates); code++) {
        table[58] = code;
        assert_int_equal(acpi_spcr_open(table_bytes(table, SPCR_BYTES), &spcr, &fault), ACPI_OK);
        assert_int_equal(spcr.baud_rate, rates[code]);
    }
    table_put(table, 64, 4, 0xffffffff);
    assert_int_equal(acpi_spcr_open(table_bytes(table, SPCR_BYTES), &spcr, &fault), ACPI_OK);
    assert_false(spcr.is_pci);
    table_put(table, 64, 4, 0);
    assert_int_equal(acpi_spcr_open(table_bytes(table, SPCR_BYTES), &spcr, &fault), ACPI_OK);
    assert_false(spcr.is_pci);
    free(table);
}

/* Two devices: a serial port with two register blocks, a USB one with none. */
#define DBG2_BYTES  44u
#define FIRST_BYTES 60u
static const uint8_t devices[FIRST_BYTES + 22] = {
    /* revision, length, registers, name: 4 at 54, no OEM data, serial, 16550, registers at 22 */
    0, 60, 0, 2, 4, 0, 54, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 22, 0, 46, 0,
    /* registers */
    1, 8, 0, 1, 0xf8, 3, 0, 0, 0, 0, 0, 0, 0, 32, 0, 3, 0, 0x10, 0, 0xfe, 0, 0, 0, 0,
    /* sizes, name, rest */
    8, 0, 0, 0, 0, 0x10, 0, 0, 'C', 'O', 'M', 0, 0, 0,
    /* the other one */
    0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x80, 1, 0, 0, 0, 0, 0, 0, 0};

static uint8_t *make_dbg2(size_t *length)
{
    uint8_t *table = table_with("DBG2", DBG2_BYTES, devices, sizeof(devices));

    table_put(table, 36, 4, DBG2_BYTES);
    table_put(table, 40, 4, 2);
    *length = DBG2_BYTES + sizeof(devices);
    return table;
}

static void test_dbg2(void **state)
{
    struct acpi_dbg2_device device;
    struct acpi_dbg2 dbg2;
    struct acpi_fault fault;
    struct acpi_register at;
    uint32_t cursor = 0;
    uint32_t size;
    size_t length;
    uint8_t *table = make_dbg2(&length);

    (void)state;
    assert_int_equal(acpi_dbg2_open(table_bytes(table, length), &dbg2, &fault), ACPI_OK);
    assert_int_equal(dbg2.device_count, 2);
    assert_true(acpi_dbg2_next(&dbg2, &cursor, &device));
    assert_int_equal(device.offset, 44);
    assert_int_equal(device.type, ACPI_DEBUG_SERIAL);
    assert_int_equal(device.subtype, ACPI_SERIAL_16550);
    assert_int_equal(device.register_count, 2);
    assert_int_equal(device.name.length, 3);
    assert_memory_equal(device.name.at, "COM", 3);
    at = acpi_dbg2_register(&device, 0, &size);
    assert_int_equal(at.address, 0x3f8);
    assert_int_equal(size, 8);
    at = acpi_dbg2_register(&device, 1, &size);
    assert_int_equal(at.space, ACPI_SPACE_MEMORY);
    assert_int_equal(at.address, 0xfe001000);
    assert_int_equal(size, 0x1000);
    assert_true(acpi_dbg2_next(&dbg2, &cursor, &device));
    assert_int_equal(device.type, ACPI_DEBUG_USB);
    assert_int_equal(device.register_count, 0);
    assert_int_equal(device.name.length, 0);
    assert_false(acpi_dbg2_next(&dbg2, &cursor, &device));

    /* Sizes or a name that are outside of the device are not there. */
    cursor = 0;
    table_put(table, DBG2_BYTES + 20, 2, 53);
    table_put(table, DBG2_BYTES + 6, 2, 57);
    assert_int_equal(acpi_dbg2_open(table_bytes(table, length), &dbg2, &fault), ACPI_OK);
    assert_true(acpi_dbg2_next(&dbg2, &cursor, &device));
    assert_int_equal(device.name.length, 0);
    assert_null(device.sizes);
    (void)acpi_dbg2_register(&device, 1, &size);
    assert_int_equal(size, 0);

    /* No device at all, wherever the first would be. */
    cursor = 0;
    table_put(table, 36, 4, 0xffffffff);
    table_put(table, 40, 4, 0);
    assert_int_equal(acpi_dbg2_open(table_bytes(table, length), &dbg2, &fault), ACPI_OK);
    assert_false(acpi_dbg2_next(&dbg2, &cursor, &device));
    free(table);
}

static void check_dbg2(size_t offset, size_t width, uint64_t value, enum acpi_error error,
                       uint64_t fault_offset)
{
    struct acpi_dbg2 dbg2;
    struct acpi_fault fault = {ACPI_OK, 0};
    size_t length;
    uint8_t *table = make_dbg2(&length);

    table_put(table, offset, width, value);
    assert_int_equal(acpi_dbg2_open(table_bytes(table, length), &dbg2, &fault), error);
    assert_int_equal(fault.offset, fault_offset);
    free(table);
}

static void test_dbg2_refusals(void **state)
{
    size_t length;
    uint8_t *whole = make_dbg2(&length);

    (void)state;
    for (size_t i = 0; i < length; i++) {
        uint8_t *table = table_new("DBG2", i);
        struct acpi_dbg2 dbg2;
        struct acpi_fault fault;

        memcpy(table, whole, i);
        assert_int_equal(acpi_dbg2_open(table_bytes(table, i), &dbg2, &fault),
                         i < DBG2_BYTES ? ACPI_BAD_LENGTH : ACPI_BAD_ENTRY);
        assert_true(fault.offset <= i);
        free(table);
    }
    free(whole);
    check_dbg2(36, 4, 43, ACPI_BAD_ENTRY, 36);
    check_dbg2(36, 4, 0xffffffff, ACPI_BAD_ENTRY, 40);
    check_dbg2(40, 4, 3, ACPI_BAD_ENTRY, 40);
    check_dbg2(DBG2_BYTES + 1, 2, 0, ACPI_BAD_ENTRY, DBG2_BYTES + 1);
    check_dbg2(DBG2_BYTES + 1, 2, 21, ACPI_BAD_ENTRY, DBG2_BYTES + 1);
    check_dbg2(DBG2_BYTES + 1, 2, 83, ACPI_BAD_ENTRY, DBG2_BYTES + 1);
    check_dbg2(DBG2_BYTES + 3, 1, 4, ACPI_BAD_ENTRY, DBG2_BYTES + 18);
    check_dbg2(DBG2_BYTES + 3, 1, 3, ACPI_OK, 0); /* sizes and name serve as registers */
    check_dbg2(DBG2_BYTES + 18, 2, 37, ACPI_BAD_ENTRY, DBG2_BYTES + 18);
    check_dbg2(DBG2_BYTES + 18, 2, 0xffff, ACPI_BAD_ENTRY, DBG2_BYTES + 18);
}

static void test_waet(void **state)
{
    (void)state;
    for (size_t length = 0; length <= 44; length++) {
        for (uint8_t flags = 0; flags < 4; flags++) {
            uint8_t *table = table_new("WAET", length);
            struct acpi_waet waet;
            struct acpi_fault fault;

            if (length < 40) {
                assert_int_equal(acpi_waet_open(table_bytes(table, length), &waet, &fault),
                                 ACPI_BAD_LENGTH);
                assert_int_equal(fault.offset, length);
            } else {
                table[36] = flags;
                assert_int_equal(acpi_waet_open(table_bytes(table, length), &waet, &fault),
                                 ACPI_OK);
                assert_int_equal(waet.rtc_good, flags & 1);
                assert_int_equal(waet.timer_good, flags >> 1);
            }
            free(table);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spcr_every_length),
        cmocka_unit_test(test_spcr_choices),
        cmocka_unit_test(test_dbg2),
        cmocka_unit_test(test_dbg2_refusals),
        cmocka_unit_test(test_waet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
