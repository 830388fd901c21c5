/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/enumerate: machines built function by function, with one thing wrong each.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pci_machine.h"

static void test_tree(void **state)
{
    struct machine *machine = machine_create();
    struct space *space = &machine->space;

    (void)state;
    space_add(space, at(4, 31, 7)); /* added out of order */
    space_add(space, at(0, 0, 0));
    space_add(space, at(4, 31, 0))[PCI_HEADER_TYPE] = 0x80;
    space_add_bridge(space, at(0, 2, 0), 3, 7);
    space_add_bridge(space, at(3, 0, 0), 4, 4);
    space_add_bridge(space, at(3, 1, 0), 6, 7);
    space_add(space, at(7, 0, 0)); /* no bridge leads to bus 7 itself */
    space_add(space, at(6, 5, 0));
    space_add(space, at(6, 6, 1)); /* without function 0 there is no device */
    space_add(space, at(6, 5, 3)); /* nor functions of one that has a single one */
    run(machine);
    assert_int_equal(machine->enumeration.count, 7);
    assert_int_equal(machine->enumeration.bus_count, 4);
    expect_found(machine, 0, at(0, 0, 0), PCI_NOBODY);
    expect_found(machine, 1, at(0, 2, 0), PCI_NOBODY);
    expect_found(machine, 2, at(3, 0, 0), 1);
    expect_found(machine, 3, at(3, 1, 0), 1);
    expect_found(machine, 4, at(4, 31, 0), 2);
    expect_found(machine, 5, at(4, 31, 7), 2);
    expect_found(machine, 6, at(6, 5, 0), 3);
    assert_true(machine->found[5].is_multifunction);
    assert_false(machine->found[6].is_multifunction);
    machine->enumeration.roots = PCI_ROOTS_ALL;
    space_add(space, at(0x80, 0, 0));
    space_add_bridge(space, at(0x80, 1, 0), 0x81, 0x81);
    space_add(space, at(0x81, 0, 0));
    run(machine);
    assert_int_equal(machine->enumeration.count, 10);
    expect_found(machine, 7, at(0x80, 0, 0), PCI_NOBODY);
    expect_found(machine, 9, at(0x81, 0, 0), 8);
    machine->enumeration.roots = PCI_ROOTS_LISTED;
    run(machine);
    assert_int_equal(machine->enumeration.count, 7);
    machine->enumeration.root_buses[2] = 1; /* 0x80 */
    run(machine);
    assert_int_equal(machine->enumeration.count, 10);
    assert_int_equal(machine->enumeration.bus_count, 6);
    machine->enumeration.first_bus = 3; /* a segment that starts later */
    machine->enumeration.last_bus = 4;
    machine->enumeration.roots = PCI_ROOTS_FIRST;
    run(machine);
    assert_int_equal(machine->enumeration.count, 4);
    assert_int_equal(machine->found[1].fault.error, PCI_BUS_OUTSIDE);
    machine_destroy(machine);
}

static void test_bus_refusals(void **state)
{
    static const struct {
        uint8_t primary, secondary, subordinate;
        enum pci_error error;
        uint32_t offset;
        uint32_t count; /* of functions found on the machine below */
    } cases[] = {
        {2, 3, 4, PCI_OK, 0, 5},
        {0, 3, 3, PCI_OK, 0, 5},
        {2, 0, 0, PCI_BUS_UNASSIGNED, 0x19, 4},
        {1, 3, 4, PCI_BUS_MISMATCH, 0x18, 4},
        {2, 2, 4, PCI_BUS_BACKWARDS, 0x19, 4},
        {2, 0, 4, PCI_BUS_BACKWARDS, 0x19, 4},
        {2, 1, 2, PCI_BUS_BACKWARDS, 0x19, 4},
        {2, 4, 3, PCI_BUS_REVERSED, 0x1a, 4},
        {2, 6, 7, PCI_BUS_OUTSIDE, 0x19, 4},
        {2, 3, 9, PCI_BUS_OUTSIDE, 0x1a, 5}, /* what is inside is visited */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct machine *machine = machine_create();
        uint8_t *bytes;

        /* 00.0, a bridge to 2..5, behind it the bridge in question and a device; 6 is a sibling's
         */
        space_add(&machine->space, at(0, 0, 0));
        space_add_bridge(&machine->space, at(0, 1, 0), 2, 5);
        bytes = space_add_bridge(&machine->space, at(2, 0, 0), cases[i].secondary,
                                 cases[i].subordinate);
        bytes[0x18] = cases[i].primary;
        space_add(&machine->space, at(2, 1, 0));
        space_add(&machine->space, at(3, 0, 0));
        run(machine);
        assert_int_equal(machine->enumeration.count, cases[i].count);
        assert_string_equal(pci_error_name(machine->found[2].fault.error),
                            pci_error_name(cases[i].error));
        assert_int_equal(machine->found[2].fault.offset, cases[i].offset);
        machine_destroy(machine);
    }
}

