/* SPDX-License-Identifier: MIT */
#pragma once

/* Both lists of capabilities of a function, in words. */

#include "emit.h"
#include "pci/capability.h"

/** What was found wrong with a function that is accepted all the same. */
struct fault_list {
    struct pci_fault faults[64];
    uint32_t count;
};

/** Beyond 64 no more are kept. */
void fault_add(struct fault_list *list, struct pci_fault fault);

void capabilities_emit(struct emit *emit, const struct pci_config *config,
                       const struct pci_header *header, struct fault_list *faults);
