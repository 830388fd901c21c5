/* SPDX-License-Identifier: MIT */
/*
 * What a program's budget does to its device: with frames for fewer tables than the IOMMU needs, a
 * mapping is refused, and what was set aside for it is there again.
 */
#include "apps/devtest/devtest.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/print.h"
#include "text/text.h"

#define TABLES         3u /* that a first mapping needs: root, directory, table (VT-d 4.1 §3.7) */
#define HOARD_MAX      128u
#define HOARDED_PAGES  1200u
#define PATIENCE_MS    60000u
#define KERNEL_ADDRESS 0xffff800000000000ull
#define ROOM_MAX       (TABLES + 2)

/** How many pages can be made now; they are given back at once. */
static uint32_t room(void)
{
    uint64_t memory[ROOM_MAX];
    uint32_t count = 0;

    while (count < ROOM_MAX && memory_create(1, &memory[count]) == STATUS_OK) {
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        capability_release(memory[i]);
    }
    return count;
}

/** Memory that was given back is there after a moment. */
static bool room_becomes(uint32_t expected, const char *what)
{
    const uint64_t end = soon(PATIENCE_MS);
    uint32_t seen = room();

    while (seen != expected && soon(0) < end) {
        rt_sleep(5 * RT_NS_PER_MS);
        seen = room();
    }
    return check_number(seen, expected, what);
}

/** Map the first page for the device, as soon as what was given back before is there. */
static enum status map_with_room(const struct pages *pages, uint64_t *buffer)
{
    const uint64_t end = soon(PATIENCE_MS);
    enum status status;
    uint64_t iova;

    do {
        status =
            dma_pool_map(device.pool, pages->memory, 0, 1, DMA_ACCESS_DEVICE_READS, buffer, &iova);
    } while (status == STATUS_OVER_BUDGET && soon(0) < end);
    return status;
}

/** Make memory of all that is left of the budget. */
static uint32_t hoard(uint64_t memory[HOARD_MAX])
{
    uint32_t count = 0;

    for (uint64_t pages = 512; pages != 0; pages /= 2) {
        while (count < HOARD_MAX && memory_create(pages, &memory[count]) == STATUS_OK) {
            count++;
        }
    }
    return count;
}

void try_poor(void)
{
    static uint64_t hoarded[HOARD_MAX];
    uint64_t kept[TABLES], buffer = 0, iova = 0;
    struct pages pages;

    if (!pages_make(&pages, 1)) {
        return;
    }
    for (uint32_t i = 0; i < TABLES; i++) {
        if (!check_status(memory_create(1, &kept[i]), STATUS_OK, "a page to be given back")) {
            return;
        }
    }
    const uint32_t count = hoard(hoarded);

    for (uint32_t left = 0; left < TABLES; left++) {
        room_becomes(left, "pages that are left");
        check_status(
            dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
            STATUS_OVER_BUDGET, "a mapping without frames for its tables");
        room_becomes(left, "as many after the refusal");
        capability_release(kept[left]);
    }
    room_becomes(TABLES, "pages for all tables");
    if (check_status(map_with_room(&pages, &buffer), STATUS_OK,
                     "a mapping with frames for its tables")) {
        room_becomes(0, "which took them all");
        check_status(dma_buffer_unmap(buffer), STATUS_OK, "its end");
        capability_release(buffer);
        room_becomes(TABLES - 1, "all but the root of its tables");
    }
    for (uint32_t i = 0; i < count; i++) {
        capability_release(hoarded[i]);
    }
    pages_give(&pages);
}

/** How many objects can be made now; they are given back at once. */
static uint32_t object_room(void)
{
    static uint64_t objects[HOARD_MAX];
    uint32_t count = 0;

    while (count < HOARD_MAX && notification_create(&objects[count]) == STATUS_OK) {
        count++;
    }
    for (uint32_t i = 0; i < count; i++) {
        capability_release(objects[i]);
    }
    return count;
}

/** What a mapping of registers is charged, a refused one is not. Wants a budget of few objects. */
void try_charge(void)
{
    const uint32_t before = object_room();
    uint64_t address;

    if (!check(before < HOARD_MAX, "a budget of few objects", before < HOARD_MAX ? "yes" : "no") ||
        rt_space_reserve(1, &address) != STATUS_OK) {
        return;
    }
    check_status(device_mmio_map(device.mmio, KERNEL_ADDRESS, 0, 0, 1), STATUS_BAD_RANGE,
                 "mapping in the kernel's half");
    check_number(object_room(), before, "objects that can be made, as before");
    check_status(device_mmio_map(device.mmio, address, 0, 0, 1), STATUS_OK, "mapping a page");
    check(object_room() < before, "objects that are left", "fewer");
    check_status(device_mmio_map(device.mmio, address, 0, PAGE, 1), STATUS_OCCUPIED,
                 "mapping another one there");
    check_number(*(volatile uint32_t *)(uintptr_t)address, EDU_IS, "the identity, all the same");
    check_status(vm_unmap(address, 1), STATUS_OK, "unmapping");
    rt_space_release(address, 1);
}

/** Has one page of a large memory mapped for the device: all of the memory is pinned by that. */
int life_hoard(void)
{
    uint64_t memory, buffer = 0, iova = 0;

    if (!check_status(memory_create(HOARDED_PAGES, &memory), STATUS_OK, "a large memory") ||
        !check_status(
            dma_pool_map(device.pool, memory, 7, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
            STATUS_OK, "a page of it")) {
        return 1;
    }
    rt_print("devtest: hoarding\n");
    rt_print_flush();
    for (;;) {
        rt_sleep(RT_NS_PER_S);
    }
}
