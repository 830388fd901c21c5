/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What all virtio devices have in common: identities, feature bits, status bits.
 *
 * lib/virtio is the driver's side of virtio 1.2 (OASIS virtio-v1.2-csd01, 09 May 2022), as pure
 * logic: error.h what is refused, queue.h the split virtqueue, transport.h a device over PCI,
 * blk.h the block device. The entropy device needs nothing of its own (§5.4: queue 0, no feature
 * bits, no configuration; it fills what it is given). Section numbers are those of that document.
 *
 * A device is an enemy: whatever is read from it, a register or memory that it can write, is
 * checked against what the driver knows from its own memory. All multi-byte fields are
 * little-endian (§1.4), as is the machine.
 */

#include <assert.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtio's fields are little-endian");

/* ------------------------------------------------------------------------------------------
 * Identity: §4.1.2, §5
 * ------------------------------------------------------------------------------------------ */

#define VIRTIO_PCI_VENDOR       0x1af4u
#define VIRTIO_PCI_TRANSITIONAL 0x1000u /* to 0x103f: has the interface before 1.0 as well */
#define VIRTIO_PCI_MODERN       0x1040u /* plus enum virtio_device; to 0x107f */
#define VIRTIO_PCI_LAST         0x107fu

/** The virtio device id (§5). */
enum virtio_device {
    VIRTIO_DEVICE_NONE = 0,
    VIRTIO_DEVICE_NET = 1,
    VIRTIO_DEVICE_BLK = 2,
    VIRTIO_DEVICE_CONSOLE = 3,
    VIRTIO_DEVICE_RNG = 4, /* §5.4: entropy */
    VIRTIO_DEVICE_BALLOON = 5,
    VIRTIO_DEVICE_SCSI = 8,
    VIRTIO_DEVICE_9P = 9,
    VIRTIO_DEVICE_GPU = 16,
    VIRTIO_DEVICE_INPUT = 18,
    VIRTIO_DEVICE_SOCKET = 19,
    VIRTIO_DEVICE_IOMMU = 23,
};

/**
 * Which virtio device a PCI function is: the number in enum virtio_device, which may be one that
 * has no name here, or VIRTIO_DEVICE_NONE.
 *
 * A transitional function says it by a PCI device id of its own, from the table in §4.1.2; ids
 * from 0x1000 to 0x103f that are not in it are not known.
 */
uint32_t virtio_device_of_pci(uint16_t vendor, uint16_t device);

/* ------------------------------------------------------------------------------------------
 * Feature bits that any device may have: §6
 * ------------------------------------------------------------------------------------------ */

#define VIRTIO_F_INDIRECT_DESC     (1ull << 28)
#define VIRTIO_F_EVENT_IDX         (1ull << 29)
#define VIRTIO_F_VERSION_1         (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM   (1ull << 33) /* it goes through the IOMMU */
#define VIRTIO_F_RING_PACKED       (1ull << 34)
#define VIRTIO_F_IN_ORDER          (1ull << 35)
#define VIRTIO_F_ORDER_PLATFORM    (1ull << 36) /* ordered as hardware is, not as a CPU */
#define VIRTIO_F_SR_IOV            (1ull << 37)
#define VIRTIO_F_NOTIFICATION_DATA (1ull << 38)
#define VIRTIO_F_NOTIF_CONFIG_DATA (1ull << 39)
#define VIRTIO_F_RING_RESET        (1ull << 40)

/**
 * Demanded of every device. One without ACCESS_PLATFORM takes physical addresses past the IOMMU:
 * what it reaches cannot be confined.
 */
#define VIRTIO_FEATURES_DEMANDED (VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM)

/** What the transport and queues of this library can do, device types aside. */
#define VIRTIO_FEATURES_COMMON                                                                     \
    (VIRTIO_FEATURES_DEMANDED | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |                      \
     VIRTIO_F_ORDER_PLATFORM)

/** The bits that belong to the device type (§2.2), of the 64 that the library looks at. */
#define VIRTIO_FEATURES_OF_TYPE 0xfffc000000ffffffull

/* ------------------------------------------------------------------------------------------
 * Device status: §2.1
 * ------------------------------------------------------------------------------------------ */

#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER      2u
#define VIRTIO_STATUS_DRIVER_OK   4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED      128u
