/* SPDX-License-Identifier: MIT */
#include "drivers/virtio_blk/service.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"

#define OPEN_CAPABILITIES 2u /* the client's memory and its Signaller */

static void handle_info(struct blk *blk)
{
    const struct disk *const disk = &blk->disk;
    struct wire_build_struct results, info;

    block_device_info_results_init_root(rt_server_reply_begin(&blk->server), &results);
    block_device_info_results_init_info(&results, &info);
    block_info_set_id(&info, disk->id, strlen(disk->id));
    block_info_set_sector_bytes(&info, BLOCK_SECTOR_BYTES);
    block_info_set_block_bytes(&info, disk->config.physical_bytes);
    block_info_set_sector_count(&info, disk->limits.sector_count);
    block_info_set_read_only(&info, disk->limits.read_only);
    block_info_set_flush(&info, disk->limits.flush);
    block_info_set_discard(&info, disk->limits.max_discard_sectors != 0);
    block_info_set_write_zeroes(&info, disk->limits.max_zero_sectors != 0);
    block_info_set_max_sectors(&info, disk->limits.max_sectors);
    block_info_set_max_discard_sectors(&info, disk->limits.max_discard_sectors);
    block_info_set_max_zero_sectors(&info, disk->limits.max_zero_sectors);
    block_info_set_depth(&info, disk->depth);
    rt_server_reply_end(&blk->server);
}

static void handle_open(struct blk *blk, const struct ring_cqe *request)
{
    struct session_offer offer = {0};
    struct wire_build_struct results, info;
    struct wire_struct params;
    struct session *session;
    enum status status;

    if (request->transfer_count != OPEN_CAPABILITIES ||
        rt_server_read(&blk->server, &params) != STATUS_OK) {
        rt_server_drop_capabilities(&blk->server);
        rt_server_refuse(&blk->server, STATUS_BAD_MESSAGE);
        return;
    }
    status = session_open(blk, request->badge, block_device_open_params_get_depth(params),
                          block_device_open_params_get_page_count(params),
                          rt_server_capability(&blk->server, 0),
                          rt_server_capability(&blk->server, 1), &offer);
    if (status != STATUS_OK) {
        rt_server_refuse(&blk->server, status);
        return;
    }
    session = &blk->sessions[offer.number];
    block_device_open_results_init_root(rt_server_reply_begin(&blk->server), &results);
    block_device_open_results_init_session(&results, &info);
    block_session_info_set_depth(&info, offer.depth);
    block_session_info_set_queue_pages(&info, session->queue_pages);
    block_session_info_set_answers_offset(&info, offer.answers_offset);
    block_session_info_set_signal_bits(&info, offer.signal_bits);
    rt_server_transfer(&blk->server, session->queue_memory, RING_TRANSFER_COPY);
    rt_server_transfer(&blk->server, session->driver_signaller, RING_TRANSFER_COPY);
    rt_server_transfer(&blk->server, offer.client_end, RING_TRANSFER_COPY);
    rt_server_reply_end(&blk->server);
    /* Goes to the kernel behind the answer. If nobody took that, this was the last one: the
     * session hears that its client is gone. */
    capability_release(offer.client_end);
}

void service_handle(struct blk *blk, const struct ring_cqe *request)
{
    if (request->method == BLOCK_DEVICE_OPEN) {
        handle_open(blk, request);
        return;
    }
    rt_server_drop_capabilities(&blk->server);
    if (request->method == BLOCK_DEVICE_INFO) {
        handle_info(blk);
    } else {
        rt_server_refuse(&blk->server, STATUS_BAD_METHOD);
    }
}
