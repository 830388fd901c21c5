/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/bridge: windows, open and closed, and bus numbers.
 */

#include "pci/bridge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pci_dump.h"

static void test_windows(void **state)
{
    struct pci_window windows[PCI_WINDOW_COUNT];
    struct dump dump;

    (void)state;
    dump_init(&dump, 256);
    dump.bytes[14] = 1;
    put(dump.bytes, 0x1c, 2, 0xd1c1);
    put(dump.bytes, 0x30, 4, 0x00010001);
    put(dump.bytes, 0x20, 4, 0xfe80fe60);
    put(dump.bytes, 0x24, 4, 0x00110001);
    put(dump.bytes, 0x28, 4, 0x38);
    put(dump.bytes, 0x2c, 4, 0x39);
    dump_read(&dump);
    pci_windows_read(&dump.config, &dump.header, windows);
    assert_true(windows[0].is_open && windows[0].is_wide);
    assert_true(windows[0].first == 0x1c000 && windows[0].last == 0x1dfff);
    assert_true(windows[1].is_open && !windows[1].is_wide);
    assert_true(windows[1].first == 0xfe600000 && windows[1].last == 0xfe8fffff);
    assert_true(windows[2].is_open && windows[2].is_wide);
    assert_true(windows[2].first == 0x3800000000 && windows[2].last == 0x39001fffff);
    put(dump.bytes, 0x1c, 2, 0x00f0); /* closed, as firmware closes them */
    put(dump.bytes, 0x20, 4, 0x0000fff0);
    put(dump.bytes, 0x24, 4, 0x0001fff1);
    put(dump.bytes, 0x2c, 4, 0x38);
    pci_windows_read(&dump.config, &dump.header, windows);
    assert_false(windows[0].is_open || windows[1].is_open || windows[2].is_open);
    dump.header.layout = PCI_LAYOUT_DEVICE;
    pci_windows_read(&dump.config, &dump.header, windows);
    assert_false(windows[0].is_open || windows[1].is_open || windows[2].is_open);
    assert_string_equal(pci_window_name(PCI_WINDOW_IO), "io");
    assert_string_equal(pci_window_name(PCI_WINDOW_COUNT), "?");
    dump_fini(&dump);
}

static void test_buses(void **state)
{
    static const struct {
        struct pci_buses buses;
        enum pci_error error;
        uint32_t place;
    } cases[] = {
        {{5, 6, 9}, PCI_OK, 0},
        {{0, 6, 6}, PCI_OK, 0}, /* primary bus wired to 0 */
        {{0, 0, 0}, PCI_BUS_UNASSIGNED, 0x19},
        {{5, 0, 0}, PCI_BUS_UNASSIGNED, 0x19},
        {{4, 6, 9}, PCI_BUS_MISMATCH, 0x18},
        {{5, 5, 9}, PCI_BUS_BACKWARDS, 0x19},
        {{5, 1, 9}, PCI_BUS_BACKWARDS, 0x19},
        {{5, 0, 9}, PCI_BUS_BACKWARDS, 0x19},
        {{5, 7, 6}, PCI_BUS_REVERSED, 0x1a},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pci_fault fault = {.error = PCI_OK};

        check_error(pci_buses_check(&cases[i].buses, 5, &fault), fault, cases[i].error,
                    cases[i].place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_buses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
