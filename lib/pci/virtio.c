/* SPDX-License-Identifier: MIT */
#include "pci/virtio.h"

#define LENGTH       2u
#define KIND         3u
#define BAR          4u
#define ID           5u
#define BAR_OFFSET   8u
#define BAR_LENGTH   12u
#define BYTES        16u
#define EXTRA        16u /* multiplier, or the offset's upper half */
#define EXTRA_HIGH   20u
#define NOTIFY_BYTES 20u
#define MEMORY_BYTES 24u
#define VENDOR_BYTES 8u
#define BAR_LAST     5u

bool pci_virtio_is(const struct pci_header *header)
{
    return header->vendor == PCI_VIRTIO_VENDOR && header->device >= PCI_VIRTIO_DEVICE_FIRST &&
           header->device <= PCI_VIRTIO_DEVICE_LAST && header->layout == PCI_LAYOUT_DEVICE;
}

const char *pci_virtio_kind_name(uint8_t kind)
{
    static const char *const names[] = {
        [PCI_VIRTIO_COMMON] = "common",       [PCI_VIRTIO_NOTIFY] = "notify",
        [PCI_VIRTIO_INTERRUPT] = "interrupt", [PCI_VIRTIO_DEVICE] = "device",
        [PCI_VIRTIO_CONFIG] = "config",       [PCI_VIRTIO_MEMORY] = "memory",
        [PCI_VIRTIO_VENDOR_DATA] = "vendor",
    };

    return kind < ARRAY_COUNT(names) && names[kind] != NULL ? names[kind] : "?";
}

enum pci_error pci_virtio_read(const struct pci_config *config,
                               const struct pci_capability *capability, struct pci_virtio *virtio,
                               struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    struct pci_virtio read = {.offset = at};
    uint32_t needs;
    uint8_t length;

    if (at + 4u > PCI_CONFIG_BYTES || !pci_config_has(config, at, 4)) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    length = pci_read8(config, at + LENGTH);
    read.kind = pci_read8(config, at + KIND);
    needs = read.kind == PCI_VIRTIO_NOTIFY        ? NOTIFY_BYTES
            : read.kind == PCI_VIRTIO_MEMORY      ? MEMORY_BYTES
            : read.kind == PCI_VIRTIO_VENDOR_DATA ? VENDOR_BYTES
                                                  : BYTES;
    if (length < needs) {
        return pci_refuse(fault, PCI_CAPABILITY_SHORT, at + LENGTH);
    }
    if (at + needs > PCI_CONFIG_BYTES || !pci_config_has(config, at, needs)) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    if (read.kind != PCI_VIRTIO_VENDOR_DATA) {
        read.bar = pci_read8(config, at + BAR);
        read.id = pci_read8(config, at + ID);
        read.at = pci_read32(config, at + BAR_OFFSET);
        read.length = pci_read32(config, at + BAR_LENGTH);
    }
    if (read.bar > BAR_LAST) {
        return pci_refuse(fault, PCI_BAD_BAR, at + BAR);
    }
    if (read.kind == PCI_VIRTIO_NOTIFY) {
        read.multiplier = pci_read32(config, at + EXTRA);
    } else if (read.kind == PCI_VIRTIO_MEMORY) {
        read.at |= (uint64_t)pci_read32(config, at + EXTRA) << 32;
        read.length |= (uint64_t)pci_read32(config, at + EXTRA_HIGH) << 32;
    }
    *virtio = read;
    return PCI_OK;
}

enum pci_error pci_virtio_check(const struct pci_virtio *virtio, const struct pci_header *header,
                                const struct pci_bar_values *values, struct pci_fault *fault)
{
    struct pci_fault of_bar;
    struct pci_bar bar;

    if (virtio->kind == PCI_VIRTIO_CONFIG || virtio->kind == PCI_VIRTIO_VENDOR_DATA) {
        return PCI_OK;
    }
    if (pci_bar_decode(values, header, virtio->bar, &bar, &of_bar) != PCI_OK ||
        bar.kind == PCI_BAR_NONE) {
        return pci_refuse(fault, PCI_BAD_BAR, virtio->offset + BAR);
    }
    if (virtio->at > bar.size || virtio->length > bar.size - virtio->at) {
        return pci_refuse(fault, PCI_OUTSIDE_BAR, virtio->offset + BAR_OFFSET);
    }
    return PCI_OK;
}
