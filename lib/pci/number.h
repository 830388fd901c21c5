/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bus numbers for bridges that firmware has given none, or numbers that cannot be, and functions
 * beyond the eighth: what has to be written so that pci_enumerate() finds everything. Good numbers
 * stay. A bridge on a root bus gets numbers behind the last that is in use before the next root
 * bus; one behind a bridge with good numbers, those that are left of that bridge's.
 *
 * Depth first, without recursion: a bridge forwards everything up to the limit while the buses
 * behind it are visited, and is then told which one was the last.
 */

#include "pci/enumerate.h"

/** Enumerations after which to give up: each but the last has found a bridge that none before did.
 */
#define PCI_NUMBERING_ROUNDS 8u

/** A bridge whose buses are being visited. */
struct pci_numbering_level {
    struct pci_address bridge;
    uint8_t bus;      /* behind it */
    uint8_t last;     /* that it may have */
    uint8_t function; /* next to look at: device << 3 | function */
    bool is_link;     /* one device, number 0 */
    bool is_multifunction;
    bool is_done;
};

struct pci_numbering {
    const struct pci_access *access;
    uint32_t numbered_count; /* bridges that got numbers */
    uint32_t refused_count;  /* bridges for which there were none left */
    uint32_t depth;
    struct pci_numbering_level levels[PCI_BUSES];
};

/**
 * Number bridges, after an enumeration. It then has to be done again, and this as well: where
 * numbers contradicted each other, bridges may have been hidden by others. Returns: whether any
 * bridge got numbers.
 */
bool pci_number_buses(struct pci_numbering *numbering, const struct pci_enumeration *enumeration);

/**
 * Let ports forward to functions beyond the eighth where the device below has them listed (PCIe
 * §6.13), after an enumeration. Returns: whether anything was written.
 */
bool pci_forward_ari(const struct pci_enumeration *enumeration);
