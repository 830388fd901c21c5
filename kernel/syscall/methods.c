/* SPDX-License-Identifier: MIT */
#include "syscall/methods.h"

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/power.h"
#include "mm/address_space.h"
#include "mm/layout.h"
#include "object/endpoint.h"
#include "object/memory.h"
#include "object/message.h"
#include "object/notification_inline.h"
#include "object/object.h"
#include "object/process.h"
#include "object/services.h"
#include "sched/sched.h"
#include "sched/thread.h"

const void *method_inline(const struct method *method, enum status *status)
{
    if (UNLIKELY((method->sqe->flags & SQE_INLINE) == 0)) {
        *status = STATUS_BAD_MESSAGE;
        return NULL;
    }
    return method->sqe->payload;
}

/** As method_inline(), in a method function: returns the refusal from there. */
#define INLINE_PARAMETERS(name, type)                                                              \
    enum status form = STATUS_OK;                                                                  \
    const struct type *name = method_inline(method, &form);                                        \
    if (UNLIKELY(name == NULL)) {                                                                  \
        return form;                                                                               \
    }

/** Room for an inline answer, cleared; `bytes` is the size of the schema's native struct. */
static void *method_results(struct method *method, size_t bytes)
{
    memset(method->results, 0, sizeof(method->results));
    method->result_words = (uint32_t)(bytes / sizeof(uint64_t));
    return method->results;
}

/* ---- What several methods do ---------------------------------------------------------------- */

/** Give the caller the capability for an object it has just made, as its origin. */
static enum status grant_new(struct method *method, struct object *object)
{
    const enum status status =
        object_grant(object, method->process, CAP_ORIGIN, &method->results[0]);

    if (LIKELY(status == STATUS_OK)) {
        method->result_words = 1;
    }
    object_put(object);
    return status;
}

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

struct operation *method_keep(struct method *method)
{
    method->later = true;
    return operation_take(method->thread, method->sqe, OPERATION_WAITING);
}

/* ---- Factory -------------------------------------------------------------------------------- */

static enum status factory_create_memory(struct method *method)
{
    INLINE_PARAMETERS(parameters, factory_create_memory_params)
    struct memory *memory;
    bool filling;
    const enum status status = memory_create(permission_of(method->object)->process,
                                             parameters->page_count, &memory, &filling);

    if (status != STATUS_OK) {
        return status;
    }
    if (filling) {
        method_await_memory(memory, method_keep(method));
        return STATUS_OK;
    }
    return grant_new(method, &memory->object);
}

static enum status factory_create_endpoint(struct method *method)
{
    struct object *object;
    const enum status status = endpoint_create(permission_of(method->object)->process, &object);

    return status != STATUS_OK ? status : grant_new(method, object);
}

static enum status factory_create_notification(struct method *method)
{
    struct object *object;
    const enum status status = notification_create(permission_of(method->object)->process, &object);

    return status != STATUS_OK ? status : grant_new(method, object);
}

static enum status factory_create_timer(struct method *method)
{
    struct object *object;
    const enum status status = timer_object_create(permission_of(method->object)->process, &object);

    return status != STATUS_OK ? status : grant_new(method, object);
}

static enum status factory_create_thread(struct method *method)
{
    INLINE_PARAMETERS(parameters, factory_create_thread_params)
    struct process *process = permission_of(method->object)->process;
    const struct thread_start start = {
        .entry = parameters->entry,
        .stack_top = parameters->stack_top,
        .argument = parameters->argument,
        .ring_address = parameters->ring,
        .priority = method->thread->base_priority,
    };
    struct thread *thread;
    struct object *object;

    if (process->state != PROCESS_STATE_RUNNING) {
        return STATUS_PEER_GONE;
    }
    enum status status = thread_create(process, &start, &thread);

    if (status != STATUS_OK) {
        return status;
    }
    status = thread_object_create(thread, &object);
    if (status != STATUS_OK) {
        thread_end(thread, 0);
        return status;
    }
    status = grant_new(method, object);
    if (status != STATUS_OK) {
        thread_end(thread, 0);
        return status;
    }
    sched_wake(thread);
    return STATUS_OK;
}

static method_function *const factory_methods[] = {
    [FACTORY_CREATE_MEMORY] = factory_create_memory,
    [FACTORY_CREATE_ENDPOINT] = factory_create_endpoint,
    [FACTORY_CREATE_NOTIFICATION] = factory_create_notification,
    [FACTORY_CREATE_TIMER] = factory_create_timer,
    [FACTORY_CREATE_THREAD] = factory_create_thread,
};

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
    if (!memory_allows(mapping->memory, (enum access)parameters->access)) {
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

static method_function *const virtual_memory_methods[] = {
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

    return status != STATUS_OK ? status : grant_new(method, &view->object);
}

static method_function *const memory_methods[] = {
    [MEMORY_SIZE] = memory_size,
    [MEMORY_VIEW] = memory_view,
};

/* ---- Endpoint, Notification, Timer, Thread, ProcessHandle, Power ---------------------------- */

static enum status endpoint_mint_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, endpoint_mint_params)
    struct object *object;
    const enum status status = endpoint_mint(CONTAINER_OF(method->object, struct endpoint, object),
                                             method->process, parameters->badge, &object);

    return status != STATUS_OK ? status : grant_new(method, object);
}

