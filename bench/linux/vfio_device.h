/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A device of a Linux process's own, through VFIO: its first BAR, and its MSI as an eventfd.
 * Source: Documentation/driver-api/vfio.rst and include/uapi/linux/vfio.h of Linux 6.1.
 */

#include <stddef.h>
#include <stdint.h>

struct vfio_device {
    int container, group, device;
    int event; /* eventfd that is signalled by the device's first MSI */
    volatile uint32_t *registers;
    size_t bytes;
};

/**
 * Open the device that the symbolic link `link` names in sysfs, and which the driver vfio-pci has.
 * Returns: NULL; what has failed, with errno.
 */
const char *vfio_device_open(struct vfio_device *vfio, const char *link);
void vfio_device_close(struct vfio_device *vfio);
