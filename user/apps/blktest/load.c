/* SPDX-License-Identifier: MIT */
/*
 * Many requests in flight: each of some sectors of the disk's last MiB, of which a model in memory
 * knows what is there. Two requests in flight never touch the same sectors.
 */
#include "apps/blktest/blktest.h"
#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/print.h"

#define AREAS        64u /* of the disk */
#define AREA_SECTORS 8u
#define AREA_BYTES   (AREA_SECTORS * BLOCK_SECTOR_BYTES)

struct area {
    uint32_t seed; /* of what is there; 0: not known */
    bool busy;
};

struct flight {
    uint32_t area;
    uint32_t seed; /* of what is written or should be read */
    bool writes;
};

static struct area areas[AREAS];
static struct flight flights[BLOCK_DEPTH_MAX];
static uint32_t state = 1;

static uint32_t random_below(uint32_t bound)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % bound;
}

/** Begin a request in the flight's own part of the memory. False: the session is gone. */
static bool flight_start(struct block_session *session, uint8_t *data, uint32_t number,
                         uint64_t first_sector)
{
    struct flight *const flight = &flights[number];
    struct block_request request = {.tag = number, .sector_count = AREA_SECTORS};

    do {
        flight->area = random_below(AREAS);
    } while (areas[flight->area].busy);
    areas[flight->area].busy = true;
    flight->writes = areas[flight->area].seed == 0 || random_below(2) == 0;
    if (flight->writes) {
        flight->seed = 1 + random_below(1u << 20);
        areas[flight->area].seed = flight->seed;
        blktest_fill(data + number * AREA_BYTES, AREA_BYTES, flight->seed);
    } else {
        flight->seed = areas[flight->area].seed;
        memset(data + number * AREA_BYTES, 0xdd, AREA_BYTES);
    }
    request.sector = first_sector + flight->area * AREA_SECTORS;
    request.data_offset = number * AREA_BYTES;
    request.operation = flight->writes ? BLOCK_OPERATION_WRITE : BLOCK_OPERATION_READ;
    return block_submit(session, &request) == STATUS_OK;
}

void blktest_load(uint64_t endpoint, uint32_t depth, uint32_t rounds)
{
    const uint32_t page_count = depth * AREA_BYTES / BLOCK_PAGE_BYTES;
    struct block_session session;
    struct block_answer answer;
    struct block_disk disk;
    uint32_t done = 0, wrong = 0, failed = 0, most_open = 0;
    uint64_t memory, started_ns, sector;
    void *data;
    enum status status = block_info_get(endpoint, &disk);

    memory = blktest_memory(page_count, &data);
    if (status == STATUS_OK) {
        status = block_session_open(&session, endpoint, depth, memory, page_count);
    }
    if (status != STATUS_OK) {
        rt_print("blktest: open: %s\n", status_name(status));
        blktest_claim(false, "a session opens");
        return;
    }
    memset(areas, 0, sizeof(areas));
    sector = disk.sector_count - 2048;
    started_ns = blktest_now_ns();
    for (uint32_t i = 0; i < depth; i++) {
        failed += flight_start(&session, data, i, sector) ? 0 : 1;
    }
    while (session.open_count != 0) {
        const uint32_t open = session.open_count;
        struct flight *flight;

        most_open = open > most_open ? open : most_open;
        if (block_wait(&session, blktest_now_ns() + BLKTEST_DEADLINE_NS, &answer) != STATUS_OK) {
            rt_print("blktest: no answer, %u open\n", session.open_count);
            failed++;
            break;
        }
        flight = &flights[answer.tag];
        done++;
        failed += answer.status == BLOCK_STATUS_OK ? 0 : 1;
        if (!flight->writes && !blktest_is_filled((uint8_t *)data + answer.tag * AREA_BYTES,
                                                  AREA_BYTES, flight->seed)) {
            wrong++;
        }
        areas[flight->area].busy = false;
        if (done + session.open_count < rounds && answer.status == BLOCK_STATUS_OK) {
            failed += flight_start(&session, data, (uint32_t)answer.tag, sector) ? 0 : 1;
        }
    }
    rt_print("blktest: %u requests, at most %u at once, %llu us\n", done, most_open,
             (unsigned long long)(blktest_now_ns() - started_ns) / 1000);
    blktest_claim(done == rounds && failed == 0, "every request is answered");
    blktest_claim(wrong == 0, "every read gives what was written last");
    blktest_claim(most_open == depth, "as many are in flight as were agreed on");
    block_session_close(&session);
    rt_space_unmap(data, page_count);
    capability_release(memory);
}

void blktest_bench(uint64_t endpoint, uint32_t depth, uint32_t rounds)
{
    struct block_request request = {.sector_count = AREA_SECTORS,
                                    .operation = BLOCK_OPERATION_READ};
    struct block_session session;
    struct block_answer answer;
    struct block_disk disk;
    uint32_t sent = 0, good = 0, places;
    uint64_t memory, started_ns;
    void *data;

    memory = blktest_memory(depth, &data);
    if (block_info_get(endpoint, &disk) != STATUS_OK ||
        block_session_open(&session, endpoint, depth, memory, depth) != STATUS_OK) {
        blktest_claim(false, "a session opens");
        return;
    }
    places = (uint32_t)(disk.sector_count / AREA_SECTORS);
    places = places < 1u << 24 ? places : 1u << 24;
    started_ns = blktest_now_ns();
    while (good < rounds) {
        while (sent < rounds && session.open_count < depth) {
            request.tag = sent % depth;
            request.data_offset = request.tag * AREA_BYTES;
            request.sector = (uint64_t)random_below(places) * AREA_SECTORS;
            if (block_submit(&session, &request) != STATUS_OK) {
                break;
            }
            sent++;
        }
        if (block_wait(&session, RT_NO_DEADLINE, &answer) != STATUS_OK ||
            answer.status != BLOCK_STATUS_OK) {
            break;
        }
        good++;
        while (block_poll(&session, &answer) && answer.status == BLOCK_STATUS_OK) {
            good++;
        }
    }
    rt_print("blktest: depth %u: %llu ns for each of %u reads\n", depth,
             (unsigned long long)(blktest_now_ns() - started_ns) / rounds, good);
    blktest_claim(good == rounds, "every read is answered");
    block_session_close(&session);
    rt_space_unmap(data, depth);
    capability_release(memory);
}
