/* SPDX-License-Identifier: MIT */

/*
 * What a split virtqueue does once, or seldom. See queue.h.
 *
 * Driver memory: descriptors (16 bytes each), the slots' indirect tables, the available ring. Each
 * part is as long as a multiple of 16 but for the last, so that all are aligned (§2.7).
 */

#include "virtio/queue.h"

#include "base/memory.h"

#define DESCRIPTOR_BYTES 16u
#define INDEX_BYTES      6u /* flags, index and event of a ring */
#define AVAILABLE_BYTES  2u
#define USED_BYTES       8u

static bool size_valid(uint32_t size)
{
    return size != 0 && size <= VIRTQUEUE_MAX_SIZE && (size & (size - 1)) == 0;
}

/* At most 2^15 tables of 2^15 descriptors of 2^4 bytes: nothing here overflows. */
static uint64_t available_offset(uint32_t size, uint32_t table_entries)
{
    return (uint64_t)size * DESCRIPTOR_BYTES * (1 + (uint64_t)table_entries);
}

uint64_t virtqueue_driver_bytes(uint32_t size, uint32_t table_entries)
{
    if (!size_valid(size) || table_entries > size) {
        return 0;
    }
    return available_offset(size, table_entries) + INDEX_BYTES + (uint64_t)size * AVAILABLE_BYTES;
}

uint64_t virtqueue_device_bytes(uint32_t size)
{
    return size_valid(size) ? INDEX_BYTES + (uint64_t)size * USED_BYTES : 0;
}

static bool memory_valid(const void *memory, uint64_t iova, uint64_t bytes)
{
    return memory != NULL && (uintptr_t)memory % VIRTQUEUE_ALIGNMENT == 0 &&
           iova % VIRTQUEUE_ALIGNMENT == 0 && bytes <= UINT64_MAX - iova;
}

enum virtio_error virtqueue_init(struct virtqueue *queue, const struct virtqueue_setup *setup)
{
    const uint16_t tables =
        (setup->features & VIRTIO_F_INDIRECT_DESC) != 0 ? setup->table_entries : 0;
    const uint32_t size = setup->size;
    const uint64_t driver_bytes = virtqueue_driver_bytes(size, tables);
    const uint64_t device_bytes = virtqueue_device_bytes(size);
    const uint64_t ring = available_offset(size, tables);
    uint8_t *driver = setup->driver_memory;

    if (driver_bytes == 0 || device_bytes == 0 || setup->slots == NULL ||
        !memory_valid(setup->driver_memory, setup->driver_iova, driver_bytes) ||
        !memory_valid(setup->device_memory, setup->device_iova, device_bytes)) {
        return VIRTIO_BAD_ARGUMENT;
    }
    if (setup->driver_bytes < driver_bytes || setup->device_bytes < device_bytes) {
        return VIRTIO_NO_MEMORY;
    }

    *queue = (struct virtqueue){
        .slots = setup->slots,
        .descriptors = setup->driver_memory,
        .available = (void *)(driver + ring),
        .used = setup->device_memory,
        .driver_delta = setup->driver_iova - (uintptr_t)driver,
        .size = setup->size,
        .mask = (uint16_t)(size - 1),
        .table_span = (uint16_t)(tables >= 2 ? tables - 1 : 0),
        .free_count = setup->size,
        .event_index = (setup->features & VIRTIO_F_EVENT_IDX) != 0,
        .iovas = {setup->driver_iova, setup->driver_iova + ring, setup->device_iova},
    };
    for (uint32_t i = 0; i < size; i++) {
        queue->slots[i] = (struct virtqueue_slot){
            .next = (uint16_t)(i + 1),
            .table = tables != 0 ? &queue->descriptors[size + (uint64_t)i * tables] : NULL,
        };
    }
    memset(driver, 0, size * DESCRIPTOR_BYTES);
    memset(queue->available, 0, INDEX_BYTES + (uint64_t)size * AVAILABLE_BYTES);
    memset(queue->used, 0, device_bytes);
    return VIRTIO_OK;
}

