/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A virtio device over PCI, the modern interface (virtio 1.2 §4.1): from reset to running, its
 * queues' registers, its configuration.
 *
 * The caller brings the way to the four windows of registers (struct virtio_access), which lie
 * where the device's vendor capabilities say: pci/virtio.h reads these, and checks that each is
 * inside its BAR. Here every offset is checked against the window's length before it is used.
 *
 *     virtio_transport_init()                     nothing is known of the device
 *     virtio_reset_begin(), virtio_reset_step()   until it is not VIRTIO_AGAIN
 *     virtio_negotiate()
 *     virtio_config_read(), virtio_config_vector()
 *     virtio_queue_inspect(), virtio_queue_enable()   for each queue
 *     virtio_start()
 *     virtio_check()                              on a configuration interrupt, or a deadline
 *
 * A call in another order is VIRTIO_BAD_STATE. After an error of the device's it has to be reset;
 * one that happens in set-up is also told to it (FAILED, §3.1.1). Nothing here waits: registers
 * are read a bounded number of times, and what may take long returns VIRTIO_AGAIN.
 */

#include "base/compiler.h"
#include "virtio/error.h"
#include "virtio/queue.h"
#include "virtio/virtio.h"

#include <stdbool.h>
#include <stdint.h>

/** The parts of the interface: §4.1.4. */
enum virtio_window {
    VIRTIO_WINDOW_COMMON,
    VIRTIO_WINDOW_NOTIFY,
    VIRTIO_WINDOW_INTERRUPT,
    VIRTIO_WINDOW_CONFIG, /* the device type's. Not every device has one */
    VIRTIO_WINDOW_COUNT
};

/**
 * A way to a device's registers. Embed it in a struct of your own (CONTAINER_OF leads back).
 * `width` is 1, 2 or 4 bytes (§4.1.3.1: wider fields are read in parts), `offset` a multiple of
 * it, their sum at most the window's bytes.
 */
struct virtio_access {
    uint32_t (*read)(const struct virtio_access *access, enum virtio_window window, uint32_t offset,
                     uint32_t width);
    void (*write)(const struct virtio_access *access, enum virtio_window window, uint32_t offset,
                  uint32_t width, uint32_t value);
    uint32_t bytes[VIRTIO_WINDOW_COUNT]; /* 0: there is no such window */
    uint32_t notify_multiplier;          /* §4.1.4.4 */
};

enum virtio_phase {
    VIRTIO_PHASE_UNKNOWN = 0, /* to be reset */
    VIRTIO_PHASE_RESETTING,
    VIRTIO_PHASE_RESET,
    VIRTIO_PHASE_NEGOTIATED,
    VIRTIO_PHASE_RUNNING,
};

struct virtio_transport {
    const struct virtio_access *access; /* [I] */
    enum virtio_phase phase;
    uint32_t polls_left;  /* RESETTING: how often the status may still be read */
    uint64_t offered;     /* from NEGOTIATED on: feature bits */
    uint64_t features;    /* from NEGOTIATED on: those in force */
    uint16_t queue_count; /* from NEGOTIATED on: as it says */
};

/** What a queue's registers say, checked. */
struct virtio_queue_info {
    uint16_t size_max;      /* a power of two */
    uint32_t notify_offset; /* of its 16-bit doorbell, in VIRTIO_WINDOW_NOTIFY */
};

/** A field of the device's configuration. */
struct virtio_field {
    uint16_t offset;
    uint16_t width; /* 1, 2, 4 or 8 bytes */
};

#define VIRTIO_NO_VECTOR        0xffffu /* §4.1.5.1.2 */
#define VIRTIO_RESET_POLLS      1000u   /* enough for who waits a millisecond after each */
#define VIRTIO_CONFIG_ATTEMPTS  16u     /* to read a configuration that does not change meanwhile */

#define VIRTIO_INTERRUPT_QUEUE  1u /* §4.1.4.5 */
#define VIRTIO_INTERRUPT_CONFIG 2u

/**
 * Begin with a device that nothing is known of. `access` stays in use.
 *
 * Returns: VIRTIO_OK; VIRTIO_WINDOW_SHORT if common configuration, notification or interrupt
 * status is missing or too short.
 */
MUST_CHECK enum virtio_error virtio_transport_init(struct virtio_transport *transport,
                                                   const struct virtio_access *access);

/** Tell it to reset (§2.4), in any phase; then virtio_reset_step() at most `polls` + 1 times. */
void virtio_reset_begin(struct virtio_transport *transport, uint32_t polls);

