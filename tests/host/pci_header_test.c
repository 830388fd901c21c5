/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/header: the layouts, what is refused and where, and virtual functions, which have no ids.
 */

#include "pci/header.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pci_dump.h"

static void test_error_names(void **state)
{
    (void)state;
    for (int i = 0; i < PCI_ERROR_COUNT; i++) {
        assert_non_null(pci_error_name((enum pci_error)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(pci_error_name((enum pci_error)i),
                                    pci_error_name((enum pci_error)j));
        }
    }
    assert_string_equal(pci_error_name(PCI_ERROR_COUNT), "?");
}

static void test_headers(void **state)
{
    static const struct {
        uint32_t ids;
        uint8_t type;
        uint32_t class_code;
        uint32_t length;
        enum pci_error error;
        uint32_t offset;
        uint32_t bars, rom;
        bool mismatch;
    } cases[] = {
        {0x29c08086, 0x00, 0x060000, 256, PCI_OK, 0, 6, 0x30, false},
        {0x29c08086, 0x80, 0x010601, 64, PCI_OK, 0, 6, 0x30, false},
        {0x29c08086, 0x01, 0x060400, 4096, PCI_OK, 0, 2, 0x38, false},
        {0x29c08086, 0x02, 0x060700, 128, PCI_OK, 0, 1, 0, false},
        {0x29c08086, 0x02, 0x060700, 64, PCI_OK, 0, 1, 0, false},
        {0x29c08086, 0x00, 0x060400, 256, PCI_OK, 0, 6, 0x30, true},
        {0x29c08086, 0x02, 0x060400, 256, PCI_OK, 0, 1, 0, true},
        {0x1234ffff, 0x00, 0x060000, 256, PCI_OK, 0, 6, 0x30, false},
        {0xffffffff, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0x00000000, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0x0000ffff, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0xffff0000, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0xffff0001, 0x00, 0x060000, 256, PCI_NOT_READY, 0, 0, 0, false},
        {0x29c08086, 0x03, 0x060000, 256, PCI_UNKNOWN_HEADER, 14, 0, 0, false},
        {0x29c08086, 0xff, 0x060000, 256, PCI_UNKNOWN_HEADER, 14, 0, 0, false},
        {0x29c08086, 0x00, 0x060000, 63, PCI_TRUNCATED, 63, 0, 0, false},
        {0x29c08086, 0x00, 0x060000, 0, PCI_TRUNCATED, 0, 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pci_fault fault = {.error = PCI_OK};
        enum pci_error error;
        struct dump dump;

        dump_init(&dump, cases[i].length);
        if (cases[i].length >= PCI_HEADER_BYTES) {
            put(dump.bytes, 0, 4, cases[i].ids);
            put(dump.bytes, 8, 4, cases[i].class_code << 8 | 7);
            dump.bytes[14] = cases[i].type;
            put(dump.bytes, 0x2c, 4, 0x11001af4);
        }
        error = pci_header_read(&dump.config, &dump.header, &fault);
        check_error(error, fault, cases[i].error, cases[i].offset);
        if (error == PCI_OK) {
            assert_int_equal(dump.header.vendor, cases[i].ids & 0xffff);
            assert_int_equal(dump.header.device, cases[i].ids >> 16);
            assert_int_equal(dump.header.class_code, cases[i].class_code);
            assert_int_equal(dump.header.revision, 7);
            assert_int_equal(dump.header.is_multifunction, cases[i].type >> 7);
            assert_int_equal(dump.header.bar_count, cases[i].bars);
            assert_int_equal(dump.header.rom_offset, cases[i].rom);
            assert_int_equal(dump.header.class_mismatch, cases[i].mismatch);
            assert_int_equal(dump.header.subsystem, (cases[i].type & 0x7f) == 0 ? 0x1100 : 0);
        }
        dump_fini(&dump);
    }
}

static void test_virtual(void **state)
{
    struct pci_fault fault;
    struct dump dump;

    (void)state;
    dump_init(&dump, 256);
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault, PCI_ABSENT, 0);
    put(dump.bytes, 0, 4, UINT32_MAX);
    assert_int_equal(pci_header_read_virtual(&dump.config, &dump.header, &fault), PCI_OK);
    assert_int_equal(dump.header.vendor, 0xffff);
    dump.bytes[14] = 1;
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault,
                PCI_UNKNOWN_HEADER, 14);
    memset(dump.bytes, 0xff, 256);
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault, PCI_ABSENT, 0);
    dump.config.bytes = 63;
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault, PCI_TRUNCATED,
                63);
    dump_fini(&dump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_names),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_virtual),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
