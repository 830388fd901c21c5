/* SPDX-License-Identifier: MIT */
#include "rt/own_image.h"

#include "base/memory.h"
#include "manifest/manifest.h"
#include "rt/address_space.h"
#include "rt/heap.h"
#include "rt/kernel_objects.h"
#include "rt/process.h"

enum status rt_image_find(const char *name, struct rt_image *image)
{
    const struct wire_bytes wanted = {(const uint8_t *)name, strlen(name)};
    const uint64_t memory = rt_capability("bootPackage");
    struct boot_package *const package = heap_allocate(sizeof(*package));
    struct memory_size_results size;
    struct manifest_fault fault;
    struct wire_bytes elf;
    void *bytes;
    enum status status = package == NULL ? STATUS_NO_MEMORY : memory_size(memory, &size);

    if (status == STATUS_OK) {
        status = rt_space_map(memory, 0, (uint32_t)size.page_count, ACCESS_READ, &bytes);
    }
    if (status == STATUS_OK) {
        status = STATUS_BAD_MESSAGE;
        if (boot_package_open(package, bytes, size.page_count * RT_PAGE_BYTES, &fault) ==
            MANIFEST_OK) {
            status = STATUS_NOT_FOUND;
            if (manifest_find_image(package, wanted, &elf)) {
                *image = (struct rt_image){
                    .memory = memory,
                    .offset = (uint64_t)(elf.bytes - package->bytes),
                    .length = elf.length,
                };
                status = STATUS_OK;
            }
        }
        rt_space_unmap(bytes, (uint32_t)size.page_count);
    }
    heap_free(package);
    return status;
}

void rt_spawn_prepare(struct rt_spawn *spawn, const struct rt_image *image, const char *name)
{
    *spawn = (struct rt_spawn){
        .name = {name, strlen(name)},
        .image = image->memory,
        .image_offset = image->offset,
        .image_length = image->length,
        .priority = 16,
        .max_priority = 16,
        .cpu_period_us = 10000,
        .frames = 128,
        .cap_slots = 32,
        .objects = 32,
        .threads = 2,
    };
}
