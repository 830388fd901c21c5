/* SPDX-License-Identifier: MIT */
/*
 * DMABuffer: pages that a device can reach, from the moment they are in its domain until the IOMMU
 * has said that it has forgotten them. They are pinned all that time, whoever has died (L4).
 */
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "diag/trace.h"
#include "ledger/ledger_parts.h"
#include "object/operation.h"
#include "object/process.h"
#include "refund.h"

static void buffer_unmapped(struct iommu_wait *wait);

static uint32_t iommu_access(enum dma_access access)
{
    return access == DMA_ACCESS_DEVICE_READS    ? IOMMU_READ
           : access == DMA_ACCESS_DEVICE_WRITES ? IOMMU_WRITE
                                                : IOMMU_READ | IOMMU_WRITE;
}

/** The buffer's operation, taken off it; NULL if nobody waits. */
static struct operation *take_operation(struct dma_buffer *buffer)
{
    struct operation *operation = buffer->operation;

    buffer->operation = NULL;
    if (operation != NULL) {
        operation->extra = NULL;
        operation->abandon = NULL;
    }
    return operation;
}

static void start_unmap(struct dma_buffer *buffer)
{
    if (iommu_unmap(&buffer->function->domain, (struct iova){buffer->iova}, buffer->page_count,
                    &buffer->wait, buffer_unmapped)) {
        buffer_unmapped(&buffer->wait);
    }
}

/** The device can be told of the buffer now. */
static void buffer_mapped(struct iommu_wait *wait)
{
    struct dma_buffer *buffer = CONTAINER_OF(wait, struct dma_buffer, wait);
    struct operation *operation = take_operation(buffer);

    buffer->is_mapped = true;
    if (operation != NULL) {
        const uint64_t words[2] = {buffer->id, buffer->iova};

        if (wait->failed || buffer->is_ending) {
            operation_complete_exception(operation, STATUS_STALE);
        } else {
            operation_complete_words(operation, words, 2);
        }
    }
    if (buffer->is_ending) {
        start_unmap(buffer); /* it was taken back meanwhile */
    } else if (wait->failed) {
        device_teardown_start(buffer->function, 0);
    }
}

/** The domain is in force for the function; what follows in the unit's queue comes after that. */
static void attached(struct iommu_wait *wait)
{
    struct device_function *function = CONTAINER_OF(wait, struct device_function, attach_wait);

    function->is_attaching = false;
    if (wait->failed) {
        device_teardown_start(function, 0);
    }
    device_teardown_continue(function);
}

/** A domain for the function, with its tables charged to `process`; attached to nothing yet. */
static enum status make_domain(struct device_function *function, struct process *process)
{
    enum status status;

    if (!function->has_domain) {
        status = iommu_domain_init(&function->domain, function->coverage.unit, &process->account);
        if (status != STATUS_OK) {
            return status;
        }
        function->has_domain = true;
    }
    return function->is_attached
               ? STATUS_OK
               : iommu_attach_prepare(function->coverage.unit, &function->source, 1);
}

/** Nothing has come of the domain's first buffer: nobody pays for an empty one. */
static void drop_domain(struct device_function *function)
{
    if (function->has_domain) {
        KVERIFY(iommu_domain_fini(&function->domain));
        function->has_domain = false;
    }
}

/** Give an account of a new buffer's side effects: from here on nothing fails. */
static void commit(struct dma_buffer *buffer, const struct dma_pool *pool,
                   const struct ledger_place *place, uint64_t page_offset)
{
    struct device_function *function = buffer->function;

    ledger_buffer_commit(&ledger, &pool->handle, place, buffer->page_count, buffer->access,
                         &buffer->handle);
    device_buffer_slot_take();
    buffer->iova = place->iova;
    memory_pin(buffer->memory);
    object_get(&buffer->object);
    trace_event(TRACE_KIND_DMA_MAP, (uint64_t)function->source << 32 | buffer->page_count,
                buffer->iova, buffer->access);
    list_append(&function->buffers, &buffer->of_function);
    for (uint32_t i = 0; i < buffer->page_count; i++) {
        iommu_map_page(&function->domain, (struct iova){buffer->iova + i * PAGE_BYTES},
                       memory_frame(buffer->memory, page_offset + i), iommu_access(buffer->access));
    }
    if (!function->is_attached) {
        function->is_attached = true;
        function->is_attaching = true;
        if (iommu_attach(&function->domain, &function->source, 1, &function->attach_wait,
                         attached)) {
            attached(&function->attach_wait);
        }
    }
}

enum status dma_buffer_create(struct dma_pool *pool, struct process *process, struct memory *memory,
                              uint64_t page_offset, uint32_t page_count, enum dma_access access,
                              struct dma_buffer **out, uint64_t *id, bool *pending)
{
    struct device_function *function = pool->function;
    const bool had_domain = function->has_domain;
    struct ledger_place place;
    struct object *object;
    uint32_t slot;
    enum status status = device_buffer_slot(&slot);

    if (status == STATUS_OK) {
        status =
            ledger_buffer_check(&ledger, &pool->handle, process->pid, slot, page_count, &place);
    }
    if (status != STATUS_OK) {
        if (status == STATUS_RETIRED) {
            ledger_exhausted(&ledger, function->index);
        }
        return status;
    }
    if (!account_charge(&process->account, ACCOUNT_DMA_PAGES, page_count)) {
        return STATUS_OVER_BUDGET;
    }
    status = object_create(OBJECT_KIND_DMA_BUFFER, process, &object);
    if (status != STATUS_OK) {
        goto refund;
    }
    struct dma_buffer *buffer = buffer_of(object);

