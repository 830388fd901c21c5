/* SPDX-License-Identifier: MIT */
#include "object/reaper.h"

#include "object/object.h"
#include "object/process.h"
#include "sched/sched.h"

struct list work_queue = LIST_INIT(work_queue); /* by kernel_lock */
static struct list doomed = LIST_INIT(doomed);  /* objects, by kernel_lock */

static bool reap_step(struct work *work);

static struct work reap_work = {.link = LIST_INIT(reap_work.link), .step = reap_step};

static bool reap_step(struct work *work)
{
    (void)work;
    for (uint32_t units = 0; units < WORK_STEP_UNITS && !list_is_empty(&doomed);) {
        struct object *object = LIST_FIRST(&doomed, struct object, reap);
        const struct object_type *type = object_types[object->kind];

        units += type->destroy == NULL ? 1 : WORK_STEP_UNITS / REAP_STEP_OBJECTS;
        list_remove(&object->reap);
        if (type->destroy == NULL || type->destroy(object)) {
            object_free(object);
        } else {
            list_append(&doomed, &object->reap);
            return false;
        }
    }
    return list_is_empty(&doomed);
}

void work_start(struct work *work)
{
    list_append(&work_queue, &work->link);
    sched_kick_for_work();
}

void work_start_first(struct work *work)
{
    list_prepend(&work_queue, &work->link);
    sched_kick_for_work();
}

void work_run_step(void)
{
    if (list_is_empty(&work_queue)) {
        return;
    }
    struct work *work = LIST_FIRST(&work_queue, struct work, link);

    list_remove(&work->link);
    if (!work->step(work) && !list_is_linked(&work->link)) {
        list_append(&work_queue, &work->link);
    }
}

void reap_object(struct object *object)
{
    list_append(&doomed, &object->reap);
    if (object->payer != NULL) {
        object->payer->doomed_count++;
    }
    if (!list_is_linked(&reap_work.link)) {
        work_start(&reap_work);
    }
}
