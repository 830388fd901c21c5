/* SPDX-License-Identifier: MIT */
/*
 * DMAPool: what a function's device can reach, which is nothing but the buffers in it.
 */
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "object/operation.h"
#include "object/process.h"

enum status dma_pool_create(struct device_function *function, struct process *process,
                            struct object **out)
{
    const enum status status = object_create(OBJECT_KIND_DMA_POOL, process, out);

    if (status == STATUS_OK) {
        pool_of(*out)->function = function;
    }
    return status;
}

/** What a DMAPool.map names, checked; the caller may have it as far as capabilities go. */
static enum status find_memory(const struct method *method,
                               const struct dma_pool_map_params *parameters, struct memory **out)
{
    struct object *object;
    const enum status status =
        object_find_kind(&method->process->caps, parameters->memory, OBJECT_KIND_MEMORY, &object);

    if (status != STATUS_OK) {
        return status;
    }
    struct memory *memory = CONTAINER_OF(object, struct memory, object);

    if (parameters->access >= DMA_ACCESS_COUNT) {
        return STATUS_BAD_MESSAGE;
    }
    if (parameters->page_count == 0 || parameters->page_count > DEVICE_BUFFER_PAGES ||
        parameters->page_offset > memory->page_count ||
        parameters->page_count > memory->page_count - parameters->page_offset) {
        return STATUS_BAD_RANGE;
    }
    if (parameters->access != DMA_ACCESS_DEVICE_READS && memory->access != ACCESS_READ_WRITE) {
        return STATUS_DENIED;
    }
    *out = memory;
    return STATUS_OK;
}

static void abandon_map(struct operation *operation)
{
    struct dma_buffer *buffer = operation->extra;

    buffer->operation = NULL;
}

/** The pool that a method is called on, if its caller may use it. */
static enum status admit(struct method *method, uint64_t detail, struct dma_pool **pool)
{
    *pool = pool_of(method->object);
    return device_admit(method, (*pool)->function, &(*pool)->handle, detail);
}

static enum status pool_map(struct method *method)
{
    INLINE_PARAMETERS(parameters, dma_pool_map_params)
    struct dma_pool *pool;
    struct process *process = method->process;
    struct memory *memory;
    struct dma_buffer *buffer;
    bool pending = false;
    uint64_t id;
    enum status status = admit(method, parameters->page_count, &pool);

    if (status != STATUS_OK) {
        return status;
    }
    status = find_memory(method, parameters, &memory);
    if (status == STATUS_OK) {
        status = dma_buffer_create(pool, process, memory, parameters->page_offset,
                                   parameters->page_count, (enum dma_access)parameters->access,
                                   &buffer, &id, &pending);
    }
    if (status != STATUS_OK) {
        device_argument_refused(method, parameters->memory, status);
        return audit_refuse_method(method, status, pool->function, parameters->page_count);
    }
    if (pending) {
        struct operation *operation = method_keep(method);

        operation->extra = buffer;
        operation->abandon = abandon_map;
        buffer->operation = operation;
        return STATUS_OK;
    }
    struct dma_pool_map_results *results = method_results(method, sizeof(*results));

    results->buffer = id;
    results->iova = buffer->iova;
    return STATUS_OK;
}

static enum status pool_info(struct method *method)
{
    struct dma_pool *pool;
    const enum status status = admit(method, 0, &pool);

    if (status != STATUS_OK) {
        return status;
    }
    const struct ledger_function *record = device_record(pool->function);
    struct dma_pool_info_results *results = method_results(method, sizeof(*results));

    results->page_limit = record->pool_limit;
    results->page_count = record->pool_pages;
    results->buffer_count = record->buffer_count;
    results->level = (uint16_t)pool->function->possible;
    results->address_bits = (uint8_t)(63 - __builtin_clzll(record->address_end));
    return STATUS_OK;
}

static void pool_unnamed(struct object *object)
{
    struct dma_pool *pool = pool_of(object);
    struct device_function *function = pool->function;

    if (function->pool == pool) {
        function->pool = NULL;
        device_part_ended(function, object, &pool->handle);
    }
}

method_function *const dma_pool_methods[] = {
    [DMA_POOL_MAP] = pool_map,
    [DMA_POOL_INFO] = pool_info,
};

const struct object_type dma_pool_type = {
    .bytes = sizeof(struct dma_pool),
    .unnamed = pool_unnamed,
};
