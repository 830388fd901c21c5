/* SPDX-License-Identifier: MIT */
/*
 * Thread, ProcessHandle and Power: methods on what runs.
 */

#include "arch/x86_64/power.h"
#include "object/object.h"
#include "object/process.h"
#include "object/services.h"
#include "sched/thread.h"
#include "syscall/methods.h"

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

method_function *const thread_methods[] = {
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

method_function *const process_handle_methods[] = {
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

method_function *const power_methods[] = {
    [POWER_HALT] = power_halt_method,
    [POWER_REBOOT] = power_reboot_method,
};
