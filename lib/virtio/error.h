/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What lib/virtio refuses. Registers and shared memory are written by the device: what no honest
 * device writes is named, and never believed.
 */

#include "base/compiler.h"

enum virtio_error {
    VIRTIO_OK = 0,
    VIRTIO_AGAIN, /* not yet: ask again after a while. No error */

    /* the caller */
    VIRTIO_BAD_ARGUMENT, /* a size, address or alignment that cannot be */
    VIRTIO_BAD_STATE,    /* not in this phase of the device's life */
    VIRTIO_NO_MEMORY,    /* what the caller gave is too small */

    /* the device, when it is set up: it is not used */
    VIRTIO_WINDOW_SHORT,     /* a part of its registers is missing or too short */
    VIRTIO_GONE,             /* reads as all ones: it was removed, or does not decode */
    VIRTIO_RESET_TIMEOUT,    /* the status did not become 0 */
    VIRTIO_NO_VERSION_1,     /* it offers the interface before 1.0 only */
    VIRTIO_NO_PLATFORM,      /* it would go past the IOMMU */
    VIRTIO_NO_FEATURE,       /* it lacks what the driver cannot do without */
    VIRTIO_FEATURES_REFUSED, /* it does not accept a subset of what it offered */
    VIRTIO_QUEUE_ABSENT,     /* there is no such queue */
    VIRTIO_QUEUE_BAD_SIZE,   /* its largest size is no power of two, or above 32768 */
    VIRTIO_QUEUE_TOO_SMALL,  /* its largest size is below what the driver wants */
    VIRTIO_QUEUE_BUSY,       /* enabled already, although the device was reset */
    VIRTIO_QUEUE_REFUSED,    /* it does not keep what was written to the queue's registers */
    VIRTIO_NOTIFY_OUTSIDE,   /* the queue's doorbell is not inside the window */
    VIRTIO_VECTOR_REFUSED,   /* it has no room for the interrupt's vector */
    VIRTIO_CONFIG_OUTSIDE,   /* a configuration field is not inside the window */
    VIRTIO_CONFIG_UNSTABLE,  /* the configuration changes whenever it is read */
    VIRTIO_CONFIG_BAD,       /* a configuration field with an impossible value */

    /* the device, when it runs: it has to be reset */
    VIRTIO_NEEDS_RESET,     /* it says so itself */
    VIRTIO_STATUS_LOST,     /* it has forgotten what it was told */
    VIRTIO_USED_INDEX_JUMP, /* it gives back more than it has */
    VIRTIO_USED_ID_RANGE,   /* it gives back a chain whose number cannot be */
    VIRTIO_USED_ID_IDLE,    /* it gives back a chain that it does not have, or twice */

    VIRTIO_ERROR_COUNT
};

/** The error's name in camelCase, "?" for a number that is none. */
const char *virtio_error_name(enum virtio_error error);
