/* SPDX-License-Identifier: MIT */
#include "virtio/virtio.h"

#include "base/compiler.h"

uint32_t virtio_device_of_pci(uint16_t vendor, uint16_t device)
{
    static const uint8_t transitional[] = {
        VIRTIO_DEVICE_NET,  VIRTIO_DEVICE_BLK, VIRTIO_DEVICE_BALLOON, VIRTIO_DEVICE_CONSOLE,
        VIRTIO_DEVICE_SCSI, VIRTIO_DEVICE_RNG, VIRTIO_DEVICE_NONE,    VIRTIO_DEVICE_NONE,
        VIRTIO_DEVICE_NONE, VIRTIO_DEVICE_9P,
    };

    if (vendor != VIRTIO_PCI_VENDOR || device < VIRTIO_PCI_TRANSITIONAL ||
        device > VIRTIO_PCI_LAST) {
        return VIRTIO_DEVICE_NONE;
    }
    if (device >= VIRTIO_PCI_MODERN) {
        return device - VIRTIO_PCI_MODERN;
    }
    device = (uint16_t)(device - VIRTIO_PCI_TRANSITIONAL);
    return device < ARRAY_COUNT(transitional) ? transitional[device] : VIRTIO_DEVICE_NONE;
}
