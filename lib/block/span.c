/* SPDX-License-Identifier: MIT */
#include "block/span.h"

#include "block/request.h"

bool block_span_first(uint64_t offset, uint64_t length, uint32_t max_sectors,
                      struct block_span *span)
{
    const uint32_t skip = (uint32_t)(offset % BLOCK_SECTOR_BYTES);
    uint64_t bytes;

    if (length == 0 || max_sectors == 0 || length > UINT64_MAX - offset) {
        return false;
    }
    if (max_sectors > UINT32_MAX / BLOCK_SECTOR_BYTES) {
        max_sectors = UINT32_MAX / BLOCK_SECTOR_BYTES;
    }
    if (skip != 0) {
        /* Up to the next sector: the rest can go without what is there now. */
        bytes = BLOCK_SECTOR_BYTES - skip;
        bytes = length < bytes ? length : bytes;
    } else if (length < BLOCK_SECTOR_BYTES) {
        bytes = length;
    } else {
        bytes = length - length % BLOCK_SECTOR_BYTES;
        if (bytes > (uint64_t)max_sectors * BLOCK_SECTOR_BYTES) {
            bytes = (uint64_t)max_sectors * BLOCK_SECTOR_BYTES;
        }
    }
    span->sector = offset / BLOCK_SECTOR_BYTES;
    span->skip = skip;
    span->bytes = (uint32_t)bytes;
    span->sector_count = (uint32_t)((skip + bytes + BLOCK_SECTOR_BYTES - 1) / BLOCK_SECTOR_BYTES);
    span->whole = skip == 0 && bytes % BLOCK_SECTOR_BYTES == 0;
    return true;
}
