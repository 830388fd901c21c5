/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/enumerate and groups: machines built function by function, and random ones compared with
 * a recursive scan and with Linux's way to group, written down step by step.
 */

#include "pci/groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pci_space.h"
#include "random.h"

struct machine {
    struct space space;
    struct pci_enumeration enumeration;
    struct pci_found found[SPACE_FUNCTIONS];
    uint32_t reports, refusals;
    struct pci_fault last_refusal;
};

static void progress(struct pci_enumeration *enumeration, struct pci_address address,
                     const struct pci_found *found, struct pci_fault fault)
{
    struct machine *machine = CONTAINER_OF(enumeration, struct machine, enumeration);

    if (found != NULL) {
        assert_ptr_equal(found, &machine->found[machine->reports]);
        assert_int_equal(pci_address_id(found->address), pci_address_id(address));
        machine->reports++;
    } else {
        machine->refusals++;
        machine->last_refusal = fault;
    }
}

static struct machine *machine_create(void)
{
    struct machine *machine = calloc(1, sizeof(*machine));

    assert_non_null(machine);
    space_init(&machine->space);
    machine->enumeration = (struct pci_enumeration){
        .access = &machine->space.access,
        .last_bus = 255,
        .found = machine->found,
        .capacity = SPACE_FUNCTIONS,
        .progress = progress,
    };
    return machine;
}

static void machine_destroy(struct machine *machine)
{
    space_fini(&machine->space);
    free(machine);
}

static void run(struct machine *machine)
{
    struct pci_address place;

    machine->reports = machine->refusals = 0;
    assert_int_equal(pci_enumerate(&machine->enumeration, &place), PCI_OK);
    assert_int_equal(machine->reports, machine->enumeration.count);
    assert_int_equal(machine->refusals, machine->enumeration.refused_count);
    for (uint32_t i = 1; i < machine->enumeration.count; i++) {
        assert_true(pci_address_id(machine->found[i - 1].address) <
                    pci_address_id(machine->found[i].address));
    }
}

static void expect_found(const struct machine *machine, uint32_t index, struct pci_address address,
                         uint32_t parent)
{
    assert_true(index < machine->enumeration.count);
    assert_int_equal(pci_address_id(machine->found[index].address), pci_address_id(address));
    assert_int_equal(machine->found[index].parent, parent);
}

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

/* A port that forwards ARI, and functions behind it with the numbers of `list`, each the next. */
static struct machine *ari_machine(bool forwards, const uint8_t *list, size_t count)
{
    struct machine *machine = machine_create();
    uint8_t *port = space_add_bridge(&machine->space, at(0, 1, 0), 1, 1);

