/* SPDX-License-Identifier: MIT */

/*
 * lib/acpi/host_bridge: templates built descriptor by descriptor, each broken in one place; QEMU's
 * own are among the golden tables of tests/host/data.
 */

#include "acpi/host_bridge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct aml {
    uint8_t bytes[1024];
    size_t length;
};

static void put(struct aml *aml, uint64_t value, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++) {
        aml->bytes[aml->length++] = (uint8_t)(value >> 8 * i);
    }
}

static void begin(struct aml *aml)
{
    *aml = (struct aml){.length = ACPI_HEADER_BYTES};
}

/* An address space descriptor; numbers of `width` bytes. */
static void put_range(struct aml *aml, uint32_t width, uint8_t type, uint8_t flags,
                      uint8_t specific, uint64_t first, uint64_t last)
{
    put(aml, width == 2 ? 0x88 : width == 4 ? 0x87 : 0x8a, 1);
    put(aml, 3 + 5 * width, 2);
    put(aml, type, 1);
    put(aml, flags, 1);
    put(aml, specific, 1);
    put(aml, 0, width);
    put(aml, first, width);
    put(aml, last, width);
    put(aml, 0, width);
    put(aml, last - first + 1, width);
}

/* Name (_CRS, Buffer (length) { template }) */
static void put_template(struct aml *aml, const struct aml *template)
{
    put(aml, 0x5352435f08, 5);
    put(aml, 0x11, 1);
    put(aml, 0x40 | ((template->length + 5) & 0xf), 1);
    put(aml, (template->length + 5) >> 4, 1);
    put(aml, 0x0b, 1);
    put(aml, template->length, 2);
    memcpy(aml->bytes + aml->length, template->bytes, template->length);
    aml->length += template->length;
}

/* What QEMU's microvm has: buses, a window of 32 bits, one of 64. */
static void make_template(struct aml *template)
{
    *template = (struct aml){.length = 0};
    put_range(template, 2, 2, 0x0c, 0, 0, 0xff);
    put(template, 0x47, 1); /* ports that the bridge itself uses */
    put(template, 0x01, 1);
    put(template, 0x01080cf80cf8, 6);
    put_range(template, 4, 0, 0x0c, 1, 0xc0000000, 0xdfffffff);
    put_range(template, 8, 0, 0x0c, 7, 0x8000000000, 0xbfffffffff);
    put_range(template, 2, 1, 0x0c, 3, 0x0d00, 0xffff);
    put_range(template, 4, 0, 0x0d, 1, 0xfed00000, 0xfed003ff); /* consumed, not forwarded */
    put_range(template, 4, 0, 0x0c, 1, 0xf0000000, 0xefffffff); /* empty */
    put(template, 0x79, 2);
}

static bool next(const struct aml *aml, uint64_t *cursor, struct acpi_host_bridge *bridge)
{
    return acpi_host_bridge_next((struct acpi_bytes){aml->bytes, aml->length}, cursor, bridge);
}

static void test_template(void **state)
{
    struct aml aml, template;
    struct acpi_host_bridge bridge;
    uint64_t cursor = 0;

    (void)state;
    begin(&aml);
    make_template(&template);
    put(&aml, 0x11, 1); /* something that looks like the beginning of a buffer */
    put_template(&aml, &template);
    put_template(&aml, &template);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(next(&aml, &cursor, &bridge));
        assert_int_equal(bridge.first_bus, 0);
        assert_int_equal(bridge.last_bus, 255);
        assert_int_equal(bridge.window_count, 3);
        assert_true(bridge.windows[0].first == 0xc0000000 && bridge.windows[0].last == 0xdfffffff);
        assert_false(bridge.windows[0].is_io || bridge.windows[0].is_prefetchable);
        assert_true(bridge.windows[1].first == 0x8000000000);
        assert_true(bridge.windows[1].is_prefetchable);
        assert_true(bridge.windows[2].is_io && bridge.windows[2].first == 0xd00);
    }
    assert_false(next(&aml, &cursor, &bridge));
    assert_int_equal(cursor, aml.length);
}

/* Each byte that says how long something is, wrong: nothing is found, and nothing read behind. */
static void test_broken(void **state)
{
    static const size_t lengths[] = {5 + 1, 5 + 2, 5 + 4, 5 + 5, 5 + 6 + 1, 5 + 6 + 2, 5 + 6 + 24};
    struct acpi_host_bridge bridge;
    struct aml aml, template;

    (void)state;
    make_template(&template);
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        uint64_t cursor = 0;

        begin(&aml);
        put_template(&aml, &template);
        aml.bytes[ACPI_HEADER_BYTES + lengths[i]] ^= 0x0d;
        assert_false(next(&aml, &cursor, &bridge));
    }
    for (size_t length = ACPI_HEADER_BYTES; length < aml.length; length++) {
        struct acpi_bytes cut;
        uint64_t cursor = 0;

        begin(&aml);
        put_template(&aml, &template);
        cut = (struct acpi_bytes){aml.bytes, length};
        assert_false(acpi_host_bridge_next(cut, &cursor, &bridge));
    }
}

