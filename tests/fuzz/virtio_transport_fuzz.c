/* SPDX-License-Identifier: MIT */

/*
 * Set-up of a virtio device whose every register reads as the fuzzer likes. No access may be
 * outside of its window, misaligned or of a wrong width; the number of accesses is bounded; what
 * is accepted must hold what the documentation of transport.h and blk.h says.
 */

#include "virtio/blk.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POLLS        4u
#define QUEUES       3u
#define SIZE         16u
#define ACCESS_LIMIT 2000u /* a configuration of 13 fields, 16 times, is most of them */

struct device {
    struct virtio_access access;
    const uint8_t *data;
    size_t size;
    uint32_t accesses;
    uint8_t written[64]; /* common configuration, as written: often that is read back */
};

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint32_t next(struct device *device, uint32_t bytes)
{
    uint32_t word = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        word = word << 8 | (device->size != 0 ? *device->data : 0);
        device->data += device->size != 0;
        device->size -= device->size != 0;
    }
    return word;
}

static struct device *enter(const struct virtio_access *access, enum virtio_window window,
                            uint32_t offset, uint32_t width)
{
    struct device *device = CONTAINER_OF(access, struct device, access);

    check(window < VIRTIO_WINDOW_COUNT);
    check(width == 1 || width == 2 || width == 4);
    check(offset % width == 0);
    check(offset < access->bytes[window] && width <= access->bytes[window] - offset);
    check(++device->accesses <= ACCESS_LIMIT);
    return device;
}

static uint32_t device_read(const struct virtio_access *access, enum virtio_window window,
                            uint32_t offset, uint32_t width)
{
    struct device *device = enter(access, window, offset, width);
    uint32_t value = 0;

    /* Anything, or what was written, or a plausible number. */
    switch (next(device, 1) % 4) {
    case 0:
        return next(device, width);
    case 1:
        return 1u << next(device, 1) % (8 * width);
    default:
        if (window == VIRTIO_WINDOW_COMMON && offset + width <= sizeof(device->written)) {
            memcpy(&value, device->written + offset, width);
        }
        return value;
    }
}

static void device_write(const struct virtio_access *access, enum virtio_window window,
                         uint32_t offset, uint32_t width, uint32_t value)
{
    struct device *device = enter(access, window, offset, width);

    check(window == VIRTIO_WINDOW_COMMON || window == VIRTIO_WINDOW_NOTIFY);
    check(width == 4 || value < 1u << 8 * width);
    if (window == VIRTIO_WINDOW_COMMON && offset + width <= sizeof(device->written)) {
        memcpy(device->written + offset, &value, width);
    }
}

static void check_limits(const struct virtio_blk_limits *limits)
{
    check((limits->sectors_max == 0) == (limits->ranges_max == 0));
    check(limits->alignment != 0);
}

static void look_at_blk(const struct virtio_transport *transport)
{
    struct virtio_blk_config config;

    if (virtio_blk_config_read(transport, &config) != VIRTIO_OK) {
        return;
    }
    check(config.capacity <= VIRTIO_BLK_CAPACITY_MAX);
    check(config.block_bytes >= 512 && config.block_bytes <= VIRTIO_BLK_BLOCK_MAX);
    check((config.block_bytes & (config.block_bytes - 1)) == 0);
    check(config.physical_bytes >= config.block_bytes);
    check(config.segment_bytes_max >= 512 && config.segments_max != 0);
    check(config.queue_count != 0 && config.queue_count <= transport->queue_count);
    check_limits(&config.discard);
    check_limits(&config.write_zeroes);
}

static void set_up(struct device *device, struct virtio_transport *transport,
                   struct virtqueue_setup *setup)
{
    const uint64_t wanted = VIRTIO_FEATURES_COMMON | VIRTIO_BLK_FEATURES;
    enum virtio_error error;
    uint32_t polls = 0;

    virtio_reset_begin(transport, POLLS);
    while ((error = virtio_reset_step(transport)) == VIRTIO_AGAIN) {
        check(++polls <= POLLS);
    }
    if (error != VIRTIO_OK ||
        virtio_negotiate(transport, wanted, VIRTIO_BLK_F_FLUSH) != VIRTIO_OK) {
        return;
    }
    check((transport->features & ~wanted) == 0);
    check((transport->features & ~transport->offered) == 0);
    check((transport->features & VIRTIO_FEATURES_DEMANDED) == VIRTIO_FEATURES_DEMANDED);
    look_at_blk(transport);
    (void)!virtio_config_vector(transport, 1);
    setup->features = transport->features;
    for (uint16_t index = 0; index < QUEUES; index++) {
        struct virtio_queue_info info;
        struct virtqueue queue;
        uint32_t doorbell;

        check(virtqueue_init(&queue, setup) == VIRTIO_OK);
        if (virtio_queue_inspect(transport, index, &info) == VIRTIO_OK) {
            check(info.size_max != 0 && (info.size_max & (info.size_max - 1)) == 0);
        }
        if (virtio_queue_enable(transport, index, &queue, index, &doorbell) == VIRTIO_OK) {
            check(index < transport->queue_count);
            check(doorbell <= device->access.bytes[VIRTIO_WINDOW_NOTIFY] - 2);
            virtio_notify(transport, doorbell, index);
        }
        virtio_notify(transport, next(device, 4), index);
    }
    if (virtio_start(transport) == VIRTIO_OK) {
        virtio_notify(transport, next(device, 4), 0);
        (void)!virtio_check(transport);
        look_at_blk(transport);
    }
    check(virtio_interrupt_take(transport) <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct virtqueue_slot slots[SIZE];
    static _Alignas(16) uint8_t driver[4096];
    static _Alignas(16) uint8_t device_memory[4096];
    struct virtqueue_setup setup = {
        .size = SIZE,
        .table_entries = 3,
        .driver_memory = driver,
        .driver_bytes = sizeof(driver),
        .device_memory = device_memory,
        .device_bytes = sizeof(device_memory),
        .slots = slots,
    };
    struct device device = {
        .access = {.read = device_read, .write = device_write},
        .data = data,
        .size = size,
    };
    struct virtio_transport transport;

    for (uint32_t i = 0; i < VIRTIO_WINDOW_COUNT; i++) {
        device.access.bytes[i] = next(&device, 1);
    }
    device.access.notify_multiplier = next(&device, 1) % 8 == 0 ? next(&device, 4) : 4;
    if (virtio_transport_init(&transport, &device.access) != VIRTIO_OK) {
        return 0;
    }
    set_up(&device, &transport, &setup);
    return 0;
}