    buffer->function = function;
    buffer->memory = memory;
    buffer->payer = process;
    buffer->page_count = page_count;
    buffer->access = access;
    list_init(&buffer->of_function);
    status = object_grant(object, process, 0, &buffer->id);
    object_put(object);
    if (status != STATUS_OK) {
        goto refund;
    }
    status = make_domain(function, process);
    if (status == STATUS_OK) {
        status = iommu_map_prepare(&function->domain, (struct iova){place.iova}, page_count);
    }
    if (status != STATUS_OK) {
        if (!had_domain) {
            drop_domain(function);
        }
        object_ungrant(process, cap_id_index(buffer->id));
        goto refund;
    }
    commit(buffer, pool, &place, page_offset);
    audit_write(AUDIT_EVENT_BUFFER_MAPPED, STATUS_OK, function, process->pid, object->number,
                buffer->iova);
    *out = buffer;
    *id = buffer->id;
    *pending = !iommu_map_finish(&function->domain, (struct iova){buffer->iova}, page_count,
                                 &buffer->wait, buffer_mapped);
    if (!*pending) {
        buffer_mapped(&buffer->wait);
    }
    device_start(function);
    device_ledger_verify();
    return STATUS_OK;

refund:
    refund(&process->account, ACCOUNT_DMA_PAGES, page_count);
    return status;
}

/** The device cannot reach the pages any more: they are their holders' alone. */
static void give_back(struct dma_buffer *buffer, struct operation *operation)
{
    const struct device_function *function = buffer->function;
    struct process *payer = buffer->payer;

    ledger_buffer_ended(&ledger, buffer->handle.slot);
    device_buffer_slot_give(buffer->handle.slot);
    memory_unpin(buffer->memory);
    refund(&payer->account, ACCOUNT_DMA_PAGES, buffer->page_count);
    trace_event(TRACE_KIND_DMA_UNMAP, (uint64_t)function->source << 32 | buffer->page_count,
                buffer->iova, 0);
    audit_write(AUDIT_EVENT_BUFFER_UNMAPPED, STATUS_OK, function, payer->pid, buffer->object.number,
                buffer->iova);
    list_remove(&buffer->of_function);
    if (operation != NULL) {
        operation_complete_words(operation, NULL, 0);
    }
    object_put(&buffer->object);
    process_account_changed(payer);
}

void dma_buffer_recover(struct dma_buffer *buffer)
{
    KVERIFY(ledger_buffer_is_unreachable(&ledger, buffer->handle.slot, false));
    give_back(buffer, take_operation(buffer));
}

/** The device cannot reach the pages any more, or nobody knows. */
static void buffer_unmapped(struct iommu_wait *wait)
{
    struct dma_buffer *buffer = CONTAINER_OF(wait, struct dma_buffer, wait);
    struct device_function *function = buffer->function;
    struct operation *operation = take_operation(buffer);

    if (wait->failed) {
        /* Nobody has seen it forgotten: the pages stay pinned, and charged, for good. */
        function->is_lost = true;
        if (operation != NULL) {
            operation_complete_exception(operation, STATUS_FAULT);
        }
        device_teardown_start(function, 0);
        device_teardown_continue(function);
        return;
    }
    KVERIFY(ledger_buffer_is_unreachable(&ledger, buffer->handle.slot, true));
    give_back(buffer, operation);
    device_ledger_verify();
    device_teardown_continue(function);
}

void dma_buffer_end(struct dma_buffer *buffer)
{
    if (buffer->is_ending || !list_is_linked(&buffer->of_function)) {
        return;
    }
    buffer->is_ending = true;
    ledger_buffer_end(&ledger, buffer->handle.slot);
    if (buffer->is_mapped) {
        start_unmap(buffer);
    }
}

static void abandon_unmap(struct operation *operation)
{
    struct dma_buffer *buffer = operation->extra;

    buffer->operation = NULL;
}

/** The buffer that a method is called on, if its caller may use it. */
static enum status admit(struct method *method, struct dma_buffer **buffer)
{
    *buffer = buffer_of(method->object);
    return device_admit(method, (*buffer)->function, &(*buffer)->handle, (*buffer)->iova);
}

static enum status buffer_unmap(struct method *method)
{
    struct dma_buffer *buffer;
    const enum status status = admit(method, &buffer);

    if (status != STATUS_OK) {
        return status;
    }
    if (buffer->operation != NULL) {
        /* Its map has not been answered: whoever asks has guessed the capability. */
        return audit_refuse_method(method, STATUS_BUSY, buffer->function, buffer->iova);
    }
    struct operation *operation = method_keep(method);

    operation->extra = buffer;
    operation->abandon = abandon_unmap;
    buffer->operation = operation;
    dma_buffer_end(buffer);
    return STATUS_OK;
}

static enum status buffer_info(struct method *method)
{
    struct dma_buffer *buffer;
    const enum status status = admit(method, &buffer);

    if (status != STATUS_OK) {
        return status;
    }
    struct dma_buffer_info_results *results = method_results(method, sizeof(*results));

    results->iova = buffer->iova;
    results->page_count = buffer->page_count;
    results->access = (uint16_t)buffer->access;
    return STATUS_OK;
}

static void buffer_unnamed(struct object *object)
{
    dma_buffer_end(buffer_of(object));
}

method_function *const dma_buffer_methods[] = {
    [DMA_BUFFER_UNMAP] = buffer_unmap,
    [DMA_BUFFER_INFO] = buffer_info,
};

const struct object_type dma_buffer_type = {
    .bytes = sizeof(struct dma_buffer),
    .unnamed = buffer_unnamed,
};