enum virtqueue_result virtqueue_break(struct virtqueue *queue, enum virtio_error reason)
{
    virtqueue_stop(queue, reason);
    return VIRTQUEUE_BROKEN;
}

void virtqueue_stop(struct virtqueue *queue, enum virtio_error reason)
{
    if (queue->broken == VIRTIO_OK) {
        queue->broken = reason != VIRTIO_OK ? reason : VIRTIO_NEEDS_RESET;
        /* Fast paths look at these two first. */
        queue->free_count = 0;
        queue->used_seen = queue->taken;
    }
}

bool virtqueue_reclaim(struct virtqueue *queue, uint64_t *token)
{
    while (queue->broken != VIRTIO_OK && queue->reclaimed < queue->size) {
        const struct virtqueue_slot *slot = &queue->slots[queue->reclaimed++];

        if (slot->count != 0) {
            *token = slot->token;
            queue->taken++;
            queue->used_seen++;
            return true;
        }
    }
    return false;
}

void virtqueue_free_chain(struct virtqueue *queue, uint16_t first)
{
    struct virtqueue_slot *slot = &queue->slots[first];
    const uint16_t count = slot->count;
    uint16_t last = first;

    for (uint16_t i = 1; i < count; i++) {
        last = queue->slots[last].next;
    }
    slot->count = 0;
    queue->slots[last].next = queue->free_first;
    queue->free_first = first;
    queue->free_count = (uint16_t)(queue->free_count + count);
}

enum virtqueue_result virtqueue_add_slowly(struct virtqueue *queue,
                                           const struct virtqueue_buffer *buffers,
                                           uint32_t out_count, uint32_t in_count, uint64_t token)
{
    const uint64_t count = (uint64_t)out_count + in_count;
    const uint16_t first = queue->free_first;
    uint16_t place = first;
    uint64_t writable = 0;
    uint64_t total = 0;

    if (queue->broken != VIRTIO_OK) {
        return VIRTQUEUE_BROKEN;
    }
    if (count == 0 || count > queue->size) {
        return VIRTQUEUE_BAD_BUFFERS;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (buffers[i].length == 0) {
            return VIRTQUEUE_BAD_BUFFERS;
        }
        total += buffers[i].length;
        writable += i >= out_count ? buffers[i].length : 0;
    }
    if (total > UINT32_MAX) {
        return VIRTQUEUE_BAD_BUFFERS;
    }
    if (count > queue->free_count) {
        return VIRTQUEUE_FULL;
    }

    /* The free slots are in a list already: the chain is its beginning. */
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t next = queue->slots[place].next;
        const uint32_t write = i >= out_count ? VIRTQUEUE_WRITE : 0;
        const bool more = i + 1 < count;

        queue->slots[place].framed = false;
        virtqueue_write_descriptor(
            &queue->descriptors[place], buffers[i].iova,
            more ? virtqueue_shape(buffers[i].length, write | VIRTQUEUE_NEXT, next)
                 : virtqueue_shape(buffers[i].length, write, 0));
        place = next;
    }
    queue->free_first = place;
    queue->free_count = (uint16_t)(queue->free_count - count);
    virtqueue_commit(queue, first, (uint16_t)count, (uint32_t)writable, token);
    return VIRTQUEUE_OK;
}

enum virtqueue_result virtqueue_add_frame(struct virtqueue *queue,
                                          const struct virtqueue_buffer buffers[3],
                                          bool device_writes, uint64_t token)
{
    const uint16_t first = queue->free_first;
    const enum virtqueue_result result = device_writes ? virtqueue_add(queue, buffers, 1, 2, token)
                                                       : virtqueue_add(queue, buffers, 2, 1, token);

    /* Only a table stays as it is when the chain comes back; and only if it took the chain. */
    if (result == VIRTQUEUE_OK && queue->slots[first].count == 1) {
        queue->slots[first].framed = true;
    }
    return result;
}
