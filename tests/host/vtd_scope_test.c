/* SPDX-License-Identifier: MIT */

/* lib/vtd/scope: functions that a device scope covers, and those next to them. */

#include "vtd/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* 00:1c.0 is a port to bus 4, 04:00.0 a bridge to bus 5, 05:03.1 a device there. */
static const struct vtd_path deep = {.count = 3, .hops = {{0, 0x1c, 0}, {4, 0, 0}, {5, 3, 1}}};
static const struct vtd_path middle = {.count = 2, .hops = {{0, 0x1c, 0}, {4, 0, 0}}};
static const struct vtd_path top = {.count = 1, .hops = {{0, 0x1c, 0}}};
static const struct vtd_path other = {.count = 1, .hops = {{0, 2, 0}}};

static const uint8_t way[] = {0x1c, 0, 0, 0, 3, 1};

static struct acpi_dmar_scope scope(uint8_t type, uint8_t bus, uint8_t length, const uint8_t *path)
{
    return (struct acpi_dmar_scope){.type = type, .bus = bus, .path_length = length, .path = path};
}

static void test_endpoint(void **state)
{
    const struct acpi_dmar_scope whole = scope(ACPI_SCOPE_ENDPOINT, 0, 3, way);
    const struct acpi_dmar_scope port = scope(ACPI_SCOPE_ENDPOINT, 0, 1, way);
    const struct acpi_dmar_scope from_bus = scope(ACPI_SCOPE_ENDPOINT, 5, 1, way + 4);
    const struct acpi_dmar_scope wrong_bus = scope(ACPI_SCOPE_ENDPOINT, 4, 1, way + 4);
    const struct acpi_dmar_scope too_long = scope(ACPI_SCOPE_ENDPOINT, 5, 3, way);

    (void)state;
    assert_true(vtd_scope_covers(&whole, &deep));
    assert_false(vtd_scope_covers(&whole, &middle));
    assert_false(vtd_scope_covers(&whole, &other));
    assert_true(vtd_scope_covers(&port, &top));
    assert_false(vtd_scope_covers(&port, &middle)); /* an endpoint has nothing below */
    assert_false(vtd_scope_covers(&port, &deep));
    assert_true(vtd_scope_covers(&from_bus, &deep));
    assert_false(vtd_scope_covers(&wrong_bus, &deep));
    assert_false(vtd_scope_covers(&too_long, &deep));
}

static void test_bridge(void **state)
{
    const struct acpi_dmar_scope port = scope(ACPI_SCOPE_BRIDGE, 0, 1, way);
    const struct acpi_dmar_scope bridge = scope(ACPI_SCOPE_BRIDGE, 0, 2, way);

    (void)state;
    assert_true(vtd_scope_covers(&port, &top));
    assert_true(vtd_scope_covers(&port, &middle));
    assert_true(vtd_scope_covers(&port, &deep));
    assert_false(vtd_scope_covers(&port, &other));
    assert_false(vtd_scope_covers(&bridge, &top));
    assert_true(vtd_scope_covers(&bridge, &middle));
    assert_true(vtd_scope_covers(&bridge, &deep));
}

static void test_function_and_type(void **state)
{
    static const uint8_t function_1[] = {0x1c, 1};
    const struct acpi_dmar_scope neighbour = scope(ACPI_SCOPE_BRIDGE, 0, 1, function_1);

    (void)state;
    assert_false(vtd_scope_covers(&neighbour, &top));
    assert_false(vtd_scope_covers(&neighbour, &deep));
    for (uint8_t type = 0; type < 8; type++) {
        const struct acpi_dmar_scope any = scope(type, 0, 1, way);

        assert_int_equal(vtd_scope_covers(&any, &top),
                         type == ACPI_SCOPE_ENDPOINT || type == ACPI_SCOPE_BRIDGE);
    }
}

static void test_list(void **state)
{
    /* An I/O APIC, then 00:02.0 as an endpoint, then the port as a bridge. */
    static const uint8_t bytes[] = {3, 8, 0, 0, 0, 0xff, 0, 0, 1, 8, 0,    0,
                                    0, 0, 2, 0, 2, 8,    0, 0, 0, 0, 0x1c, 0};
    const struct acpi_bytes scopes = {bytes, sizeof(bytes)};
    const struct acpi_bytes first = {bytes, 16};
    const struct vtd_path io_apic = {.count = 1, .hops = {{0xff, 0, 0}}};

    (void)state;
    assert_true(vtd_scopes_cover(scopes, &other));
    assert_true(vtd_scopes_cover(scopes, &deep));
    assert_false(vtd_scopes_cover(first, &deep));
    assert_false(vtd_scopes_cover(scopes, &io_apic));
    assert_false(vtd_scopes_cover((struct acpi_bytes){bytes, 0}, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint),
        cmocka_unit_test(test_bridge),
        cmocka_unit_test(test_function_and_type),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
