/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Configuration space that is only bytes: a dump, to be decoded and not to be written. One
 * function, whatever address it is asked by.
 */

#include "pci/config.h"

#include <stddef.h>

struct pci_image {
    struct pci_access access;
    const uint8_t *bytes;
};

/** Look at `length` bytes, at most PCI_EXPRESS_BYTES of them. They stay the caller's. */
void pci_image_init(struct pci_image *image, const uint8_t *bytes, size_t length);

/** The function in an image, which must outlive the config. */
struct pci_config pci_image_config(const struct pci_image *image, struct pci_address address);
