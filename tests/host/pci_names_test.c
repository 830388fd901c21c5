/* SPDX-License-Identifier: MIT */
/*
 * Names of devices: those that are asked for are there, all others are not, and nothing in them
 * would upset a terminal. (Without the package pci.ids this test has nothing to find, and fails.)
 */
#include "pci/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_known(void **state)
{
    (void)state;
    assert_string_equal(pci_vendor_name(0x8086), "Intel Corporation");
    assert_string_equal(pci_vendor_name(0x1af4), "Red Hat, Inc.");
    assert_string_equal(pci_device_name(0x1af4, 0x1000), "Virtio network device");
    assert_string_equal(pci_device_name(0x8086, 0x10d3), "82574L Gigabit Network Connection");
    assert_non_null(pci_device_name(0x1b36, 0x0010));
}

static void test_unknown(void **state)
{
    (void)state;
    assert_null(pci_vendor_name(0x0000));
    assert_null(pci_vendor_name(0xffff));
    assert_null(pci_vendor_name(0x8087));
    assert_null(pci_device_name(0x8086, 0x0000));
    assert_null(pci_device_name(0x8086, 0xffff));
    assert_null(pci_device_name(0xffff, 0xffff));
    /* A vendor without devices in the list, and one vendor's device at another. */
    assert_non_null(pci_vendor_name(0x10de));
    assert_null(pci_device_name(0x10de, 0x1000));
    assert_null(pci_device_name(0x1b36, 0x10d3));
}

static void assert_printable(const char *name)
{
    size_t length = 0;

    for (; name[length] != '\0'; length++) {
        assert_in_range(name[length], ' ', '~');
    }
    assert_in_range(length, 1, 120);
}

static void test_all(void **state)
{
    uint32_t vendors = 0, devices = 0;

    (void)state;
    for (uint32_t vendor = 0; vendor <= UINT16_MAX; vendor++) {
        const char *name = pci_vendor_name((uint16_t)vendor);

        if (name == NULL) {
            assert_null(pci_device_name((uint16_t)vendor, 0x1000));
            continue;
        }
        vendors++;
        assert_printable(name);
        for (uint32_t device = 0; device <= UINT16_MAX; device++) {
            name = pci_device_name((uint16_t)vendor, (uint16_t)device);
            if (name != NULL) {
                devices++;
                assert_printable(name);
            }
        }
    }
    /* The list is to be short: it is in the kernel. */
    assert_in_range(vendors, 30, 100);
    assert_in_range(devices, 100, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
