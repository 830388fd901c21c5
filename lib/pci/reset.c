/* SPDX-License-Identifier: MIT */
#include "pci/reset.h"

#define PM_BYTES       8u
#define PM_FEATURES    2u
#define PM_VERSION     0x0007u
#define PM_D1          0x0200u
#define PM_D2          0x0400u
#define PM_PME_SHIFT   11u
#define PM_STATE       0x0003u
#define PM_KEEPS_STATE 0x0008u
#define AF_BYTES       6u
#define AF_LENGTH      2u
#define AF_FEATURES    3u
#define AF_PENDING     0x01u
#define AF_FLR         0x02u

static bool fits(const struct pci_config *config, uint16_t at, uint32_t length)
{
    return at + length <= PCI_CONFIG_BYTES && pci_config_has(config, at, length);
}

enum pci_error pci_pm_read(const struct pci_config *config, const struct pci_capability *capability,
                           struct pci_pm *pm, struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    uint16_t features, control;

    if (!fits(config, at, PM_BYTES)) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    features = pci_read16(config, at + PM_FEATURES);
    control = pci_read16(config, at + PCI_PM_CONTROL);
    *pm = (struct pci_pm){
        .offset = at,
        .version = features & PM_VERSION,
        .state = control & PM_STATE,
        .has_d1 = (features & PM_D1) != 0,
        .has_d2 = (features & PM_D2) != 0,
        .keeps_state = (control & PM_KEEPS_STATE) != 0,
        .pme_states = (uint8_t)(features >> PM_PME_SHIFT),
    };
    return PCI_OK;
}

enum pci_error pci_af_read(const struct pci_config *config, const struct pci_capability *capability,
                           struct pci_af *af, struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    uint8_t features;

    if (!fits(config, at, AF_BYTES)) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    if (pci_read8(config, at + AF_LENGTH) < AF_BYTES) {
        return pci_refuse(fault, PCI_CAPABILITY_SHORT, at + AF_LENGTH);
    }
    features = pci_read8(config, at + AF_FEATURES);
    *af = (struct pci_af){
        .offset = at,
        .has_flr = (features & AF_FLR) != 0,
        .has_pending = (features & AF_PENDING) != 0,
    };
    return PCI_OK;
}
