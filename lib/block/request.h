/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a driver of BlockDevice checks of a request before anything else is done with it.
 *
 * A request comes out of memory that a client writes: every field may have any value. The caller
 * has made its own copy. What is accepted here lies inside the disk and inside the client's own
 * memory, and asks for something that the disk said it can do. Pure.
 */

#include "base/compiler.h"
#include "capos.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_SECTOR_BYTES 512u
#define BLOCK_SECTOR_SHIFT 9u

/** The bit of a client's Signaller that says that there are answers: BlockDevice.open. */
#define BLOCK_CLIENT_BIT 1ull

/** A disk, as its driver tells its clients. */
struct block_limits {
    uint64_t sector_count;
    uint32_t max_sectors;         /* of one read or write; in bytes below 2^32 */
    uint32_t max_discard_sectors; /* 0: it cannot discard */
    uint32_t max_zero_sectors;    /* 0: it cannot write zeroes */
    bool read_only;
    bool flush; /* it has something to flush */
};

/** Whether an operation moves bytes of the client's memory. */
static inline bool block_operation_has_data(uint16_t operation)
{
    return operation == BLOCK_OPERATION_READ || operation == BLOCK_OPERATION_WRITE;
}

/** Bytes that an accepted request moves to or from the client's memory. */
static inline uint32_t block_request_data_bytes(const struct block_request *request)
{
    return block_operation_has_data(request->operation)
               ? request->sector_count << BLOCK_SECTOR_SHIFT
               : 0;
}

/** What block_request_check() says of everything but a good read or write. */
enum block_status block_request_check_slowly(const struct block_request *request,
                                             const struct block_limits *limits,
                                             uint64_t memory_bytes);

/**
 * Check a request of a client with `memory_bytes` of memory.
 *
 * Returns: BLOCK_STATUS_OK; BLOCK_STATUS_BAD_REQUEST (no such operation, no sectors or too many, a
 * flush with sectors or data, a data offset that is not whole sectors, a reserved field that is
 * not zero); BLOCK_STATUS_BAD_RANGE (beyond the disk's end or the memory's);
 * BLOCK_STATUS_READ_ONLY; BLOCK_STATUS_UNSUPPORTED. The first of these that applies, in that order
 * but for the last: an operation that the disk has not is UNSUPPORTED whatever its fields.
 */
static ALWAYS_INLINE enum block_status block_request_check(const struct block_request *request,
                                                           const struct block_limits *limits,
                                                           uint64_t memory_bytes)
{
    const uint64_t bytes = (uint64_t)request->sector_count << BLOCK_SECTOR_SHIFT;
    const bool reads = request->operation == BLOCK_OPERATION_READ;
    const bool writes = request->operation == BLOCK_OPERATION_WRITE && !limits->read_only;

    /* The good case in few comparisons: an unsigned difference that would be negative is refused
     * by the comparison before it. */
    if (LIKELY((reads || writes) && request->sector_count - 1u < limits->max_sectors &&
               request->sector <= limits->sector_count &&
               request->sector_count <= limits->sector_count - request->sector &&
               request->data_offset % BLOCK_SECTOR_BYTES == 0 &&
               request->data_offset <= memory_bytes &&
               bytes <= memory_bytes - request->data_offset && request->reserved_30[0] == 0 &&
               request->reserved_30[1] == 0)) {
        return BLOCK_STATUS_OK;
    }
    return block_request_check_slowly(request, limits, memory_bytes);
}
