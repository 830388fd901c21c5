/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A disk as an array of bytes: synchronous, one request at a time, through a buffer of its own.
 * For tools and for reading what is small. Who wants speed uses block.h with its own memory.
 */

#include "libblock/block.h"

#define BLOCK_IO_DEADLINE_NS 20000000000ull /* longer than a driver gives its device */

struct block_io {
    struct block_disk disk;
    struct block_session session;
    uint64_t memory; /* the buffer */
    uint8_t *buffer;
    uint32_t page_count;
};

/** Open a disk with a buffer of `page_count` pages. Returns as block_session_open(). */
MUST_CHECK enum status block_io_open(struct block_io *io, uint64_t endpoint, uint32_t page_count);

void block_io_close(struct block_io *io);

/*
 * All that follow return BLOCK_STATUS_OK or the first refusal. A range that is not wholly on the
 * disk is BLOCK_STATUS_BAD_RANGE and moves nothing; after other errors a part of it may have been
 * moved. Offsets and lengths are in bytes where they are so named; any alignment will do.
 */

enum block_status block_read(struct block_io *io, uint64_t offset_bytes, void *to,
                             uint64_t length_bytes);

/** Sectors of which only a part is written are read first. */
enum block_status block_write(struct block_io *io, uint64_t offset_bytes, const void *from,
                              uint64_t length_bytes);

/** On return, all that was written before is on the medium. A disk without a cache has it there. */
enum block_status block_flush(struct block_io *io);

enum block_status block_discard(struct block_io *io, uint64_t sector, uint64_t sector_count);
enum block_status block_write_zeroes(struct block_io *io, uint64_t sector, uint64_t sector_count);
