/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Typed calls of the kernel's interfaces for devices, on the calling thread's ring, in the form of
 * kernel_objects.h: one function per method, named after the schema, which says what each does.
 * Drivers have libdriver on top of this; DeviceManager is init's. Those whose answers have no
 * native struct are in device_objects.c.
 */

#include "rt/kernel_objects.h"

#include <stdbool.h>

/* -------- DeviceManager; its lists are read with an rt_exchange -------- */

static inline MUST_CHECK enum status
device_manager_claim(uint64_t manager, const struct device_manager_claim_params *params,
                     struct device_manager_claim_results *claim)
{
    struct rt_words answer;
    const enum status status =
        rt_kernel_call(manager, DEVICE_MANAGER_CLAIM, RT_WORDS(*params), &answer);

    if (status == STATUS_OK) {
        __builtin_memcpy(claim, &answer, sizeof(*claim));
    }
    return status;
}

/**
 * Fill in function and generation of a claim: of the `number`-th function, from 0 on, that has
 * these PCI ids, of those in the first answer of DeviceManager.functions. notFound: there are not
 * so many.
 */
MUST_CHECK enum status device_manager_find(uint64_t manager, uint16_t vendor, uint16_t device,
                                           uint32_t number,
                                           struct device_manager_claim_params *params);

static inline MUST_CHECK enum status device_manager_interrupt(uint64_t manager, uint32_t function,
                                                              uint64_t generation,
                                                              uint64_t *interrupt)
{
    const struct device_manager_interrupt_params params = {.function = function,
                                                           .generation = generation};

    return rt_kernel_call_word(manager, DEVICE_MANAGER_INTERRUPT, RT_WORDS(params), interrupt);
}

static inline MUST_CHECK enum status device_manager_revoke(uint64_t manager, uint32_t function,
                                                           uint64_t generation,
                                                           enum function_state *state)
{
    const struct device_manager_revoke_params params = {.function = function,
                                                        .generation = generation};
    uint64_t word;
    const enum status status =
        rt_kernel_call_word(manager, DEVICE_MANAGER_REVOKE, RT_WORDS(params), &word);

    if (status == STATUS_OK) {
        *state = (enum function_state)(uint16_t)word;
    }
    return status;
}

/* -------- InterruptRouting -------- */

static inline MUST_CHECK enum status
interrupt_routing_declare(uint64_t routing, const struct interrupt_routing_declare_params *params)
{
    return rt_kernel_call_void(routing, INTERRUPT_ROUTING_DECLARE, RT_WORDS(*params));
}

/* -------- DeviceMmio -------- */

struct device_mmio_bar {
    uint64_t bytes;
    bool mappable;
    bool prefetchable;
};

MUST_CHECK enum status device_mmio_info(uint64_t mmio, uint32_t bar, struct device_mmio_bar *info);

static inline MUST_CHECK enum status device_mmio_map(uint64_t mmio, uint64_t address, uint32_t bar,
                                                     uint64_t offset, uint32_t page_count)
{
    const struct device_mmio_map_params params = {
        .address = address, .offset = offset, .page_count = page_count, .bar = bar};

    return rt_kernel_call_void(mmio, DEVICE_MMIO_MAP, RT_WORDS(params));
}

static inline MUST_CHECK enum status device_mmio_read(uint64_t mmio, uint32_t bar, uint64_t offset,
                                                      uint32_t width, uint64_t *value)
{
    const struct device_mmio_read_params params = {.offset = offset, .bar = bar, .width = width};

    return rt_kernel_call_word(mmio, DEVICE_MMIO_READ, RT_WORDS(params), value);
}

static inline MUST_CHECK enum status device_mmio_write(uint64_t mmio, uint32_t bar, uint64_t offset,
                                                       uint32_t width, uint64_t value)
{
    const struct device_mmio_write_params params = {
        .offset = offset, .value = value, .bar = bar, .width = width};

    return rt_kernel_call_void(mmio, DEVICE_MMIO_WRITE, RT_WORDS(params));
}

