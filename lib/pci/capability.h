/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The two lists of capabilities: the standard one in the first 256 bytes (PCI §6.7), the extended
 * one from byte 256 on (PCIe §7.6). Both are linked by offsets that the device wrote; walking them
 * ends, visits nothing twice, and says where a list is broken. What was found before is good.
 */

#include "pci/header.h"

#define PCI_CAP_PM         0x01u
#define PCI_CAP_MSI        0x05u
#define PCI_CAP_PCIX       0x07u
#define PCI_CAP_VENDOR     0x09u
#define PCI_CAP_BRIDGE_IDS 0x0du /* the subsystem ids of a bridge */
#define PCI_CAP_EXPRESS    0x10u
#define PCI_CAP_MSIX       0x11u
#define PCI_CAP_AF         0x13u

#define PCI_CAP_AER        0x0001u
#define PCI_CAP_SERIAL     0x0003u
#define PCI_CAP_ACS        0x000du
#define PCI_CAP_ARI        0x000eu
#define PCI_CAP_ATS        0x000fu
#define PCI_CAP_SRIOV      0x0010u

#define PCI_EXTENDED_FIRST 256u

struct pci_capability {
    uint16_t id;     /* PCI_CAP_*; others exist */
    uint16_t offset; /* a multiple of 4 */
    uint8_t version; /* extended ones only */
    bool is_extended;
};

/** Enough for the most capabilities there can be, 4 bytes each in the one list, 8 in the other. */
#define PCI_WALK_WORDS (PCI_EXPRESS_BYTES / 4 / 64)

struct pci_walk {
    const struct pci_config *config;
    bool is_extended;
    uint32_t next;                 /* offset; 0: the list has ended */
    struct pci_fault fault;        /* after the end: PCI_OK, or what broke the list */
    uint64_t seen[PCI_WALK_WORDS]; /* a bit for each multiple of 4 */
};

/** Start at the first standard capability of a function. `config` must outlive the walk. */
void pci_walk_standard(struct pci_walk *walk, const struct pci_config *config,
                       const struct pci_header *header);

/** Start at the first extended capability. There are none if config->bytes is below 4096. */
void pci_walk_extended(struct pci_walk *walk, const struct pci_config *config);

/** The next capability. False at the end of the list, good or bad: see walk->fault. */
MUST_CHECK bool pci_walk_next(struct pci_walk *walk, struct pci_capability *capability);

/** The first standard or extended capability of a kind, if there is one. */
MUST_CHECK bool pci_capability_find(const struct pci_config *config,
                                    const struct pci_header *header, uint16_t id,
                                    struct pci_capability *capability);
MUST_CHECK bool pci_extended_find(const struct pci_config *config, uint16_t id,
                                  struct pci_capability *capability);

/**
 * How much configuration space a function has: 4096 bytes if the access reaches that far, the
 * function is one of PCI Express or PCI-X 2.0 or a host bridge, and there is something; otherwise
 * 256 (as pci_cfg_space_size() of Linux). An access that reaches less far says so instead.
 */
uint32_t pci_config_size(const struct pci_config *config, const struct pci_header *header);
