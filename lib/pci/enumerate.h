/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Every function of a segment, found the same way every time.
 *
 * Buses are visited in ascending order, devices and functions likewise, so what is found is sorted
 * by address, and a bridge comes before all that is behind it. That works because a bridge must
 * lead to buses behind its own: one that does not, or that claims what another bridge leads to, is
 * refused and its buses are not visited. So there is no recursion and no loop.
 *
 *       for each bus, ascending:   is it the first, or claimed by a bridge, or may it be a root?
 *           for each device:       function 0; the others only of a multifunction device,
 *                                  or by the list of ARI where the port above forwards it
 *               for each bridge:   check its bus numbers, claim its buses
 *
 * It only reads. A bridge that firmware left without bus numbers is refused (PCI_BUS_UNASSIGNED).
 */

#include "pci/bridge.h"
#include "pci/express.h"
#include "pci/extended.h"

#define PCI_NOBODY UINT32_MAX /* no index of a found function */

/** A function that is there. All but `group` is written by pci_enumerate(). */
struct pci_found {
    struct pci_address address;
    uint32_t parent; /* index of the bridge above; PCI_NOBODY on a root bus */
    uint32_t group;  /* index of the first function of its isolation group: pci_groups() */
    uint16_t vendor;
    uint16_t device;
    uint32_t class_code;
    enum pci_layout layout;
    bool is_multifunction; /* its device has, or may have, more functions */
    bool is_ari;           /* device and function are one number of 8 bits */
    bool is_express;
    enum pci_express_type express_type; /* if is_express */
    bool has_acs;
    struct pci_acs acs;     /* if has_acs */
    bool is_bridge;         /* any layout but 0 */
    struct pci_buses buses; /* if is_bridge */
    struct pci_fault fault; /* why its buses are not (all) visited, or why a list of ARI ends */
    bool forwards_ari;      /* of a port */
};

enum pci_roots {
    PCI_ROOTS_FIRST, /* the first bus is the only root */
    PCI_ROOTS_ALL,   /* a bus that no bridge claims and that has a device is a root as well */
    PCI_ROOTS_LISTED /* those in root_buses, and the first */
};

struct pci_enumeration {
    /* Set by the caller. */
    const struct pci_access *access;
    uint32_t segment;
    uint8_t first_bus;
    uint8_t last_bus;
    enum pci_roots roots;
    uint64_t root_buses[PCI_BUSES / 64]; /* a bit for each bus, if PCI_ROOTS_LISTED */
    struct pci_found *found;             /* storage */
    uint32_t capacity;
    /** Called for each function when it is complete, and for each slot refused. May be NULL. */
    void (*progress)(struct pci_enumeration *enumeration, struct pci_address address,
                     const struct pci_found *found, struct pci_fault fault);

    /* Results. */
    uint32_t count;         /* functions found */
    uint32_t refused_count; /* slots with something in them that is none */
    uint32_t bus_count;     /* buses visited */

    /* Inside. */
    uint32_t owner[PCI_BUSES]; /* the bridge that leads to a bus; PCI_NOBODY */
};

/**
 * Find all functions.
 *
 * Returns: PCI_OK; PCI_FULL if there are more than `capacity`: those found before are good, and
 * `*place` is the first that did not fit.
 */
MUST_CHECK enum pci_error pci_enumerate(struct pci_enumeration *enumeration,
                                        struct pci_address *place);
