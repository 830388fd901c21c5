/* SPDX-License-Identifier: MIT */
/*
 * VirtualMemory and Memory: what a process maps where, and views of memory. What has to wait for
 * other CPUs' TLBs keeps an operation, and answers when they have flushed.
 */

#include "mm/address_space.h"
#include "mm/layout.h"
#include "object/flush.h"
#include "object/memory.h"
#include "object/object.h"
#include "object/process.h"
#include "object/services.h"
#include "sched/thread.h"
#include "syscall/methods.h"

static void abandon_memory_work(struct operation *operation)
{
    struct memory *memory = operation->extra;

    memory->operation = NULL;
}

void method_await_memory(struct memory *memory, struct operation *operation)
{
    operation->extra = memory;
    operation->abandon = abandon_memory_work;
    memory->operation = operation;
}

/* ---- VirtualMemory -------------------------------------------------------------------------- */

/* Flattened: a call per layer is a good part of what mapping one page costs. */
__attribute__((flatten)) static enum status virtual_memory_map(struct method *method)
{
    INLINE_PARAMETERS(parameters, virtual_memory_map_params)
    struct process *process = permission_of(method->object)->process;
    struct object *object;

    if (UNLIKELY(parameters->access >= ACCESS_COUNT)) {
        return STATUS_BAD_MESSAGE;
    }
    if (UNLIKELY(process->state != PROCESS_STATE_RUNNING)) {
        return STATUS_PEER_GONE;
    }
    const enum status status =
        object_find_kind(&method->process->caps, parameters->memory, OBJECT_KIND_MEMORY, &object);

    if (UNLIKELY(status != STATUS_OK)) {
        return status;
    }
    return address_space_map(&process->space, CONTAINER_OF(object, struct memory, object),
                             parameters->address, parameters->page_offset, parameters->page_count,
                             (enum access)parameters->access);
}

static void abandon_unmap(struct operation *operation)
{
    struct mapping *mapping = operation->extra;

    mapping->removed = NULL;
}

static void unmap_done(void *context)
{
    struct operation *operation = context;

    operation->abandon = NULL;
    operation_complete_words(operation, NULL, 0);
}

/** The mapping that a request names, if the process may change it. */
static enum status find_mapping(const struct process *process, uint64_t address,
                                uint64_t page_count, struct mapping **out)
{
    if (!is_user_range(address, page_count)) {
        return STATUS_BAD_RANGE;
    }
    *out = address_space_find(&process->space, address, page_count);
    if (*out == NULL) {
        return STATUS_NOT_FOUND;
    }
    return (*out)->memory == NULL ? STATUS_PINNED : STATUS_OK;
}

static enum status virtual_memory_unmap(struct method *method)
{
    INLINE_PARAMETERS(parameters, virtual_memory_unmap_params)
    struct mapping *mapping;
    const enum status status = find_mapping(permission_of(method->object)->process,
                                            parameters->address, parameters->page_count, &mapping);

    if (status != STATUS_OK) {
        return status;
    }
    if (mapping_remove(mapping)) {
        return STATUS_OK;
    }
    struct operation *operation = method_keep(method);

    operation->extra = mapping;
    operation->abandon = abandon_unmap;
    mapping->removed = unmap_done;
    mapping->removed_context = operation;
    return STATUS_OK;
}

static void protect_flushed(struct flush_wait *wait)
{
    operation_complete_words(CONTAINER_OF(wait, struct operation, flush), NULL, 0);
}

static void abandon_protect(struct operation *operation)
{
    /* The record that other CPUs will answer is part of the operation: take it off their list. */
    list_remove(&operation->flush.link);
}

static enum status virtual_memory_protect(struct method *method)
{
    INLINE_PARAMETERS(parameters, virtual_memory_protect_params)
    struct mapping *mapping;

    if (parameters->access >= ACCESS_COUNT) {
        return STATUS_BAD_MESSAGE;
    }
    const enum status status = find_mapping(permission_of(method->object)->process,
                                            parameters->address, parameters->page_count, &mapping);

    if (status != STATUS_OK) {
        return status;
    }
    if (mapping->memory->device != NULL ||
        !memory_allows(mapping->memory, (enum access)parameters->access)) {
        return STATUS_DENIED;
    }
    struct operation *operation = method_keep(method);

    list_init(&operation->flush.link);
    operation->abandon = abandon_protect;
    if (mapping_protect(mapping, (enum access)parameters->access, &operation->flush,
                        protect_flushed)) {
        protect_flushed(&operation->flush);
    }
    return STATUS_OK;
}

static enum status virtual_memory_set_tls(struct method *method)
{
    INLINE_PARAMETERS(parameters, virtual_memory_set_tls_params)

    /* A non-canonical base would fault in the kernel, in WRMSR. */
    if (parameters->base >= USER_END) {
        return STATUS_BAD_RANGE;
    }
    if (method->thread->process != permission_of(method->object)->process) {
        return STATUS_DENIED;
    }
    method->thread->fs_base = parameters->base;
    thread_load_tls(method->thread);
    return STATUS_OK;
}

method_function *const virtual_memory_methods[] = {
    [VIRTUAL_MEMORY_MAP] = virtual_memory_map,
    [VIRTUAL_MEMORY_UNMAP] = virtual_memory_unmap,
    [VIRTUAL_MEMORY_PROTECT] = virtual_memory_protect,
    [VIRTUAL_MEMORY_SET_TLS] = virtual_memory_set_tls,
};

/* ---- Memory --------------------------------------------------------------------------------- */

static enum status memory_size(struct method *method)
{
    const struct memory *memory = CONTAINER_OF(method->object, struct memory, object);
    struct memory_size_results *results = method_results(method, sizeof(*results));

    results->page_count = memory->page_count;
    results->access = (uint16_t)memory->access;
    results->mapping_count = memory->mapping_count;
    results->pin_count = memory->root->pin_count;
    return STATUS_OK;
}

static enum status memory_view(struct method *method)
{
    INLINE_PARAMETERS(parameters, memory_view_params)
    struct memory *view;

    if (parameters->access >= ACCESS_COUNT) {
        return STATUS_BAD_MESSAGE;
    }
    const enum status status = memory_create_view(
        CONTAINER_OF(method->object, struct memory, object), method->process,
        parameters->page_offset, parameters->page_count, (enum access)parameters->access, &view);

    return status != STATUS_OK ? status : method_grant_new(method, &view->object);
}

method_function *const memory_methods[] = {
    [MEMORY_SIZE] = memory_size,
    [MEMORY_VIEW] = memory_view,
};
