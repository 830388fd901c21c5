/* SPDX-License-Identifier: MIT */
#include "pci/express.h"

#define FLAGS            2u
#define FLAGS_VERSION    0x000fu
#define FLAGS_SLOT       0x0100u
#define DEVICE           4u
#define DEVICE_PAYLOAD   0x00000007u
#define DEVICE_FLR       0x10000000u
#define DEVICE_BYTES     12u /* so far every version and kind has it */
#define LINK             12u
#define LINK_STATUS      18u
#define LINK_BYTES       20u
#define LINK_SPEED       0x0000000fu
#define LINK_WIDTH_SHIFT 4u
#define LINK_WIDTH       0x3fu
#define SLOT             20u
#define SLOT_BYTES       28u
#define SLOT_SURPRISE    0x00000020u
#define SLOT_HOTPLUG     0x00000040u
#define SLOT_NUMBER      19u
#define DEVICE2          36u
#define DEVICE2_ARI      0x00000020u
#define DEVICE2_BYTES    44u
#define PAYLOAD_MAX_LOG  5u

const char *pci_express_type_name(enum pci_express_type type)
{
    switch (type) {
    case PCI_EXPRESS_ENDPOINT:
        return "endpoint";
    case PCI_EXPRESS_LEGACY_ENDPOINT:
        return "legacyEndpoint";
    case PCI_EXPRESS_ROOT_PORT:
        return "rootPort";
    case PCI_EXPRESS_UPSTREAM:
        return "upstreamPort";
    case PCI_EXPRESS_DOWNSTREAM:
        return "downstreamPort";
    case PCI_EXPRESS_TO_PCI:
        return "bridgeToPci";
    case PCI_EXPRESS_FROM_PCI:
        return "bridgeFromPci";
    case PCI_EXPRESS_INTEGRATED:
        return "integratedEndpoint";
    case PCI_EXPRESS_COLLECTOR:
        return "eventCollector";
    }
    return "?";
}

bool pci_express_is_downstream(enum pci_express_type type)
{
    return type == PCI_EXPRESS_ROOT_PORT || type == PCI_EXPRESS_DOWNSTREAM ||
           type == PCI_EXPRESS_FROM_PCI;
}

static bool type_is_known(uint32_t type)
{
    return type <= PCI_EXPRESS_LEGACY_ENDPOINT ||
           (type >= PCI_EXPRESS_ROOT_PORT && type <= PCI_EXPRESS_COLLECTOR);
}

static bool has(const struct pci_config *config, uint16_t at, uint32_t length)
{
    return at + length <= PCI_CONFIG_BYTES && pci_config_has(config, at, length);
}

/* What only some kinds and versions have. Absent registers are not there or read as zero. */
static void optional_read(const struct pci_config *config, struct pci_express *express)
{
    const uint16_t at = express->offset;

    if (express->type != PCI_EXPRESS_INTEGRATED && express->type != PCI_EXPRESS_COLLECTOR &&
        has(config, at, LINK_BYTES)) {
        const uint32_t link = pci_read32(config, at + LINK);
        const uint16_t status = pci_read16(config, at + LINK_STATUS);

        express->link_speed = link & LINK_SPEED;
        express->link_width = link >> LINK_WIDTH_SHIFT & LINK_WIDTH;
        express->current_speed = status & LINK_SPEED;
        express->current_width = status >> LINK_WIDTH_SHIFT & LINK_WIDTH;
    }
    if (express->has_slot && has(config, at, SLOT_BYTES)) {
        const uint32_t slot = pci_read32(config, at + SLOT);

        express->can_surprise = (slot & SLOT_SURPRISE) != 0;
        express->can_hotplug = (slot & SLOT_HOTPLUG) != 0;
        express->slot = (uint16_t)(slot >> SLOT_NUMBER);
    }
    if (express->version >= 2 && has(config, at, DEVICE2_BYTES)) {
        express->can_forward_ari = pci_express_is_downstream(express->type) &&
                                   (pci_read32(config, at + DEVICE2) & DEVICE2_ARI) != 0;
        express->forwards_ari =
            express->can_forward_ari &&
            (pci_read16(config, at + PCI_EXPRESS_DEVICE_CONTROL2) & PCI_EXPRESS_ARI_ENABLE) != 0;
    }
}

enum pci_error pci_express_read(const struct pci_config *config,
                                const struct pci_capability *capability,
                                struct pci_express *express, struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    struct pci_express read = {.offset = at};
    uint32_t device, payload;
    uint16_t flags;

    if (!has(config, at, DEVICE_BYTES)) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    flags = pci_read16(config, at + FLAGS);
    if (!type_is_known(flags >> 4 & 0xf)) {
        return pci_refuse(fault, PCI_EXPRESS_BAD_TYPE, at + FLAGS);
    }
    device = pci_read32(config, at + DEVICE);
    payload = device & DEVICE_PAYLOAD;
    read.version = flags & FLAGS_VERSION;
    read.type = (enum pci_express_type)(flags >> 4 & 0xf);
    read.message = flags >> 9 & 0x1f;
    read.has_slot = (flags & FLAGS_SLOT) != 0 && pci_express_is_downstream(read.type);
    read.has_flr = (device & DEVICE_FLR) != 0;
    read.is_pending =
        (pci_read16(config, at + PCI_EXPRESS_DEVICE_STATUS) & PCI_EXPRESS_PENDING) != 0;
    read.payload_bytes =
        (uint16_t)(128u << (payload <= PAYLOAD_MAX_LOG ? payload : PAYLOAD_MAX_LOG));
    optional_read(config, &read);
    *express = read;
    return PCI_OK;
}
