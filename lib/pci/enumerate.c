/* SPDX-License-Identifier: MIT */
#include "pci/enumerate.h"

#define FUNCTION_MAX 255u /* the highest number with ARI */

/* A device being visited: what its first function said of the others. */
struct slot {
    struct pci_address address; /* of the function in hand */
    uint32_t parent;
    bool is_multifunction;
    bool is_ari;
};

static void report(struct pci_enumeration *enumeration, struct pci_address address,
                   const struct pci_found *found, struct pci_fault fault)
{
    if (enumeration->progress != NULL) {
        enumeration->progress(enumeration, address, found, fault);
    }
}

/* What the capabilities say that matters for the tree and the groups. */
static void capabilities_read(struct pci_config *config, const struct pci_header *header,
                              struct pci_found *found)
{
    struct pci_capability capability;
    struct pci_express express;
    struct pci_fault fault;

    config->bytes = pci_config_size(config, header);
    if (pci_capability_find(config, header, PCI_CAP_EXPRESS, &capability) &&
        pci_express_read(config, &capability, &express, &fault) == PCI_OK) {
        found->is_express = true;
        found->express_type = express.type;
        found->forwards_ari = express.forwards_ari;
    }
    found->has_acs = pci_extended_find(config, PCI_CAP_ACS, &capability) &&
                     pci_acs_read(config, &capability, &found->acs, &fault) == PCI_OK;
}

/* Whether all buses in a range belong to the same bridge as `bus`: to nobody nearer. */
static bool buses_are_free(const struct pci_enumeration *enumeration, uint8_t bus, uint32_t first,
                           uint32_t last)
{
    for (uint32_t i = first; i <= last; i++) {
        if (enumeration->owner[i] != enumeration->owner[bus]) {
            return false;
        }
    }
    return true;
}

/* Let a bridge lead to its buses, or say why not. */
static void buses_claim(struct pci_enumeration *enumeration, uint32_t index)
{
    struct pci_found *bridge = &enumeration->found[index];
    const uint32_t parent = bridge->parent;
    const uint8_t last =
        parent == PCI_NOBODY ? enumeration->last_bus : enumeration->found[parent].buses.subordinate;
    struct pci_buses *buses = &bridge->buses;

    if (pci_buses_check(buses, bridge->address.bus, &bridge->fault) != PCI_OK) {
        return;
    }
    if (buses->secondary > last || buses->secondary > enumeration->last_bus) {
        (void)pci_refuse(&bridge->fault, PCI_BUS_OUTSIDE, PCI_BRIDGE_BUSES + 1);
        return;
    }
    if (buses->subordinate > last) {
        /* What the bridge above does not forward is not there. The rest is. */
        (void)pci_refuse(&bridge->fault, PCI_BUS_OUTSIDE, PCI_BRIDGE_BUSES + 2);
        buses->subordinate = last;
    }
    if (!buses_are_free(enumeration, bridge->address.bus, buses->secondary, buses->subordinate)) {
        (void)pci_refuse(&bridge->fault, PCI_BUS_TAKEN, PCI_BRIDGE_BUSES + 1);
        return;
    }
    for (uint32_t i = buses->secondary; i <= buses->subordinate; i++) {
        enumeration->owner[i] = index;
    }
}

/*
 * Look at one function. PCI_OK if it is there (it is the last of found[] then); PCI_FULL; any
 * other error if nothing is there that can be used.
 */
static enum pci_error function_visit(struct pci_enumeration *enumeration, const struct slot *slot)
{
    struct pci_config config = {.access = enumeration->access,
                                .address = slot->address,
                                .bytes = enumeration->access->config_bytes};
    struct pci_fault fault = {.error = PCI_OK};
    struct pci_header header;
    struct pci_found *found;

    if (pci_header_read(&config, &header, &fault) != PCI_OK) {
        if (fault.error != PCI_ABSENT) {
            enumeration->refused_count++;
            report(enumeration, slot->address, NULL, fault);
        }
        return fault.error;
    }
    if (enumeration->count == enumeration->capacity) {
        return PCI_FULL;
    }
    found = &enumeration->found[enumeration->count];
    *found = (struct pci_found){
        .address = slot->address,
        .parent = slot->parent,
        .group = enumeration->count,
        .vendor = header.vendor,
        .device = header.device,
        .class_code = header.class_code,
        .layout = header.layout,
        .is_multifunction = header.is_multifunction || slot->is_multifunction,
        .is_ari = slot->is_ari,
        .is_bridge = header.layout != PCI_LAYOUT_DEVICE,
    };
    capabilities_read(&config, &header, found);
    if (found->is_bridge) {
        pci_buses_read(&config, &found->buses);
        buses_claim(enumeration, enumeration->count);
    }
    enumeration->count++;
    return PCI_OK;
}

