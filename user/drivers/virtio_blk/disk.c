/* SPDX-License-Identifier: MIT */
#include "drivers/virtio_blk/disk.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"

#define ID_DEADLINE_NS (5 * RT_NS_PER_S)
#define CHAIN_BUFFERS  3u /* header, data, status */
#define FEATURES       (VIRTIO_BLK_FEATURES & ~VIRTIO_BLK_F_MQ)

static_assert(DISK_DEPTH * sizeof(struct disk_command) == RT_PAGE_BYTES, "commands fill a page");
static_assert(DISK_DEPTH + VIRTIO_BLK_ID_BYTES <= RT_PAGE_BYTES, "statuses and the id fit one");

static uint32_t least(uint32_t one, uint32_t other)
{
    return one < other ? one : other;
}

/** What clients are told, and requests are checked against. */
static void limits_set(struct disk *disk)
{
    const struct virtio_blk_config *const config = &disk->config;

    disk->limits = (struct block_limits){
        .sector_count = config->capacity,
        .max_sectors = least(config->segment_bytes_max / BLOCK_SECTOR_BYTES, DISK_REQUEST_SECTORS),
        .max_discard_sectors = config->discard.sectors_max,
        .max_zero_sectors = config->write_zeroes.sectors_max,
        .read_only = config->read_only,
        .flush = config->flush,
    };
    if (disk->limits.max_sectors == 0) {
        driver_fail(DRIVER_EXIT_UNSUITABLE, "%s: the device moves less than a sector at once",
                    disk->virtio.device.name);
    }
}

static uint64_t command_iova(const struct disk *disk, uint32_t slot)
{
    return disk->commands_memory.iova + slot * sizeof(struct disk_command);
}

void disk_fail(const struct disk *disk, const char *what)
{
    driver_virtio_fail(&disk->virtio, disk->queue.queue.broken, what);
}

/**
 * Give the device a chain with data for a slot, which is virtqueue_next(). Each way is a constant,
 * so that the compiler drops the other. A slot's header and status are always in the same place.
 */
static ALWAYS_INLINE void chain_add(struct disk *disk, uint32_t slot, bool device_writes,
                                    uint64_t data_iova, uint32_t data_bytes)
{
    const struct virtqueue_buffer buffers[] = {
        {command_iova(disk, slot), sizeof(struct virtio_blk_header)},
        {data_iova, data_bytes},
        {disk->statuses_memory.iova + slot, 1},
    };

    disk->statuses[slot] = VIRTIO_BLK_PENDING;
    if (UNLIKELY(virtqueue_add_framed(&disk->queue.queue, buffers, device_writes, slot) !=
                 VIRTQUEUE_OK)) {
        disk_fail(disk, "adding a request");
    }
}

/** The same for a request without data. */
static void chain_add_bare(struct disk *disk, uint32_t slot)
{
    const struct virtqueue_buffer buffers[] = {
        {command_iova(disk, slot), sizeof(struct virtio_blk_header)},
        {disk->statuses_memory.iova + slot, 1},
    };

    disk->statuses[slot] = VIRTIO_BLK_PENDING;
    if (virtqueue_add(&disk->queue.queue, buffers, 1, 1, slot) != VIRTQUEUE_OK) {
        disk_fail(disk, "adding a request");
    }
}

/** Ask for the disk's name, before there are interrupts or clients. Not every device has one. */
static void id_read(struct disk *disk)
{
    const uint64_t place = disk->statuses_memory.iova + DISK_DEPTH;
    uint8_t *const raw = (uint8_t *)disk->statuses_memory.cpu + DISK_DEPTH;
    enum virtqueue_result result;
    uint64_t start_ns, now_ns, token = 0;
    const uint32_t slot = virtqueue_next(&disk->queue.queue);
    uint32_t written = 0;

    disk->commands[slot].header = virtio_blk_header(VIRTIO_BLK_GET_ID, 0);
    chain_add(disk, slot, true, place, VIRTIO_BLK_ID_BYTES);
    disk_publish(disk);
    driver_require(rt_clock_now(&start_ns), "the time");
    now_ns = start_ns;
    while ((result = virtqueue_take(&disk->queue.queue, &token, &written)) == VIRTQUEUE_EMPTY) {
        if (now_ns - start_ns > ID_DEADLINE_NS) {
            driver_fail(DRIVER_EXIT_SILENT, "%s: the device does not answer its first request",
                        disk->virtio.device.name);
        }
        rt_sleep(20 * RT_NS_PER_US);
        driver_require(rt_clock_now(&now_ns), "the time");
    }
    if (result != VIRTQUEUE_OK) {
        disk_fail(disk, "its first answer");
    }
    if (virtio_blk_outcome(disk->statuses[slot], written, VIRTIO_BLK_ID_BYTES) == VIRTIO_BLK_DONE) {
        virtio_blk_id_copy(disk->id, raw);
    }
}

