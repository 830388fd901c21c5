/* SPDX-License-Identifier: MIT */
/*
 * What a client may not do, tried: each costs at most the session that it is done in.
 */
#include "apps/blktest/blktest.h"
#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"

#define DEPTH         8u
#define PAGES         4u
#define SESSIONS_MOST 64u

/** Open a session on all of the memory, once there is room: closed ones end when the driver hears
 * of it. */
static enum status open_with_room(struct block_session *session, uint64_t endpoint, uint64_t memory)
{
    const uint64_t end_ns = blktest_now_ns() + BLKTEST_DEADLINE_NS;
    enum status status = block_session_open(session, endpoint, DEPTH, memory, PAGES);

    while (status == STATUS_QUEUE_FULL && blktest_now_ns() < end_ns) {
        rt_sleep(RT_NS_PER_MS);
        status = block_session_open(session, endpoint, DEPTH, memory, PAGES);
    }
    return status;
}

/** Whether a good session answers a good request. */
static bool answers(struct block_session *session)
{
    const struct block_request request = {.tag = 9, .sector_count = 1};
    struct block_answer answer;

    return block_submit(session, &request) == STATUS_OK &&
           block_wait(session, blktest_now_ns() + BLKTEST_DEADLINE_NS, &answer) == STATUS_OK &&
           answer.tag == 9 && answer.status == BLOCK_STATUS_OK;
}

/** Send one request as it is, and say what comes back. */
static enum block_status outcome(struct block_session *session, struct block_request request)
{
    struct block_answer answer;

    if (block_submit(session, &request) != STATUS_OK ||
        block_wait(session, blktest_now_ns() + BLKTEST_DEADLINE_NS, &answer) != STATUS_OK) {
        return BLOCK_STATUS_GONE;
    }
    return (enum block_status)answer.status;
}

static void bad_requests(struct block_session *session, const struct block_disk *disk)
{
    const uint64_t memory = PAGES * (uint64_t)BLOCK_PAGE_BYTES;

    blktest_status(outcome(session, (struct block_request){.operation = 99, .sector_count = 1}),
                   BLOCK_STATUS_BAD_REQUEST, "an operation that there is not");
    blktest_status(outcome(session, (struct block_request){.sector_count = 0}),
                   BLOCK_STATUS_BAD_REQUEST, "no sectors");
    blktest_status(outcome(session, (struct block_request){.sector_count = 1, .data_offset = 100}),
                   BLOCK_STATUS_BAD_REQUEST, "data that is not aligned");
    blktest_status(
        outcome(session, (struct block_request){.sector = disk->sector_count, .sector_count = 1}),
        BLOCK_STATUS_BAD_RANGE, "beyond the disk's end");
    blktest_status(
        outcome(session, (struct block_request){.sector = UINT64_MAX, .sector_count = 1}),
        BLOCK_STATUS_BAD_RANGE, "a sector whose sum wraps");
    blktest_status(
        outcome(session, (struct block_request){.sector_count = 1, .data_offset = memory}),
        BLOCK_STATUS_BAD_RANGE, "beyond the memory's end");
    blktest_status(
        outcome(session, (struct block_request){.sector_count = 2, .data_offset = memory - 512}),
        BLOCK_STATUS_BAD_RANGE, "across the memory's end");
    blktest_status(outcome(session, (struct block_request){.sector_count = 1,
                                                           .data_offset = UINT64_MAX - 511}),
                   BLOCK_STATUS_BAD_RANGE, "an offset whose sum wraps");
    blktest_claim(answers(session), "the session lives on");
}

/** Wait until the driver has ended a session. */
static bool ends(struct block_session *session)
{
    const struct block_request request = {.sector_count = 1};
    struct block_answer answer;

    if (!session->gone && block_submit(session, &request) != STATUS_OK) {
        return true;
    }
    return block_wait(session, blktest_now_ns() + BLKTEST_DEADLINE_NS, &answer) == STATUS_OK &&
           answer.status == BLOCK_STATUS_GONE;
}

