/* SPDX-License-Identifier: MIT */
#include "pci/capability.h"

#define POINTER_MASK       0xfcu
#define UNREADABLE_ID      0xffu
#define EXTENDED_POINTER   20u
#define EXTENDED_MASK      0xffcu
#define EXTENDED_VERSION   16u
#define PCIX_BRIDGE_STATUS 4u
#define PCIX_266_OR_533    0xc0000000u

static void walk_init(struct pci_walk *walk, const struct pci_config *config, bool is_extended)
{
    walk->config = config;
    walk->is_extended = is_extended;
    walk->next = 0;
    walk->fault = (struct pci_fault){.error = PCI_OK};
    for (uint32_t i = 0; i < PCI_WALK_WORDS; i++) {
        walk->seen[i] = 0;
    }
}

static bool walk_end(struct pci_walk *walk, enum pci_error error, uint32_t offset)
{
    walk->next = 0;
    walk->fault = (struct pci_fault){.error = error, .offset = offset};
    return false;
}

/* Go where a pointer leads that was read at `from`. Its low bits are reserved: ignored. */
static void walk_follow(struct pci_walk *walk, uint32_t pointer, uint32_t from)
{
    const uint32_t first = walk->is_extended ? PCI_EXTENDED_FIRST : PCI_HEADER_BYTES;

    if (pointer == 0) {
        (void)walk_end(walk, PCI_OK, 0);
    } else if (pointer < first) {
        (void)walk_end(walk, PCI_CAPABILITY_BAD_POINTER, from);
    } else if ((walk->seen[pointer / 256] >> (pointer / 4 % 64) & 1) != 0) {
        (void)walk_end(walk, PCI_CAPABILITY_LOOP, from);
    } else {
        walk->seen[pointer / 256] |= 1ull << (pointer / 4 % 64);
        walk->next = pointer;
    }
}

void pci_walk_standard(struct pci_walk *walk, const struct pci_config *config,
                       const struct pci_header *header)
{
    const uint32_t from = header->capability_offset;

    walk_init(walk, config, false);
    if (from != 0) {
        walk_follow(walk, pci_read8(config, from) & POINTER_MASK, from);
    }
}

void pci_walk_extended(struct pci_walk *walk, const struct pci_config *config)
{
    walk_init(walk, config, true);
    if (config->bytes < PCI_EXPRESS_BYTES) {
        return;
    }
    /* PCIe §7.6.2: no capabilities are a first one of zeros. */
    if (pci_read32(config, PCI_EXTENDED_FIRST) != 0) {
        walk_follow(walk, PCI_EXTENDED_FIRST, PCI_EXTENDED_FIRST);
    }
}

static bool walk_next_standard(struct pci_walk *walk, struct pci_capability *capability)
{
    const uint32_t at = walk->next;
    uint16_t entry;

    if (!pci_config_has(walk->config, at, 2)) {
        return walk_end(walk, PCI_TRUNCATED, at);
    }
    entry = pci_read16(walk->config, at);
    if ((entry & 0xff) == UNREADABLE_ID) {
        return walk_end(walk, PCI_CAPABILITY_UNREADABLE, at);
    }
    capability->id = entry & 0xff;
    capability->offset = (uint16_t)at;
    capability->version = 0;
    capability->is_extended = false;
    walk_follow(walk, (uint32_t)(entry >> 8) & POINTER_MASK, at + 1);
    return true;
}

static bool walk_next_extended(struct pci_walk *walk, struct pci_capability *capability)
{
    const uint32_t at = walk->next;
    const uint32_t entry = pci_read32(walk->config, at);

    if (entry == UINT32_MAX) {
        return walk_end(walk, PCI_CAPABILITY_UNREADABLE, at);
    }
    capability->id = (uint16_t)entry;
    capability->offset = (uint16_t)at;
    capability->version = entry >> EXTENDED_VERSION & 0xf;
    capability->is_extended = true;
    walk_follow(walk, entry >> EXTENDED_POINTER & EXTENDED_MASK, at + 2);
    return true;
}

bool pci_walk_next(struct pci_walk *walk, struct pci_capability *capability)
{
    if (walk->next == 0) {
        return false;
    }
    return walk->is_extended ? walk_next_extended(walk, capability)
                             : walk_next_standard(walk, capability);
}

static bool walk_find(struct pci_walk *walk, uint16_t id, struct pci_capability *capability)
{
    struct pci_capability at;

    while (pci_walk_next(walk, &at)) {
        if (at.id == id) {
            *capability = at;
            return true;
        }
    }
    return false;
}

bool pci_capability_find(const struct pci_config *config, const struct pci_header *header,
                         uint16_t id, struct pci_capability *capability)
{
    struct pci_walk walk;

    pci_walk_standard(&walk, config, header);
    return walk_find(&walk, id, capability);
}

bool pci_extended_find(const struct pci_config *config, uint16_t id,
                       struct pci_capability *capability)
{
    struct pci_walk walk;

    pci_walk_extended(&walk, config);
    return walk_find(&walk, id, capability);
}

uint32_t pci_config_size(const struct pci_config *config, const struct pci_header *header)
{
    const struct pci_config all = {.access = config->access,
                                   .address = config->address,
                                   .bytes = config->access->config_bytes};
    struct pci_capability found;
    bool extended;

    if (all.bytes < PCI_EXPRESS_BYTES) {
        return all.bytes < PCI_CONFIG_BYTES ? all.bytes : PCI_CONFIG_BYTES;
    }
    extended = header->class_code >> 8 == PCI_CLASS_HOST_BRIDGE ||
               pci_capability_find(&all, header, PCI_CAP_EXPRESS, &found);
    if (!extended && pci_capability_find(&all, header, PCI_CAP_PCIX, &found)) {
        extended = (pci_read32(&all, found.offset + PCIX_BRIDGE_STATUS) & PCIX_266_OR_533) != 0;
    }
    return extended && pci_read32(&all, PCI_EXTENDED_FIRST) != UINT32_MAX ? PCI_EXPRESS_BYTES
                                                                          : PCI_CONFIG_BYTES;
}
