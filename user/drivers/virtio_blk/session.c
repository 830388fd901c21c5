/* SPDX-License-Identifier: MIT */
#include "drivers/virtio_blk/session.h"

#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"

#define LINE_BYTES 64u

static uint32_t session_number(const struct blk *blk, const struct session *session)
{
    return (uint32_t)(session - blk->sessions);
}

static uint64_t bit_of(const struct blk *blk, const struct session *session, uint32_t shift)
{
    return 1ull << (session_number(blk, session) + shift);
}

/* ------------------------------------------------------------------------------------------
 * The end
 * ------------------------------------------------------------------------------------------ */

static void release(uint64_t *capability, bool revoke)
{
    if (*capability != 0) {
        if (revoke) {
            capability_revoke(*capability);
        }
        capability_release(*capability);
    }
    *capability = 0;
}

/**
 * End what a session does. Its queues stay mapped for a client that still has its end: a revocation
 * now would take them from under it. Safe on a session that was only half made.
 */
static void session_stop(struct session *session)
{
    driver_dma_release(&session->data); /* from here on nothing of the client's is pinned */
    release(&session->driver_signaller, true);
    release(&session->client_signaller, false);
    release(&session->endpoint, false); /* whoever waits at the client end hears of it */
}

/** Give back the rest, and the place. */
static void session_free(struct session *session)
{
    if (session->queue_address != NULL) {
        rt_space_unmap(session->queue_address, session->queue_pages);
        session->queue_address = NULL;
    }
    /* Else a client could keep it, and the driver would go on paying. */
    release(&session->queue_memory, true);
    session->state = SESSION_FREE;
}

void session_close(struct blk *blk, struct session *session)
{
    const uint32_t bit = 1u << session_number(blk, session);

    blk->active &= ~bit;
    session->state = SESSION_CLOSING;
    if (session->in_flight == 0) {
        blk->dirty &= ~bit;
        session_stop(session);
        session->state = SESSION_DEAD;
        if (session->client_gone) {
            session_free(session);
        }
    }
}

void session_client_gone(struct blk *blk, struct session *session)
{
    session->client_gone = true;
    if (session->state == SESSION_OPEN) {
        session_close(blk, session);
    } else if (session->state == SESSION_DEAD) {
        session_free(session);
    }
}

/* ------------------------------------------------------------------------------------------
 * The beginning
 * ------------------------------------------------------------------------------------------ */

/** A free place, unless this client has had its share. */
static struct session *session_place(struct blk *blk, uint64_t badge)
{
    struct session *place = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *const session = &blk->sessions[i];

        if (session->state == SESSION_FREE) {
            place = place == NULL ? session : place;
        } else if (session->badge == badge) {
            count++;
        }
    }
    return count < SESSIONS_PER_CLIENT ? place : NULL;
}

static uint32_t round_up_to_power(uint32_t number)
{
    uint32_t power = 1;

    while (power < number) {
        power *= 2;
    }
    return power;
}

/** The memory of the two queues, in which the driver is the one that it belongs to. */
static enum status queues_make(struct session *session, uint32_t depth, uint32_t *answers_offset)
{
    const uint64_t request_bytes = queue_memory_bytes(depth, sizeof(struct block_request));
    const uint64_t answer_bytes = queue_memory_bytes(depth, sizeof(struct block_answer));
    const uint64_t offset = (request_bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    struct queue_memory *requests, *answers;
    enum status status;

    session->queue_pages = (uint32_t)((offset + answer_bytes + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES);
    status = memory_create(session->queue_pages, &session->queue_memory);
    if (status != STATUS_OK) {
        return status;
    }
    status = rt_space_map(session->queue_memory, 0, session->queue_pages, ACCESS_READ_WRITE,
                          &session->queue_address);
    if (status != STATUS_OK) {
        return status;
    }
    requests = session->queue_address;
    answers = (struct queue_memory *)(void *)((char *)session->queue_address + offset);
    queue_memory_init(requests);
    queue_memory_init(answers);
    RT_ASSERT(queue_consumer_init(&session->requests, requests, request_bytes, depth,
                                  sizeof(struct block_request)));
    RT_ASSERT(queue_producer_init(&session->answers, answers, answer_bytes, depth,
                                  sizeof(struct block_answer)));
    *answers_offset = (uint32_t)offset;
    return STATUS_OK;
}

/** Make everything that a session has. On failure the caller undoes it. */
static enum status session_make(struct blk *blk, struct session *session, uint32_t page_count,
                                uint64_t memory, struct session_offer *offer)
{
    const uint64_t gone = bit_of(blk, session, BITS_GONE_SHIFT);
    enum status status =
        driver_loop_check_signaller(&blk->loop, session->client_signaller, BLOCK_CLIENT_BIT);

    if (status == STATUS_OK) {
        status = driver_dma_import(&blk->disk.virtio.device, memory, 0, page_count,
                                   DMA_ACCESS_DEVICE_READS_WRITES, &session->data);
    }
    if (status == STATUS_OK) {
        session->data_iova = session->data.iova;
        session->data_bytes = page_count * RT_PAGE_BYTES;
        status = queues_make(session, offer->depth, &offer->answers_offset);
    }
    if (status == STATUS_OK) {
        offer->signal_bits = bit_of(blk, session, BITS_WORK_SHIFT);
        status = notification_mint(blk->loop.notification, offer->signal_bits,
                                   &session->driver_signaller);
    }
    if (status == STATUS_OK) {
        status = endpoint_create(&session->endpoint);
    }
    if (status == STATUS_OK) {
        status = endpoint_mint_watched(session->endpoint, 0, blk->loop.notification, gone,
                                       &offer->client_end);
    }
    return status;
}

enum status session_open(struct blk *blk, uint64_t badge, uint32_t depth, uint32_t page_count,
                         uint64_t memory, uint64_t signaller, struct session_offer *offer)
{
    struct session *const session = session_place(blk, badge);
    enum status status = STATUS_OK;

    if (session == NULL) {
        status = STATUS_QUEUE_FULL;
    } else if (depth == 0 || depth > DISK_DEPTH || page_count == 0 ||
               page_count > SESSION_PAGES_MAX) {
        status = STATUS_BAD_RANGE;
    }
    if (status != STATUS_OK) {
        capability_release(signaller);
        capability_release(memory);
        return status;
    }
    *session = (struct session){.badge = badge, .client_signaller = signaller};
    offer->number = session_number(blk, session);
    offer->depth = round_up_to_power(depth);
    status = session_make(blk, session, page_count, memory, offer);
    /* The pool's buffer keeps the pages: the capability is needed no more. */
    capability_release(memory);
    if (status != STATUS_OK) {
        session_stop(session);
        session_free(session);
        return status;
    }
    session->state = SESSION_OPEN;
    blk->active |= 1u << offer->number;
    return STATUS_OK;
}
