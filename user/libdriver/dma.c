/* SPDX-License-Identifier: MIT */
#include "libdriver/dma.h"

#include "rt/address_space.h"
#include "rt/device_objects.h"

enum status driver_dma_allocate(const struct driver_device *device, uint32_t page_count,
                                enum dma_access access, struct driver_dma *dma)
{
    struct driver_dma made = {.page_count = page_count};
    enum status status = memory_create(page_count, &made.memory);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_space_map(made.memory, 0, page_count, ACCESS_READ_WRITE, &made.cpu);
    if (status != STATUS_OK) {
        goto release;
    }
    status =
        dma_pool_map(device->pool, made.memory, 0, page_count, access, &made.buffer, &made.iova);
    if (status != STATUS_OK) {
        goto unmap;
    }
    *dma = made;
    return STATUS_OK;

unmap:
    rt_space_unmap(made.cpu, page_count);
release:
    capability_release(made.memory);
    return status;
}

void driver_dma_require(const struct driver_device *device, uint32_t page_count,
                        enum dma_access access, struct driver_dma *dma)
{
    driver_require(driver_dma_allocate(device, page_count, access, dma),
                   "memory for the device (budget: frames, dmaPages; device grant: poolPages)");
}

enum status driver_dma_import(const struct driver_device *device, uint64_t memory,
                              uint32_t page_offset, uint32_t page_count, enum dma_access access,
                              struct driver_dma *dma)
{
    struct driver_dma made = {.page_count = page_count};
    const enum status status = dma_pool_map(device->pool, memory, page_offset, page_count, access,
                                            &made.buffer, &made.iova);

    if (status == STATUS_OK) {
        *dma = made;
    }
    return status;
}

void driver_dma_release(struct driver_dma *dma)
{
    if (dma->buffer != 0) {
        driver_require(dma_buffer_unmap(dma->buffer), "taking memory from the device");
        capability_release(dma->buffer);
    }
    if (dma->cpu != NULL) {
        rt_space_unmap(dma->cpu, dma->page_count);
    }
    if (dma->memory != 0) {
        capability_release(dma->memory);
    }
    *dma = (struct driver_dma){0};
}
