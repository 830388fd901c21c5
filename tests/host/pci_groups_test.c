/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/groups: which functions cannot be told apart, with and without ACS.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pci_machine.h"

/* Root port with or without ACS, a device behind it; the root port's neighbour functions. */
static void test_groups(void **state)
{
    static const struct {
        const char *what;
        uint32_t supported, enabled;
        bool apart;
    } cases[] = {
        {"all of it", 0x1d, 0x1d, true},
        {"more", 0x7f, 0x1d, true},
        {"the rest is wired", 0x05, 0x05, true},
        {"nothing supported: all wired", 0, 0, true},
        {"not enabled", 0x1d, 0, false},
        {"no upstream forwarding", 0x1d, 0x0d, false},
        {"no source validation", 0x1d, 0x1c, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct machine *machine = machine_create();
        uint8_t *port = space_add_bridge(&machine->space, at(0, 1, 0), 1, 1);

        make_express(port, PCI_EXPRESS_ROOT_PORT);
        set_acs(port, cases[i].supported, cases[i].enabled);
        make_express(space_add(&machine->space, at(1, 0, 0)), PCI_EXPRESS_ENDPOINT);
        run(machine);
        pci_groups(machine->found, machine->enumeration.count);
        assert_int_equal(machine->found[0].group, 0);
        assert_int_equal(machine->found[1].group, cases[i].apart ? 1 : 0);
        machine_destroy(machine);
    }
}

/* Functions of one device behind a port with ACS: together, unless each has ACS of its own. */
static void test_groups_of_functions(void **state)
{
    static const uint8_t list[] = {0, 1, 9};
    struct machine *machine = ari_machine(true, list, ARRAY_COUNT(list));
    struct space_function *functions = machine->space.functions;

    (void)state;
    set_acs(functions[0].bytes, 0x1d, 0x1d);
    run(machine);
    pci_groups(machine->found, machine->enumeration.count);
    assert_int_equal(machine->found[0].group, 0);
    for (uint32_t i = 1; i < 4; i++) {
        assert_int_equal(machine->found[i].group, 1);
    }
    for (uint32_t i = 2; i < 4; i++) {
        put_extended(functions[i].bytes, 0x100, PCI_CAP_ARI, 0x140);
        put_extended(functions[i].bytes, 0x140, PCI_CAP_ACS, 0);
        put(functions[i].bytes, 0x144, 4, 0x001d001d);
    }
    run(machine);
    pci_groups(machine->found, machine->enumeration.count);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(machine->found[i].group, i);
    }
    machine_destroy(machine);
}

static void test_group_of_bridge(void **state)
{
    struct machine *machine = machine_create();

    (void)state;
    space_add(&machine->space, at(0, 0, 0));
    space_add_bridge(&machine->space, at(0, 1, 0), 1, 2); /* conventional */
    space_add(&machine->space, at(0, 2, 0))[PCI_HEADER_TYPE] = 0x80;
    space_add(&machine->space, at(0, 2, 3));
    space_add(&machine->space, at(1, 4, 0));
    space_add_bridge(&machine->space, at(1, 5, 0), 2, 2);
    space_add(&machine->space, at(2, 6, 0));
    run(machine);
    pci_groups(machine->found, machine->enumeration.count);
    assert_int_equal(machine->found[0].group, 0);
    assert_int_equal(machine->found[1].group, 1);
    assert_int_equal(machine->found[2].group, 2);
    assert_int_equal(machine->found[3].group, 2); /* two functions of a conventional device */
    for (uint32_t i = 4; i < 7; i++) {
        assert_int_equal(machine->found[i].group, 1); /* all behind the bridge, two levels deep */
    }
    machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_groups_of_functions),
        cmocka_unit_test(test_group_of_bridge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
