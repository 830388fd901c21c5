/* SPDX-License-Identifier: MIT */
#pragma once

/* The step of a signal that the general path and the fast path share. Under the kernel lock. */

#include "object/notification.h"
#include "sched/thread.h"

/** What signalling through this object means; see notification_target(). */
static ALWAYS_INLINE enum status notification_target(struct object *object, uint64_t bits,
                                                     struct notification **out)
{
    if (object->kind == OBJECT_KIND_NOTIFICATION) {
        *out = CONTAINER_OF(object, struct notification, object);
        return STATUS_OK;
    }
    if (object->kind != OBJECT_KIND_SIGNALLER) {
        return STATUS_WRONG_TYPE;
    }
    struct signaller *signaller = CONTAINER_OF(object, struct signaller, object);

    if ((bits & ~signaller->mask) != 0) {
        return STATUS_DENIED;
    }
    *out = signaller->notification;
    return STATUS_OK;
}

/** A waiter's WAIT has all bits that are set, and `bits`: everything but publishing it. */
static ALWAYS_INLINE void notification_take(struct notification *notification,
                                            struct operation *wait, uint64_t bits)
{
    struct ring_cqe *cqe = ring_kernel_next_cqe(&wait->thread->ring);

    ring_cqe_set_head(cqe, STATUS_OK, STATUS_OK, CQE_INLINE, 0, 0);
    cqe->user_data = wait->user_data;
    cqe->payload[0] = notification->bits | bits;
    cqe->payload[1] = 0;
    notification->bits = 0;
    list_remove(&wait->link);
    timer_disarm(&wait->timer);
    wait->object = NULL;
    operation_give_quickly(wait);
    object_put(&notification->object);
}
