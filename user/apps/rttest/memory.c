/* SPDX-License-Identifier: MIT */
#include "apps/rttest/rttest.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/heap.h"
#include "rt/kernel_objects.h"
#include "rt/thread.h"

#define SLOTS            64u
#define HEAP_ROUNDS      4000u
#define THREADS          3u

#define NEIGHBOUR_ROUNDS 20000u

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static bool block_holds(const uint8_t *block, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (block[i] != value) {
            return false;
        }
    }
    return true;
}

/** Allocate, resize and free at random; every block keeps its bytes. */
static uint64_t churn(void *argument)
{
    uint32_t state = (uint32_t)(uintptr_t)argument;
    uint8_t *blocks[SLOTS] = {0};
    size_t sizes[SLOTS] = {0};
    uint64_t wrong = 0;

    for (unsigned round = 0; round < HEAP_ROUNDS; round++) {
        const unsigned slot = random_next(&state) % SLOTS;
        const size_t size = random_next(&state) % (round % 97 == 0 ? 100000 : 700);

        if (blocks[slot] != NULL) {
            wrong += !block_holds(blocks[slot], sizes[slot], (uint8_t)slot);
        }
        if (blocks[slot] != NULL && random_next(&state) % 3 == 0) {
            uint8_t *const moved = heap_reallocate(blocks[slot], size);

            if (moved != NULL) {
                const size_t common = size < sizes[slot] ? size : sizes[slot];

                wrong += !block_holds(moved, common, (uint8_t)slot);
                blocks[slot] = moved;
                sizes[slot] = size;
                memset(moved, (int)slot, size);
            }
            continue;
        }
        heap_free(blocks[slot]);
        blocks[slot] = heap_allocate(size);
        sizes[slot] = size;
        if (blocks[slot] != NULL) {
            wrong += (uintptr_t)blocks[slot] % RT_HEAP_ALIGNMENT != 0;
            memset(blocks[slot], (int)slot, size);
        }
    }
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        heap_free(blocks[slot]);
    }
    return wrong;
}

/** Take and give back a part of a free block, whose size is in the header of the one above it. */
static uint64_t split_and_merge(void *argument)
{
    bool *const is_over = argument;

    for (unsigned round = 0; round < NEIGHBOUR_ROUNDS; round++) {
        heap_free(heap_allocate(1000));
    }
    __atomic_store_n(is_over, true, __ATOMIC_RELEASE);
    return 0;
}

/** A block is looked at while another thread changes what is below it, and stays where it is. */
static void check_neighbours(void)
{
    void *const below = heap_allocate(3000);
    void *const block = heap_allocate(100);
    struct rt_thread *thread;
    bool is_over = false, has_moved = false;
    uint64_t code;

    heap_free(below);
    if (EXPECT(below != NULL && block != NULL) &&
        EXPECT_STATUS(rt_thread_create(split_and_merge, &is_over, 0, &thread), STATUS_OK)) {
        while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
            has_moved |= heap_reallocate(block, 100) != block;
        }
        EXPECT(!has_moved);
        EXPECT_STATUS(rt_thread_join(thread, &code), STATUS_OK);
    }
    heap_free(block);
}

