/* SPDX-License-Identifier: MIT */
#include "object/sweep.h"

#include "object/object.h"
#include "object/operation.h"
#include "object/process.h"
#include "sched/thread.h"

static bool sweep_step(struct work *work)
{
    struct sweep *sweep = CONTAINER_OF(work, struct sweep, work);

    for (uint32_t i = 0; i < WORK_STEP_UNITS; i++) {
        if (!sweep->one(sweep)) {
            struct object *object = sweep->object;

            sweep->object = NULL;
            object_put(object);
            return true;
        }
    }
    return false;
}

void sweep_init(struct sweep *sweep, bool (*one)(struct sweep *sweep))
{
    *sweep = (struct sweep){.work.step = sweep_step, .one = one};
    list_init(&sweep->work.link);
    list_init(&sweep->rest);
}

static void start(struct sweep *sweep, struct object *object)
{
    sweep->object = object;
    object_get(object);
}

static void start_at_once(struct sweep *sweep, struct object *object)
{
    start(sweep, object);
    if (!sweep_step(&sweep->work)) {
        work_start(&sweep->work);
    }
}

void sweep_revoke(struct sweep *sweep, struct object *object, struct list *queue,
                  const struct process *revoker)
{
    KVERIFY(!sweep_is_running(sweep));
    if (list_is_empty(queue)) {
        return;
    }
    list_splice(&sweep->rest, queue);
    sweep->spared_pid = revoker->pid;
    start_at_once(sweep, object);
}

void sweep_all(struct sweep *sweep, struct object *object)
{
    /* Nobody waits on what is only to be destroyed, and no reference would keep it. */
    if (!sweep_is_running(sweep) && object->refs != 0) {
        start_at_once(sweep, object);
    }
}

void sweep_all_later(struct sweep *sweep, struct object *object)
{
    if (!sweep_is_running(sweep)) {
        start(sweep, object);
        work_start_first(&sweep->work);
    }
}

struct operation *sweep_first(const struct sweep *sweep)
{
    return list_is_empty(&sweep->rest) ? NULL : LIST_FIRST(&sweep->rest, struct operation, link);
}

bool sweep_spares(const struct sweep *sweep, const struct operation *operation)
{
    return operation->thread->process->pid == sweep->spared_pid;
}
