/* SPDX-License-Identifier: MIT */
#include "syscall/methods.h"

#include "device_manager/device_manager.h"

#include "arch/x86_64/acpi_firmware.h"
#include "arch/x86_64/cpu.h"
#include "object/message.h"
#include "object/notification_inline.h"
#include "object/object.h"
#include "object/process.h"
#include "sched/thread.h"

/* ---- What methods share --------------------------------------------------------------------- */

const void *method_inline(const struct method *method, enum status *status)
{
    if (UNLIKELY((method->sqe->flags & SQE_INLINE) == 0)) {
        *status = STATUS_BAD_MESSAGE;
        return NULL;
    }
    return method->sqe->payload;
}

void *method_results(struct method *method, size_t bytes)
{
    memset(method->results, 0, sizeof(method->results));
    method->result_words = (uint32_t)(bytes / sizeof(uint64_t));
    return method->results;
}

enum status method_grant_new(struct method *method, struct object *object)
{
    const enum status status =
        object_grant(object, method->process, CAP_ORIGIN, &method->results[0]);

    if (LIKELY(status == STATUS_OK)) {
        method->result_words = 1;
    }
    object_put(object);
    return status;
}

struct operation *method_keep(struct method *method)
{
    method->later = true;
    return operation_take(method->thread, method->sqe, OPERATION_WAITING);
}

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
    [OBJECT_KIND_PROCESS_SPAWNER] = INTERFACE(spawner_methods),
    [OBJECT_KIND_CONSOLE] = INTERFACE(console_methods),
    [OBJECT_KIND_DIAGNOSTICS] = INTERFACE(diagnostics_methods),
    [OBJECT_KIND_DEVICE_MANAGER] = INTERFACE(device_manager_methods),
    [OBJECT_KIND_ACPI_FIRMWARE] = INTERFACE(acpi_firmware_methods),
    [OBJECT_KIND_DEVICE_MMIO] = INTERFACE(device_mmio_methods),
    [OBJECT_KIND_INTERRUPT] = INTERFACE(interrupt_methods),
    [OBJECT_KIND_DMA_POOL] = INTERFACE(dma_pool_methods),
    [OBJECT_KIND_DMA_BUFFER] = INTERFACE(dma_buffer_methods),
    [OBJECT_KIND_AUDIT_LOG] = INTERFACE(audit_log_methods),
    [OBJECT_KIND_INTERRUPT_ROUTING] = INTERFACE(interrupt_routing_methods),
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

    if ((sqe->flags & SQE_QUIET) != 0 && LIKELY(status == STATUS_OK)) {
        ring_kernel_unreserve(&thread->ring);
        notification_signal(notification, sqe->payload[0]);
        return;
    }
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

/** Whether a CALL is nothing but a signal, which has no answer. */
static ALWAYS_INLINE bool method_is_signal(const struct object *object, const struct ring_sqe *sqe)
{
    static_assert((uint32_t)NOTIFICATION_SIGNAL == (uint32_t)SIGNALLER_SIGNAL, "one short cut");
    return (object->kind == OBJECT_KIND_NOTIFICATION || object->kind == OBJECT_KIND_SIGNALLER) &&
           sqe->method == NOTIFICATION_SIGNAL && (sqe->flags & SQE_INLINE) &&
           sqe->transfer_count == 0;
}

enum status method_call(struct object *object, struct thread *thread, const struct ring_sqe *sqe)
{
    if (method_is_signal(object, sqe)) {
        signal_now(object, thread, sqe);
        return STATUS_OK;
    }
    /* Whoever asks anything else wants its answer. */
    if (UNLIKELY((sqe->flags & SQE_QUIET) != 0)) {
        return STATUS_BAD_REQUEST;
    }
    const struct interface *interface = &interfaces[object->kind];
    struct method method;

    if (UNLIKELY(sqe->method >= interface->count || interface->methods[sqe->method] == NULL)) {
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
    method.is_told = false;
    if (UNLIKELY((sqe->flags & SQE_INLINE) == 0 || sqe->transfer_count != 0)) {
        const enum status status = take_message(&method);

        if (status != STATUS_OK) {
            return status;
        }
    }
    LOCK_REGION(device_region_of(object->kind));
    const enum status status = interface->methods[sqe->method](&method);

    if (!method.later) {
        if (UNLIKELY(status != STATUS_OK)) {
            device_method_refused(&method, status);
        }
        answer(&method, status);
    }
    return STATUS_OK;
}
