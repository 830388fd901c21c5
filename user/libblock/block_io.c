/* SPDX-License-Identifier: MIT */
#include "libblock/block_io.h"

#include "base/memory.h"
#include "block/span.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"

static_assert(BLOCK_PAGE_BYTES == RT_PAGE_BYTES, "one size of pages");

enum status block_io_open(struct block_io *io, uint64_t endpoint, uint32_t page_count)
{
    void *buffer;
    enum status status;

    *io = (struct block_io){.page_count = page_count};
    status = block_info_get(endpoint, &io->disk);
    if (status != STATUS_OK) {
        return status;
    }
    status = memory_create(page_count, &io->memory);
    if (status != STATUS_OK) {
        return status;
    }
    status = rt_space_map(io->memory, 0, page_count, ACCESS_READ_WRITE, &buffer);
    if (status != STATUS_OK) {
        goto release;
    }
    io->buffer = buffer;
    status = block_session_open(&io->session, endpoint, 1, io->memory, page_count);
    if (status != STATUS_OK) {
        goto unmap;
    }
    return STATUS_OK;

unmap:
    rt_space_unmap(buffer, page_count);
release:
    capability_release(io->memory);
    return status;
}

void block_io_close(struct block_io *io)
{
    block_session_close(&io->session);
    rt_space_unmap(io->buffer, io->page_count);
    capability_release(io->memory);
    *io = (struct block_io){0};
}

/** Perform one request, with a deadline. */
static enum block_status perform(struct block_io *io, const struct block_request *request)
{
    struct block_answer answer;
    uint64_t now_ns;

    if (block_submit(&io->session, request) != STATUS_OK || rt_clock_now(&now_ns) != STATUS_OK) {
        return BLOCK_STATUS_GONE;
    }
    if (block_wait(&io->session, now_ns + BLOCK_IO_DEADLINE_NS, &answer) != STATUS_OK) {
        /* Whatever comes later would come to a buffer that is in use for something else. */
        block_session_break(&io->session);
        return BLOCK_STATUS_GONE;
    }
    return (enum block_status)answer.status; /* checked by block_poll() */
}

/** Move the sectors of a span to or from the start of the buffer. */
static enum block_status transfer(struct block_io *io, const struct block_span *span,
                                  enum block_operation operation)
{
    const struct block_request request = {
        .sector = span->sector,
        .sector_count = span->sector_count,
        .operation = (uint16_t)operation,
    };

    return perform(io, &request);
}

/** Sectors that the buffer and the disk can do at once. */
static uint32_t transfer_sectors(const struct block_io *io)
{
    const uint64_t room = io->page_count * (uint64_t)BLOCK_PAGE_BYTES / BLOCK_SECTOR_BYTES;

    return room < io->disk.max_sectors ? (uint32_t)room : io->disk.max_sectors;
}

static bool on_disk(const struct block_io *io, uint64_t offset, uint64_t length)
{
    const uint64_t bytes = io->disk.sector_count * BLOCK_SECTOR_BYTES; /* checked: no overflow */

    return offset <= bytes && length <= bytes - offset;
}

enum block_status block_read(struct block_io *io, uint64_t offset_bytes, void *to,
                             uint64_t length_bytes)
{
    uint8_t *place = to;
    struct block_span span;

    if (!on_disk(io, offset_bytes, length_bytes)) {
        return BLOCK_STATUS_BAD_RANGE;
    }
    while (block_span_first(offset_bytes, length_bytes, transfer_sectors(io), &span)) {
        const enum block_status status = transfer(io, &span, BLOCK_OPERATION_READ);

        if (status != BLOCK_STATUS_OK) {
            return status;
        }
        memcpy(place, io->buffer + span.skip, span.bytes);
        place += span.bytes;
        offset_bytes += span.bytes;
        length_bytes -= span.bytes;
    }
    return BLOCK_STATUS_OK;
}

enum block_status block_write(struct block_io *io, uint64_t offset_bytes, const void *from,
                              uint64_t length_bytes)
{
    const uint8_t *place = from;
    struct block_span span;

    if (!on_disk(io, offset_bytes, length_bytes)) {
        return BLOCK_STATUS_BAD_RANGE;
    }
    while (block_span_first(offset_bytes, length_bytes, transfer_sectors(io), &span)) {
        enum block_status status = BLOCK_STATUS_OK;

        if (!span.whole) {
            status = transfer(io, &span, BLOCK_OPERATION_READ);
        }
        if (status == BLOCK_STATUS_OK) {
            memcpy(io->buffer + span.skip, place, span.bytes);
            status = transfer(io, &span, BLOCK_OPERATION_WRITE);
        }
        if (status != BLOCK_STATUS_OK) {
            return status;
        }
        place += span.bytes;
        offset_bytes += span.bytes;
        length_bytes -= span.bytes;
    }
    return BLOCK_STATUS_OK;
}

enum block_status block_flush(struct block_io *io)
{
    const struct block_request request = {.operation = BLOCK_OPERATION_FLUSH};

    return io->disk.flush ? perform(io, &request) : BLOCK_STATUS_OK;
}

/** An operation on sectors without data, in requests of at most `limit` sectors. */
static enum block_status sectors_perform(struct block_io *io, enum block_operation operation,
                                         uint32_t limit, uint64_t sector, uint64_t sector_count)
{
    if (limit == 0) {
        return BLOCK_STATUS_UNSUPPORTED;
    }
    if (sector > io->disk.sector_count || sector_count > io->disk.sector_count - sector) {
        return BLOCK_STATUS_BAD_RANGE;
    }
    while (sector_count != 0) {
        const struct block_request request = {
            .sector = sector,
            .sector_count = sector_count < limit ? (uint32_t)sector_count : limit,
            .operation = (uint16_t)operation,
        };
        const enum block_status status = perform(io, &request);

        if (status != BLOCK_STATUS_OK) {
            return status;
        }
        sector += request.sector_count;
        sector_count -= request.sector_count;
    }
    return BLOCK_STATUS_OK;
}

enum block_status block_discard(struct block_io *io, uint64_t sector, uint64_t sector_count)
{
    return sectors_perform(io, BLOCK_OPERATION_DISCARD, io->disk.max_discard_sectors, sector,
                           sector_count);
}

enum block_status block_write_zeroes(struct block_io *io, uint64_t sector, uint64_t sector_count)
{
    return sectors_perform(io, BLOCK_OPERATION_WRITE_ZEROES, io->disk.max_zero_sectors, sector,
                           sector_count);
}
