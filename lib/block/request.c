/* SPDX-License-Identifier: MIT */
#include "block/request.h"

/** The most sectors of one such request; 0: the disk cannot do it. */
static uint32_t sectors_limit(const struct block_limits *limits, enum block_operation operation)
{
    switch (operation) {
    case BLOCK_OPERATION_READ:
    case BLOCK_OPERATION_WRITE:
        return limits->max_sectors;
    case BLOCK_OPERATION_DISCARD:
        return limits->max_discard_sectors;
    case BLOCK_OPERATION_WRITE_ZEROES:
        return limits->max_zero_sectors;
    case BLOCK_OPERATION_FLUSH:
    case BLOCK_OPERATION_COUNT:
        return 0;
    }
    return 0;
}

static enum block_status check_flush(const struct block_request *request,
                                     const struct block_limits *limits)
{
    if (!limits->flush) {
        return BLOCK_STATUS_UNSUPPORTED;
    }
    return (request->sector | request->data_offset | request->sector_count) != 0
               ? BLOCK_STATUS_BAD_REQUEST
               : BLOCK_STATUS_OK;
}

enum block_status block_request_check_slowly(const struct block_request *request,
                                             const struct block_limits *limits,
                                             uint64_t memory_bytes)
{
    enum block_operation operation;
    uint32_t limit;
    uint64_t bytes;

    if (request->operation >= BLOCK_OPERATION_COUNT ||
        (request->reserved_30[0] | request->reserved_30[1]) != 0) {
        return BLOCK_STATUS_BAD_REQUEST;
    }
    operation = (enum block_operation)request->operation;
    if (operation == BLOCK_OPERATION_FLUSH) {
        return check_flush(request, limits);
    }
    limit = sectors_limit(limits, operation);
    if (limit == 0) {
        return BLOCK_STATUS_UNSUPPORTED;
    }
    if (request->sector_count == 0 || request->sector_count > limit) {
        return BLOCK_STATUS_BAD_REQUEST;
    }
    if (block_operation_has_data(request->operation)
            ? request->data_offset % BLOCK_SECTOR_BYTES != 0
            : request->data_offset != 0) {
        return BLOCK_STATUS_BAD_REQUEST;
    }
    if (request->sector > limits->sector_count ||
        request->sector_count > limits->sector_count - request->sector) {
        return BLOCK_STATUS_BAD_RANGE;
    }
    bytes = block_request_data_bytes(request);
    if (request->data_offset > memory_bytes || bytes > memory_bytes - request->data_offset) {
        return BLOCK_STATUS_BAD_RANGE;
    }
    if (limits->read_only && operation != BLOCK_OPERATION_READ) {
        return BLOCK_STATUS_READ_ONLY;
    }
    return BLOCK_STATUS_OK;
}
