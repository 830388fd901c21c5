/* SPDX-License-Identifier: MIT */
/*
 * An owner that does not believe that its device was taken: it has one handle of each kind, and
 * uses all of them, again and again. Whenever another number of them works than before it says so.
 * Nothing may work once something did not.
 */
#include "apps/devtest/devtest.h"

#include "rt/clock.h"
#include "rt/print.h"

#define TRIES    9u
#define ROUND_NS (5 * RT_NS_PER_MS)
#define CACHE    0x0cu

struct handles {
    uint64_t memory; /* of this process: of use for maps */
    uint64_t buffer;
    uint64_t notification;
};

/** How many of the uses of old handles are done. */
static uint32_t try_all(const struct handles *handles)
{
    struct dma_buffer_info_results buffer_info;
    struct dma_pool_info_results pool_info;
    struct interrupt_state state;
    struct device_mmio_bar bar;
    uint64_t buffer = 0, iova, value;
    uint32_t word, done = 0;

    done += device_mmio_info(device.mmio, 0, &bar) == STATUS_OK;
    done += device_mmio_read(device.mmio, 0, EDU_IDENTITY, 4, &value) == STATUS_OK;
    done += device_mmio_read_config(device.mmio, CACHE, 1, &word) == STATUS_OK;
    done += dma_pool_info(device.pool, &pool_info) == STATUS_OK;
    if (dma_pool_map(device.pool, handles->memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova) ==
        STATUS_OK) {
        done++;
        (void)!dma_buffer_unmap(buffer);
        capability_release(buffer);
    }
    done += dma_buffer_info(handles->buffer, &buffer_info) == STATUS_OK;
    done += interrupt_info(device.interrupt, &state) == STATUS_OK;
    done += interrupt_bind(device.interrupt, handles->notification, 1) == STATUS_OK;
    done += interrupt_unmask(device.interrupt) == STATUS_OK;
    return done;
}

/** The kinds of refusal, once nothing works: an end of a buffer is an effect, so it comes last. */
static void print_refusals(const struct handles *handles)
{
    struct dma_buffer_info_results info;
    struct device_mmio_bar bar;

    rt_print("devtest: refusals: registers %s, buffer %s, its end %s, interrupt %s\n",
             status_name(device_mmio_info(device.mmio, 0, &bar)),
             status_name(dma_buffer_info(handles->buffer, &info)),
             status_name(dma_buffer_unmap(handles->buffer)),
             status_name(interrupt_mask(device.interrupt)));
    rt_print_flush();
}

int life_stale(void)
{
    struct handles handles;
    uint32_t before = UINT32_MAX;
    struct pages pages;
    uint64_t iova = 0;

    if (!pages_make(&pages, 1) ||
        !check_status(notification_create(&handles.notification), STATUS_OK, "a notification") ||
        !check_status(dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS,
                                   &handles.buffer, &iova),
                      STATUS_OK, "a buffer")) {
        return 1;
    }
    handles.memory = pages.memory;
    for (;;) {
        const uint32_t done = try_all(&handles);

        if (done != before) {
            rt_print("devtest: %u of %u done\n", done, TRIES);
            rt_print_flush();
            if (done == 0) {
                print_refusals(&handles);
            }
        }
        before = done;
        rt_sleep(ROUND_NS);
    }
}
