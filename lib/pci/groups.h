/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Isolation groups: which functions could reach each other without the IOMMU seeing it, or are
 * one and the same to it. They have one owner (L1). The rules are those by which Linux forms
 * its IOMMU groups (pci_device_group() in drivers/iommu/iommu.c, pci_acs_enabled() in
 * drivers/pci/pci.c, pci_for_each_dma_alias() in drivers/pci/search.c), without its quirks for
 * single devices:
 *
 *   1. Behind a bridge to conventional PCI the IOMMU sees the bridge's id: all share its group.
 *      (Such a bridge has no ACS, so that rule 2 includes this one.)
 *   2. Between a function and the root, each port must redirect all requests upwards (ACS: source
 *      validation, request and completion redirect, upstream forwarding). A port below which they
 *      could be turned around shares the group of what is below it.
 *   3. Functions of one device may talk to each other inside it unless each has that same ACS.
 *
 * More cautious than Linux in one point: with ARI, rule 3 holds for all functions of the device,
 * not only for those whose numbers share the upper five bits.
 */

#include "pci/enumerate.h"

#define PCI_GROUP_ACS                                                                              \
    (PCI_ACS_SOURCE_VALIDATION | PCI_ACS_REQUEST_REDIRECT | PCI_ACS_COMPLETION_REDIRECT |          \
     PCI_ACS_UPSTREAM_FORWARD)

/** Whether a function keeps its requests apart from its neighbours', as rule 2 and 3 ask. */
bool pci_is_isolating(const struct pci_found *function);

/**
 * Set `group` of each function, to the index of the first function in its group. They are what
 * pci_enumerate() found, all of one segment.
 */
void pci_groups(struct pci_found *found, uint32_t count);
