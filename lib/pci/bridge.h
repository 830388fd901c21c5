/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a bridge to another PCI bus forwards: bus numbers and the three windows (Bridge §3.2.5).
 * Of a CardBus bridge only the bus numbers are read.
 */

#include "pci/header.h"

#define PCI_BRIDGE_BUSES   0x18u /* primary, secondary, subordinate, a byte each */
#define PCI_BRIDGE_CONTROL 0x3eu
#define PCI_BRIDGE_RESET   0x0040u /* in the control: reset of the bus behind it */

struct pci_buses {
    uint8_t primary;     /* the bus it is on */
    uint8_t secondary;   /* the bus behind it */
    uint8_t subordinate; /* the last bus behind it */
};

enum pci_window_kind {
    PCI_WINDOW_IO,
    PCI_WINDOW_MEMORY,
    PCI_WINDOW_PREFETCHABLE,
    PCI_WINDOW_COUNT
};

struct pci_window {
    bool is_open;   /* otherwise nothing is forwarded, and the rest means nothing */
    bool is_wide;   /* 32 bits of I/O, 64 of prefetchable memory */
    uint64_t first; /* address */
    uint64_t last;
};

/** The kind's name in camelCase. */
const char *pci_window_name(enum pci_window_kind kind);

void pci_buses_read(const struct pci_config *config, struct pci_buses *buses);

/** Read all windows of a PCI_LAYOUT_BRIDGE; of other layouts, none is open. */
void pci_windows_read(const struct pci_config *config, const struct pci_header *header,
                      struct pci_window windows[PCI_WINDOW_COUNT]);

/**
 * Whether a bridge on bus `bus` may lead to its buses. As Linux does (pci_scan_bridge_extend),
 * a primary bus number that is wired to 0 is forgiven.
 *
 * Returns: PCI_OK; PCI_BUS_UNASSIGNED, PCI_BUS_MISMATCH, PCI_BUS_BACKWARDS, PCI_BUS_REVERSED.
 */
MUST_CHECK enum pci_error pci_buses_check(const struct pci_buses *buses, uint8_t bus,
                                          struct pci_fault *fault);