static method_function *const endpoint_methods[] = {
    [ENDPOINT_MINT] = endpoint_mint_method,
};

/** Reached only by a signal in area form: signal_now() has taken the inline ones. */
static enum status signal_method(struct method *method)
{
    (void)method;
    return STATUS_BAD_MESSAGE;
}

static enum status notification_mint_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, notification_mint_params)
    struct object *object;
    const enum status status =
        notification_mint(CONTAINER_OF(method->object, struct notification, object),
                          method->process, parameters->mask, &object);

    return status != STATUS_OK ? status : grant_new(method, object);
}

static method_function *const notification_methods[] = {
    [NOTIFICATION_SIGNAL] = signal_method,
    [NOTIFICATION_MINT] = notification_mint_method,
};

static method_function *const signaller_methods[] = {
    [SIGNALLER_SIGNAL] = signal_method,
};

static enum status timer_now(struct method *method)
{
    struct timer_now_results *results = method_results(method, sizeof(*results));

    results->nanoseconds = clock_ns();
    return STATUS_OK;
}

static enum status timer_arm_method(struct method *method)
{
    INLINE_PARAMETERS(parameters, timer_arm_params)
    struct object *object;
    struct notification *target;
    enum status status = object_find(method->process, parameters->notification, &object);

    if (status == STATUS_OK) {
        status = notification_target(object, parameters->bits, &target);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* A shorter period would be a way to keep a CPU in interrupts. */
    if (parameters->period != 0 && parameters->period < 100 * 1000) {
        return STATUS_BAD_RANGE;
    }
    timer_object_arm(CONTAINER_OF(method->object, struct timer_object, object), object, target,
                     parameters->bits, parameters->deadline, parameters->period);
    return STATUS_OK;
}

static enum status timer_disarm_method(struct method *method)
{
    timer_object_disarm(CONTAINER_OF(method->object, struct timer_object, object));
    return STATUS_OK;
}

static method_function *const timer_methods[] = {
    [TIMER_NOW] = timer_now,
    [TIMER_ARM] = timer_arm_method,
    [TIMER_DISARM] = timer_disarm_method,
};

static enum status thread_set_priority(struct method *method)
{
    INLINE_PARAMETERS(parameters, thread_set_priority_params)
    struct thread *thread = CONTAINER_OF(method->object, struct thread_object, object)->thread;

    if (thread == NULL) {
        return STATUS_PEER_GONE;
    }
    if (parameters->priority > thread->process->max_priority) {
        return STATUS_DENIED;
    }
    thread->base_priority = parameters->priority;
    thread_update_priority(thread);
    return STATUS_OK;
}

static method_function *const thread_methods[] = {
    [THREAD_SET_PRIORITY] = thread_set_priority,
};

static enum status process_handle_kill(struct method *method)
{
    struct process *process = CONTAINER_OF(method->object, struct process_handle, object)->process;

    if (process == NULL) {
        return STATUS_PEER_GONE;
    }
    process_end(process, EXIT_REASON_KILLED, 0);
    return STATUS_OK;
}

static enum status process_handle_info(struct method *method)
{
    const struct process_handle *handle =
        CONTAINER_OF(method->object, struct process_handle, object);
    struct process_handle_info_results *results = method_results(method, sizeof(*results));