/** A request index that no honest client can have written. */
static void poison(uint64_t endpoint, uint64_t memory)
{
    struct block_session session;

    if (open_with_room(&session, endpoint, memory) != STATUS_OK) {
        blktest_claim(false, "a session to poison opens");
        return;
    }
    __atomic_store_n(&session.requests.memory->header.tail, 0x40000000u, __ATOMIC_RELEASE);
    (void)!signaller_signal(session.driver_signaller, session.signal_bits);
    session.requests.poisoned = true; /* publish nothing over it */
    blktest_claim(ends(&session), "a poisoned queue ends its session");
    block_session_close(&session);
}

/** More requests than the answers' queue has room for, and no answer taken. */
static void overrun(uint64_t endpoint, uint64_t memory)
{
    const struct block_request request = {.sector_count = 1, .operation = 99};
    const uint64_t end_ns = blktest_now_ns() + BLKTEST_DEADLINE_NS;
    struct block_session session;
    bool ended = false;

    if (open_with_room(&session, endpoint, memory) != STATUS_OK) {
        blktest_claim(false, "a session to overrun opens");
        return;
    }
    while (!ended && blktest_now_ns() < end_ns) {
        if (queue_producer_put(&session.requests, &request) != QUEUE_OK) {
            rt_sleep(RT_NS_PER_MS);
        }
        if (queue_producer_publish(&session.requests)) {
            (void)!signaller_signal(session.driver_signaller, session.signal_bits);
        }
        rt_ring_drain(session.ring);
        ended = session.watch.state == RT_OPERATION_DONE;
    }
    blktest_claim(ended, "a client without room for answers loses its session");
    block_session_close(&session);
}

/** BlockDevice.open with other capabilities than it asks for. */
static enum status open_with(uint64_t endpoint, uint64_t memory, uint64_t signaller, uint32_t depth,
                             uint32_t page_count)
{
    struct rt_exchange exchange;
    struct wire_build_struct params;
    struct wire_struct results;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    block_device_open_params_init_root(&exchange.builder, &params);
    block_device_open_params_set_depth(&params, depth);
    block_device_open_params_set_page_count(&params, page_count);
    if (memory != 0) {
        rt_exchange_transfer(&exchange, memory, RING_TRANSFER_COPY);
    }
    if (signaller != 0) {
        rt_exchange_transfer(&exchange, signaller, RING_TRANSFER_COPY);
    }
    status = rt_exchange_call(&exchange, endpoint, BLOCK_DEVICE_OPEN, &results);
    for (uint32_t i = 0; i < rt_exchange_received(&exchange); i++) {
        capability_release(rt_exchange_capability(&exchange, i));
    }
    rt_exchange_end(&exchange);
    return status;
}

static void bad_opens(uint64_t endpoint, uint64_t memory)
{
    uint64_t notification, own_endpoint, own_client, read_only;

    if (notification_create(&notification) != STATUS_OK ||
        endpoint_create(&own_endpoint) != STATUS_OK ||
        endpoint_mint(own_endpoint, 1, &own_client) != STATUS_OK ||
        memory_view(memory, 0, PAGES, ACCESS_READ, &read_only) != STATUS_OK) {
        blktest_claim(false, "objects to send");
        return;
    }
    blktest_claim(open_with(endpoint, 0, 0, DEPTH, PAGES) != STATUS_OK, "an open without memory");
    blktest_claim(open_with(endpoint, notification, notification, DEPTH, PAGES) != STATUS_OK,
                  "an open with a notification for memory");
    /* A driver that called this would wait for ever: nobody receives there. */
    blktest_claim(open_with(endpoint, memory, own_client, DEPTH, PAGES) != STATUS_OK,
                  "an open with a client end for a Signaller");
    blktest_claim(open_with(endpoint, read_only, notification, DEPTH, PAGES) != STATUS_OK,
                  "an open with memory that may not be written");
    blktest_claim(open_with(endpoint, memory, notification, DEPTH, PAGES + 1) != STATUS_OK,
                  "an open with more pages than there are");
    blktest_claim(open_with(endpoint, memory, notification, 0, PAGES) != STATUS_OK,
                  "an open of depth 0");
    blktest_claim(open_with(endpoint, memory, notification, 100000, PAGES) != STATUS_OK,
                  "an open of an absurd depth");
    capability_release(read_only);
    capability_release(own_client);
    capability_release(own_endpoint);
    capability_release(notification);
}

