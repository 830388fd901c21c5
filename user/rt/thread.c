/* SPDX-License-Identifier: MIT */
#include "rt/thread.h"

#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/thread_storage.h"

/* How often another address is tried for a ring: one that just ended may still be mapped. */
#define RING_PLACE_ATTEMPTS 8

void rt_thread_entry(void); /* start.S */

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

/** Create the kernel's thread, with a ring wherever there is room for one. */
static enum status thread_start(struct rt_thread *thread, uint64_t stack_top)
{
    uint64_t tried[RING_PLACE_ATTEMPTS];
    unsigned attempts = 0;
    enum status status;

    do {
        status = rt_space_reserve(RING_PAGE_COUNT, &tried[attempts]);
        if (status != STATUS_OK) {
            break;
        }
        thread->ring_address = tried[attempts++];
        /* The thread may run before this returns; it does not look at `capability`. */
        status =
            thread_create((uint64_t)(uintptr_t)rt_thread_entry, stack_top,
                          (uint64_t)(uintptr_t)thread, thread->ring_address, &thread->capability);
    } while (status == STATUS_OCCUPIED && attempts < RING_PLACE_ATTEMPTS);
    for (unsigned i = 0; i < attempts; i++) {
        if (status != STATUS_OK || tried[i] != thread->ring_address) {
            rt_space_release(tried[i], RING_PAGE_COUNT);
        }
    }
    return status;
}

enum status rt_thread_create(uint64_t (*function)(void *argument), void *argument,
                             uint64_t stack_bytes, struct rt_thread **thread_out)
{
    const struct rt_tls_image image = rt_tls_image_get();
    const uint64_t tls_bytes = rt_tls_block_bytes(&image);
    const uint64_t own_bytes = round_up(tls_bytes + sizeof(struct rt_thread), 64);
    uint64_t pages;
    uint64_t memory;
    uint64_t reserved;
    uint64_t mapped;
    struct rt_thread *thread;
    enum status status;

    if (stack_bytes == 0) {
        stack_bytes = RT_THREAD_STACK_BYTES_DEFAULT;
    }
    if (stack_bytes > UINT32_MAX) {
        return STATUS_BAD_RANGE;
    }
    pages = round_up(stack_bytes + own_bytes, RT_PAGE_BYTES) / RT_PAGE_BYTES;
    status = memory_create(pages, &memory);
    if (status != STATUS_OK) {
        return status;
    }
    status = rt_space_reserve(pages + 1, &reserved);
    if (status != STATUS_OK) {
        goto release_memory;
    }
    mapped = reserved + RT_PAGE_BYTES;
    status = vm_map(memory, mapped, 0, (uint32_t)pages, ACCESS_READ_WRITE);
    if (status != STATUS_OK) {
        goto release_space;
    }
    thread =
        (struct rt_thread *)(uintptr_t)(mapped + pages * RT_PAGE_BYTES - own_bytes + tls_bytes);
    thread->function = function;
    thread->argument = argument;
    thread->memory = memory;
    thread->stack_address = mapped;
    thread->stack_pages = pages;
    thread->reserved_address = reserved;
    status = thread_start(thread, mapped + pages * RT_PAGE_BYTES - own_bytes);
    if (status != STATUS_OK) {
        goto unmap;
    }
    *thread_out = thread;
    return STATUS_OK;

unmap:
    RT_ASSERT(vm_unmap(mapped, pages) == STATUS_OK);
release_space:
    rt_space_release(reserved, pages + 1);
release_memory:
    capability_release(memory);
    return status;
}

void rt_thread_main(struct ring_memory *ring, struct rt_thread *thread)
{
    const struct rt_tls_image image = rt_tls_image_get();
    char *const block = (char *)thread - rt_tls_block_bytes(&image);
    struct virtual_memory_set_tls_params params;
    struct rt_words answer;

    rt_ring_init(&thread->ring, ring);
    params.base = (uint64_t)(uintptr_t)rt_tls_block_init(&image, block, thread);
    if (rt_ring_call(&thread->ring, RT_VIRTUAL_MEMORY, VIRTUAL_MEMORY_SET_TLS, RT_WORDS(params),
                     &answer) != STATUS_OK) {
        rt_arch_exit(RT_EXIT_PROCESS, RT_EXIT_PANIC); /* nothing works without it, panic neither */
    }
    rt_thread_exit(thread->function(thread->argument));
}

enum status rt_thread_join(struct rt_thread *thread, uint64_t *code)
{
    const uint64_t capability = thread->capability;
    const uint64_t memory = thread->memory;
    const uint64_t mapped = thread->stack_address;
    const uint64_t pages = thread->stack_pages;
    const uint64_t reserved = thread->reserved_address;
    const uint64_t ring = thread->ring_address;
    const enum status status = rt_ring_wait_for(rt_ring_self(), capability, 0, code, NULL);

    if (status != STATUS_OK) {
        return status;
    }
    capability_release(capability);
    RT_ASSERT(vm_unmap(mapped, pages) == STATUS_OK);
    capability_release(memory);
    rt_space_release(reserved, pages + 1);
    rt_space_release(ring, RING_PAGE_COUNT);
    return STATUS_OK;
}

void rt_thread_exit(uint64_t code)
{
    rt_arch_exit(RT_EXIT_THREAD, code);
}
