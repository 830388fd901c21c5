/* SPDX-License-Identifier: MIT */
/*
 * A client that outlives the disk's driver: it writes until it is told that the driver has gone,
 * asks for the service again through the same client end, and looks whether all that was
 * acknowledged is there.
 *
 * Each request in flight has AREA_SECTORS of the disk's last MiB to itself, and writes them over
 * and over, each time with the next number. After the driver's end an area holds what was
 * acknowledged last, or what was sent after that.
 */
#include "apps/blktest/blktest.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"

#define AREA_SECTORS 8u
#define AREA_BYTES   (AREA_SECTORS * BLOCK_SECTOR_BYTES)
#define DEPTH        16u
#define POLL_NS      (5 * RT_NS_PER_MS)

struct area {
    uint32_t sent;         /* number of the last write, 0: none */
    uint32_t acknowledged; /* that the driver has said is done */
};

static struct area areas[DEPTH];
static uint8_t *bytes;
static uint64_t memory;

/** What write number `number` of an area holds. */
static uint32_t seed_of(uint32_t area, uint32_t number)
{
    return number * DEPTH + area;
}

static bool area_submit(struct block_session *session, const struct block_disk *disk, uint32_t area,
                        enum block_operation operation)
{
    const struct block_request request = {.tag = area,
                                          .sector = disk->sector_count - 2048 + area * AREA_SECTORS,
                                          .data_offset = area * AREA_BYTES,
                                          .sector_count = AREA_SECTORS,
                                          .operation = (uint16_t)operation};

    return block_submit(session, &request) == STATUS_OK;
}

static bool write_next(struct block_session *session, const struct block_disk *disk, uint32_t area)
{
    blktest_fill(bytes + area * AREA_BYTES, AREA_BYTES, seed_of(area, areas[area].sent + 1));
    if (!area_submit(session, disk, area, BLOCK_OPERATION_WRITE)) {
        return false;
    }
    areas[area].sent++;
    return true;
}

/** Open a session as soon as somebody serves the disk. */
static bool open_again(struct block_session *session, struct block_disk *disk, uint64_t endpoint)
{
    const uint64_t end_ns = blktest_now_ns() + BLKTEST_DEADLINE_NS;

    do {
        if (block_info_get(endpoint, disk) == STATUS_OK &&
            block_session_open(session, endpoint, DEPTH, memory,
                               DEPTH * AREA_BYTES / BLOCK_PAGE_BYTES) == STATUS_OK) {
            return true;
        }
        rt_sleep(POLL_NS);
    } while (blktest_now_ns() < end_ns);
    return false;
}

/** Whether an area holds the last acknowledged write, or one that was sent after it. */
static bool area_is_known(uint32_t area)
{
    for (uint32_t number = areas[area].acknowledged; number <= areas[area].sent; number++) {
        if (number != 0 &&
            blktest_is_filled(bytes + area * AREA_BYTES, AREA_BYTES, seed_of(area, number))) {
            return true;
        }
    }
    return areas[area].acknowledged == 0;
}

/** Read every area that was written. False: the session has gone. */
static bool look(struct block_session *session, const struct block_disk *disk)
{
    struct block_answer answer;
    uint32_t lost = 0, read = 0;

    for (uint32_t area = 0; area < DEPTH; area++) {
        if (!area_submit(session, disk, area, BLOCK_OPERATION_READ)) {
            return false;
        }
    }
    while (session->open_count != 0) {
        if (block_wait(session, blktest_now_ns() + BLKTEST_DEADLINE_NS, &answer) != STATUS_OK ||
            answer.status != BLOCK_STATUS_OK) {
            return false;
        }
        read++;
        lost += area_is_known((uint32_t)answer.tag) ? 0 : 1;
    }
    blktest_claim(read == DEPTH && lost == 0, "what was acknowledged is on the disk");
    return true;
}

/** Write until an answer says that the driver has gone. False: there was none, or another error. */
static bool write_until_gone(struct block_session *session, const struct block_disk *disk)
{
    struct block_answer answer;
    uint32_t gone = 0, done = 0;

    for (uint32_t area = 0; area < DEPTH; area++) {
        (void)!write_next(session, disk, area);
    }
    while (session->open_count != 0) {
        if (block_wait(session, blktest_now_ns() + BLKTEST_DEADLINE_NS, &answer) != STATUS_OK) {
            return false;
        }
        if (answer.status == BLOCK_STATUS_GONE) {
            gone++;
            continue;
        }
        if (answer.status != BLOCK_STATUS_OK) {
            return false;
        }
        done++;
        areas[answer.tag].acknowledged = areas[answer.tag].sent;
        (void)!write_next(session, disk, (uint32_t)answer.tag);
    }
    rt_print("blktest: gone after %u writes, %u without an answer\n", done, gone);
    return gone <= DEPTH;
}

void blktest_outlive(uint64_t endpoint, uint32_t ends)
{
    const uint32_t page_count = DEPTH * AREA_BYTES / BLOCK_PAGE_BYTES;
    struct block_session session;
    struct block_disk disk;
    void *data;

    memory = blktest_memory(page_count, &data);
    bytes = data;
    for (uint32_t end = 0; end <= ends; end++) {
        bool known;

        if (!open_again(&session, &disk, endpoint)) {
            blktest_claim(false, "the disk is served again");
            break;
        }
        known = look(&session, &disk);
        if (end == ends) {
            blktest_claim(known, "the last driver answers");
        } else {
            rt_print("blktest: session %u\n", end + 1);
            blktest_claim(write_until_gone(&session, &disk),
                          "requests without an answer end with the driver");
        }
        block_session_close(&session);
    }
    rt_space_unmap(data, page_count);
    capability_release(memory);
}
