/* SPDX-License-Identifier: MIT */
#include "apps/devtest/devtest.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/print.h"

#define HELD_PAGES  4u
#define LOAD_PAGES  8u
#define POLL_MS     5u
#define SETTLE_MS   500u /* five times what edu takes to begin */
#define PATIENCE_MS 60000u

/** All kinds of authority at once, and a transfer under way. Returns the transfer's address. */
static uint64_t take_everything(void)
{
    static struct pages pages;
    uint64_t buffer = 0, iova = 0;

    if (!device_map() || !pages_make(&pages, HELD_PAGES)) {
        return 0;
    }
    check_status(dma_pool_map(device.pool, pages.memory, 0, HELD_PAGES,
                              DMA_ACCESS_DEVICE_READS_WRITES, &buffer, &iova),
                 STATUS_OK, "mapping memory for the device");
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking the interrupt");
    rt_print("devtest: holding 0x%llx\n", (unsigned long long)iova);
    rt_print_flush();
    edu_begin(iova, EDU_MAX_TRANSFER, EDU_TO_MEMORY | EDU_INTERRUPT);
    return iova;
}

int life_hold(void)
{
    if (take_everything() == 0) {
        return 1;
    }
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

/** Transfers, interrupts, buffers that come and go, for ever: something is always under way. */
int life_load(void)
{
    struct pages pages;
    uint64_t count, rounds = 0;

    if (!device_map() || !pages_make(&pages, LOAD_PAGES)) {
        return 1;
    }
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking the interrupt");
    rt_print("devtest: loading\n");
    rt_print_flush();
    for (;; rounds++) {
        const uint32_t page_count = 1 + (uint32_t)(rounds % LOAD_PAGES);
        uint64_t buffer = 0, iova = 0;

        if (dma_pool_map(device.pool, pages.memory, 0, page_count, DMA_ACCESS_DEVICE_READS_WRITES,
                         &buffer, &iova) != STATUS_OK) {
            check(false, "mapping memory for the device", "refused");
            return 1;
        }
        edu_begin(iova, EDU_MAX_TRANSFER, rounds % 2 == 0 ? EDU_TO_MEMORY | EDU_INTERRUPT : 0);
        device_write32(EDU_RAISE, 1);
        device_write32(EDU_ACKNOWLEDGE, 1);
        (void)!interrupt_wait(device.interrupt, soon(20), &count);
        if (rounds % 3 != 0) { /* else: unmapped under the transfer */
            edu_wait();
        }
        if (dma_buffer_unmap(buffer) != STATUS_OK) {
            check(false, "unmapping", "refused");
            return 1;
        }
        capability_release(buffer);
    }
}

int life_crash(void)
{
    if (take_everything() == 0) {
        return 1;
    }
    __asm__ volatile("ud2"); /* no instruction: an exception */
    return 1;
}

int life_leave(void)
{
    return take_everything() != 0 ? 0 : 1;
}

/** The next owner: all of its pool is mapped, and nothing may come of a transfer of the last. */
int life_next(void)
{
    struct dma_pool_info_results info = {0};
    struct pages pages;
    uint64_t buffer = 0, iova = 0;

    if (!check_status(dma_pool_info(device.pool, &info), STATUS_OK, "the pool") ||
        !pages_make(&pages, info.page_limit)) {
        return 1;
    }
    pages_fill(&pages, 9);
    check_status(dma_pool_map(device.pool, pages.memory, 0, info.page_limit,
                              DMA_ACCESS_DEVICE_READS_WRITES, &buffer, &iova),
                 STATUS_OK, "mapping all of it");
    rt_sleep(SETTLE_MS * RT_NS_PER_MS);
    check(pages_hold(&pages, 9), "memory of the next owner", "compared");
    rt_print("devtest: next at 0x%llx, %u pages\n", (unsigned long long)iova, info.page_limit);
    return 0;
}

/** All of the pool is mapped and filled, for as long as it lasts. */
int life_keep(void)
{
    struct dma_pool_info_results info = {0};
    struct pages pages;
    uint64_t buffer = 0, iova = 0;

    if (!device_map() || !check_status(dma_pool_info(device.pool, &info), STATUS_OK, "the pool") ||
        !pages_make(&pages, info.page_limit)) {
        return 1;
    }
    pages_fill(&pages, 5);
    check_status(dma_pool_map(device.pool, pages.memory, 0, info.page_limit,
                              DMA_ACCESS_DEVICE_READS_WRITES, &buffer, &iova),
                 STATUS_OK, "mapping all of it");
    rt_print("devtest: keeping 0x%llx\n", (unsigned long long)iova);
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

/** Registers are gone when unmapping returns: touching them is a crash. */
int life_touch(void)
{
    uint64_t address;

    if (rt_space_reserve(1, &address) != STATUS_OK ||
        device_mmio_map(device.mmio, address, 0, 0, 1) != STATUS_OK ||
        vm_unmap(address, 1) != STATUS_OK) {
        return 1;
    }
    rt_print("devtest: touching\n");
    rt_print_flush();
    return (int)*(volatile uint32_t *)(uintptr_t)address;
}

/** Gives its unmasked interrupt up, and keeps the rest. */
int life_quiet(void)
{
    if (!device_map()) {
        return 1;
    }
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking the interrupt");
    device_write32(EDU_RAISE, 1);
    device_write32(EDU_ACKNOWLEDGE, 1);
    capability_release(device.interrupt);
    rt_print("devtest: interrupt released\n");
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}

/** Gives all capabilities of the device up, and goes on reading its registers: a page fault, soon.
 */
int life_cling(void)
{
    const uint64_t end = soon(PATIENCE_MS);

    if (!device_map()) {
        return 1;
    }
    capability_release(device.mmio);
    capability_release(device.pool);
    capability_release(device.interrupt);
    while (soon(0) < end) {
        (void)device_read32(EDU_IDENTITY);
    }
    rt_print("devtest: the registers are still there\n");
    return 1;
}

/** Maps its first page when somebody outside has written to the function's cache line size. */
int life_late(void)
{
    const uint64_t end = soon(PATIENCE_MS);
    uint64_t buffer = 0, iova = 0;
    struct pages pages;
    uint32_t value = 0;

    if (!pages_make(&pages, 1)) {
        return 1;
    }
    rt_print("devtest: waiting\n");
    rt_print_flush();
    while (value == 0 && soon(0) < end) {
        if (device_mmio_read_config(device.mmio, CACHE_LINE_SIZE, 1, &value) != STATUS_OK) {
            break;
        }
        rt_sleep(POLL_MS * RT_NS_PER_MS);
    }
    const enum status status = dma_pool_map(device.pool, pages.memory, 0, 1,
                                            DMA_ACCESS_DEVICE_READS_WRITES, &buffer, &iova);

    rt_print("devtest: mapped late: %s\n", status_name(status));
    return 0;
}

/** Waits for an interrupt that never comes, without a deadline; and tells what woke it. */
int life_wait(void)
{
    uint64_t count = 0;

    rt_print("devtest: waiting for an interrupt\n");
    rt_print_flush();
    const enum status status = interrupt_wait(device.interrupt, UINT64_MAX, &count);

    rt_print("devtest: woken: %s\n", status_name(status));
    return 0;
}
