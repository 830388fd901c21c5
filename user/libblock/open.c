/* SPDX-License-Identifier: MIT */
/*
 * Connecting to a disk: BlockDevice.info and BlockDevice.open, and the end of a session. What a
 * driver answers is checked: it may be hostile.
 */
#include "base/memory.h"
#include "libblock/block.h"
#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"

#define ANSWERS_ALIGNMENT 8u /* of a queue */
#define QUEUE_PAGES_MAX   64u

enum open_capability { OPEN_QUEUES, OPEN_SIGNALLER, OPEN_END, OPEN_CAPABILITIES };

/** Read a disk's answer. False: it cannot be. */
static bool disk_read(struct wire_struct results, struct block_disk *disk)
{
    struct wire_struct info;
    struct wire_bytes id;

    if (block_device_info_results_get_info(results, &info) != WIRE_OK ||
        block_info_get_id(info, &id) != WIRE_OK || id.length > BLOCK_ID_BYTES) {
        return false;
    }
    *disk = (struct block_disk){
        .sector_bytes = block_info_get_sector_bytes(info),
        .block_bytes = block_info_get_block_bytes(info),
        .sector_count = block_info_get_sector_count(info),
        .max_sectors = block_info_get_max_sectors(info),
        .max_discard_sectors = block_info_get_max_discard_sectors(info),
        .max_zero_sectors = block_info_get_max_zero_sectors(info),
        .depth = block_info_get_depth(info),
        .read_only = block_info_get_read_only(info),
        .flush = block_info_get_flush(info),
    };
    for (size_t i = 0; i < id.length; i++) {
        disk->id[i] = id.bytes[i] >= ' ' && id.bytes[i] <= '~' ? (char)id.bytes[i] : '?';
    }
    return disk->sector_bytes == BLOCK_SECTOR_BYTES && disk->max_sectors != 0 &&
           disk->max_sectors <= UINT32_MAX / BLOCK_SECTOR_BYTES && disk->depth != 0 &&
           disk->sector_count <= UINT64_MAX / BLOCK_SECTOR_BYTES;
}

enum status block_info_get(uint64_t endpoint, struct block_disk *disk)
{
    struct rt_exchange exchange;
    struct wire_struct results;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, endpoint, BLOCK_DEVICE_INFO, (struct rt_words){{0}},
                                     &results);
    if (status == STATUS_OK) {
        for (uint32_t i = 0; i < rt_exchange_received(&exchange); i++) {
            capability_release(rt_exchange_capability(&exchange, i));
        }
        status = disk_read(results, disk) ? STATUS_OK : STATUS_BAD_MESSAGE;
    }
    rt_exchange_end(&exchange);
    return status;
}

/* ------------------------------------------------------------------------------------------
 * Sessions
 * ------------------------------------------------------------------------------------------ */

static void release(uint64_t *capability)
{
    if (*capability != 0) {
        capability_release(*capability);
    }
    *capability = 0;
}

/** End an operation, whatever its state, and give its slot back. */
static void operation_end(struct rt_ring *ring, struct rt_operation *operation)
{
    if (operation->state == RT_OPERATION_PENDING) {
        rt_ring_flush(ring);
        (void)rt_ring_cancel(ring, operation);
        rt_ring_await(ring, operation);
    } else if (operation->state == RT_OPERATION_DONE) {
        rt_ring_await(ring, operation);
    }
    rt_ring_forget(ring, operation);
}

void block_session_close(struct block_session *session)
{
    if (session->ring != NULL) {
        operation_end(session->ring, &session->watch);
        operation_end(session->ring, &session->wait);
    }
    if (session->queues != NULL) {
        rt_space_unmap(session->queues, session->queue_pages);
    }
    release(&session->queue_memory);
    release(&session->driver_signaller);
    release(&session->notification);
    release(&session->end); /* the driver ends its side */
    *session = (struct block_session){.gone = true};
}

