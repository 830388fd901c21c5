/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For tests of lib/pci/enumerate and groups: a machine whose functions are found. Include after
 * cmocka.h.
 */

#include "pci/groups.h"

#include "pci_space.h"

struct machine {
    struct space space;
    struct pci_enumeration enumeration;
    struct pci_found found[SPACE_FUNCTIONS];
    uint32_t reports, refusals;
    struct pci_fault last_refusal;
};

static inline void progress(struct pci_enumeration *enumeration, struct pci_address address,
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

static inline struct machine *machine_create(void)
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

static inline void machine_destroy(struct machine *machine)
{
    space_fini(&machine->space);
    free(machine);
}

static inline void run(struct machine *machine)
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

static inline void expect_found(const struct machine *machine, uint32_t index,
                                struct pci_address address, uint32_t parent)
{
    assert_true(index < machine->enumeration.count);
    assert_int_equal(pci_address_id(machine->found[index].address), pci_address_id(address));
    assert_int_equal(machine->found[index].parent, parent);
}

/* A port that forwards ARI, and functions behind it with the numbers of `list`, each the next. */
static inline struct machine *ari_machine(bool forwards, const uint8_t *list, size_t count)
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

static inline void set_acs(uint8_t *bytes, uint32_t supported, uint32_t enabled)
{
    put_extended(bytes, 0x100, PCI_CAP_ACS, 0);
    put(bytes, 0x104, 4, enabled << 16 | supported);
}