/* The function behind one that is there, by the list of ARI; 0 at its end. */
static uint32_t ari_next(const struct pci_enumeration *enumeration, struct pci_found *found)
{
    const struct pci_config config = {.access = enumeration->access,
                                      .address = found->address,
                                      .bytes = enumeration->access->config_bytes};
    const uint32_t number = pci_address_id(found->address) & FUNCTION_MAX;
    struct pci_capability capability;
    struct pci_fault fault;
    struct pci_ari ari;

    if (!pci_extended_find(&config, PCI_CAP_ARI, &capability) ||
        pci_ari_read(&config, &capability, &ari, &fault) != PCI_OK) {
        return 0;
    }
    if (ari.next_function != 0 && ari.next_function <= number) {
        (void)pci_refuse(&found->fault, PCI_ARI_BAD_NEXT, capability.offset + 4u);
        return 0;
    }
    return ari.next_function;
}

/* All functions behind function 0, found just now, of a device that lists them. */
static enum pci_error visit_listed(struct pci_enumeration *enumeration, struct slot *slot)
{
    struct pci_found *last = &enumeration->found[enumeration->count - 1];
    uint32_t number = ari_next(enumeration, last);

    last->is_multifunction = last->is_multifunction || number != 0;
    slot->is_multifunction = last->is_multifunction;
    report(enumeration, last->address, last, last->fault);
    while (number != 0) {
        enum pci_error error;

        slot->address.device = (uint8_t)(number >> 3);
        slot->address.function = number & 7;
        error = function_visit(enumeration, slot);
        if (error != PCI_OK) {
            return error;
        }
        last = &enumeration->found[enumeration->count - 1];
        number = ari_next(enumeration, last);
        report(enumeration, last->address, last, last->fault);
    }
    return PCI_OK;
}

/* All functions of a device. PCI_FULL or PCI_OK; the address is where it was full. */
static enum pci_error device_visit(struct pci_enumeration *enumeration, struct slot *slot)
{
    struct pci_found *found;
    enum pci_error error;

    slot->is_multifunction = false;
    error = function_visit(enumeration, slot);
    if (error != PCI_OK) {
        return error == PCI_FULL ? PCI_FULL : PCI_OK;
    }
    found = &enumeration->found[enumeration->count - 1];
    if (slot->is_ari) {
        const struct pci_config config = {.access = enumeration->access,
                                          .address = slot->address,
                                          .bytes = enumeration->access->config_bytes};
        struct pci_capability capability;

        slot->is_ari = pci_extended_find(&config, PCI_CAP_ARI, &capability);
        found->is_ari = slot->is_ari;
    }
    if (slot->is_ari) {
        return visit_listed(enumeration, slot) == PCI_FULL ? PCI_FULL : PCI_OK;
    }
    slot->is_multifunction = found->is_multifunction;
    report(enumeration, found->address, found, found->fault);
    for (uint8_t i = 1; i < PCI_FUNCTIONS && slot->is_multifunction; i++) {
        slot->address.function = i;
        error = function_visit(enumeration, slot);
        if (error == PCI_FULL) {
            return PCI_FULL;
        }
        if (error == PCI_OK) {
            found = &enumeration->found[enumeration->count - 1];
            report(enumeration, found->address, found, found->fault);
        }
    }
    return PCI_OK;
}

static enum pci_error bus_visit(struct pci_enumeration *enumeration, uint8_t bus,
                                struct pci_address *place)
{
    const uint32_t parent = enumeration->owner[bus];
    const struct pci_found *above = parent != PCI_NOBODY ? &enumeration->found[parent] : NULL;
    /* PCIe §7.3.1: at the end of a link is device 0 alone, and it may be asked as any other. */
    const bool is_link =
        above != NULL && above->is_express && pci_express_is_downstream(above->express_type);
    const bool is_ari = is_link && above->forwards_ari;

    for (uint8_t device = 0; device < (is_link ? 1 : PCI_DEVICES); device++) {
        struct slot slot = {
            .address = {.segment = enumeration->segment, .bus = bus, .device = device},
            .parent = parent,
            .is_ari = is_ari,
        };

        if (device_visit(enumeration, &slot) == PCI_FULL) {
            *place = slot.address;
            return PCI_FULL;
        }
    }
    return PCI_OK;
}

/* Whether a bus is to be visited: a bridge leads to exactly it, or it is or may be a root. */
static bool bus_is_wanted(const struct pci_enumeration *enumeration, uint8_t bus)
{
    const uint32_t owner = enumeration->owner[bus];

    if (owner != PCI_NOBODY) {
        return enumeration->found[owner].buses.secondary == bus;
    }
    return bus == enumeration->first_bus || enumeration->roots == PCI_ROOTS_ALL ||
           (enumeration->roots == PCI_ROOTS_LISTED &&
            (enumeration->root_buses[bus / 64] >> bus % 64 & 1) != 0);
}

enum pci_error pci_enumerate(struct pci_enumeration *enumeration, struct pci_address *place)
{
    enumeration->count = 0;
    enumeration->refused_count = 0;
    enumeration->bus_count = 0;
    for (uint32_t i = 0; i < PCI_BUSES; i++) {
        enumeration->owner[i] = PCI_NOBODY;
    }
    for (uint32_t bus = enumeration->first_bus; bus <= enumeration->last_bus; bus++) {
        if (bus_is_wanted(enumeration, (uint8_t)bus)) {
            enumeration->bus_count++;
            if (bus_visit(enumeration, (uint8_t)bus, place) != PCI_OK) {
                return PCI_FULL;
            }
        }
    }
    return PCI_OK;
}
