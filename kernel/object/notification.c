/* SPDX-License-Identifier: MIT */
#include "object/notification.h"

#include "object/notification_inline.h"
#include "object/process.h"
#include "sched/thread.h"

static struct notification *notification_of(struct object *object)
{
    return CONTAINER_OF(object, struct notification, object);
}

static struct signaller *signaller_of(struct object *object)
{
    return CONTAINER_OF(object, struct signaller, object);
}

/** Have an operation wait, or take the bits there are. */
static void wait_for_bits(struct notification *notification, struct operation *wait)
{
    list_move(&notification->waiters, &wait->link);
    notification_signal(notification, 0);
}

/** One waiter that was there when the notification was revoked. */
static bool sweep_one(struct sweep *sweep)
{
    struct operation *wait = sweep_first(sweep);

    if (wait == NULL) {
        return false;
    }
    if (sweep_spares(sweep, wait)) {
        wait_for_bits(notification_of(sweep->object), wait);
    } else {
        operation_cancel(wait, STATUS_STALE);
    }
    return true;
}

enum status notification_create(struct process *process, struct object **out)
{
    const enum status status = object_create(OBJECT_KIND_NOTIFICATION, process, out);

    if (status == STATUS_OK) {
        list_init(&notification_of(*out)->waiters);
        sweep_init(&notification_of(*out)->sweep, sweep_one);
    }
    return status;
}

enum status notification_mint(struct notification *notification, struct process *process,
                              uint64_t mask, struct object **out)
{
    const enum status status = object_create(OBJECT_KIND_SIGNALLER, process, out);

    if (status == STATUS_OK) {
        signaller_of(*out)->notification = notification;
        signaller_of(*out)->mask = mask;
        object_get(&notification->object);
    }
    return status;
}

void notification_signal(struct notification *notification, uint64_t bits)
{
    notification->bits |= bits;
    if (LIKELY(notification->bits != 0 && !list_is_empty(&notification->waiters))) {
        struct operation *wait = LIST_FIRST(&notification->waiters, struct operation, link);
        struct thread *waiter = wait->thread;

        notification_take(notification, wait, 0);
        thread_post(waiter);
    }
}

void notification_promise_make(struct notification_promise *promise, const struct object *via,
                               struct notification *target, uint64_t bits)
{
    KASSERT(promise->target == NULL);
    object_get(&target->object);
    *promise = (struct notification_promise){target, via->place, via->place->generation, bits};
}

bool notification_promise_holds(const struct notification_promise *promise)
{
    return promise->target != NULL && promise->via->generation == promise->via_generation;
}

void notification_promise_drop(struct notification_promise *promise)
{
    struct notification *target = promise->target;

    promise->target = NULL;
    if (target != NULL) {
        object_put(&target->object);
    }
}

enum status notification_wait(struct notification *notification, struct thread *thread,
                              const struct ring_sqe *sqe)
{
    struct operation *operation = operation_take(thread, sqe, OPERATION_WAITING);

    if (notification->bits != 0) {
        const uint64_t taken = notification->bits;

        notification->bits = 0;
        operation_complete_words(operation, &taken, 1);
        return STATUS_OK;
    }
    operation->object = &notification->object;
    object_get(&notification->object);
    list_append(&notification->waiters, &operation->link);
    operation_set_deadline(operation, sqe->payload[0]);
    return STATUS_OK;
}

static void notification_revoked(struct object *object, struct process *revoker)
{
    struct notification *notification = notification_of(object);

    sweep_revoke(&notification->sweep, object, &notification->waiters, revoker);
}

static bool notification_is_revoking(const struct object *object)
{
    return sweep_is_running(&CONTAINER_OF(object, struct notification, object)->sweep);
}

static bool signaller_destroy(struct object *object)
{
    object_put(&signaller_of(object)->notification->object);
    return true;
}

const struct object_type notification_type = {
    .bytes = sizeof(struct notification),
    .revoked = notification_revoked,
    .is_revoking = notification_is_revoking,
};

const struct object_type signaller_type = {
    .bytes = sizeof(struct signaller),
    .destroy = signaller_destroy,
};
