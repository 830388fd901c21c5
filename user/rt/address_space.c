/* SPDX-License-Identifier: MIT */
#include "rt/address_space.h"

#include "rt/kernel_objects.h"
#include "rt/mutex.h"
#include "rt/panic.h"

#include <stdbool.h>

static struct rt_mutex space_mutex;
static uint64_t space_used[RT_SPACE_GRANULES / 64]; /* by space_mutex: one bit per granule */

static bool granule_is_used(uint32_t granule)
{
    return (space_used[granule / 64] >> (granule % 64)) & 1;
}

static void granules_set(uint32_t first, uint32_t count, bool used)
{
    for (uint32_t granule = first; granule < first + count; granule++) {
        const uint64_t bit = 1ull << (granule % 64);

        if (granule_is_used(granule) == used) {
            rt_panic("address space: granule %u changed twice", granule);
        }
        space_used[granule / 64] ^= bit;
    }
}

/** Granules for `page_count` pages and a guard page; more than there are if it cannot be. */
static uint32_t granules_needed(uint64_t page_count)
{
    const uint64_t pages_per_granule = RT_SPACE_GRANULE_BYTES / RT_PAGE_BYTES;

    if (page_count == 0 || page_count >= RT_SPACE_GRANULES * pages_per_granule) {
        return RT_SPACE_GRANULES + 1;
    }
    return (uint32_t)(page_count / pages_per_granule + 1);
}

enum status rt_space_reserve(uint64_t page_count, uint64_t *address)
{
    const uint32_t needed = granules_needed(page_count);
    enum status status = STATUS_NO_MEMORY;
    uint32_t run = 0;

    rt_mutex_lock(&space_mutex);
    for (uint32_t granule = 0; granule < RT_SPACE_GRANULES; granule++) {
        run = granule_is_used(granule) ? 0 : run + 1;
        if (run == needed) {
            const uint32_t first = granule + 1 - needed;

            granules_set(first, needed, true);
            *address = RT_SPACE_START + first * RT_SPACE_GRANULE_BYTES;
            status = STATUS_OK;
            break;
        }
    }
    rt_mutex_unlock(&space_mutex);
    return status;
}

void rt_space_release(uint64_t address, uint64_t page_count)
{
    const uint64_t first = (address - RT_SPACE_START) / RT_SPACE_GRANULE_BYTES;
    const uint32_t count = granules_needed(page_count);

    RT_ASSERT(address % RT_SPACE_GRANULE_BYTES == 0 && first + count <= RT_SPACE_GRANULES);
    rt_mutex_lock(&space_mutex);
    granules_set((uint32_t)first, count, false);
    rt_mutex_unlock(&space_mutex);
}

enum status rt_space_map(uint64_t memory, uint32_t page_offset, uint32_t page_count,
                         enum access access, void **address)
{
    uint64_t place;
    enum status status = rt_space_reserve(page_count, &place);

    if (status != STATUS_OK) {
        return status;
    }
    status = vm_map(memory, place, page_offset, page_count, access);
    if (status != STATUS_OK) {
        rt_space_release(place, page_count);
        return status;
    }
    *address = (void *)(uintptr_t)place;
    return STATUS_OK;
}

void rt_space_unmap(void *address, uint32_t page_count)
{
    const uint64_t place = (uint64_t)(uintptr_t)address;
    const enum status status = vm_unmap(place, page_count);

    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        rt_panic("address space: unmapping %p: %s", address, status_name(status));
    }
    rt_space_release(place, page_count);
}
