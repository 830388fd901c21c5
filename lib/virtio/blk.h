/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The block device (virtio 1.2 §5.2): feature bits, configuration, requests and their outcome.
 *
 * A request is a chain: struct virtio_blk_header, then data (read or written by the device), then
 * one status byte that the device writes. The driver sets that byte to VIRTIO_BLK_PENDING before;
 * virtio_blk_outcome() judges it afterwards, together with what the used ring said was written:
 * data counts as read only if the device says that it wrote all of it, so that nobody is given
 * what was in the buffer before.
 */

#include "virtio/transport.h"

#define VIRTIO_BLK_F_SIZE_MAX     (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX      (1ull << 2)
#define VIRTIO_BLK_F_GEOMETRY     (1ull << 4)
#define VIRTIO_BLK_F_RO           (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE     (1ull << 6)
#define VIRTIO_BLK_F_FLUSH        (1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY     (1ull << 10)
#define VIRTIO_BLK_F_CONFIG_WCE   (1ull << 11)
#define VIRTIO_BLK_F_MQ           (1ull << 12)
#define VIRTIO_BLK_F_DISCARD      (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)
#define VIRTIO_BLK_F_LIFETIME     (1ull << 15)
#define VIRTIO_BLK_F_SECURE_ERASE (1ull << 16)

/** What virtio_blk_config_read() and the functions below understand. */
#define VIRTIO_BLK_FEATURES                                                                        \
    (VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE |      \
     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_MQ | VIRTIO_BLK_F_DISCARD |         \
     VIRTIO_BLK_F_WRITE_ZEROES)

#define VIRTIO_BLK_SECTOR_BYTES 512u
#define VIRTIO_BLK_ID_BYTES     20u
#define VIRTIO_BLK_BLOCK_MAX    65536u /* bytes; larger ones are absurd */
#define VIRTIO_BLK_CAPACITY_MAX ((uint64_t)INT64_MAX / VIRTIO_BLK_SECTOR_BYTES)
#define VIRTIO_BLK_EXPONENT_MAX 15u /* log2(blocks) in a physical one; more is ignored */

/** Values as on the wire. */
enum virtio_blk_type {
    VIRTIO_BLK_READ = 0,
    VIRTIO_BLK_WRITE = 1,
    VIRTIO_BLK_FLUSH = 4,
    VIRTIO_BLK_GET_ID = 8,
    VIRTIO_BLK_DISCARD = 11,
    VIRTIO_BLK_WRITE_ZEROES = 13,
};

/** The first buffer of each request. */
struct virtio_blk_header {
    uint32_t type; /* enum virtio_blk_type */
    uint32_t reserved;
    uint64_t sector;
};

/** The data of DISCARD and WRITE_ZEROES: one or more of these. */
struct virtio_blk_range {
    uint64_t sector;
    uint32_t count; /* sectors */
    uint32_t flags; /* VIRTIO_BLK_UNMAP, with WRITE_ZEROES only */
};

#define VIRTIO_BLK_UNMAP 1u

static_assert(sizeof(struct virtio_blk_header) == 16, "as in §5.2.6");
static_assert(sizeof(struct virtio_blk_range) == 16, "as in §5.2.6");

/** Limits of DISCARD or WRITE_ZEROES. */
struct virtio_blk_limits {
    uint32_t sectors_max; /* in a range; 0: the device cannot do it */
    uint32_t ranges_max;  /* in a request */
    uint32_t alignment;   /* of ranges, in sectors; a hint, at least 1 */
};

/** A device's configuration, checked. */
struct virtio_blk_config {
    uint64_t capacity;          /* sectors */
    uint32_t block_bytes;       /* a power of two from 512 to VIRTIO_BLK_BLOCK_MAX */
    uint32_t physical_bytes;    /* of a block of the medium; a hint, at least block_bytes */
    uint32_t optimal_bytes;     /* of a request; a hint, 0: none */
    uint32_t segment_bytes_max; /* of a data buffer */
    uint32_t segments_max;      /* data buffers in a request, at least 1 */
    uint16_t queue_count;       /* at least 1 */
    bool read_only;
    bool flush; /* there is a cache, and requests that flush it */
    bool write_zeroes_unmaps;
    struct virtio_blk_limits discard;
    struct virtio_blk_limits write_zeroes;
};

/**
 * Read the configuration of a device that was negotiated with; what belongs to features that are
 * not in force gets its default.
 *
 * Returns: VIRTIO_OK; VIRTIO_CONFIG_BAD for a capacity beyond VIRTIO_BLK_CAPACITY_MAX, block size,
 * segment limits or number of queues that cannot be; errors of virtio_config_read(). Absurd hints
 * are ignored; DISCARD or WRITE_ZEROES with a limit of 0 counts as not there. `config` is written
 * only on success.
 */
MUST_CHECK enum virtio_error virtio_blk_config_read(const struct virtio_transport *transport,
                                                    struct virtio_blk_config *config);

/** Whether [sector, sector + count) is not empty and on the medium. */
static inline bool virtio_blk_inside(const struct virtio_blk_config *config, uint64_t sector,
                                     uint64_t count)
{
    return count != 0 && sector <= config->capacity && count <= config->capacity - sector;
}

/** The header of a request. `sector` counts for READ and WRITE, and is 0 otherwise (§5.2.6). */
static inline struct virtio_blk_header virtio_blk_header(enum virtio_blk_type type, uint64_t sector)
{
    return (struct virtio_blk_header){
        .type = (uint32_t)type,
        .sector = type == VIRTIO_BLK_READ || type == VIRTIO_BLK_WRITE ? sector : 0,
    };
}

/* The status byte. */
#define VIRTIO_BLK_STATUS_OK          0u
#define VIRTIO_BLK_STATUS_IO_ERROR    1u
#define VIRTIO_BLK_STATUS_UNSUPPORTED 2u
#define VIRTIO_BLK_PENDING            0xffu /* not the device's: what the driver sets it to */

enum virtio_blk_outcome {
    VIRTIO_BLK_DONE = 0,
    VIRTIO_BLK_FAILED,      /* the device says so */
    VIRTIO_BLK_UNSUPPORTED, /* the device does not know the request */
    VIRTIO_BLK_SHORT,       /* the device says it is done, but not all was written */
    VIRTIO_BLK_NONSENSE,    /* no status, or none that there is */
};

/**
 * What became of a request.
 *
 * `status` is the status byte, read once; `written` from virtqueue_take(); `readable` the bytes of
 * data that the device was to write (0 but for READ and GET_ID).
 */
static inline enum virtio_blk_outcome virtio_blk_outcome(uint8_t status, uint32_t written,
                                                         uint32_t readable)
{
    switch (status) {
    case VIRTIO_BLK_STATUS_OK:
        /* §2.7.8.2: only what `written` covers is known to have been written. */
        return written > readable ? VIRTIO_BLK_DONE : VIRTIO_BLK_SHORT;
    case VIRTIO_BLK_STATUS_IO_ERROR:
        return VIRTIO_BLK_FAILED;
    case VIRTIO_BLK_STATUS_UNSUPPORTED:
        return VIRTIO_BLK_UNSUPPORTED;
    default:
        return VIRTIO_BLK_NONSENSE;
    }
}

/**
 * Copy what GET_ID gave: up to the first NUL, with "?" for what is not printable, with a NUL at
 * the end. `raw` is memory that the device may still write.
 */
void virtio_blk_id_copy(char text[VIRTIO_BLK_ID_BYTES + 1], const uint8_t raw[VIRTIO_BLK_ID_BYTES]);
