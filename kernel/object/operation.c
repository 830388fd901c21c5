/* SPDX-License-Identifier: MIT */
#include "object/operation.h"

#include "object/endpoint.h"
#include "object/object.h"
#include "sched/thread.h"

void operation_give(struct operation *operation)
{
    struct object *object = operation->object;

    list_remove(&operation->link);
    timer_disarm(&operation->timer);
    operation->object = NULL;
    operation->peer = NULL;
    operation->abandon = NULL;
    operation->extra = NULL;
    operation_give_quickly(operation);
    if (object != NULL) {
        object_put(object);
    }
}

static void post(struct operation *operation, enum status status, enum status exception,
                 uint8_t flags, const uint64_t *words, uint32_t word_count)
{
    struct thread *thread = operation->thread;
    struct ring_cqe *cqe = ring_kernel_next_cqe(&thread->ring);

    cqe->status = (uint8_t)status;
    cqe->exception = (uint8_t)exception;
    cqe->flags = flags;
    cqe->transfer_count = 0;
    cqe->user_data = operation->user_data;
    for (uint32_t i = 0; i < RING_PAYLOAD_WORDS; i++) {
        cqe->payload[i] = i < word_count ? words[i] : 0;
    }
    operation_give(operation);
    thread_post(thread);
}

void operation_complete(struct operation *operation, enum status status)
{
    post(operation, status, STATUS_OK, CQE_INLINE, NULL, 0);
}

void operation_complete_words(struct operation *operation, const uint64_t *words,
                              uint32_t word_count)
{
    post(operation, STATUS_OK, STATUS_OK, CQE_INLINE, words, word_count);
}

void operation_complete_area(struct operation *operation, uint32_t length)
{
    const uint64_t word = length;

    post(operation, STATUS_OK, STATUS_OK, 0, &word, 1);
}

void operation_complete_exception(struct operation *operation, enum status exception)
{
    post(operation, STATUS_OK, exception, CQE_INLINE, NULL, 0);
}

void operation_cancel(struct operation *operation, enum status status)
{
    const bool completes = operation->state != OPERATION_SERVING;

    if (operation->abandon != NULL) {
        operation->abandon(operation);
    }
    endpoint_operation_cancelled(operation);
    if (completes) {
        operation_complete(operation, status);
    } else {
        operation_give(operation);
    }
}

struct operation *operation_find(struct thread *thread, uint64_t user_data)
{
    for (uint32_t i = 0; i < RING_DEPTH; i++) {
        struct operation *operation = &thread->operations[i];

        if (operation->user_data == user_data && operation->state != OPERATION_FREE &&
            operation->state != OPERATION_SERVING) {
            return operation;
        }
    }
    return NULL;
}

static void deadline_passed(struct timer *timer)
{
    operation_cancel(CONTAINER_OF(timer, struct operation, timer), STATUS_TIMED_OUT);
}

void operation_set_deadline(struct operation *operation, uint64_t deadline_ns)
{
    if (deadline_ns != 0 && deadline_ns != NO_DEADLINE) {
        timer_arm(&operation->timer, ns_to_ticks(deadline_ns), deadline_passed);
    }
}