void disk_open(struct disk *disk, uint64_t notification, uint64_t bits)
{
    struct driver_virtio *const virtio = &disk->virtio;
    uint64_t features;
    enum virtio_error error;

    driver_virtio_open(virtio, VIRTIO_DEVICE_BLK);
    features =
        driver_virtio_negotiate(virtio, FEATURES | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC, 0);
    error = virtio_blk_config_read(&virtio->transport, &disk->config);
    if (error != VIRTIO_OK) {
        driver_virtio_fail(virtio, error, "its configuration");
    }
    limits_set(disk);
    driver_virtio_interrupt(virtio, notification, bits);
    driver_virtqueue_start(virtio, 0, DISK_DEPTH, CHAIN_BUFFERS, &disk->queue);
    /* With a table for each chain, a request takes one descriptor. */
    disk->depth = disk->queue.queue.size;
    if ((features & VIRTIO_F_INDIRECT_DESC) == 0 || disk->depth < CHAIN_BUFFERS) {
        disk->depth /= CHAIN_BUFFERS;
    }
    if (disk->depth == 0) {
        driver_fail(DRIVER_EXIT_UNSUITABLE, "%s: the device's queue has room for %u descriptors",
                    virtio->device.name, disk->queue.queue.size);
    }
    driver_dma_require(&virtio->device, 1, DMA_ACCESS_DEVICE_READS, &disk->commands_memory);
    driver_dma_require(&virtio->device, 1, DMA_ACCESS_DEVICE_WRITES, &disk->statuses_memory);
    disk->commands = disk->commands_memory.cpu;
    disk->statuses = disk->statuses_memory.cpu;
    driver_virtio_start(virtio);
    id_read(disk);
}

/* ------------------------------------------------------------------------------------------
 * Requests
 * ------------------------------------------------------------------------------------------ */

/** A request with a range for data, or with none. */
static NOINLINE void submit_other(struct disk *disk, uint32_t slot,
                                  const struct block_request *request)
{
    struct disk_command *const command = &disk->commands[slot];
    const uint64_t range_iova = command_iova(disk, slot) + offsetof(struct disk_command, range);

    if (request->operation == BLOCK_OPERATION_FLUSH) {
        command->header = virtio_blk_header(VIRTIO_BLK_FLUSH, 0);
        chain_add_bare(disk, slot);
        return;
    }
    command->header =
        virtio_blk_header(request->operation == BLOCK_OPERATION_DISCARD ? VIRTIO_BLK_DISCARD
                                                                        : VIRTIO_BLK_WRITE_ZEROES,
                          0);
    /* Without VIRTIO_BLK_UNMAP: who wants the space back says discard. */
    command->range =
        (struct virtio_blk_range){.sector = request->sector, .count = request->sector_count};
    chain_add(disk, slot, false, range_iova, sizeof(struct virtio_blk_range));
}

void disk_submit(struct disk *disk, uint32_t session, const struct block_request *request,
                 uint64_t data_iova)
{
    const uint16_t number = virtqueue_next(&disk->queue.queue);
    struct disk_slot *const slot = &disk->slots[number];
    const uint32_t bytes = request->sector_count << BLOCK_SECTOR_SHIFT;

    RT_ASSERT(disk_has_room(disk) && !slot->busy);
    disk->in_flight++;
    slot->tag = request->tag;
    slot->session = session;
    slot->sector_count = request->sector_count;
    slot->tick = disk->tick;
    slot->busy = true;
    if (LIKELY(request->operation == BLOCK_OPERATION_READ)) {
        slot->read_bytes = bytes;
        disk->commands[number].header = virtio_blk_header(VIRTIO_BLK_READ, request->sector);
        chain_add(disk, number, true, data_iova, bytes);
    } else if (LIKELY(request->operation == BLOCK_OPERATION_WRITE)) {
        slot->read_bytes = 0;
        disk->commands[number].header = virtio_blk_header(VIRTIO_BLK_WRITE, request->sector);
        chain_add(disk, number, false, data_iova, bytes);
    } else {
        slot->read_bytes = 0;
        submit_other(disk, number, request);
    }
}

void disk_tick(struct disk *disk)
{
    disk->tick++;
    driver_virtio_check(&disk->virtio);
    for (uint32_t slot = 0; slot < DISK_DEPTH; slot++) {
        if (disk->slots[slot].busy && disk->tick - disk->slots[slot].tick > DISK_LATE_TICKS) {
            driver_fail(DRIVER_EXIT_SILENT,
                        "%s: no answer to a request for %u s, %u are with the device. It will be "
                        "reset; start the driver again",
                        disk->virtio.device.name, DISK_LATE_TICKS, disk->in_flight);
        }
    }
}
