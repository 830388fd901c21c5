/* SPDX-License-Identifier: MIT */
/*
 * Factory: new objects on the account of the process that the Factory is of.
 */

#include "object/endpoint.h"
#include "object/memory.h"
#include "object/notification.h"
#include "object/object.h"
#include "object/process.h"
#include "object/services.h"
#include "sched/sched.h"
#include "sched/thread.h"
#include "syscall/methods.h"

/** The process that a Factory is of, if it still lives: the dead have no account to charge. */
static enum status find_payer(const struct method *method, struct process **payer)
{
    *payer = permission_of(method->object)->process;
    return LIKELY((*payer)->state == PROCESS_STATE_RUNNING) ? STATUS_OK : STATUS_PEER_GONE;
}

static enum status factory_create_memory(struct method *method)
{
    INLINE_PARAMETERS(parameters, factory_create_memory_params)
    struct process *payer;
    struct memory *memory;
    bool filling;
    enum status status = find_payer(method, &payer);

    if (status == STATUS_OK) {
        status = memory_create(payer, parameters->page_count, &memory, &filling);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (filling) {
        method_await_memory(memory, method_keep(method));
        return STATUS_OK;
    }
    return method_grant_new(method, &memory->object);
}

static enum status factory_create_endpoint(struct method *method)
{
    struct process *payer;
    struct object *object;
    enum status status = find_payer(method, &payer);

    if (status == STATUS_OK) {
        status = endpoint_create(payer, &object);
    }
    return status != STATUS_OK ? status : method_grant_new(method, object);
}

static enum status factory_create_notification(struct method *method)
{
    struct process *payer;
    struct object *object;
    enum status status = find_payer(method, &payer);

    if (status == STATUS_OK) {
        status = notification_create(payer, &object);
    }
    return status != STATUS_OK ? status : method_grant_new(method, object);
}

static enum status factory_create_timer(struct method *method)
{
    struct process *payer;
    struct object *object;
    enum status status = find_payer(method, &payer);

    if (status == STATUS_OK) {
        status = timer_object_create(payer, &object);
    }
    return status != STATUS_OK ? status : method_grant_new(method, object);
}

static enum status factory_create_thread(struct method *method)
{
    INLINE_PARAMETERS(parameters, factory_create_thread_params)
    struct process *process;
    const struct thread_start start = {
        .entry = parameters->entry,
        .stack_top = parameters->stack_top,
        .argument = parameters->argument,
        .ring_address = parameters->ring,
        .priority = method->thread->base_priority,
    };
    struct thread *thread;
    struct object *object;

    enum status status = find_payer(method, &process);

    if (status == STATUS_OK) {
        status = thread_create(process, &start, &thread);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = thread_object_create(thread, &object);
    if (status != STATUS_OK) {
        thread_end(thread, 0);
        return status;
    }
    status = method_grant_new(method, object);
    if (status != STATUS_OK) {
        thread_end(thread, 0);
        return status;
    }
    sched_wake(thread);
    return STATUS_OK;
}

method_function *const factory_methods[] = {
    [FACTORY_CREATE_MEMORY] = factory_create_memory,
    [FACTORY_CREATE_ENDPOINT] = factory_create_endpoint,
    [FACTORY_CREATE_NOTIFICATION] = factory_create_notification,
    [FACTORY_CREATE_TIMER] = factory_create_timer,
    [FACTORY_CREATE_THREAD] = factory_create_thread,
};