/**
 * Look whether it has been reset.
 *
 * Returns: VIRTIO_OK: it does nothing any more, and what it had of queues is the driver's again
 * (as far as its word goes); VIRTIO_AGAIN: wait, then call again; VIRTIO_RESET_TIMEOUT;
 * VIRTIO_GONE; VIRTIO_BAD_STATE.
 */
MUST_CHECK enum virtio_error virtio_reset_step(struct virtio_transport *transport);

/**
 * Agree on feature bits (§3.1.1, steps 2 to 6): of `wanted` what it offers, all of `needed`, and
 * VIRTIO_FEATURES_DEMANDED; also ORDER_PLATFORM, if it offers that (§6.1).
 *
 * Returns: VIRTIO_OK; VIRTIO_BAD_ARGUMENT for a bit that this library cannot serve;
 * VIRTIO_BAD_STATE; VIRTIO_NO_VERSION_1, VIRTIO_NO_PLATFORM, VIRTIO_NO_FEATURE,
 * VIRTIO_FEATURES_REFUSED, VIRTIO_NEEDS_RESET, VIRTIO_STATUS_LOST, VIRTIO_GONE.
 */
MUST_CHECK enum virtio_error virtio_negotiate(struct virtio_transport *transport, uint64_t wanted,
                                              uint64_t needed);

/**
 * Which MSI-X vector tells of changes to the configuration; VIRTIO_NO_VECTOR for none.
 *
 * Returns: VIRTIO_OK; VIRTIO_VECTOR_REFUSED; VIRTIO_BAD_STATE.
 */
MUST_CHECK enum virtio_error virtio_config_vector(struct virtio_transport *transport,
                                                  uint16_t vector);

/**
 * Look at a queue that is not enabled.
 *
 * Returns: VIRTIO_OK; VIRTIO_BAD_STATE; VIRTIO_QUEUE_ABSENT, VIRTIO_QUEUE_BAD_SIZE,
 * VIRTIO_QUEUE_BUSY, VIRTIO_NOTIFY_OUTSIDE. `info` is written only on success.
 */
MUST_CHECK enum virtio_error virtio_queue_inspect(const struct virtio_transport *transport,
                                                  uint16_t index, struct virtio_queue_info *info);

/**
 * Give a queue to the device, with the MSI-X vector that tells of used buffers.
 *
 * The queue is as virtqueue_init() left it, with the features that are in force.
 * Returns: VIRTIO_OK, and `notify_offset` is where virtio_notify() writes; what
 * virtio_queue_inspect() returns; VIRTIO_QUEUE_TOO_SMALL, VIRTIO_VECTOR_REFUSED,
 * VIRTIO_QUEUE_REFUSED; VIRTIO_BAD_ARGUMENT if the queue was used already, is broken, or was made
 * for other features than are in force.
 */
MUST_CHECK enum virtio_error virtio_queue_enable(struct virtio_transport *transport, uint16_t index,
                                                 const struct virtqueue *queue, uint16_t vector,
                                                 uint32_t *notify_offset);

/**
 * Let it run (DRIVER_OK).
 *
 * Returns: VIRTIO_OK; VIRTIO_BAD_STATE; what virtio_check() returns.
 */
MUST_CHECK enum virtio_error virtio_start(struct virtio_transport *transport);

/**
 * Whether it still runs.
 *
 * Returns: VIRTIO_OK; VIRTIO_NEEDS_RESET, VIRTIO_STATUS_LOST, VIRTIO_GONE; VIRTIO_BAD_STATE.
 */
MUST_CHECK enum virtio_error virtio_check(const struct virtio_transport *transport);

/** Tell it of published buffers (§4.1.5.2). `notify_offset` is from virtio_queue_enable(). */
void virtio_notify(const struct virtio_transport *transport, uint32_t notify_offset,
                   uint16_t index);

/**
 * Read and clear what an INTx interrupt means (§4.1.4.5): VIRTIO_INTERRUPT_*. Not for MSI-X.
 */
uint32_t virtio_interrupt_take(const struct virtio_transport *transport);

/**
 * Read fields of the device's configuration as they were at one moment (§2.5.1): values[i] is
 * fields[i].
 *
 * Returns: VIRTIO_OK; VIRTIO_BAD_STATE before negotiation; VIRTIO_BAD_ARGUMENT for a width or
 * alignment that cannot be; VIRTIO_CONFIG_OUTSIDE if a field is not inside the window;
 * VIRTIO_CONFIG_UNSTABLE after VIRTIO_CONFIG_ATTEMPTS. `values` holds nothing of use after an
 * error.
 */
MUST_CHECK enum virtio_error virtio_config_read(const struct virtio_transport *transport,
                                                const struct virtio_field *fields, uint32_t count,
                                                uint64_t *values);
