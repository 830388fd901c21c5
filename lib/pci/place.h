/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Writing what pci/assign.h decided: BARs, and windows of bridges. Whoever calls has turned off the
 * function's address decoding, for while one half of an address is new and the other is old it
 * would answer where others do; a bridge's windows are closed before they are moved, all the same.
 */

#include "pci/bar.h"
#include "pci/bridge.h"

/**
 * Turn off a function's decoding of addresses.
 * Returns: PCI_OK, and `*command` is what the register was; PCI_BAR_DECODING if it cannot be.
 */
MUST_CHECK enum pci_error pci_decode_stop(const struct pci_config *config, uint16_t *command,
                                          struct pci_fault *fault);

/** Give a BAR another address. Returns: PCI_OK; PCI_BAR_NOT_RESTORED: it did not take it. */
MUST_CHECK enum pci_error pci_bar_place(const struct pci_config *config,
                                        const struct pci_header *header, uint32_t index,
                                        const struct pci_bar *bar, uint64_t address,
                                        struct pci_fault *fault);

/**
 * Which windows a bridge has: Bridge §3.2.5.6 and §3.2.5.9 let it do without those of I/O and of
 * prefetchable memory. A window whose registers are 0 is asked with a value that keeps it closed,
 * and gets back its own. `windows` is what pci_windows_read() said; is_wide is set for a window
 * that can take wide addresses.
 */
void pci_windows_probe(const struct pci_config *config, const struct pci_header *header,
                       struct pci_window windows[PCI_WINDOW_COUNT], bool exists[PCI_WINDOW_COUNT]);

/**
 * Open a window from `first` to `last`, or close it (first > last).
 * Returns: PCI_OK; PCI_BAR_NOT_RESTORED: the bridge did not take it.
 */
MUST_CHECK enum pci_error pci_window_place(const struct pci_config *config,
                                           enum pci_window_kind kind, bool is_wide, uint64_t first,
                                           uint64_t last, struct pci_fault *fault);