/** BlockDevice.open. The capabilities that came are the session's from here on. */
static enum status open_call(struct block_session *session, uint64_t endpoint, uint32_t depth,
                             uint64_t memory, uint32_t page_count, uint64_t signaller,
                             struct block_session_info *info)
{
    struct rt_exchange exchange;
    struct wire_build_struct params;
    struct wire_struct results, answer;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    block_device_open_params_init_root(&exchange.builder, &params);
    block_device_open_params_set_depth(&params, depth);
    block_device_open_params_set_page_count(&params, page_count);
    rt_exchange_transfer(&exchange, memory, RING_TRANSFER_COPY);
    rt_exchange_transfer(&exchange, signaller, RING_TRANSFER_COPY);
    status = rt_exchange_call(&exchange, endpoint, BLOCK_DEVICE_OPEN, &results);
    session->queue_memory = rt_exchange_capability(&exchange, OPEN_QUEUES);
    session->driver_signaller = rt_exchange_capability(&exchange, OPEN_SIGNALLER);
    session->end = rt_exchange_capability(&exchange, OPEN_END);
    for (uint32_t i = OPEN_CAPABILITIES; i < rt_exchange_received(&exchange); i++) {
        capability_release(rt_exchange_capability(&exchange, i));
    }
    if (status == STATUS_OK && rt_exchange_received(&exchange) < OPEN_CAPABILITIES) {
        status = STATUS_BAD_MESSAGE;
    }
    if (status == STATUS_OK && block_device_open_results_get_session(results, &answer) != WIRE_OK) {
        status = STATUS_BAD_MESSAGE;
    }
    if (status == STATUS_OK) {
        info->depth = block_session_info_get_depth(answer);
        info->queue_pages = block_session_info_get_queue_pages(answer);
        info->answers_offset = block_session_info_get_answers_offset(answer);
        info->signal_bits = block_session_info_get_signal_bits(answer);
    }
    rt_exchange_end(&exchange);
    return status;
}

/** Whether a capability is a Signaller: on anything else a call might never come back. */
static enum status signaller_check(uint64_t capability, uint64_t bits)
{
    uint64_t timer;
    enum status status = timer_create(&timer);

    if (status == STATUS_OK) {
        status = timer_arm(timer, capability, bits, UINT64_MAX, 0);
        capability_release(timer);
    }
    return status;
}

/** Map the queues and take this side of them. */
static enum status queues_open(struct block_session *session, uint32_t depth,
                               const struct block_session_info *info)
{
    const uint64_t bytes = info->queue_pages * (uint64_t)BLOCK_PAGE_BYTES;
    struct queue_memory *answers;
    enum status status;

    if (info->depth < depth || info->depth > BLOCK_DEPTH_MAX || info->queue_pages == 0 ||
        info->queue_pages > QUEUE_PAGES_MAX || info->answers_offset > bytes ||
        info->answers_offset % ANSWERS_ALIGNMENT != 0) {
        return STATUS_BAD_MESSAGE;
    }
    session->queue_pages = info->queue_pages;
    status = rt_space_map(session->queue_memory, 0, info->queue_pages, ACCESS_READ_WRITE,
                          &session->queues);
    if (status != STATUS_OK) {
        return status;
    }
    answers = (struct queue_memory *)(void *)((char *)session->queues + info->answers_offset);
    if (!queue_producer_init(&session->requests, session->queues, info->answers_offset, info->depth,
                             sizeof(struct block_request)) ||
        !queue_consumer_init(&session->answers, answers, bytes - info->answers_offset, info->depth,
                             sizeof(struct block_answer))) {
        return STATUS_BAD_MESSAGE;
    }
    session->depth = info->depth;
    for (uint32_t place = 0; place < info->depth; place++) {
        session->free_places[session->free_count++] = (uint8_t)place;
    }
    return STATUS_OK;
}

/** Begin to listen: for answers, and for the session's end. */
static enum status listen(struct block_session *session)
{
    const struct rt_call call = {.target = session->end, .message_inline = true};
    enum status status = signaller_check(session->driver_signaller, session->signal_bits);

    if (status == STATUS_OK) {
        /* Nobody answers this call: it ends when the driver, or the session on its side, does. */
        status = rt_ring_start_call(session->ring, &session->watch, &call);
    }
    if (status == STATUS_OK) {
        session->wait.keeps_slot = true;
        status = rt_ring_hold(session->ring, &session->wait);
        session->wait.state = RT_OPERATION_IDLE;
    }
    return status;
}

enum status block_session_open(struct block_session *session, uint64_t endpoint, uint32_t depth,
                               uint64_t memory, uint32_t page_count)
{
    struct block_session_info info = {0};
    uint64_t signaller = 0;
    enum status status;

    *session = (struct block_session){.ring = rt_ring_self()};
    if (depth == 0 || depth > BLOCK_DEPTH_MAX || page_count == 0) {
        return STATUS_BAD_RANGE;
    }
    status = notification_create(&session->notification);
    if (status == STATUS_OK) {
        status = notification_mint(session->notification, BLOCK_CLIENT_BIT, &signaller);
    }
    if (status == STATUS_OK) {
        status = open_call(session, endpoint, depth, memory, page_count, signaller, &info);
    }
    release(&signaller); /* the driver has a copy */
    if (status == STATUS_OK) {
        session->signal_bits = info.signal_bits;
        status = queues_open(session, depth, &info);
    }
    if (status == STATUS_OK) {
        status = listen(session);
    }
    if (status != STATUS_OK) {
        block_session_close(session);
    }
    return status;
}
