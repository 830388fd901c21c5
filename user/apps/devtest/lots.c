/* SPDX-License-Identifier: MIT */
/*
 * An owner that has as much as can be of all that is handed over when its device ends in
 * quarantine: buffers, a memory object of many pages, views of views of it, and the IOMMU's tables.
 * Either all of it is its own, or the memory is of another process.
 */
#include "apps/devtest/devtest.h"

#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"

#define LOTS_PAGES   3000u /* of the memory, and buffers of one page each */
#define WIDE_PAGES   512u  /* of a buffer that wants a table of its own */
#define WIDE_BUFFERS 40u
#define VIEWS        100u
#define GIVEN_BACK   1500u /* buffers of a page, in several of the IOMMU's tables */
#define POLL_MS      5u
#define PATIENCE_MS  60000u

/** The memory, and a view of a view of a view of it. */
static bool make(uint64_t *memory, uint64_t *view)
{
    enum status status = memory_create(LOTS_PAGES, memory);

    *view = *memory;
    for (uint32_t i = 0; i < VIEWS && status == STATUS_OK; i++) {
        const uint64_t whole = *view;

        status = memory_view(whole, 0, LOTS_PAGES, ACCESS_READ_WRITE, view);
        if (whole != *memory) {
            capability_release(whole); /* the view keeps it */
        }
    }
    return check_status(status, STATUS_OK, "making memory and views of it");
}

/** Let the device reach all of it, each page alone, and the first ones again and again. */
static bool map(uint64_t memory, uint64_t view)
{
    uint64_t buffer, iova;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < LOTS_PAGES && status == STATUS_OK; i++) {
        status = dma_pool_map(device.pool, i % 2 == 0 ? memory : view, i, 1,
                              DMA_ACCESS_DEVICE_READS, &buffer, &iova);
    }
    for (uint32_t i = 0; i < WIDE_BUFFERS && status == STATUS_OK; i++) {
        status =
            dma_pool_map(device.pool, view, 0, WIDE_PAGES, DMA_ACCESS_DEVICE_READS, &buffer, &iova);
    }
    return check_status(status, STATUS_OK, "mapping lots of buffers");
}

static int hold(uint64_t memory, uint64_t view)
{
    if (!map(memory, view)) {
        return 1;
    }
    rt_print("devtest: lots\n");
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

/** Map `count` buffers of one page, all of the same. */
static bool map_some(uint64_t pool, uint64_t memory, uint64_t *buffers, uint32_t count)
{
    uint64_t iova;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = dma_pool_map(pool, memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffers[i], &iova);
    }
    return check_status(status, STATUS_OK, "mapping lots of buffers");
}

/** Until the test wants it: by then the IOMMU is silent. */
static void wait_for_silence(void)
{
    const uint64_t end = soon(PATIENCE_MS);
    uint32_t value = 0;
    enum status status = STATUS_OK;

    rt_print("devtest: waiting\n");
    rt_print_flush();
    while (status == STATUS_OK && value == 0 && soon(0) < end) {
        rt_sleep(POLL_MS * RT_NS_PER_MS);
        status = device_mmio_read_config(device.mmio, CACHE_LINE_SIZE, 1, &value);
    }
}

/** Many buffers, all given back at once. */
int life_silent(void)
{
    static uint64_t buffers[GIVEN_BACK];
    uint64_t memory;

    if (!check_status(memory_create(1, &memory), STATUS_OK, "memory") ||
        !map_some(device.pool, memory, buffers, GIVEN_BACK)) {
        return 1;
    }
    wait_for_silence();
    for (uint32_t i = 0; i < GIVEN_BACK; i++) {
        capability_release(buffers[i]);
    }
    return 0;
}

/**
 * One of a device's two buffers is given back before, and the other one behind, many of another
 * device: what the IOMMU was asked for last is still under way when all else of the first one is
 * over.
 */
int life_behind(void)
{
    static uint64_t others[GIVEN_BACK];
    uint64_t memory, own[2];

    if (!check_status(memory_create(1, &memory), STATUS_OK, "memory") ||
        !map_some(device.pool, memory, own, 2) ||
        !map_some(rt_capability("other.pool"), memory, others, GIVEN_BACK)) {
        return 1;
    }
    wait_for_silence();
    capability_release(own[0]);
    for (uint32_t i = 0; i < GIVEN_BACK; i++) {
        capability_release(others[i]);
    }
    capability_release(own[1]);
    return 0;
}

int life_lots(void)
{
    uint64_t memory, view;

    return make(&memory, &view) ? hold(memory, view) : 1;
}

/** Gives all of it to a child, and pays for the memory, until it is killed. */
int life_donor(void)
{
    uint64_t memory, view;

    if (!make(&memory, &view)) {
        return 1;
    }
    const struct rt_grant grants[] = {
        {"console", 7, rt_capability("console"), RING_TRANSFER_COPY},
        {"dev.mmio", 8, device.mmio, RING_TRANSFER_MOVE},
        {"dev.pool", 8, device.pool, RING_TRANSFER_MOVE},
        {"dev.interrupt", 13, device.interrupt, RING_TRANSFER_MOVE},
        {"memory", 6, memory, RING_TRANSFER_COPY},
        {"view", 4, view, RING_TRANSFER_COPY},
    };
    const struct child_budget budget = {.frames = 1024,
                                        .slots = LOTS_PAGES + 512,
                                        .dma_pages = LOTS_PAGES + WIDE_BUFFERS * WIDE_PAGES};

    if (child_start_with("child-lots", grants, ARRAY_COUNT(grants), &budget) == 0) {
        return 1;
    }
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

int child_lots(void)
{
    return hold(rt_capability("memory"), rt_capability("view"));
}
