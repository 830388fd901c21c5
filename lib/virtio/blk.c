/* SPDX-License-Identifier: MIT */

/* The block device's configuration: virtio 1.2 §5.2.4. See blk.h. */

#include "virtio/blk.h"

enum field {
    CAPACITY,
    SIZE_MAX_FIELD,
    SEG_MAX,
    BLK_SIZE,
    PHYSICAL_EXPONENT,
    OPTIMAL_BLOCKS,
    QUEUES,
    DISCARD_SECTORS,
    DISCARD_RANGES,
    DISCARD_ALIGNMENT,
    ZEROES_SECTORS,
    ZEROES_RANGES,
    ZEROES_UNMAP,
    FIELD_COUNT
};

/* Where each field is, and the feature without which it is not there. */
static const struct {
    struct virtio_field place;
    uint64_t feature; /* 0: always there */
} known[FIELD_COUNT] = {
    [CAPACITY] = {{0, 8}, 0},
    [SIZE_MAX_FIELD] = {{8, 4}, VIRTIO_BLK_F_SIZE_MAX},
    [SEG_MAX] = {{12, 4}, VIRTIO_BLK_F_SEG_MAX},
    [BLK_SIZE] = {{20, 4}, VIRTIO_BLK_F_BLK_SIZE},
    [PHYSICAL_EXPONENT] = {{24, 1}, VIRTIO_BLK_F_TOPOLOGY},
    [OPTIMAL_BLOCKS] = {{28, 4}, VIRTIO_BLK_F_TOPOLOGY},
    [QUEUES] = {{34, 2}, VIRTIO_BLK_F_MQ},
    [DISCARD_SECTORS] = {{36, 4}, VIRTIO_BLK_F_DISCARD},
    [DISCARD_RANGES] = {{40, 4}, VIRTIO_BLK_F_DISCARD},
    [DISCARD_ALIGNMENT] = {{44, 4}, VIRTIO_BLK_F_DISCARD},
    [ZEROES_SECTORS] = {{48, 4}, VIRTIO_BLK_F_WRITE_ZEROES},
    [ZEROES_RANGES] = {{52, 4}, VIRTIO_BLK_F_WRITE_ZEROES},
    [ZEROES_UNMAP] = {{56, 1}, VIRTIO_BLK_F_WRITE_ZEROES},
};

/* All fields that are there, read at one moment; the others keep what they are. */
static enum virtio_error fields_read(const struct virtio_transport *transport,
                                     uint64_t values[FIELD_COUNT])
{
    struct virtio_field places[FIELD_COUNT];
    uint64_t read[FIELD_COUNT];
    enum virtio_error error;
    uint32_t count = 0;

    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        if ((known[i].feature & ~transport->features) == 0) {
            places[count++] = known[i].place;
        }
    }
    error = virtio_config_read(transport, places, count, read);
    if (error != VIRTIO_OK) {
        return error;
    }
    count = 0;
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        if ((known[i].feature & ~transport->features) == 0) {
            values[i] = read[count++];
        }
    }
    return VIRTIO_OK;
}

static struct virtio_blk_limits limits(uint64_t sectors, uint64_t ranges, uint64_t alignment)
{
    if (sectors == 0 || ranges == 0) {
        return (struct virtio_blk_limits){.alignment = 1};
    }
    return (struct virtio_blk_limits){
        .sectors_max = (uint32_t)sectors,
        .ranges_max = (uint32_t)ranges,
        .alignment = alignment != 0 ? (uint32_t)alignment : 1,
    };
}

enum virtio_error virtio_blk_config_read(const struct virtio_transport *transport,
                                         struct virtio_blk_config *config)
{
    uint64_t values[FIELD_COUNT] = {
        [SIZE_MAX_FIELD] = UINT32_MAX,
        [SEG_MAX] = 1,
        [BLK_SIZE] = VIRTIO_BLK_SECTOR_BYTES,
        [QUEUES] = 1,
    };
    const enum virtio_error error = fields_read(transport, values);
    uint64_t optimal;

    if (error != VIRTIO_OK) {
        return error;
    }
    if (values[CAPACITY] > VIRTIO_BLK_CAPACITY_MAX ||
        values[SIZE_MAX_FIELD] < VIRTIO_BLK_SECTOR_BYTES || values[SEG_MAX] == 0 ||
        values[BLK_SIZE] < VIRTIO_BLK_SECTOR_BYTES || values[BLK_SIZE] > VIRTIO_BLK_BLOCK_MAX ||
        (values[BLK_SIZE] & (values[BLK_SIZE] - 1)) != 0 || values[QUEUES] == 0 ||
        values[QUEUES] > transport->queue_count) {
        return VIRTIO_CONFIG_BAD;
    }
    if (values[PHYSICAL_EXPONENT] > VIRTIO_BLK_EXPONENT_MAX) {
        values[PHYSICAL_EXPONENT] = 0;
    }
    optimal = values[OPTIMAL_BLOCKS] * values[BLK_SIZE];
    *config = (struct virtio_blk_config){
        .capacity = values[CAPACITY],
        .block_bytes = (uint32_t)values[BLK_SIZE],
        .physical_bytes = (uint32_t)(values[BLK_SIZE] << values[PHYSICAL_EXPONENT]),
        .optimal_bytes = optimal <= UINT32_MAX ? (uint32_t)optimal : 0,
        .segment_bytes_max = (uint32_t)values[SIZE_MAX_FIELD],
        .segments_max = (uint32_t)values[SEG_MAX],
        .queue_count = (uint16_t)values[QUEUES],
        .read_only = (transport->features & VIRTIO_BLK_F_RO) != 0,
        .flush = (transport->features & VIRTIO_BLK_F_FLUSH) != 0,
        .write_zeroes_unmaps = values[ZEROES_UNMAP] != 0,
        .discard =
            limits(values[DISCARD_SECTORS], values[DISCARD_RANGES], values[DISCARD_ALIGNMENT]),
        .write_zeroes = limits(values[ZEROES_SECTORS], values[ZEROES_RANGES], 1),
    };
    return VIRTIO_OK;
}

void virtio_blk_id_copy(char text[VIRTIO_BLK_ID_BYTES + 1], const uint8_t raw[VIRTIO_BLK_ID_BYTES])
{
    const volatile uint8_t *from = raw;
    uint32_t length = 0;

    while (length < VIRTIO_BLK_ID_BYTES) {
        const uint8_t byte = from[length];

        if (byte == 0) {
            break;
        }
        text[length++] = byte >= ' ' && byte <= '~' ? (char)byte : '?';
    }
    text[length] = '\0';
}