static inline MUST_CHECK enum status device_mmio_read_config(uint64_t mmio, uint32_t offset,
                                                             uint32_t width, uint32_t *value)
{
    const struct device_mmio_read_config_params params = {.offset = offset, .width = width};
    uint64_t word;
    const enum status status =
        rt_kernel_call_word(mmio, DEVICE_MMIO_READ_CONFIG, RT_WORDS(params), &word);

    if (status == STATUS_OK) {
        *value = (uint32_t)word;
    }
    return status;
}

static inline MUST_CHECK enum status device_mmio_write_config(uint64_t mmio, uint32_t offset,
                                                              uint32_t width, uint32_t value)
{
    const struct device_mmio_write_config_params params = {
        .offset = offset, .width = width, .value = value};

    return rt_kernel_call_void(mmio, DEVICE_MMIO_WRITE_CONFIG, RT_WORDS(params));
}

/* -------- Interrupt -------- */

static inline MUST_CHECK enum status interrupt_bind(uint64_t interrupt, uint64_t notification,
                                                    uint64_t bits)
{
    const struct interrupt_bind_params params = {.notification = notification, .bits = bits};

    return rt_kernel_call_void(interrupt, INTERRUPT_BIND, RT_WORDS(params));
}

static inline MUST_CHECK enum status interrupt_unmask(uint64_t interrupt)
{
    return rt_kernel_call_void(interrupt, INTERRUPT_UNMASK, (struct rt_words){{0}});
}

static inline MUST_CHECK enum status interrupt_mask(uint64_t interrupt)
{
    return rt_kernel_call_void(interrupt, INTERRUPT_MASK, (struct rt_words){{0}});
}

struct interrupt_state {
    uint64_t delivered;
    uint32_t index; /* within the function */
    bool masked;
    bool level; /* a pin's: unmask acknowledges */
};

MUST_CHECK enum status interrupt_info(uint64_t interrupt, struct interrupt_state *state);

/** Wait until the interrupt has been delivered since the last WAIT: how often. */
static inline MUST_CHECK enum status interrupt_wait(uint64_t interrupt, uint64_t deadline_ns,
                                                    uint64_t *count)
{
    return rt_ring_wait_for(rt_ring_self(), interrupt, deadline_ns, count, NULL);
}

/* -------- DMAPool, DMABuffer -------- */

static inline MUST_CHECK enum status dma_pool_map(uint64_t pool, uint64_t memory,
                                                  uint32_t page_offset, uint32_t page_count,
                                                  enum dma_access access, uint64_t *buffer,
                                                  uint64_t *iova)
{
    const struct dma_pool_map_params params = {.memory = memory,
                                               .page_offset = page_offset,
                                               .page_count = page_count,
                                               .access = (uint16_t)access};
    struct rt_words answer;
    const enum status status = rt_kernel_call(pool, DMA_POOL_MAP, RT_WORDS(params), &answer);

    if (status == STATUS_OK) {
        *buffer = answer.word[0];
        *iova = answer.word[1];
    }
    return status;
}

static inline MUST_CHECK enum status dma_pool_info(uint64_t pool,
                                                   struct dma_pool_info_results *info)
{
    struct rt_words answer;
    const enum status status = rt_kernel_call(pool, DMA_POOL_INFO, (struct rt_words){{0}}, &answer);

    if (status == STATUS_OK) {
        __builtin_memcpy(info, &answer, sizeof(*info));
    }
    return status;
}

static inline MUST_CHECK enum status dma_buffer_unmap(uint64_t buffer)
{
    return rt_kernel_call_void(buffer, DMA_BUFFER_UNMAP, (struct rt_words){{0}});
}

static inline MUST_CHECK enum status dma_buffer_info(uint64_t buffer,
                                                     struct dma_buffer_info_results *info)
{
    struct rt_words answer;
    const enum status status =
        rt_kernel_call(buffer, DMA_BUFFER_INFO, (struct rt_words){{0}}, &answer);

    if (status == STATUS_OK) {
        __builtin_memcpy(info, &answer, sizeof(*info));
    }
    return status;
}
