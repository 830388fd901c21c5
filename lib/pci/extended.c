/* SPDX-License-Identifier: MIT */
#include "pci/extended.h"

#define ACS_SUPPORTED 4u
#define ACS_BYTES     8u
#define ACS_BITS      0x7fu
#define ARI_NEXT      5u
#define ARI_BYTES     8u
#define ATS_FEATURES  4u
#define ATS_CONTROL   6u
#define ATS_BYTES     8u
#define ATS_DEPTH     0x001fu
#define ATS_DEPTH_MAX 32u
#define ATS_ALIGNED   0x0020u
#define ATS_ENABLE    0x8000u
#define AER_BYTES     44u
#define SERIAL_BYTES  12u
#define SRIOV_CONTROL 0x08u
#define SRIOV_INITIAL 0x0cu
#define SRIOV_TOTAL   0x0eu
#define SRIOV_COUNT   0x10u
#define SRIOV_FIRST   0x14u
#define SRIOV_STRIDE  0x16u
#define SRIOV_DEVICE  0x1au
#define SRIOV_SIZES   0x1cu
#define SRIOV_SIZE    0x20u
#define SRIOV_BYTES   0x40u
#define SRIOV_ENABLE  0x0001u
#define SRIOV_DECODE  0x0008u
#define SRIOV_ARI     0x0010u
#define LAST_FUNCTION 0xffffu

static bool fits(const struct pci_config *config, const struct pci_capability *capability,
                 uint32_t length, struct pci_fault *fault)
{
    if (!pci_config_has(config, capability->offset, length)) {
        (void)pci_refuse(fault, PCI_CAPABILITY_CUT, capability->offset);
        return false;
    }
    return true;
}

enum pci_error pci_acs_read(const struct pci_config *config,
                            const struct pci_capability *capability, struct pci_acs *acs,
                            struct pci_fault *fault)
{
    const uint16_t at = capability->offset;

    if (!fits(config, capability, ACS_BYTES, fault)) {
        return fault->error;
    }
    *acs = (struct pci_acs){
        .offset = at,
        .supported = pci_read16(config, at + ACS_SUPPORTED) & ACS_BITS,
        .enabled = pci_read16(config, at + PCI_ACS_CONTROL) & ACS_BITS,
    };
    return PCI_OK;
}

enum pci_error pci_ari_read(const struct pci_config *config,
                            const struct pci_capability *capability, struct pci_ari *ari,
                            struct pci_fault *fault)
{
    const uint16_t at = capability->offset;

    if (!fits(config, capability, ARI_BYTES, fault)) {
        return fault->error;
    }
    *ari = (struct pci_ari){.offset = at, .next_function = pci_read8(config, at + ARI_NEXT)};
    return PCI_OK;
}

enum pci_error pci_ats_read(const struct pci_config *config,
                            const struct pci_capability *capability, struct pci_ats *ats,
                            struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    uint16_t features;

    if (!fits(config, capability, ATS_BYTES, fault)) {
        return fault->error;
    }
    features = pci_read16(config, at + ATS_FEATURES);
    *ats = (struct pci_ats){
        .offset = at,
        .queue_depth =
            (uint8_t)((features & ATS_DEPTH) != 0 ? features & ATS_DEPTH : ATS_DEPTH_MAX),
        .is_page_aligned = (features & ATS_ALIGNED) != 0,
        .is_enabled = (pci_read16(config, at + ATS_CONTROL) & ATS_ENABLE) != 0,
    };
    return PCI_OK;
}

enum pci_error pci_aer_read(const struct pci_config *config,
                            const struct pci_capability *capability, struct pci_aer *aer,
                            struct pci_fault *fault)
{
    const uint16_t at = capability->offset;

    if (!fits(config, capability, AER_BYTES, fault)) {
        return fault->error;
    }
    *aer = (struct pci_aer){
        .offset = at,
        .uncorrectable = pci_read32(config, at + 4u),
        .uncorrectable_mask = pci_read32(config, at + 8u),
        .severity = pci_read32(config, at + 12u),
        .correctable = pci_read32(config, at + 16u),
        .correctable_mask = pci_read32(config, at + 20u),
    };
    return PCI_OK;
}

enum pci_error pci_serial_read(const struct pci_config *config,
                               const struct pci_capability *capability, uint64_t *serial,
                               struct pci_fault *fault)
{
    const uint16_t at = capability->offset;

    if (!fits(config, capability, SERIAL_BYTES, fault)) {
        return fault->error;
    }
    *serial = pci_read32(config, at + 4u) | (uint64_t)pci_read32(config, at + 8u) << 32;
    return PCI_OK;
}

/* Whether the enabled virtual functions have numbers, and each its own. */
static bool sriov_is_sound(const struct pci_sriov *sriov, struct pci_address address)
{
    const uint32_t last = (uint32_t)sriov->first +
                          (sriov->count > 1 ? (sriov->count - 1u) * (uint32_t)sriov->stride : 0);

    if (sriov->count > sriov->total) {
        return false;
    }
    if (!sriov->is_enabled || sriov->count == 0) {
        return true;
    }
    return sriov->first != 0 && (sriov->stride != 0 || sriov->count == 1) &&
           last <= LAST_FUNCTION - (uint32_t)pci_address_id(address);
}

enum pci_error pci_sriov_read(const struct pci_config *config,
                              const struct pci_capability *capability, struct pci_sriov *sriov,
                              struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    struct pci_sriov read = {.offset = at};
    uint16_t control;

    if (!fits(config, capability, SRIOV_BYTES, fault)) {
        return fault->error;
    }
    control = pci_read16(config, at + SRIOV_CONTROL);
    read.is_enabled = (control & SRIOV_ENABLE) != 0;
    read.is_decoding = (control & SRIOV_DECODE) != 0;
    read.ari_hierarchy = (control & SRIOV_ARI) != 0;
    read.initial = pci_read16(config, at + SRIOV_INITIAL);
    read.total = pci_read16(config, at + SRIOV_TOTAL);
    read.count = pci_read16(config, at + SRIOV_COUNT);
    read.first = pci_read16(config, at + SRIOV_FIRST);
    read.stride = pci_read16(config, at + SRIOV_STRIDE);
    read.device = pci_read16(config, at + SRIOV_DEVICE);
    read.page_sizes = pci_read32(config, at + SRIOV_SIZES);
    read.page_size = pci_read32(config, at + SRIOV_SIZE);
    if (!sriov_is_sound(&read, config->address)) {
        return pci_refuse(fault, PCI_SRIOV_BAD_COUNT, at + SRIOV_COUNT);
    }
    *sriov = read;
    return PCI_OK;
}
