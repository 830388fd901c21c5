/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Power management (PCI Power Management Interface Specification 1.2 §3.2) and advanced features
 * (PCI ECN "Advanced Capabilities for Conventional PCI"): the conventional ways to reset one
 * function. The third, FLR of PCI Express, is in pci/express.h.
 */

#include "pci/capability.h"

#define PCI_PM_CONTROL 4u /* offset in the capability; its lowest two bits are the power state */

struct pci_pm {
    uint16_t offset;
    uint8_t version;
    uint8_t state; /* D0 to D3 */
    bool has_d1;
    bool has_d2;
    bool keeps_state;   /* D3 to D0 does not reset it: no reset this way */
    uint8_t pme_states; /* bit n: it can raise PME from Dn (4: D3cold) */
};

/** Returns: PCI_OK; PCI_CAPABILITY_CUT. */
MUST_CHECK enum pci_error pci_pm_read(const struct pci_config *config,
                                      const struct pci_capability *capability, struct pci_pm *pm,
                                      struct pci_fault *fault);

#define PCI_AF_CONTROL 4u /* offset in the capability, 8 bits; bit 0 starts the reset */
#define PCI_AF_STATUS  5u /* 8 bits; bit 0: transactions pending */

struct pci_af {
    uint16_t offset;
    bool has_flr;
    bool has_pending; /* it tells whether transactions are pending */
};

/** Returns: PCI_OK; PCI_CAPABILITY_CUT, PCI_CAPABILITY_SHORT. */
MUST_CHECK enum pci_error pci_af_read(const struct pci_config *config,
                                      const struct pci_capability *capability, struct pci_af *af,
                                      struct pci_fault *fault);