/** Sessions until the driver has enough; then they are given back, and there is room again. */
static void exhaust(uint64_t endpoint, uint64_t memory)
{
    static struct block_session sessions[SESSIONS_MOST];
    enum status status = STATUS_OK;
    uint32_t count = 0;

    while (count < SESSIONS_MOST && status == STATUS_OK) {
        status = block_session_open(&sessions[count], endpoint, DEPTH, memory, PAGES);
        count += status == STATUS_OK ? 1 : 0;
    }
    rt_print("blktest: %u sessions, then %s\n", count, status_name(status));
    blktest_claim(status == STATUS_QUEUE_FULL && count >= 1, "sessions are bounded");
    for (uint32_t i = 0; i < count; i++) {
        block_session_close(&sessions[i]);
    }
    status = open_with_room(&sessions[0], endpoint, memory);
    blktest_claim(status == STATUS_OK && answers(&sessions[0]), "closed ones make room");
    block_session_close(&sessions[0]);
}

/** The memory is taken back while the device works on it. */
static void revoke(uint64_t endpoint)
{
    const struct block_request request = {.sector_count = 8};
    struct block_session session;
    struct block_answer answer;
    uint64_t memory, view;
    unsigned count = 0;
    void *data;

    memory = blktest_memory(PAGES, &data);
    if (memory_view(memory, 0, PAGES, ACCESS_READ_WRITE, &view) != STATUS_OK ||
        open_with_room(&session, endpoint, view) != STATUS_OK) {
        blktest_claim(false, "a session on a view opens");
        return;
    }
    for (unsigned i = 0; i < DEPTH; i++) {
        count += block_submit(&session, &request) == STATUS_OK ? 1 : 0;
    }
    block_kick(&session);
    capability_revoke(view);
    capability_release(view);
    rt_space_unmap(data, PAGES);
    capability_release(memory);
    while (count != 0 &&
           block_wait(&session, blktest_now_ns() + BLKTEST_DEADLINE_NS, &answer) == STATUS_OK &&
           answer.status == BLOCK_STATUS_OK) {
        count--;
    }
    blktest_claim(count == 0, "requests on memory that was revoked are answered");
    block_session_close(&session);
}

void blktest_hostile(uint64_t endpoint)
{
    struct block_session good;
    struct block_disk disk;
    uint64_t memory;
    void *data;

    memory = blktest_memory(PAGES, &data);
    if (block_info_get(endpoint, &disk) != STATUS_OK ||
        open_with_room(&good, endpoint, memory) != STATUS_OK) {
        blktest_claim(false, "a good session opens");
        return;
    }
    bad_requests(&good, &disk);
    bad_opens(endpoint, memory);
    poison(endpoint, memory);
    overrun(endpoint, memory);
    exhaust(endpoint, memory);
    revoke(endpoint);
    blktest_claim(answers(&good), "a good session has lived through all that");
    block_session_close(&good);
    rt_space_unmap(data, PAGES);
    capability_release(memory);
}

void blktest_die(uint64_t endpoint)
{
    struct block_session session;
    uint64_t memory;
    void *data;

    memory = blktest_memory(DEPTH * 16, &data);
    if (block_session_open(&session, endpoint, DEPTH, memory, DEPTH * 16) == STATUS_OK) {
        for (uint32_t i = 0; i < DEPTH; i++) {
            const struct block_request request = {.sector_count = 128,
                                                  .data_offset = i * 128ull * 512};

            (void)!block_submit(&session, &request);
        }
        block_kick(&session);
    }
    rt_print("blktest: exit with requests in flight\n");
    rt_exit(0);
}
