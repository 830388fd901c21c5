/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/enumerate and groups on random machines, against a recursive scan and against the rule
 * for groups said another way.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pci_machine.h"
#include "random.h"

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
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
