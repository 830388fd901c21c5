/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The vendor capabilities of a virtio device (virtio 1.2 §4.1.4): where in its BARs the parts of
 * its register interface are.
 */

#include "pci/bar.h"
#include "pci/capability.h"

#define PCI_VIRTIO_VENDOR       0x1af4u
#define PCI_VIRTIO_DEVICE_FIRST 0x1000u
#define PCI_VIRTIO_DEVICE_LAST  0x107fu

/** Values as in hardware. A driver ignores others. */
enum pci_virtio_kind {
    PCI_VIRTIO_COMMON = 1,
    PCI_VIRTIO_NOTIFY = 2,
    PCI_VIRTIO_INTERRUPT = 3,
    PCI_VIRTIO_DEVICE = 4,
    PCI_VIRTIO_CONFIG = 5, /* a window to the others in configuration space */
    PCI_VIRTIO_MEMORY = 8, /* shared with the host */
    PCI_VIRTIO_VENDOR_DATA = 9
};

struct pci_virtio {
    uint16_t offset; /* of the capability */
    uint8_t kind;    /* enum pci_virtio_kind, or what is to be ignored */
    uint8_t bar;
    uint8_t id;          /* tells those of a kind apart */
    uint64_t at;         /* in the BAR, bytes */
    uint64_t length;     /* bytes */
    uint32_t multiplier; /* PCI_VIRTIO_NOTIFY: between the queues' registers, bytes */
};

/** Whether a function's vendor capabilities have this form. */
bool pci_virtio_is(const struct pci_header *header);

/** The kind's name in camelCase, "?" for what is to be ignored. */
const char *pci_virtio_kind_name(uint8_t kind);

/**
 * Read a PCI_CAP_VENDOR of a virtio device. §4.1.4: one with a reserved BAR is to be ignored.
 *
 * Returns: PCI_OK; PCI_CAPABILITY_CUT, PCI_CAPABILITY_SHORT, PCI_BAD_BAR.
 */
MUST_CHECK enum pci_error pci_virtio_read(const struct pci_config *config,
                                          const struct pci_capability *capability,
                                          struct pci_virtio *virtio, struct pci_fault *fault);

/** Whether it lies inside its BAR, sized. Returns: PCI_OK; PCI_BAD_BAR, PCI_OUTSIDE_BAR. */
MUST_CHECK enum pci_error pci_virtio_check(const struct pci_virtio *virtio,
                                           const struct pci_header *header,
                                           const struct pci_bar_values *values,
                                           struct pci_fault *fault);
