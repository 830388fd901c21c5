/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The capability that makes a function one of PCI Express (PCIe §7.5.3): what kind of device or
 * port, function-level reset, hot plug, and routing by function numbers beyond 7 (ARI).
 */

#include "pci/capability.h"

#define PCI_EXPRESS_DEVICE_CONTROL  8u /* offsets in the capability, 16 bits each */
#define PCI_EXPRESS_DEVICE_STATUS   10u
#define PCI_EXPRESS_SLOT_STATUS     26u
#define PCI_EXPRESS_DEVICE_CONTROL2 40u
#define PCI_EXPRESS_START_FLR       0x8000u /* in the control */
#define PCI_EXPRESS_PENDING         0x0020u /* in the status: transactions */
#define PCI_EXPRESS_OCCUPIED        0x0040u /* in the slot's status */
#define PCI_EXPRESS_ARI_ENABLE      0x0020u /* in the second control */

/** Values as in hardware. Others are reserved. */
enum pci_express_type {
    PCI_EXPRESS_ENDPOINT = 0,
    PCI_EXPRESS_LEGACY_ENDPOINT = 1,
    PCI_EXPRESS_ROOT_PORT = 4,
    PCI_EXPRESS_UPSTREAM = 5,   /* of a switch */
    PCI_EXPRESS_DOWNSTREAM = 6, /* of a switch */
    PCI_EXPRESS_TO_PCI = 7,     /* bridge */
    PCI_EXPRESS_FROM_PCI = 8,   /* bridge from PCI to PCI Express */
    PCI_EXPRESS_INTEGRATED = 9, /* endpoint in the root complex */
    PCI_EXPRESS_COLLECTOR = 10  /* of events in the root complex */
};

struct pci_express {
    uint16_t offset;
    uint8_t version; /* 1 has no second half: no ARI */
    enum pci_express_type type;
    uint8_t message; /* which of its MSI vectors tells of hot plug and power events */
    bool has_flr;
    bool is_pending; /* transactions, at the time of reading */
    bool can_forward_ari;
    bool forwards_ari;
    bool has_slot;
    bool can_hotplug;
    bool can_surprise;      /* a device may go without warning */
    uint16_t slot;          /* the number on the chassis */
    uint16_t payload_bytes; /* that it could take */
    uint8_t link_width;     /* lanes it could use; 0: no link */
    uint8_t link_speed;     /* generation it could use; 0: no link */
    uint8_t current_width;  /* lanes in use */
    uint8_t current_speed;
};

/** The type's name in camelCase, "?" for a reserved one. */
const char *pci_express_type_name(enum pci_express_type type);

/** Whether a link leads down from it, with a single device at its end. */
bool pci_express_is_downstream(enum pci_express_type type);

/** Returns: PCI_OK; PCI_CAPABILITY_CUT, PCI_EXPRESS_BAD_TYPE. */
MUST_CHECK enum pci_error pci_express_read(const struct pci_config *config,
                                           const struct pci_capability *capability,
                                           struct pci_express *express, struct pci_fault *fault);
