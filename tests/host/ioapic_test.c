/* SPDX-License-Identifier: MIT */
/* I/O APICs: redirection entries bit by bit, which inputs there are, and what firmware says of
 * them. */
#include "ioapic/inputs.h"
#include "ioapic/redirection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_entries(void **state)
{
    static const struct {
        struct ioapic_redirection redirection;
        uint64_t entry;
    } cases[] = {
        /* 82093AA §3.2.4 */
        {{.is_masked = true}, 0x0000000000010000},
        {{.vector = 0x30}, 0x0000000000000030},
        {{.vector = 0x31, .is_level = true, .apic_id = 1}, 0x0100000000008031},
        {{.vector = 0xff, .is_active_low = true, .apic_id = 0xfe}, 0xfe000000000020ff},
        /* VT-d 4.1 §5.1.5.1: index 14:0 in 63:49, format in 48, index 15 in 11 */
        {{.vector = 0x30, .is_remapped = true, .remap_index = 1}, 0x0003000000000030},
        {{.vector = 0xff, .is_remapped = true, .remap_index = 0x8000}, 0x00010000000008ff},
        {{.vector = 0x20,
          .is_remapped = true,
          .remap_index = 0x7fff,
          .is_level = true,
          .is_active_low = true},
         0xffff00000000a020},
        {{.vector = 0x3f, .is_remapped = true, .remap_index = 0xffff, .is_masked = true},
         0xffff00000001083f},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct ioapic_redirection *wanted = &cases[i].redirection;
        const struct ioapic_redirection back = ioapic_redirection_decode(cases[i].entry);

        assert_int_equal(ioapic_redirection_encode(wanted), cases[i].entry);
        assert_int_equal(back.vector, wanted->vector);
        assert_int_equal(back.is_masked, wanted->is_masked);
        assert_int_equal(back.is_level, wanted->is_level);
        assert_int_equal(back.is_active_low, wanted->is_active_low);
        assert_int_equal(back.is_remapped, wanted->is_remapped);
        assert_int_equal(back.remap_index, wanted->remap_index);
        assert_int_equal(back.apic_id, wanted->apic_id);
    }
    /* Bits that hardware sets (delivery status, remote IRR) are not of the entry. */
    assert_int_equal(ioapic_redirection_decode(0x5031).vector, 0x31);
    assert_false(ioapic_redirection_decode(0x5031).is_level);
}

static void test_ranges(void **state)
{
    struct ioapic_inputs inputs = {0};
    struct ioapic_place place = {9, 9};

    (void)state;
    assert_false(ioapic_find(&inputs, 0, &place));
    assert_true(ioapic_inputs_add(&inputs, 0, 0, 24));
    assert_true(ioapic_inputs_add(&inputs, 2, 48, 120));
    assert_true(ioapic_inputs_add(&inputs, 7, UINT32_MAX - 24, 24));
    assert_false(ioapic_inputs_add(&inputs, 1, 24, 0));
    assert_false(ioapic_inputs_add(&inputs, 1, 200, IOAPIC_PINS_MAX + 1));
    assert_false(ioapic_inputs_add(&inputs, 1, 23, 1));
    assert_false(ioapic_inputs_add(&inputs, 1, 24, 25));
    assert_false(ioapic_inputs_add(&inputs, 1, 40, 100));
    assert_false(ioapic_inputs_add(&inputs, 1, UINT32_MAX - 5, 24));
    assert_int_equal(inputs.range_count, 3);

    assert_true(ioapic_find(&inputs, 0, &place));
    assert_int_equal(place.io_apic, 0);
    assert_int_equal(place.pin, 0);
    assert_true(ioapic_find(&inputs, 23, &place));
    assert_int_equal(place.pin, 23);
    assert_true(ioapic_find(&inputs, 167, &place));
    assert_int_equal(place.io_apic, 1);
    assert_int_equal(place.pin, 119);
    assert_true(ioapic_find(&inputs, UINT32_MAX - 1, &place));
    assert_int_equal(place.io_apic, 2);
    assert_false(ioapic_find(&inputs, 24, &place));
    assert_false(ioapic_find(&inputs, 47, &place));
    assert_false(ioapic_find(&inputs, 168, &place));
    assert_false(ioapic_find(&inputs, UINT32_MAX, &place));

    while (inputs.range_count < IOAPIC_RANGES_MAX) {
        assert_true(ioapic_inputs_add(&inputs, 1, 1000 + inputs.range_count, 1));
    }
    assert_false(ioapic_inputs_add(&inputs, 1, 5000, 1));
}

/** One input, one rule for it, and what may be there. */
static enum status checked(enum ioapic_user user, enum acpi_polarity polarity,
                           enum acpi_trigger trigger, bool is_level, bool is_active_low)
{
    struct ioapic_inputs inputs = {0};
    const struct ioapic_rule other = {.interrupt = 4, .user = IOAPIC_USER_CONSOLE};
    const struct ioapic_rule rule = {
        .interrupt = 9, .user = user, .input = {.polarity = polarity, .trigger = trigger}};

    assert_true(ioapic_inputs_add(&inputs, 0, 0, 24));
    assert_true(ioapic_rules_add(&inputs, &other));
    assert_true(ioapic_rules_add(&inputs, &rule));
    return ioapic_check(&inputs, 9, is_level, is_active_low);
}

static void test_rules(void **state)
{
    struct ioapic_inputs inputs = {0};
    const struct ioapic_rule rule = {0};
    enum acpi_polarity polarity = ACPI_POLARITY_BUS;
    enum acpi_trigger trigger = ACPI_TRIGGER_BUS;

    (void)state;
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, true), STATUS_OK);
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, false), STATUS_OK);
    assert_int_equal(checked(IOAPIC_USER_TIMER, polarity, trigger, true, true), STATUS_DENIED);
    assert_int_equal(checked(IOAPIC_USER_CONSOLE, polarity, trigger, true, true), STATUS_DENIED);
    assert_int_equal(checked(IOAPIC_USER_NMI, polarity, trigger, true, true), STATUS_DENIED);
    polarity = ACPI_POLARITY_HIGH;
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, true), STATUS_DENIED);
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, false), STATUS_OK);
    polarity = ACPI_POLARITY_LOW;
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, true), STATUS_OK);
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, false), STATUS_DENIED);
    trigger = ACPI_TRIGGER_LEVEL;
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, true), STATUS_OK);
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, false, true), STATUS_DENIED);
    trigger = ACPI_TRIGGER_EDGE;
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, true, true), STATUS_DENIED);
    assert_int_equal(checked(IOAPIC_USER_NONE, polarity, trigger, false, true), STATUS_OK);

    assert_int_equal(ioapic_check(&inputs, 0, true, true), STATUS_BAD_RANGE);
    for (uint32_t i = 0; i < IOAPIC_RULES_MAX; i++) {
        assert_true(ioapic_rules_add(&inputs, &rule));
    }
    assert_false(ioapic_rules_add(&inputs, &rule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
