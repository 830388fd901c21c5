/* SPDX-License-Identifier: MIT */
#include "pci/number.h"

#define FUNCTIONS_OF_BUS (PCI_DEVICES * PCI_FUNCTIONS)

static struct pci_config config_of(const struct pci_access *access, struct pci_address address)
{
    return (struct pci_config){.access = access, .address = address, .bytes = access->config_bytes};
}

static void buses_write(const struct pci_config *config, uint8_t secondary, uint8_t subordinate)
{
    const uint32_t kept = pci_read32(config, PCI_BRIDGE_BUSES) & 0xff000000u; /* a timer */

    pci_write(config, PCI_BRIDGE_BUSES, 4,
              kept | (uint32_t)subordinate << 16 | (uint32_t)secondary << 8 | config->address.bus);
}

/* Let a bridge lead to a new bus, and everything behind it as far as `last`. */
static void enter(struct pci_numbering *numbering, const struct pci_config *config,
                  const struct pci_header *header, uint8_t bus, uint8_t last)
{
    struct pci_capability capability;
    struct pci_express express;
    struct pci_fault fault;

    buses_write(config, bus, last);
    numbering->levels[numbering->depth++] = (struct pci_numbering_level){
        .bridge = config->address,
        .bus = bus,
        .last = last,
        .is_link = pci_capability_find(config, header, PCI_CAP_EXPRESS, &capability) &&
                   pci_express_read(config, &capability, &express, &fault) == PCI_OK &&
                   pci_express_is_downstream(express.type),
    };
    numbering->numbered_count++;
}

/* The next place on the bus in hand where there may be a function. False: that was the last. */
static bool next_place(struct pci_numbering_level *level, struct pci_address *address)
{
    if (level->is_done) {
        return false;
    }
    *address = (struct pci_address){
        .segment = level->bridge.segment,
        .bus = level->bus,
        .device = level->function >> 3,
        .function = level->function & 7,
    };
    return true;
}

/* Go on behind a function: to the others of its device if it has any, else to the next device. */
static void step(struct pci_numbering_level *level, bool is_there, bool is_multifunction)
{
    uint32_t next = level->function + 1u;

    if (level->function % PCI_FUNCTIONS == 0) {
        level->is_multifunction = is_there && is_multifunction;
    }
    if (!level->is_multifunction) {
        next = (level->function / PCI_FUNCTIONS + 1) * PCI_FUNCTIONS;
    }
    if (next >= (level->is_link ? PCI_FUNCTIONS : FUNCTIONS_OF_BUS)) {
        level->is_done = true;
        return;
    }
    level->function = (uint8_t)next;
}

/*
 * Number a bridge and all behind it, from `bus` to `last`. Returns the last number in use.
 */
static uint8_t number_tree(struct pci_numbering *numbering, const struct pci_config *config,
                           const struct pci_header *header, uint8_t bus, uint8_t last)
{
    uint8_t used = bus;

    numbering->depth = 0;
    enter(numbering, config, header, bus, last);
    while (numbering->depth > 0) {
        struct pci_numbering_level *level = &numbering->levels[numbering->depth - 1];
        struct pci_config below;
        struct pci_header found;
        struct pci_fault fault;
        struct pci_address address;
        bool is_there;

        if (!next_place(level, &address)) {
            const struct pci_config bridge = config_of(numbering->access, level->bridge);

            buses_write(&bridge, level->bus, used);
            numbering->depth--;
            continue;
        }
        below = config_of(numbering->access, address);
        is_there = pci_header_read(&below, &found, &fault) == PCI_OK;
        step(level, is_there, is_there && found.is_multifunction);
        if (!is_there || found.layout == PCI_LAYOUT_DEVICE) {
            continue;
        }
        if (used == last) {
            buses_write(&below, 0, 0);
            numbering->refused_count++;
            continue;
        }
        used++;
        below.bytes = pci_config_size(&below, &found);
        enter(numbering, &below, &found, used, last);
    }
    return used;
}

/* Whether a bridge leads nowhere because of its numbers. */
static bool is_unnumbered(const struct pci_found *found)
{
    return found->is_bridge &&
           (found->fault.error == PCI_BUS_UNASSIGNED || found->fault.error == PCI_BUS_MISMATCH ||
            found->fault.error == PCI_BUS_BACKWARDS || found->fault.error == PCI_BUS_REVERSED ||
            found->fault.error == PCI_BUS_TAKEN ||
            (found->fault.error == PCI_BUS_OUTSIDE && found->fault.offset == PCI_BRIDGE_BUSES + 1));
}

/*
 * The numbers that are left for a bridge: [*first, *last]. `taken` are buses with functions, and
 * those that were given away just now. False: none.
 */
