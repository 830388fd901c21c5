/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Message-signalled interrupts: MSI (PCI §6.8.1) and MSI-X (PCI §6.8.2).
 */

#include "pci/bar.h"
#include "pci/capability.h"

#define PCI_MSI_CONTROL   2u /* offset in the capability */
#define PCI_MSI_ENABLE    0x0001u
#define PCI_MSIX_CONTROL  2u
#define PCI_MSIX_ENABLE   0x8000u
#define PCI_MSIX_MASK_ALL 0x4000u
#define PCI_MSIX_ENTRY    16u /* bytes of a vector in the table */

struct pci_msi {
    uint16_t offset; /* of the capability */
    bool is_enabled;
    bool is_64;
    bool can_mask;
    uint8_t count;           /* vectors that it can use: 1 to 32, a power of two */
    uint8_t enabled_count;   /* vectors that it was given */
    uint16_t data_offset;    /* 16 bits; the address is at offset + 4 */
    uint16_t mask_offset;    /* 32 bits; 0 if it cannot mask */
    uint16_t pending_offset; /* 32 bits; 0 likewise */
};

/** Returns: PCI_OK; PCI_CAPABILITY_CUT, PCI_MSI_BAD_COUNT. */
MUST_CHECK enum pci_error pci_msi_read(const struct pci_config *config,
                                       const struct pci_capability *capability, struct pci_msi *msi,
                                       struct pci_fault *fault);

struct pci_msix {
    uint16_t offset; /* of the capability */
    bool is_enabled;
    bool is_masked; /* all vectors */
    uint16_t count; /* vectors: 1 to 2048 */
    uint8_t table_bar;
    uint8_t pending_bar;
    uint32_t table_offset; /* in its BAR, bytes; a multiple of 8 */
    uint32_t table_bytes;
    uint32_t pending_offset;
    uint32_t pending_bytes;
};

/**
 * Returns: PCI_OK; PCI_CAPABILITY_CUT, PCI_BAD_BAR (a register that this function's layout does
 * not have), PCI_MSIX_OVERLAP.
 */
MUST_CHECK enum pci_error pci_msix_read(const struct pci_config *config,
                                        const struct pci_header *header,
                                        const struct pci_capability *capability,
                                        struct pci_msix *msix, struct pci_fault *fault);

/**
 * Whether table and pending bits lie inside what their BARs, sized, turned out to be.
 *
 * Returns: PCI_OK; PCI_BAD_BAR if one is no memory BAR, PCI_OUTSIDE_BAR.
 */
MUST_CHECK enum pci_error pci_msix_check(const struct pci_msix *msix,
                                         const struct pci_header *header,
                                         const struct pci_bar_values *values,
                                         struct pci_fault *fault);
