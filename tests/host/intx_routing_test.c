/* SPDX-License-Identifier: MIT */
/* Where pins lead: each refusal of a declaration, and the way up through bridges. */
#include "intx/routing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CAPACITY 4u

static struct intx_declaration entries[CAPACITY];
static struct intx_routing routing;
static struct ioapic_inputs inputs;

static const struct intx_declaration good = {
    .bus = 0, .device = 3, .pin = 1, .is_level = true, .interrupt = 19};

static int set_up(void **state)
{
    const struct ioapic_rule console = {.interrupt = 4, .user = IOAPIC_USER_CONSOLE};

    (void)state;
    routing = (struct intx_routing){.entries = entries, .capacity = CAPACITY};
    inputs = (struct ioapic_inputs){0};
    assert_true(ioapic_inputs_add(&inputs, 0, 0, 24));
    assert_true(ioapic_rules_add(&inputs, &console));
    return 0;
}

/** What is said to a declaration; it is believed if that is STATUS_OK. */
static enum status declare(const struct intx_declaration *declaration, bool *is_known)
{
    const struct intx_routing before = routing;
    const enum status status = intx_declare_check(&routing, &inputs, declaration, is_known);

    assert_int_equal(routing.count, before.count);
    if (status == STATUS_OK && !*is_known) {
        intx_declare_commit(&routing, declaration);
    }
    return status;
}

static void test_refusals(void **state)
{
    struct intx_declaration bad;
    bool is_known = true;

    (void)state;
    bad = good, bad.pin = 0;
    assert_int_equal(declare(&bad, &is_known), STATUS_BAD_RANGE);
    bad = good, bad.pin = 5;
    assert_int_equal(declare(&bad, &is_known), STATUS_BAD_RANGE);
    bad = good, bad.device = 32;
    assert_int_equal(declare(&bad, &is_known), STATUS_BAD_RANGE);
    bad = good, bad.interrupt = 24;
    assert_int_equal(declare(&bad, &is_known), STATUS_BAD_RANGE);
    bad = good, bad.is_level = false;
    assert_int_equal(declare(&bad, &is_known), STATUS_UNSUPPORTED);
    bad = good, bad.interrupt = 4;
    assert_int_equal(declare(&bad, &is_known), STATUS_DENIED);
    assert_int_equal(routing.count, 0);

    assert_int_equal(declare(&good, &is_known), STATUS_OK);
    assert_false(is_known);
    assert_int_equal(declare(&good, &is_known), STATUS_OK);
    assert_true(is_known);
    bad = good, bad.interrupt = 18;
    assert_int_equal(declare(&bad, &is_known), STATUS_BUSY); /* the pin leads elsewhere */
    bad = good, bad.is_active_low = true;
    assert_int_equal(declare(&bad, &is_known), STATUS_BUSY);
    bad.device = 4;
    assert_int_equal(declare(&bad, &is_known), STATUS_BUSY); /* the input is another */
    assert_int_equal(routing.count, 1);

    for (uint8_t i = 2; i <= CAPACITY; i++) {
        bad = good, bad.pin = i;
        assert_int_equal(declare(&bad, &is_known), STATUS_OK);
    }
    bad = good, bad.segment = 1;
    assert_int_equal(declare(&bad, &is_known), STATUS_QUEUE_FULL);
    assert_int_equal(declare(&good, &is_known), STATUS_OK);
}

static void test_ways(void **state)
{
    /* The root port 0:3.0, behind it a switch: its upstream 1:0.0, its downstream 2:6.0, and 5:2.1.
     */
    struct vtd_path path = {.count = 4, .hops = {{0, 3, 0}, {1, 0, 0}, {2, 6, 0}, {5, 2, 1}}};
    struct intx_declaration more = good;
    bool is_known;

    (void)state;
    assert_null(intx_find(&routing, &path, 1));
    assert_int_equal(declare(&good, &is_known), STATUS_OK);
    more.pin = 4, more.interrupt = 22;
    assert_int_equal(declare(&more, &is_known), STATUS_OK);

    /* INTA of device 2 is INTC of the port above, that is INTA of the one above (device 6), ... */
    assert_int_equal(intx_find(&routing, &path, 1)->interrupt, 19);
    assert_int_equal(intx_find(&routing, &path, 4)->interrupt, 22);
    assert_null(intx_find(&routing, &path, 2));
    assert_null(intx_find(&routing, &path, 0));
    assert_null(intx_find(&routing, &path, 5));
    path.count = 2;
    assert_int_equal(intx_find(&routing, &path, 1)->interrupt, 19);
    path.count = 3;
    assert_int_equal(intx_find(&routing, &path, 3)->interrupt, 19); /* C of device 6 is A */
    assert_null(intx_find(&routing, &path, 1));
    path.segment = 1;
    assert_null(intx_find(&routing, &path, 3));
    path.segment = 0;
    path.count = 0;
    assert_null(intx_find(&routing, &path, 1));

    /* A list of the bus behind a bridge goes before the bridge's pins. */
    path.count = 4;
    more = good, more.bus = 5, more.device = 2, more.interrupt = 16;
    assert_int_equal(declare(&more, &is_known), STATUS_OK);
    assert_int_equal(intx_find(&routing, &path, 1)->interrupt, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_refusals, set_up),
        cmocka_unit_test_setup(test_ways, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
