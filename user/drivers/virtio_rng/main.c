/* SPDX-License-Identifier: MIT */
/*
 * The driver of virtio's entropy device (virtio 1.2 §5.4): one queue, no configuration. The device
 * fills what it is given; each call of Random.read is one buffer, handed out once and wiped.
 */
#include "base/memory.h"
#include "libdriver/virtio_device.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/server.h"

#define QUEUE_SIZE    4u
#define BYTES_MAX     1024u /* of one answer */
#define DEADLINE_NS   (5 * RT_NS_PER_S)
#define BIT_INTERRUPT 1ull

static struct driver_virtio virtio;
static struct driver_virtqueue queue;
static struct driver_dma entropy;
static uint64_t notification;

/** Have the device write up to `limit` bytes of entropy. Returns how many. */
static uint32_t fill(uint32_t limit)
{
    const struct virtqueue_buffer buffer = {.iova = entropy.iova, .length = limit};
    enum virtqueue_result result;
    uint64_t token, bits, now_ns;
    uint32_t written = 0;

    if (virtqueue_add(&queue.queue, &buffer, 0, 1, 0) != VIRTQUEUE_OK) {
        driver_virtio_fail(&virtio, queue.queue.broken, "giving it a buffer");
    }
    driver_virtqueue_publish(&queue);
    driver_require(rt_clock_now(&now_ns), "the time");
    while ((result = virtqueue_take(&queue.queue, &token, &written)) == VIRTQUEUE_EMPTY) {
        if (virtqueue_wait_prepare(&queue.queue) &&
            notification_wait(notification, now_ns + DEADLINE_NS, &bits) != STATUS_OK) {
            driver_virtio_check(&virtio);
            driver_fail(DRIVER_EXIT_SILENT,
                        "%s: no entropy in 5 s. Has its source on the host any?",
                        virtio.device.name);
        }
    }
    if (result != VIRTQUEUE_OK) {
        driver_virtio_fail(&virtio, queue.queue.broken, "taking a buffer back");
    }
    return written;
}

/** Random.read: at least one byte, unless none is asked for. */
static void handle_read(struct rt_server *server)
{
    struct wire_build_struct results;
    struct wire_struct params;
    uint32_t limit, length = 0;

    if (rt_server_read(server, &params) != STATUS_OK) {
        rt_server_refuse(server, STATUS_BAD_MESSAGE);
        return;
    }
    limit = random_read_params_get_limit(params);
    limit = limit < BYTES_MAX ? limit : BYTES_MAX;
    /* §5.4.6.2: one or more bytes; a device that says 0 is asked again, not for ever. */
    for (uint32_t attempt = 0; limit != 0 && length == 0; attempt++) {
        if (attempt == 10) {
            driver_fail(DRIVER_EXIT_LIED, "%s: it gives empty buffers back", virtio.device.name);
        }
        length = fill(limit);
    }
    random_read_results_init_root(rt_server_reply_begin(server), &results);
    random_read_results_set_bytes(&results, entropy.cpu, length);
    rt_server_reply_end(server);
    memset(entropy.cpu, 0, BYTES_MAX); /* nobody gets the same bytes again */
}

int main(int count, char **arguments)
{
    static struct rt_server server;
    const struct ring_cqe *request;

    (void)count;
    (void)arguments;
    driver_virtio_open(&virtio, VIRTIO_DEVICE_RNG);
    driver_virtio_negotiate(&virtio, VIRTIO_F_EVENT_IDX, 0);
    driver_require(notification_create(&notification), "a notification");
    driver_virtio_interrupt(&virtio, notification, BIT_INTERRUPT);
    driver_virtqueue_start(&virtio, 0, QUEUE_SIZE, 0, &queue);
    driver_dma_require(&virtio.device, 1, DMA_ACCESS_DEVICE_WRITES, &entropy);
    driver_virtio_start(&virtio);
    driver_require(rt_server_init(&server, driver_service_endpoint(), RT_EXCHANGE_BYTES),
                   "room for messages");
    rt_print("virtio-rng: serving entropy\n");
    while ((request = rt_server_receive(&server)) != NULL) {
        rt_server_drop_capabilities(&server);
        if (request->method == RANDOM_READ) {
            handle_read(&server);
        } else {
            rt_server_refuse(&server, STATUS_BAD_METHOD);
        }
    }
    return DRIVER_EXIT_OK;
}
