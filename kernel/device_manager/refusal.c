/* SPDX-License-Identifier: MIT */
/*
 * Refusals of capabilities of devices, for the audit log: what their methods refuse, and what is
 * refused before one is called, because the capability is stale or the request is malformed.
 *
 * A capability's object may be gone. Its slot remembers what kind of object it was, of which
 * device, with which number and generation (object_recall()), as long as nothing else is in the
 * slot. Who has the device now has no part in that, and is not named.
 */
#include "device_manager/audit.h"
#include "device_manager/device_manager.h"
#include "device_manager/handles.h"
#include "object/process.h"
#include "sched/thread.h"

static struct object_memory memory_of(const struct object *object)
{
    return (struct object_memory){
        .kind = object->kind, .number = object->number, .generation = object->place->generation};
}

uint32_t device_index_of(struct object *object)
{
    switch (object->kind) {
    case OBJECT_KIND_DEVICE_MMIO:
        return mmio_of(object)->function->index;
    case OBJECT_KIND_DMA_POOL:
        return pool_of(object)->function->index;
    case OBJECT_KIND_DMA_BUFFER:
        return buffer_of(object)->function->index;
    default:
        return interrupt_of(object)->function->index;
    }
}

static const struct device_function *function_of(struct object *object)
{
    return device_is_authority(object->kind) ? &device_functions[device_index_of(object)] : NULL;
}

/* ---- By methods ----------------------------------------------------------------------------- */

COLD enum status audit_refuse_method(struct method *method, enum status status,
                                     const struct device_function *function, uint64_t detail)
{
    const struct audit_refusal refusal = {
        .status = status,
        .operation = RING_OPERATION_CALL,
        .method = method->sqe->method,
        .used = memory_of(method->object),
        .function = function,
        .detail = detail,
    };

    method->is_told = true;
    return audit_refuse(method->process, &refusal);
}

enum status device_admit(struct method *method, const struct device_function *function,
                         const struct device_handle *handle, uint64_t detail)
{
    const enum status status = ledger_check(&ledger, handle, method->process->pid);

    if (UNLIKELY(status != STATUS_OK)) {
        /* Not what this returns, which is the same: the compiler would forget that it is none. */
        (void)audit_refuse_method(method, status, function, detail);
    }
    return status;
}

COLD void device_method_refused(struct method *method, enum status status)
{
    if (device_is_audited(method->object->kind) && !method->is_told) {
        (void)audit_refuse_method(method, status, function_of(method->object), 0);
    }
}

/* ---- Before them ---------------------------------------------------------------------------- */

/** A use of `id` by a process; `refusal` lacks what that is. */
static void refuse_use(struct process *process, uint64_t id, struct audit_refusal *refusal)
{
    struct object *object = object_lookup(&process->caps, id);

    if (object != NULL) {
        refusal->used = memory_of(object);
        refusal->function = function_of(object);
    } else if (object_recall(&process->caps, id, &refusal->used)) {
        refusal->is_gone = true;
        if (device_is_authority(refusal->used.kind)) {
            refusal->function = &device_functions[refusal->used.function];
        }
    } else {
        return;
    }
    if (device_is_audited(refusal->used.kind)) {
        (void)audit_refuse(process, refusal);
    }
}

COLD void device_submission_refused(struct thread *thread, const struct ring_sqe *sqe,
                                    enum status status)
{
    const bool is_call = sqe->operation == RING_OPERATION_CALL;
    struct audit_refusal refusal = {
        .status = status,
        .operation = (enum ring_operation)sqe->operation,
        .method = is_call ? sqe->method : 0,
    };

    /* The others' targets are no capabilities. */
    if (is_call || sqe->operation == RING_OPERATION_RECV ||
        sqe->operation == RING_OPERATION_RELEASE || sqe->operation == RING_OPERATION_WAIT) {
        refuse_use(thread->process, sqe->target, &refusal);
    }
}

COLD enum status device_handing_refused(struct process *process, uint64_t id, enum status status)
{
    struct audit_refusal refusal = {.status = status, .operation = RING_OPERATION_NOP};

    refuse_use(process, id, &refusal);
    return status;
}

COLD enum status device_transfer_refused(struct process *from, const struct process *to,
                                         struct object *object, enum status status)
{
    struct audit_refusal refusal = {
        .status = status,
        .operation = RING_OPERATION_NOP,
        .detail = to->pid,
    };

    if (object != NULL) {
        refusal.used = memory_of(object);
        refusal.function = function_of(object);
    }
    return audit_refuse(from, &refusal);
}

/* ---- At the end ----------------------------------------------------------------------------- */

void device_user_gone(const struct process *process)
{
    if (process->refusals.omitted != 0) {
        audit_write(AUDIT_EVENT_UNRECORDED, STATUS_OK, NULL, process->pid, 0,
                    process->refusals.omitted);
    }
}
