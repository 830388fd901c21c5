/* SPDX-License-Identifier: MIT */
#include "apps/devtest/devtest.h"

#include "ring/ring.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"

#define CODE_USED 42
#define SHORT_MS  150u

static struct rt_grant grant(const char *name, size_t length, uint64_t capability, uint32_t mode)
{
    return (struct rt_grant){
        .name = name, .name_length = length, .capability = capability, .mode = mode};
}

#define GRANT(name, capability, mode) grant(name, sizeof(name) - 1, capability, mode)

/** A child that owns the device: it can use all of it. */
int child_uses(void)
{
    struct pages pages;
    uint64_t buffer = 0, iova = 0;

    if (!device_map() || !pages_make(&pages, 1)) {
        return 1;
    }
    check_number(device_read32(EDU_IDENTITY), EDU_IS, "the device's identity, in the child");
    check_status(
        dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_WRITES, &buffer, &iova),
        STATUS_OK, "mapping memory for the device, in the child");
    pages_fill(&pages, 6);
    edu_begin(iova, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
    edu_wait();
    check(!pages_hold(&pages, 6), "memory that the device has written, in the child", "compared");
    return CODE_USED;
}

/** A child that has only a part. It ends at once. */
int child_holds(void)
{
    struct device_mmio_bar bar;

    return device_mmio_info(device.mmio, 0, &bar) == STATUS_OK ? CODE_USED : 1;
}

/** A child that has only a part, for as long as it is good for anything. */
int child_keeps(void)
{
    uint32_t value;

    while (device_mmio_read_config(device.mmio, 0, 2, &value) == STATUS_OK) {
        rt_sleep(5 * RT_NS_PER_MS);
    }
    return CODE_USED;
}

/** Hands the registers, and with them the claim, to a child, and keeps the interrupt: of no use. */
int life_parted(void)
{
    uint64_t count;
    const struct rt_grant part[] = {GRANT("dev.mmio", device.mmio, RING_TRANSFER_MOVE)};

    if (child_start("child-keeps", part, 1) == 0) {
        return 1;
    }
    check_status(interrupt_wait(device.interrupt, soon(SHORT_MS), &count), STATUS_STALE,
                 "waiting for an interrupt of the child's");
    rt_print("devtest: parted\n");
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

/** Shared authority is none: a capability of a device cannot be copied to another process. */
static void refuse_copies(void)
{
    const struct rt_grant copies[] = {
        GRANT("dev.mmio", device.mmio, RING_TRANSFER_COPY),
        GRANT("dev.pool", device.pool, RING_TRANSFER_COPY),
        GRANT("dev.interrupt", device.interrupt, RING_TRANSFER_COPY),
    };

    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        const uint64_t child = child_start("child-holds", &copies[i], 1);

        check(child == 0, "copying a device's capability to a child",
              child == 0 ? "refused" : "done");
        if (child != 0) {
            child_wait(child);
        }
    }
}

/** All of the device, for a child. Returns how many grants those are. */
static uint32_t everything(struct rt_grant grants[4])
{
    grants[0] = GRANT("console", rt_capability("console"), RING_TRANSFER_COPY);
    grants[1] = GRANT("dev.mmio", device.mmio, RING_TRANSFER_MOVE);
    grants[2] = GRANT("dev.pool", device.pool, RING_TRANSFER_MOVE);
    grants[3] = GRANT("dev.interrupt", device.interrupt, RING_TRANSFER_MOVE);
    return device.interrupt != 0 ? 4 : 3;
}

/** What cannot be handed on: copies, and a claim that is in use. */
void try_owner(void)
{
    struct dma_pool_info_results info;
    struct rt_grant grants[4];
    const uint32_t count = everything(grants);
    struct pages pages;
    uint64_t buffer = 0, iova = 0, child;

    refuse_copies();
    if (!pages_make(&pages, 1)) {
        return;
    }
    check_status(
        dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
        STATUS_OK, "a buffer of the first owner");
    child = child_start("child-uses", grants, count);
    check(child == 0, "handing on a claim that is in use", child == 0 ? "refused" : "done");
    if (child != 0) {
        child_wait(child);
        return;
    }
    check_status(dma_pool_info(device.pool, &info), STATUS_OK, "the claim after the refusal");
    check_status(dma_buffer_unmap(buffer), STATUS_OK, "the buffer's end");
    capability_release(buffer);
    pages_give(&pages);
}

/** A claim that is handed on as a whole is the other's: it can use it, this process cannot. */
void try_hand(void)
{
    struct dma_pool_info_results info;
    struct device_mmio_bar bar;
    struct rt_grant grants[4];
    const uint32_t count = everything(grants);
    const uint64_t child = child_start("child-uses", grants, count);

    if (!check(child != 0, "handing on an unused claim", child != 0 ? "done" : "refused")) {
        return;
    }
    check_refused(device_mmio_info(device.mmio, 0, &bar), "registers that were handed on");
    check_refused(dma_pool_info(device.pool, &info), "a pool that was handed on");
    check_number(child_wait(child), CODE_USED, "how the child ended");
}

/** With the first part the whole claim is the other's: what stayed behind is of no use. */
void try_part(void)
{
    struct dma_pool_info_results info;
    struct interrupt_state state;
    const struct rt_grant part[] = {GRANT("dev.mmio", device.mmio, RING_TRANSFER_MOVE)};
    const uint64_t child = child_start("child-holds", part, 1);

    if (!check(child != 0, "handing on the registers", child != 0 ? "done" : "refused")) {
        return;
    }
    check_refused(dma_pool_info(device.pool, &info), "the pool that stayed behind");
    check_refused(interrupt_info(device.interrupt, &state), "the interrupt that stayed behind");
    check_number(child_wait(child), CODE_USED, "how the child ended");
    check_refused(dma_pool_info(device.pool, &info), "the pool after the other's end");
}

void try_release(void)
{
    struct device_mmio_bar bar;
    struct dma_pool_info_results info;
    uint64_t buffer = 0, iova = 0;
    struct pages pages;

    if (!pages_make(&pages, 1)) {
        return;
    }
    check_status(
        dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
        STATUS_OK, "a buffer");
    capability_release(device.interrupt);
    check_status(device_mmio_info(device.mmio, 0, &bar), STATUS_OK,
                 "registers after the interrupt's release");
    capability_release(device.mmio);
    check_refused(device_mmio_info(device.mmio, 0, &bar), "registers after their own");
    check_status(dma_pool_info(device.pool, &info), STATUS_OK, "the pool after that");
    capability_release(device.pool);
    check_refused(dma_pool_info(device.pool, &info), "the pool after its own");
    check_refused(
        dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
        "mapping in a pool that was released");
    pages_give(&pages);
}
