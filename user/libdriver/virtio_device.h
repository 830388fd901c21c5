/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A virtio device as a driver sees it: lib/virtio over the device's windows, with queues in memory
 * that the device can reach.
 *
 *     driver_virtio_open(&virtio, VIRTIO_DEVICE_RNG);
 *     driver_virtio_negotiate(&virtio, wanted, needed);
 *     driver_virtio_interrupt(&virtio, notification, bits);
 *     driver_virtqueue_start(&virtio, 0, size, 1, &queue);      for each queue
 *     driver_virtio_start(&virtio);
 *
 * All queues and changes of the configuration share the function's first vector: one wake-up looks
 * at all of them. What the device refuses or says wrong ends the driver with a message; the kernel
 * then resets the device.
 */

#include "libdriver/dma.h"
#include "libdriver/interrupt.h"
#include "virtio/transport.h"

struct driver_virtio {
    struct driver_device device;
    struct driver_window windows[VIRTIO_WINDOW_COUNT];
    struct virtio_access access;
    struct virtio_transport transport;
    uint16_t vector; /* VIRTIO_NO_VECTOR until there is one */
};

struct driver_virtqueue {
    struct virtqueue queue;
    volatile uint16_t *doorbell;
    uint16_t index;
    struct driver_dma driver_memory; /* the device only reads it */
    struct driver_dma device_memory;
};

/** Say what is wrong with the device and what can be done about it, and end the process. */
NORETURN void driver_virtio_fail(const struct driver_virtio *virtio, enum virtio_error error,
                                 const char *what);

/** Open the device that was granted, find its registers, and reset it. */
void driver_virtio_open(struct driver_virtio *virtio, enum virtio_device type);

/** Agree on features: of `wanted` what there is, and all of `needed`. Returns what is in force. */
uint64_t driver_virtio_negotiate(struct driver_virtio *virtio, uint64_t wanted, uint64_t needed);

/** Deliver the device's interrupts as `bits` of `notification`. */
void driver_virtio_interrupt(struct driver_virtio *virtio, uint64_t notification, uint64_t bits);

/**
 * Give the device a queue of at most `size` descriptors, less if it has no room for as many;
 * `table_entries` as in struct virtqueue_setup. Queue memory is allocated and stays.
 */
void driver_virtqueue_start(struct driver_virtio *virtio, uint16_t index, uint16_t size,
                            uint16_t table_entries, struct driver_virtqueue *queue);

/** Let the device run. */
void driver_virtio_start(struct driver_virtio *virtio);

/** Fail if the device does not run any more. Reads a register: not for the way of each request. */
void driver_virtio_check(const struct driver_virtio *virtio);

/** Let the device see what was added; one doorbell for all of it, if the device wants one. */
static ALWAYS_INLINE void driver_virtqueue_publish(struct driver_virtqueue *queue)
{
    if (virtqueue_publish(&queue->queue)) {
        *queue->doorbell = queue->index; /* §4.1.5.2 */
    }
}