/* Two bridges to the same buses: the first has them. */
static void test_bus_taken(void **state)
{
    static const uint8_t ranges[][2] = {{1, 3}, {3, 3}, {1, 1}, {2, 9}, {0, 0}};

    (void)state;
    for (size_t i = 0; ranges[i][0] != 0; i++) {
        struct machine *machine = machine_create();

        space_add_bridge(&machine->space, at(0, 1, 0), 1, 3);
        space_add_bridge(&machine->space, at(0, 2, 0), ranges[i][0], ranges[i][1]);
        space_add(&machine->space, at(1, 0, 0));
        run(machine);
        assert_int_equal(machine->enumeration.count, 3);
        assert_int_equal(machine->found[0].fault.error, PCI_OK);
        assert_int_equal(machine->found[1].fault.error, PCI_BUS_TAKEN);
        assert_int_equal(machine->found[1].fault.offset, 0x19);
        machine_destroy(machine);
    }
}

static void test_slot_refusals(void **state)
{
    struct machine *machine = machine_create();

    (void)state;
    put(space_add(&machine->space, at(0, 1, 0)), 0, 4, 0xffff0001);
    run(machine);
    assert_int_equal(machine->refusals, 1);
    assert_int_equal(machine->last_refusal.error, PCI_NOT_READY);
    space_add(&machine->space, at(0, 2, 0))[PCI_HEADER_TYPE] = 3;
    space_add(&machine->space, at(0, 3, 0))[PCI_HEADER_TYPE] = 0x80;
    space_add(&machine->space, at(0, 3, 1))[PCI_HEADER_TYPE] = 0x7f;
    space_add(&machine->space, at(0, 3, 2));
    run(machine);
    assert_int_equal(machine->refusals, 3);
    assert_int_equal(machine->last_refusal.error, PCI_UNKNOWN_HEADER);
    assert_int_equal(machine->enumeration.count, 2);
    machine_destroy(machine);
}

static void test_full(void **state)
{
    struct machine *machine = machine_create();
    struct pci_address place;

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        space_add(&machine->space, at(0, (uint8_t)(i / 8), i % 8))[PCI_HEADER_TYPE] = 0x80;
    }
    run(machine);
    assert_int_equal(machine->enumeration.count, 200);
    machine->enumeration.capacity = 77;
    machine->reports = 0;
    assert_int_equal(pci_enumerate(&machine->enumeration, &place), PCI_FULL);
    assert_int_equal(machine->enumeration.count, 77);
    assert_int_equal(pci_address_id(place), 77);
    machine_destroy(machine);
}

static void test_ari(void **state)
{
    static const uint8_t list[] = {0, 1, 9, 200, 255};
    struct machine *machine = ari_machine(true, list, ARRAY_COUNT(list));

    (void)state;
    run(machine);
    assert_int_equal(machine->enumeration.count, 6);
    for (uint32_t i = 0; i < 5; i++) {
        expect_found(machine, i + 1, at(1, list[i] >> 3, list[i] & 7), 0);
        assert_true(machine->found[i + 1].is_ari);
        assert_true(machine->found[i + 1].is_multifunction);
    }
    pci_groups(machine->found, machine->enumeration.count);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(machine->found[i].group, 0);
    }
    machine->space.functions[3].bytes[0x105] = 1; /* back to a function before */
    run(machine);
    assert_int_equal(machine->enumeration.count, 4);
    assert_int_equal(machine->found[3].fault.error, PCI_ARI_BAD_NEXT);
    assert_int_equal(machine->found[3].fault.offset, 0x104);
    machine->space.functions[3].bytes[0x105] = 100; /* to one that is not there */
    run(machine);
    assert_int_equal(machine->enumeration.count, 4);
    machine_destroy(machine);

    machine = ari_machine(false, list, ARRAY_COUNT(list)); /* at the end of a link: device 0 */
    machine->space.functions[1].bytes[PCI_HEADER_TYPE] = 0x80;
    run(machine);
    assert_int_equal(machine->enumeration.count, 3);
    assert_false(machine->found[1].is_ari);
    machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),      cmocka_unit_test(test_bus_refusals),
        cmocka_unit_test(test_bus_taken), cmocka_unit_test(test_slot_refusals),
        cmocka_unit_test(test_full),      cmocka_unit_test(test_ari),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
