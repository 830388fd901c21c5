/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A device as virtio 1.2 describes it, for the tests of lib/virtio/queue.h: it walks the available
 * ring and its chains by the rules of §2.7, gives chains back in any order, and sleeps and sends
 * interrupts as its features say. It shares no code with the driver's side, and reads the rings
 * with the offsets of the specification. Include after cmocka.h.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_MAX_SIZE 256u

struct device_buffer {
    uint64_t iova;
    uint32_t length;
    bool write;
};

struct device_chain {
    uint16_t head;
    uint32_t count;
    uint32_t writable;
    struct device_buffer buffers[DEVICE_MAX_SIZE];
};

struct device {
    uint8_t *driver_memory; /* as large as it says: the sanitizer watches the ends */
    uint64_t driver_iova;
    uint64_t driver_bytes;
    uint8_t *available; /* in driver_memory */
    uint8_t *used;      /* device memory */
    uint16_t size;
    bool event_index;
    bool indirect;
    uint16_t available_seen;
    uint16_t used_index;
    bool asleep;      /* waits for a notification */
    bool interrupted; /* has sent an interrupt */
    uint64_t interrupts;
    struct device_chain *pending; /* what it has, `size` of them */
    uint32_t pending_count;
};

static inline uint64_t device_read(const uint8_t *from, uint32_t bytes)
{
    uint64_t value = 0;

    memcpy(&value, from, bytes);
    return value;
}

static inline void device_write(uint8_t *to, uint64_t value, uint32_t bytes)
{
    memcpy(to, &value, bytes);
}

/* The 16 bytes of driver memory at an address of the device's. */
static inline const uint8_t *device_descriptor(const struct device *device, uint64_t iova)
{
    assert_true(iova >= device->driver_iova);
    assert_true(iova - device->driver_iova <= device->driver_bytes - 16);
    assert_true(iova % 16 == 0);
    return device->driver_memory + (iova - device->driver_iova);
}

static inline void device_walk(const struct device *device, struct device_chain *chain)
{
    uint64_t table = device->driver_iova;
    uint32_t entries = device->size;
    uint16_t at = chain->head;
    bool inside = false;

    chain->count = 0;
    chain->writable = 0;
    for (;;) {
        const uint8_t *descriptor;
        uint64_t iova;
        uint32_t length;
        uint16_t flags;

        assert_true(at < entries);
        descriptor = device_descriptor(device, table + at * 16u);
        iova = device_read(descriptor, 8);
        length = (uint32_t)device_read(descriptor + 8, 4);
        flags = (uint16_t)device_read(descriptor + 12, 2);
        assert_int_equal(flags & ~7u, 0);
        if ((flags & 4) != 0) {
            /* §2.7.5.3.1: negotiated, not inside a table, no NEXT. */
            assert_true(device->indirect && !inside);
            assert_int_equal(flags & 1, 0);
            assert_true(length != 0 && length % 16 == 0);
            table = iova;
            entries = length / 16;
            inside = true;
            at = 0;
            continue;
        }
        assert_true(chain->count < device->size); /* §2.7.5.3.1, and there are no loops */
        /* §2.7.4.2: what the device writes comes last. */
        assert_true((flags & 2) != 0 || chain->writable == 0);
        chain->buffers[chain->count++] = (struct device_buffer){
            .iova = iova,
            .length = length,
            .write = (flags & 2) != 0,
        };
        chain->writable += (flags & 2) != 0 ? length : 0;
        if ((flags & 1) == 0) {
            return;
        }
        at = (uint16_t)device_read(descriptor + 14, 2);
    }
}

static inline uint16_t device_available_index(const struct device *device)
{
    return (uint16_t)device_read(device->available + 2, 2);
}

/* Fetch everything that is available. */
static inline void device_fetch(struct device *device)
{
    const uint16_t index = device_available_index(device);

    assert_true((uint16_t)(index - device->available_seen) <= device->size);
    while (device->available_seen != index) {
        const uint32_t place = device->available_seen++ % device->size;
        struct device_chain *chain = &device->pending[device->pending_count++];

        assert_true(device->pending_count <= device->size);
        chain->head = (uint16_t)device_read(device->available + 4 + 2 * place, 2);
        device_walk(device, chain);
        for (uint32_t i = 0; i + 1 < device->pending_count; i++) {
            assert_int_not_equal(device->pending[i].head, chain->head);
        }
    }
}