static void test_no_buses(void **state)
{
    struct acpi_host_bridge bridge;
    struct aml aml, template;
    uint64_t cursor = 0;

    (void)state;
    begin(&aml);
    template.length = 0; /* an ordinary device */
    put_range(&template, 4, 0, 0x0c, 1, 0xc0000000, 0xdfffffff);
    put(&template, 0x79, 2);
    put_template(&aml, &template);
    template.length = 0; /* two ranges of buses */
    put_range(&template, 2, 2, 0x0c, 0, 0, 0x7f);
    put_range(&template, 2, 2, 0x0c, 0, 0x80, 0xff);
    put(&template, 0x79, 2);
    put_template(&aml, &template);
    template.length = 0; /* buses that there are not */
    put_range(&template, 2, 2, 0x0c, 0, 0x100, 0x1ff);
    put(&template, 0x79, 2);
    put_template(&aml, &template);
    template.length = 0; /* bytes behind the end */
    put_range(&template, 2, 2, 0x0c, 0, 0, 0x7f);
    put(&template, 0x79, 3);
    put_template(&aml, &template);
    assert_false(next(&aml, &cursor, &bridge));
}

static void test_overflow(void **state)
{
    struct acpi_host_bridge bridge;
    struct aml aml, template = {.length = 0};
    uint64_t cursor = 0;

    (void)state;
    begin(&aml);
    put_range(&template, 2, 2, 0x0c, 0, 0x40, 0x7f);
    for (uint32_t i = 0; i < ACPI_BRIDGE_WINDOWS + 2; i++) {
        put_range(&template, 4, 0, 0x0c, 1, 0xc0000000 + i * 0x100000, 0xc00fffff + i * 0x100000);
    }
    put(&template, 0x79, 2);
    put_template(&aml, &template);
    assert_true(next(&aml, &cursor, &bridge));
    assert_int_equal(bridge.first_bus, 0x40);
    assert_int_equal(bridge.window_count, ACPI_BRIDGE_WINDOWS);
    assert_int_equal(bridge.overflow, 2);
}

static enum acpi_error find_base(const struct aml *aml, uint64_t *base)
{
    struct acpi_fault fault;

    return acpi_config_base_find((struct acpi_bytes){aml->bytes, aml->length}, base, &fault);
}

static void test_config_base(void **state)
{
    struct aml aml;
    uint64_t base;

    (void)state;
    begin(&aml); /* Name (_CBA, 0xb0000000) */
    put(&aml, 0x4142435f08, 5);
    put(&aml, 0xb00000000cull, 5);
    assert_int_equal(find_base(&aml, &base), ACPI_OK);
    assert_true(base == 0xb0000000);
    aml.length--;
    assert_int_equal(find_base(&aml, &base), ACPI_NOT_FOUND);

    begin(&aml); /* Method (_CBA) { Return (0x8000000000) } */
    put(&aml, 0x1014, 2);
    put(&aml, 0x4142435f, 4);
    put(&aml, 0xa400, 2);
    put(&aml, 0x0e, 1);
    put(&aml, 0x8000000000, 8);
    assert_int_equal(find_base(&aml, &base), ACPI_OK);
    assert_true(base == 0x8000000000);
    aml.bytes[ACPI_HEADER_BYTES + 7] = 0x70; /* something else than a return */
    assert_int_equal(find_base(&aml, &base), ACPI_NOT_FOUND);
    aml.bytes[ACPI_HEADER_BYTES + 7] = 0xa4;
    aml.bytes[ACPI_HEADER_BYTES + 1] = 0x0f; /* too short for it */
    assert_int_equal(find_base(&aml, &base), ACPI_NOT_FOUND);

    begin(&aml); /* Return (Local0) */
    put(&aml, 0x0814, 2);
    put(&aml, 0x4142435f, 4);
    put(&aml, 0x60a400, 3);
    assert_int_equal(find_base(&aml, &base), ACPI_NOT_FOUND);
    aml.length = ACPI_HEADER_BYTES - 1;
    assert_int_equal(find_base(&aml, &base), ACPI_BAD_LENGTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template),    cmocka_unit_test(test_broken),
        cmocka_unit_test(test_no_buses),    cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_config_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