void group_heap(void)
{
    struct heap_statistics before, after;
    struct rt_thread *threads[THREADS];
    uint64_t wrong;
    uint8_t *zeroed;
    void *all[256];
    size_t count = 0;

    heap_statistics_get(&before);
    EXPECT(churn((void *)1) == 0);
    (void)heap_check();
    for (uint64_t i = 0; i < THREADS; i++) {
        if (!EXPECT_STATUS(rt_thread_create(churn, (void *)(uintptr_t)(i + 2), 0, &threads[i]),
                           STATUS_OK)) {
            return;
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        EXPECT_STATUS(rt_thread_join(threads[i], &wrong), STATUS_OK);
        EXPECT(wrong == 0);
    }
    check_neighbours();
    zeroed = heap_allocate_zeroed(100, 7);
    EXPECT(zeroed != NULL && block_holds(zeroed, 700, 0));
    heap_free(zeroed);
    EXPECT(heap_allocate_zeroed(SIZE_MAX, 2) == NULL);
    EXPECT(heap_allocate(SIZE_MAX - 100) == NULL);
    EXPECT(heap_allocate(1ull << 31) == NULL);
    while (count < ARRAY_COUNT(all) && (all[count] = heap_allocate(RT_HEAP_LARGE_BYTES)) != NULL) {
        count++;
    }
    EXPECT(count > 0 && count < ARRAY_COUNT(all)); /* the budget ends it */
    while (count > 0) {
        heap_free(all[--count]);
    }
    heap_statistics_get(&after);
    EXPECT(after.block_count == before.block_count && after.used_bytes == before.used_bytes);
    EXPECT(after.large_bytes == 0);
    (void)heap_check();
}

void group_mappings(void)
{
    uint64_t memory, view = 0, other = 0, address = 0;
    struct memory_size_results size = {0};
    volatile uint64_t *words;
    const volatile uint64_t *seen;
    void *place;

    EXPECT_STATUS(memory_create(0, &memory), STATUS_BAD_RANGE);
    if (!EXPECT_STATUS(memory_create(4, &memory), STATUS_OK) ||
        !EXPECT_STATUS(rt_space_map(memory, 0, 4, ACCESS_READ_WRITE, &place), STATUS_OK)) {
        return;
    }
    words = place;
    EXPECT(words[0] == 0 && words[4 * 512 - 1] == 0);
    words[0] = 1;
    words[512] = 2;
    EXPECT_STATUS(memory_view(memory, 1, 1, ACCESS_READ, &view), STATUS_OK);
    EXPECT_STATUS(memory_size(view, &size), STATUS_OK);
    EXPECT(size.page_count == 1 && size.access == ACCESS_READ);
    EXPECT_STATUS(memory_view(view, 0, 1, ACCESS_READ_WRITE, &other), STATUS_DENIED);
    EXPECT_STATUS(memory_view(view, 0, 2, ACCESS_READ, &other), STATUS_BAD_RANGE);
    EXPECT_STATUS(memory_view(view, 1, 1, ACCESS_READ, &other), STATUS_BAD_RANGE);
    EXPECT_STATUS(memory_view(view, UINT32_MAX, 2, ACCESS_READ, &other), STATUS_BAD_RANGE);
    EXPECT_STATUS(memory_view(view, 0, 0, ACCESS_READ, &other), STATUS_BAD_RANGE);
    EXPECT_STATUS(rt_space_reserve(4, &address), STATUS_OK);
    EXPECT_STATUS(vm_map(view, address, 0, 1, ACCESS_READ_WRITE), STATUS_DENIED);
    EXPECT_STATUS(vm_map(view, address, 0, 2, ACCESS_READ), STATUS_BAD_RANGE);
    EXPECT_STATUS(vm_map(view, address + 1, 0, 1, ACCESS_READ), STATUS_BAD_RANGE);
    EXPECT_STATUS(vm_map(view, (uint64_t)(uintptr_t)place, 0, 1, ACCESS_READ), STATUS_OCCUPIED);
    EXPECT_STATUS(vm_map(view, 0xffff800000000000ull, 0, 1, ACCESS_READ), STATUS_BAD_RANGE);
    EXPECT_STATUS(vm_map(view, address, 0, 1, ACCESS_READ), STATUS_OK);
    seen = (const volatile uint64_t *)(uintptr_t)address;
    EXPECT(seen[0] == 2);
    words[512] = 3;
    EXPECT(seen[0] == 3);
    EXPECT_STATUS(vm_protect(address, 1, ACCESS_READ_WRITE), STATUS_DENIED);
    EXPECT_STATUS(vm_unmap(address, 2), STATUS_NOT_FOUND);
    EXPECT_STATUS(vm_unmap(address, 1), STATUS_OK);
    EXPECT_STATUS(vm_unmap(address, 1), STATUS_NOT_FOUND);
    EXPECT_STATUS(vm_map(view, address, 0, 1, ACCESS_READ), STATUS_OK);
    EXPECT_STATUS(capability_revoke(memory), STATUS_OK);
    EXPECT(words[0] == 1); /* the revoker's own mapping stays */
    capability_release(view);
    (void)!vm_unmap(address, 1);
    rt_space_release(address, 4);
    EXPECT_STATUS(vm_protect((uint64_t)(uintptr_t)place, 4, ACCESS_READ), STATUS_OK);
    EXPECT(words[0] == 1);
    EXPECT_STATUS(vm_protect((uint64_t)(uintptr_t)place, 4, ACCESS_READ_WRITE), STATUS_OK);
    words[0] = 4;
    capability_release(memory);
    EXPECT(words[0] == 4); /* a mapping keeps the memory */
    rt_space_unmap(place, 4);
}
