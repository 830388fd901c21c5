/* SPDX-License-Identifier: MIT */
/*
 * Refusals of capabilities of devices, for the audit log: what their methods refuse, and what is
 * refused before one is called, because the capability is stale or the request is malformed.
 *
 * A capability's object may be gone. Its slot remembers what kind of object it was, of which
 * device, with which number and generation (object_recall()), as long as nothing else is in the
 * slot. Who has the device now has no part in that, and is not named. Of an id whose slot has held
 * something else since, nothing is known but that it was given out: that is what the log says, if
 * its process has had anything to do with devices. Others could else fill the log with that.
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
    if (method->is_told) {
        return status;
    }
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

/* ---- Before them ---------------------------------------------------------------------------- */

/** What `id` names or has named, as far as that is known. */
static bool find_used(const struct process *process, uint64_t id, struct audit_refusal *refusal)
{
    struct object *object = object_lookup(&process->caps, id);

    if (object != NULL) {
        refusal->used = memory_of(object);
        refusal->function = function_of(object);
        return true;
    }
    if (!object_recall(&process->caps, id, &refusal->used)) {
        return false;
    }
    refusal->is_gone = true;
    if (device_is_authority(refusal->used.kind)) {
        refusal->function = &device_functions[refusal->used.function];
    }
    return true;
}

/** Whether an id was given out to a process that may have used it for devices. */
static bool may_have_been_audited(const struct process *process, uint64_t id)
{
    return process->has_had_devices && object_refusal(&process->caps, id) == STATUS_STALE;
}

/** A use of `id` by a process; `refusal` lacks what that is. */
static void refuse_use(struct process *process, uint64_t id, struct audit_refusal *refusal)
{
    if (find_used(process, id, refusal) ? device_is_audited(refusal->used.kind)
                                        : may_have_been_audited(process, id)) {
        (void)audit_refuse(process, refusal);
    }
}

/** An entry whose operation has no capability as its target: `target` may be one all the same. */
static void refuse_target(struct process *process, uint64_t target, uint8_t operation,
                          enum status status)
{
    struct audit_refusal refusal = {
        .status = status,
        .operation =
            operation < RING_OPERATION_COUNT ? (enum ring_operation)operation : RING_OPERATION_NOP,
        .detail = operation,
        .is_misplaced = true,
    };

    /* It has named something: a number that once did may be any. */
    if (find_used(process, target, &refusal) && device_is_audited(refusal.used.kind)) {
        (void)audit_refuse(process, &refusal);
    }
}

COLD void device_submission_refused(struct thread *thread, const struct ring_sqe *sqe,
                                    enum status status)
{
    const bool is_call = sqe->operation == RING_OPERATION_CALL;

    if (is_call || sqe->operation == RING_OPERATION_RECV ||
        sqe->operation == RING_OPERATION_RELEASE || sqe->operation == RING_OPERATION_WAIT) {
        struct audit_refusal refusal = {
            .status = status,
            .operation = (enum ring_operation)sqe->operation,
            .method = is_call ? sqe->method : 0,
        };

        refuse_use(thread->process, sqe->target, &refusal);
    } else if (sqe->operation != RING_OPERATION_RETURN && sqe->operation != RING_OPERATION_CANCEL) {
        /* Those have numbers of the process's own there. */
        refuse_target(thread->process, sqe->target, sqe->operation, status);
    }
}

COLD void device_argument_refused(struct method *method, uint64_t id, enum status status)
{
    const struct object *called = method->object;
    struct audit_refusal refusal = {
        .status = status,
        .operation = RING_OPERATION_CALL,
        .method = method->sqe->method,
        .detail = (uint64_t)called->kind << 32 | called->number,
        .is_misplaced = true,
    };
    bool is_audited;

    if (find_used(method->process, id, &refusal)) {
        is_audited = device_is_audited(refusal.used.kind) &&
                     status == (refusal.is_gone ? STATUS_STALE : STATUS_WRONG_TYPE);
    } else {
        /* Of devices' own methods there is a record in any case, and it says more than this. */
        is_audited = status == STATUS_STALE && !device_is_audited(called->kind) &&
                     may_have_been_audited(method->process, id);
    }
    if (is_audited) {
        method->is_told = true;
        (void)audit_refuse(method->process, &refusal);
    }
}

/** Methods of others that take a capability, and which word of their parameters it is. */
static const struct {
    enum object_kind kind;
    uint16_t method;
    uint16_t word;
} takers[] = {
    {OBJECT_KIND_VIRTUAL_MEMORY, VIRTUAL_MEMORY_MAP,
     offsetof(struct virtual_memory_map_params, memory) / sizeof(uint64_t)},
    {OBJECT_KIND_ENDPOINT, ENDPOINT_MINT,
     offsetof(struct endpoint_mint_params, notification) / sizeof(uint64_t)},
    {OBJECT_KIND_TIMER, TIMER_ARM,
     offsetof(struct timer_arm_params, notification) / sizeof(uint64_t)},
};

COLD void device_method_refused(struct method *method, enum status status)
{
    const struct ring_sqe *sqe = method->sqe;

    if (device_is_audited(method->object->kind)) {
        (void)audit_refuse_method(method, status, function_of(method->object), 0);
        return;
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(takers); i++) {
        if (takers[i].kind == method->object->kind && takers[i].method == sqe->method) {
            device_argument_refused(method, sqe->payload[takers[i].word], status);
        }
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