/* §2.7.10.2: ask to be notified of the next chain, look again, sleep. */
static inline void device_sleep(struct device *device)
{
    if (device->event_index) {
        device_write(device->used + 4 + 8u * device->size, device->available_seen, 2);
    } else {
        device_write(device->used, 0, 2);
    }
    device->asleep = device_available_index(device) == device->available_seen;
    if (!device->asleep && !device->event_index) {
        device_write(device->used, 1, 2);
    }
}

static inline void device_notified(struct device *device)
{
    device->asleep = false;
    if (!device->event_index) {
        device_write(device->used, 1, 2);
    }
}

/* Give back the chain at `which`. The caller raises the index. */
static inline void device_use(struct device *device, uint32_t which, uint32_t length)
{
    uint8_t *element = device->used + 4 + 8u * (device->used_index % device->size);

    device_write(element, device->pending[which].head, 4);
    device_write(element + 4, length, 4);
    device->used_index++;
    memcpy(&device->pending[which], &device->pending[--device->pending_count],
           sizeof(device->pending[0]));
}

/* Tell of the chains given back since the index was `old`, with an interrupt if it is wanted. */
static inline void device_publish(struct device *device, uint16_t old)
{
    device_write(device->used + 2, device->used_index, 2);
    if (device->event_index) {
        const uint16_t event = (uint16_t)device_read(device->available + 4 + 2u * device->size, 2);

        assert_int_equal(device_read(device->available, 2), 0); /* §2.7.7.1 */
        for (uint16_t index = old; index != device->used_index; index++) {
            device->interrupted |= index == event;
        }
    } else {
        device->interrupted |= (device_read(device->available, 2) & 1) == 0;
    }
    device->interrupts += device->interrupted;
}

static inline void device_init(struct device *device, const struct virtqueue *queue,
                               const struct virtqueue_setup *setup)
{
    *device = (struct device){
        .driver_memory = setup->driver_memory,
        .driver_iova = setup->driver_iova,
        .driver_bytes = setup->driver_bytes,
        .available = (uint8_t *)setup->driver_memory + (queue->iovas[1] - setup->driver_iova),
        .used = setup->device_memory,
        .size = setup->size,
        .event_index = (setup->features & VIRTIO_F_EVENT_IDX) != 0,
        .indirect = (setup->features & VIRTIO_F_INDIRECT_DESC) != 0,
        .pending = calloc(setup->size, sizeof(struct device_chain)),
    };
    assert_non_null(device->pending);
    assert_int_equal(queue->iovas[0], setup->driver_iova);
    assert_int_equal(queue->iovas[2], setup->device_iova);
}

/* ------------------------------------------------------------------------------------------
 * A queue and its memory
 * ------------------------------------------------------------------------------------------ */

struct rig {
    struct virtqueue_setup setup;
    struct virtqueue queue;
    struct device device;
};

/* `first`: where the indices begin, as if so many chains had gone through. */
static inline void rig_init(struct rig *rig, uint16_t size, uint16_t tables, uint64_t features,
                            uint16_t first)
{
    const uint64_t driver_bytes =
        virtqueue_driver_bytes(size, (features & VIRTIO_F_INDIRECT_DESC) != 0 ? tables : 0);
    const uint64_t device_bytes = virtqueue_device_bytes(size);

    rig->setup = (struct virtqueue_setup){
        .size = size,
        .table_entries = tables,
        .features = features,
        .driver_memory = malloc(driver_bytes),
        .driver_iova = 0x7000100000,
        .driver_bytes = driver_bytes,
        .device_memory = malloc(device_bytes),
        .device_iova = 0x9000200000,
        .device_bytes = device_bytes,
        .slots = calloc(size, sizeof(struct virtqueue_slot)),
    };
    assert_non_null(rig->setup.driver_memory);
    assert_non_null(rig->setup.device_memory);
    assert_non_null(rig->setup.slots);
    memset(rig->setup.driver_memory, 0xa5, driver_bytes);
    memset(rig->setup.device_memory, 0xa5, device_bytes);
    assert_int_equal(virtqueue_init(&rig->queue, &rig->setup), VIRTIO_OK);
    device_init(&rig->device, &rig->queue, &rig->setup);

    rig->queue.added = first;
    rig->queue.published = first;
    rig->queue.taken = first;
    rig->queue.used_seen = first;
    rig->queue.available->index = first;
    rig->queue.used->index = first;
    rig->device.available_seen = first;
    rig->device.used_index = first;
    device_write(rig->device.used + 4 + 8u * size, first, 2);
    device_write(rig->device.available + 4 + 2u * size, first, 2);
}

static inline void rig_fini(struct rig *rig)
{
    free(rig->device.pending);
    free(rig->setup.driver_memory);
    free(rig->setup.device_memory);
    free(rig->setup.slots);
}
