/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Configuration space as the owner of a function may see and change it.
 *
 * Reading shows everything but addresses of the host: BARs and MSI messages read as their flag bits
 * alone. Writing is refused but for the few bits that concern nobody else: everything that decides
 * where a function answers, what it may start, and whom it interrupts is the kernel's. What an
 * owner has written the next one does not read: behind each owner it is again as it was at boot.
 */

#include "pci/inventory.h"
#include "types.h"

/** Returns: STATUS_OK; STATUS_BAD_RANGE for an impossible offset or width (1, 2, 4). */
MUST_CHECK enum status config_policy_read(const struct pci_function *function, uint32_t offset,
                                          uint32_t width, uint32_t *value);

/** Returns: as above; STATUS_DENIED if a bit that is not the owner's would change. */
MUST_CHECK enum status config_policy_write(const struct pci_function *function, uint32_t offset,
                                           uint32_t width, uint32_t value);

#define CONFIG_OWNED_BYTES 2u

/** What was at boot in the bytes that an owner may change. */
struct config_kept {
    uint8_t bytes[CONFIG_OWNED_BYTES];
};

/** Read them. Before anybody owns the function. */
void config_policy_keep(const struct pci_function *function, struct config_kept *kept);

/** Write them back, and clear the errors that the function has noted: nobody owns it any more. */
void config_policy_restore(const struct pci_function *function, const struct config_kept *kept);