    make_express(port, PCI_EXPRESS_ROOT_PORT);
    put(port, 0x40 + 36, 4, 0x20);
    put(port, 0x40 + 40, 2, forwards ? 0x20 : 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t *bytes = space_add(&machine->space, at(1, list[i] >> 3, list[i] & 7));

        make_express(bytes, PCI_EXPRESS_ENDPOINT);
        put_extended(bytes, 0x100, PCI_CAP_ARI, 0);
        bytes[0x105] = i + 1 < count ? list[i + 1] : 0;
    }
    return machine;
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

/* ------------------------------------------------------------------------------ groups */

static void set_acs(uint8_t *bytes, uint32_t supported, uint32_t enabled)
{
    put_extended(bytes, 0x100, PCI_CAP_ACS, 0);
    put(bytes, 0x104, 4, enabled << 16 | supported);
}

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

/* ------------------------------------------------------------------------------ random machines */

/* Random functions on a bus, and bridges with, mostly, sound numbers. Returns the next free bus. */
static uint32_t grow(struct machine *machine, uint32_t bus, uint32_t next, uint32_t last,
                     uint32_t depth)
{
    const uint32_t devices = 1 + random_below(4);

    for (uint32_t i = 0; i < devices && machine->space.count < 60; i++) {
        const uint8_t device = (uint8_t)(i == 0 ? 0 : random_below(32));
        const uint32_t functions = random_below(3) == 0 ? 1 + random_below(8) : 1;

        for (uint8_t f = 0; f < functions; f++) {
            const struct pci_address address = at((uint8_t)bus, device, f);
            static const uint8_t ports[] = {4, 5, 6, 7, 8};
            uint8_t *bytes;

            if (space_find(&machine->space, address) != NULL || (f > 0 && random_below(3) == 0)) {
                continue;
            }
            if (depth < 4 && next < last && random_below(3) == 0) {
                const uint32_t secondary = next;
                uint32_t end;

                bytes = space_add_bridge(&machine->space, address, (uint8_t)secondary, 0);
                end = grow(machine, secondary, secondary + 1, last, depth + 1);
                bytes[0x1a] = (uint8_t)(end - 1);
                next = end;
                if (random_below(8) == 0) {
                    bytes[0x18 + random_below(3)] = (uint8_t)random_below(40);
                }
                if (random_below(3) != 0) {
                    make_express(bytes, ports[random_below(5)]);
                }
            } else {
                bytes = space_add(&machine->space, address);
                if (random_below(2) == 0) {
                    make_express(bytes, random_below(2) == 0 ? 0 : 9);
                }
            }
            bytes[PCI_HEADER_TYPE] |= f == 0 && functions > 1 ? 0x80 : 0;
            if (random_below(2) == 0) {
                set_acs(bytes, 0x1d, random_below(3) == 0 ? 0x05 : 0x1d);
            }
        }
    }
    return next;
}

/* A recursive scan: the same rules, said another way. Marks what is reachable. */
static void naive_scan(const struct machine *machine, uint32_t bus, uint32_t last, bool link,
                       uint32_t *owner, bool *reached)
{
    for (uint32_t id = bus << 8; id < (bus << 8) + (link ? 8 : 256); id++) {
        const struct pci_address here = at((uint8_t)bus, id >> 3 & 31, id & 7);
        const struct space_function *function = space_find(&machine->space, here);
        const struct space_function *first =
            space_find(&machine->space, at((uint8_t)bus, here.device, 0));

        if (function == NULL || first == NULL ||
            (here.function != 0 && (first->bytes[PCI_HEADER_TYPE] & 0x80) == 0)) {
            continue;
        }
        reached[id] = true;
        if ((function->bytes[PCI_HEADER_TYPE] & 0x7f) == 1) {
            const uint32_t primary = function->bytes[0x18];
            const uint32_t secondary = function->bytes[0x19];
            uint32_t end = function->bytes[0x1a];
            bool mine = true;

            if ((primary != bus && primary != 0) || secondary <= bus || end < secondary ||
                secondary > last) {
                continue;
            }
            end = end < last ? end : last;
            for (uint32_t i = secondary; i <= end; i++) {
                mine = mine && owner[i] == owner[bus];
            }
            for (uint32_t i = secondary; mine && i <= end; i++) {
                owner[i] = id;
            }
        }
    }
    for (uint32_t id = bus << 8; id < (bus << 8) + 256; id++) {
        const struct space_function *function =
            space_find(&machine->space, at((uint8_t)bus, id >> 3 & 31, id & 7));

        if (reached[id] && (function->bytes[PCI_HEADER_TYPE] & 0x7f) == 1) {
            const uint32_t secondary = function->bytes[0x19];
            const uint32_t type = function->bytes[0x42] >> 4;
            const bool downstream =
                function->bytes[0x40] == PCI_CAP_EXPRESS && (type == 4 || type == 6 || type == 8);

            if (secondary > bus && owner[secondary] == id) {
                naive_scan(machine, secondary,
                           function->bytes[0x1a] < last ? function->bytes[0x1a] : last, downstream,
                           owner, reached);
            }
        }
    }
}

/* Linux's pci_device_group(), function after function: each joins a group that exists, or a new. */
static void naive_groups(const struct pci_found *found, uint32_t count, uint32_t *group)
{
    for (uint32_t i = 0; i < count; i++) {
        group[i] = PCI_NOBODY;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t joined = PCI_NOBODY;
        uint32_t top = i;

        for (uint32_t p = found[i].parent; p != PCI_NOBODY && joined == PCI_NOBODY;
             p = found[p].parent) {
            if (!found[p].is_express || found[p].express_type == PCI_EXPRESS_TO_PCI ||
                found[p].express_type == PCI_EXPRESS_FROM_PCI) {
                top = p;
                joined = group[p];
            }
        }
        for (uint32_t p = found[top].parent; p != PCI_NOBODY && joined == PCI_NOBODY;
             p = found[p].parent) {
            bool isolated = true;

            for (uint32_t q = p; q != PCI_NOBODY; q = found[q].parent) {
                isolated = isolated && pci_is_isolating(&found[q]);
            }
            if (isolated) {
                break;
            }
            top = p;
            joined = group[p];
        }
        if (joined == PCI_NOBODY && found[top].is_multifunction && !pci_is_isolating(&found[top])) {
            for (uint32_t j = 0; j < count && joined == PCI_NOBODY; j++) {
                if (j != top && found[j].address.bus == found[top].address.bus &&
                    found[j].address.device == found[top].address.device &&
                    !pci_is_isolating(&found[j])) {
                    joined = group[j];
                }
            }
        }
        group[i] = joined == PCI_NOBODY ? i : joined;
    }
}

static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t round = 0; round < 150; round++) {
        struct machine *machine = machine_create();
        bool *reached = calloc(65536, sizeof(bool));
        uint32_t owner[256], group[SPACE_FUNCTIONS];
        uint32_t count = 0;

        assert_non_null(reached);
        grow(machine, 0, 1, 60, 0);
        run(machine);
        memset(owner, 0xff, sizeof(owner));
        naive_scan(machine, 0, 255, false, owner, reached);
        for (uint32_t id = 0; id < 65536; id++) {
            if (reached[id]) {
                assert_true(count < machine->enumeration.count);
                assert_int_equal(pci_address_id(machine->found[count].address), id);
                count++;
            }
        }
        assert_int_equal(count, machine->enumeration.count);
        pci_groups(machine->found, count);
        naive_groups(machine->found, count, group);
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t j = 0; j < i; j++) {
                assert_int_equal(machine->found[i].group == machine->found[j].group,
                                 group[i] == group[j]);
            }
            assert_true(machine->found[i].group <= i);
        }
        free(reached);
        machine_destroy(machine);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_bus_refusals),
        cmocka_unit_test(test_bus_taken),
        cmocka_unit_test(test_slot_refusals),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_ari),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_groups_of_functions),
        cmocka_unit_test(test_group_of_bridge),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