    results->pid = handle->pid;
    results->state =
        (uint16_t)(handle->process == NULL ? PROCESS_STATE_GONE : handle->process->state);
    return STATUS_OK;
}

static method_function *const process_handle_methods[] = {
    [PROCESS_HANDLE_KILL] = process_handle_kill,
    [PROCESS_HANDLE_INFO] = process_handle_info,
};

static enum status power_halt_method(struct method *method)
{
    (void)method;
    power_halt();
}

static enum status power_reboot_method(struct method *method)
{
    (void)method;
    power_reboot();
}

static method_function *const power_methods[] = {
    [POWER_HALT] = power_halt_method,
    [POWER_REBOOT] = power_reboot_method,
};

/* ---- Dispatch ------------------------------------------------------------------------------- */

struct interface {
    method_function *const *methods;
    uint32_t count;
};

#define INTERFACE(table)                                                                           \
    {                                                                                              \
        (table), ARRAY_COUNT(table)                                                                \
    }

static const struct interface interfaces[OBJECT_KIND_COUNT] = {
    [OBJECT_KIND_FACTORY] = INTERFACE(factory_methods),
    [OBJECT_KIND_VIRTUAL_MEMORY] = INTERFACE(virtual_memory_methods),
    [OBJECT_KIND_MEMORY] = INTERFACE(memory_methods),
    [OBJECT_KIND_ENDPOINT] = INTERFACE(endpoint_methods),
    [OBJECT_KIND_NOTIFICATION] = INTERFACE(notification_methods),
    [OBJECT_KIND_SIGNALLER] = INTERFACE(signaller_methods),
    [OBJECT_KIND_TIMER] = INTERFACE(timer_methods),
    [OBJECT_KIND_THREAD] = INTERFACE(thread_methods),
    [OBJECT_KIND_PROCESS_HANDLE] = INTERFACE(process_handle_methods),
    [OBJECT_KIND_POWER] = INTERFACE(power_methods),
    [OBJECT_KIND_PROCESS_SPAWNER] = {spawner_methods, PROCESS_SPAWNER_METHOD_COUNT},
    [OBJECT_KIND_CONSOLE] = {console_methods, CONSOLE_METHOD_COUNT},
    [OBJECT_KIND_DIAGNOSTICS] = {diagnostics_methods, DIAGNOSTICS_METHOD_COUNT},
};

/** Copy an area message into this CPU's scratch page: what is checked is what is used. */
static enum status take_message(struct method *method)
{
    const struct ring_sqe *sqe = method->sqe;
    const uint32_t offset = (uint32_t)sqe->payload[0];
    const uint32_t length = (uint32_t)(sqe->payload[0] >> 32);
    const enum status status = message_check(sqe->flags, sqe->transfer_count, sqe->payload);

    if (status != STATUS_OK) {
        return status;
    }
    if (length > METHOD_MESSAGE_MAX) {
        return STATUS_TOO_LONG;
    }
    uint8_t *scratch = this_cpu()->message_scratch;

    memcpy(scratch, method->thread->ring.memory->message + offset, length);
    method->message = scratch;
    method->message_length = length;
    return STATUS_OK;
}

static ALWAYS_INLINE void answer(struct method *method, enum status exception)
{
    struct thread *thread = method->thread;
    struct ring_cqe *cqe = ring_kernel_next_cqe(&thread->ring);

    cqe->user_data = method->sqe->user_data;
    if (UNLIKELY(method->answer_length != 0)) {
        ring_cqe_set_head(cqe, STATUS_OK, (uint8_t)exception, 0, 0, 0);
        cqe->payload[0] = method->answer_length;
    } else {
        ring_cqe_set_head(cqe, STATUS_OK, (uint8_t)exception, CQE_INLINE, 0, 0);
        for (uint32_t i = 0; UNLIKELY(i < method->result_words); i++) {
            cqe->payload[i] = method->results[i];
        }
    }
    thread_post(thread);
}

/** NOTIFICATION_SIGNAL and SIGNALLER_SIGNAL, inline: the way of every interrupt and queue. */
static ALWAYS_INLINE void signal_now(struct object *object, struct thread *thread,
                                     const struct ring_sqe *sqe)
{
    struct notification *notification;
    struct ring_cqe *cqe = ring_kernel_next_cqe(&thread->ring);
    const enum status status = notification_target(object, sqe->payload[0], &notification);

    ring_cqe_set_head(cqe, STATUS_OK, (uint8_t)status, CQE_INLINE, 0, 0);
    cqe->user_data = sqe->user_data;
    for (uint32_t i = 0; i < RING_PAYLOAD_WORDS; i++) {
        cqe->payload[i] = 0;
    }
    thread_post(thread);
    if (LIKELY(status == STATUS_OK)) {
        notification_signal(notification, sqe->payload[0]);
    }
}

enum status method_call(struct object *object, struct thread *thread, const struct ring_sqe *sqe)
{
    static_assert((uint32_t)NOTIFICATION_SIGNAL == (uint32_t)SIGNALLER_SIGNAL, "one short cut");
    if ((object->kind == OBJECT_KIND_NOTIFICATION || object->kind == OBJECT_KIND_SIGNALLER) &&
        sqe->method == NOTIFICATION_SIGNAL && (sqe->flags & SQE_INLINE) &&
        sqe->transfer_count == 0) {
        signal_now(object, thread, sqe);
        return STATUS_OK;
    }
    const struct interface *interface = &interfaces[object->kind];
    struct method method;

    if (UNLIKELY(sqe->method >= interface->count)) {
        return STATUS_BAD_METHOD;
    }
    method.thread = thread;
    method.process = thread->process;
    method.object = object;
    method.sqe = sqe;
    method.message = NULL;
    method.message_length = 0;
    method.result_words = 0;
    method.answer = thread->ring.memory->message + sqe->buffer_offset;
    method.answer_capacity = sqe->buffer_length;
    method.answer_length = 0;
    method.later = false;
    if (UNLIKELY((sqe->flags & SQE_INLINE) == 0 || sqe->transfer_count != 0)) {
        const enum status status = take_message(&method);

        if (status != STATUS_OK) {
            return status;
        }
    }
    const enum status status = interface->methods[sqe->method](&method);

    if (!method.later) {
        answer(&method, status);
    }
    return STATUS_OK;
}