static bool find_free(const struct pci_enumeration *enumeration, const struct pci_found *bridge,
                      const uint8_t taken[PCI_BUSES], uint8_t *first, uint8_t *last)
{
    uint32_t bus = bridge->address.bus;
    uint32_t end = enumeration->last_bus;
    uint32_t used = bus;

    if (bridge->parent != PCI_NOBODY) {
        end = enumeration->found[bridge->parent].buses.subordinate;
    } else {
        /* Up to the next root bus: one with functions that no bridge leads to. */
        for (uint32_t i = 0; i < enumeration->count; i++) {
            const struct pci_found *found = &enumeration->found[i];

            if (found->parent == PCI_NOBODY && found->address.bus > bus &&
                found->address.bus <= end) {
                end = found->address.bus - 1u;
            }
        }
    }
    for (uint32_t i = bus + 1; i <= end; i++) {
        used = taken[i] != 0 ? i : used;
    }
    /* Not those of bridges above: it is their numbers that are given away. */
    for (uint32_t i = 0; i < enumeration->count; i++) {
        const struct pci_found *found = &enumeration->found[i];

        if (found->is_bridge && !is_unnumbered(found) && found->address.bus >= bus &&
            found->address.bus <= end && found->buses.subordinate > used) {
            used = found->buses.subordinate;
        }
    }
    *first = (uint8_t)(used + 1);
    *last = (uint8_t)end;
    return used < end;
}

/* Taking numbers from one bridge may have hidden another, or have shown what was behind it. */
static bool is_still_there(const struct pci_config *config, const struct pci_found *found,
                           struct pci_header *header)
{
    struct pci_fault fault;

    return pci_header_read(config, header, &fault) == PCI_OK && header->layout == found->layout &&
           header->vendor == found->vendor && header->device == found->device;
}

bool pci_number_buses(struct pci_numbering *numbering, const struct pci_enumeration *enumeration)
{
    uint8_t taken[PCI_BUSES] = {0};

    numbering->access = enumeration->access;
    numbering->numbered_count = 0;
    numbering->refused_count = 0;
    for (uint32_t i = 0; i < enumeration->count; i++) {
        taken[enumeration->found[i].address.bus] = 1;
    }
    /* Those that are to have new numbers must not answer for old ones meanwhile. */
    for (uint32_t i = 0; i < enumeration->count; i++) {
        const struct pci_found *bridge = &enumeration->found[i];
        const struct pci_config config = config_of(enumeration->access, bridge->address);
        struct pci_header header;

        if (is_unnumbered(bridge) && is_still_there(&config, bridge, &header)) {
            buses_write(&config, 0, 0);
        }
    }
    for (uint32_t i = 0; i < enumeration->count; i++) {
        const struct pci_found *bridge = &enumeration->found[i];
        struct pci_config config = config_of(enumeration->access, bridge->address);
        struct pci_header header;
        uint8_t first, last;

        if (!is_unnumbered(bridge) || !is_still_there(&config, bridge, &header)) {
            continue;
        }
        if (!find_free(enumeration, bridge, taken, &first, &last)) {
            numbering->refused_count++;
            continue;
        }
        config.bytes = pci_config_size(&config, &header);
        last = number_tree(numbering, &config, &header, first, last);
        for (uint32_t bus = first; bus <= last; bus++) {
            taken[bus] = 1;
        }
    }
    return numbering->numbered_count > 0;
}

bool pci_forward_ari(const struct pci_enumeration *enumeration)
{
    bool changed = false;

    for (uint32_t i = 0; i < enumeration->count; i++) {
        const struct pci_found *found = &enumeration->found[i];
        const struct pci_config config = config_of(enumeration->access, found->address);
        struct pci_config port;
        struct pci_capability capability;
        struct pci_header header;
        struct pci_express express;
        struct pci_fault fault;

        if (found->parent == PCI_NOBODY || found->address.device != 0 ||
            found->address.function != 0 || !found->is_express ||
            !pci_extended_find(&config, PCI_CAP_ARI, &capability)) {
            continue;
        }
        port = config_of(enumeration->access, enumeration->found[found->parent].address);
        if (pci_header_read(&port, &header, &fault) == PCI_OK &&
            pci_capability_find(&port, &header, PCI_CAP_EXPRESS, &capability) &&
            pci_express_read(&port, &capability, &express, &fault) == PCI_OK &&
            express.can_forward_ari && !express.forwards_ari) {
            const uint32_t offset = express.offset + PCI_EXPRESS_DEVICE_CONTROL2;

            pci_write(&port, offset, 2,
                      pci_read16(&port, offset) | (uint16_t)PCI_EXPRESS_ARI_ENABLE);
            changed = true;
        }
    }
    return changed;
}
