/* SPDX-License-Identifier: MIT */
#include "rt/spawn.h"

#include "rt/message.h"

#define SPAWN_MESSAGE_BYTES (START_INFO_BYTES + 1024u)
#define START_INFO_BYTES    4096u

/** Bytes of a text in a message, with its end and its pointer. */
static size_t text_bytes(size_t length)
{
    return sizeof(uint64_t) + (length + 1 + 7) / 8 * 8;
}

/** Bytes of the StartInfo: the root's pointer, two list pointers, and the texts. */
static size_t start_info_bytes(const struct rt_spawn *spawn)
{
    size_t length = 3 * sizeof(uint64_t);

    for (uint32_t i = 0; i < spawn->argument_count; i++) {
        length += text_bytes(spawn->arguments[i].length);
    }
    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        length += text_bytes(spawn->grants[i].name_length);
    }
    return length;
}

/** Write the request, and the start message inside it. */
static enum status spawn_build(struct rt_exchange *exchange, const struct rt_spawn *spawn)
{
    const size_t expected = start_info_bytes(spawn);
    struct wire_build_struct params, request, budget;
    uint8_t *start_info;
    size_t length;

    if (expected > START_INFO_BYTES) {
        return STATUS_TOO_LONG;
    }
    process_spawner_spawn_params_init_root(&exchange->builder, &params);
    process_spawner_spawn_params_init_request(&params, &request);
    spawn_request_set_name(&request, spawn->name.bytes, spawn->name.length);
    spawn_request_set_image(&request, spawn->image);
    spawn_request_set_image_offset(&request, spawn->image_offset);
    spawn_request_set_image_length(&request, spawn->image_length);
    spawn_request_set_priority(&request, spawn->priority);
    spawn_request_set_max_priority(&request, spawn->max_priority);
    spawn_request_set_cpu_budget_micros(&request, spawn->cpu_budget_us);
    spawn_request_set_cpu_period_micros(&request, spawn->cpu_period_us);
    spawn_request_init_budget(&request, &budget);
    budget_set_frames(&budget, spawn->frames);
    budget_set_cap_slots(&budget, spawn->cap_slots);
    budget_set_objects(&budget, spawn->objects);
    budget_set_threads(&budget, spawn->threads);
    budget_set_dma_pages(&budget, spawn->dma_pages);
    budget_set_mmio_pages(&budget, spawn->mmio_pages);
    budget_set_interrupts(&budget, spawn->interrupts);
    if (spawn_request_init_start_message(&request, expected, &start_info) != WIRE_OK ||
        rt_start_info_build(start_info, expected, spawn->arguments, spawn->argument_count,
                            spawn->grants, spawn->grant_count, &length) != WIRE_OK) {
        return STATUS_TOO_LONG;
    }
    for (uint32_t i = 0; i < spawn->grant_count; i++) {
        rt_exchange_transfer(exchange, spawn->grants[i].capability, spawn->grants[i].mode);
    }
    return STATUS_OK;
}

enum status process_spawn(uint64_t spawner, const struct rt_spawn *spawn, uint64_t *process)
{
    struct rt_exchange exchange;
    struct wire_struct results;
    enum status status;

    if (spawn->grant_count > RING_MAX_TRANSFERS) {
        return STATUS_TOO_LONG;
    }
    status = rt_exchange_begin(&exchange, SPAWN_MESSAGE_BYTES);
    if (status != STATUS_OK) {
        return status;
    }
    status = spawn_build(&exchange, spawn);
    if (status == STATUS_OK) {
        status = rt_exchange_call(&exchange, spawner, PROCESS_SPAWNER_SPAWN, &results);
    }
    if (status == STATUS_OK) {
        *process = process_spawner_spawn_results_get_process(results);
    }
    rt_exchange_end(&exchange);
    return status;
}
