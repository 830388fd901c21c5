/* SPDX-License-Identifier: MIT */
#include "object/services.h"

#include "object/console.h"
#include "object/process.h"
#include "sched/thread.h"

enum status timer_object_create(struct process *process, struct object **out)
{
    return object_create(OBJECT_KIND_TIMER, process, out);
}

/**
 * When a periodic timer that is to fire at `next_ns` may do so, if that is not before the turns
 * that others of its process have taken: behind those. A turn is only taken if it is not further
 * away than they are: whoever fires once an hour keeps nobody waiting.
 */
static uint64_t take_turn(struct timer_object *object)
{
    struct process *process = object->object.payer;
    const uint64_t turn_ns = process->turn_ns;

    object->has_turn = object->next_ns < turn_ns;
    if (!object->has_turn) {
        return object->next_ns;
    }
    process->turn_ns += TIMER_PERIOD_LEAST_NS;
    return turn_ns;
}

static void timer_object_fire(struct timer *timer)
{
    struct timer_object *object = CONTAINER_OF(timer, struct timer_object, timer);
    struct notification_promise *promise = &object->promise;

    if (!notification_promise_holds(promise)) {
        notification_promise_drop(promise);
        return;
    }
    if (object->period_ns == 0) {
        notification_signal(promise->target, promise->bits);
        notification_promise_drop(promise);
        return;
    }
    struct process *process = object->object.payer;

    if (!object->has_turn && object->next_ns < process->turn_ns) {
        timer_arm(&object->timer, ns_to_ticks(take_turn(object)), timer_object_fire);
        return;
    }
    if (!object->has_turn) {
        process->turn_ns = object->next_ns + TIMER_PERIOD_LEAST_NS;
    }
    /* A period that was missed is not made up for: bits do not count. */
    const uint64_t now = clock_ns();
    const uint64_t late = now > object->next_ns ? now - object->next_ns : 0;
    const uint64_t wait = object->period_ns - late % object->period_ns;

    object->next_ns += late;
    object->next_ns = wait < NO_DEADLINE - object->next_ns ? object->next_ns + wait : NO_DEADLINE;
    timer_arm(&object->timer, ns_to_ticks(take_turn(object)), timer_object_fire);
    notification_signal(promise->target, promise->bits);
}

void timer_object_disarm(struct timer_object *timer)
{
    timer_disarm(&timer->timer);
    notification_promise_drop(&timer->promise);
}

void timer_object_arm(struct timer_object *timer, const struct object *via,
                      struct notification *target, uint64_t bits, uint64_t deadline_ns,
                      uint64_t period_ns)
{
    object_get(&target->object); /* it may be all that keeps it */
    timer_object_disarm(timer);
    notification_promise_make(&timer->promise, via, target, bits);
    object_put(&target->object);
    timer->next_ns = deadline_ns;
    timer->period_ns = period_ns;
    timer->has_turn = false;
    timer_arm(&timer->timer, ns_to_ticks(deadline_ns), timer_object_fire);
}

static void timer_object_unnamed(struct object *object)
{
    timer_object_disarm(CONTAINER_OF(object, struct timer_object, object));
}

/** What a WAIT for an end answers, if it has come. */
static bool ending_get(const struct object *object, uint64_t words[2])
{
    if (object->kind == OBJECT_KIND_THREAD) {
        const struct thread_object *ending = CONTAINER_OF(object, struct thread_object, object);

        words[0] = ending->exit_code;
        words[1] = EXIT_REASON_EXITED;
        return ending->gone;
    }
    const struct process_handle *ending = CONTAINER_OF(object, struct process_handle, object);

    words[0] = ending->exit_code;
    words[1] = ending->exit_reason;
    return ending->gone;
}

/** One waiter of an object that was revoked, or has ended, or both. */
static bool settle_one(struct sweep *sweep, struct list *waiters)
{
    struct operation *wait = sweep_first(sweep);
    uint64_t words[2];
    const bool ended = ending_get(sweep->object, words);

    if (wait != NULL && !sweep_spares(sweep, wait)) {
        operation_cancel(wait, STATUS_STALE);
        return true;
    }
    if (wait == NULL && ended && !list_is_empty(waiters)) {
        wait = LIST_FIRST(waiters, struct operation, link);
    }
    if (wait == NULL) {
        return false;
    }
    if (ended) {
        operation_complete_words(wait, words, 2);
    } else {
        list_move(waiters, &wait->link);
    }
    return true;
}

static bool thread_sweep_one(struct sweep *sweep)
{
    return settle_one(sweep, &CONTAINER_OF(sweep, struct thread_object, sweep)->waiters);
}

static bool process_sweep_one(struct sweep *sweep)
{
    return settle_one(sweep, &CONTAINER_OF(sweep, struct process_handle, sweep)->waiters);
}

enum status thread_object_create(struct thread *thread, struct object **out)
{
    const enum status status = object_create(OBJECT_KIND_THREAD, thread->process, out);

    if (status == STATUS_OK) {
        struct thread_object *object = CONTAINER_OF(*out, struct thread_object, object);

        object->thread = thread;
        list_init(&object->waiters);
        sweep_init(&object->sweep, thread_sweep_one);
        thread->object = object;
    }
    return status;
}

void thread_object_ended(struct thread_object *object, uint64_t exit_code)
{
    object->thread = NULL;
    object->exit_code = exit_code;
    object_get(&object->object);
}

void thread_object_gone(struct thread_object *object)
{
    object->gone = true;
    sweep_all_later(&object->sweep, &object->object);
    object_put(&object->object);
}

static bool thread_object_destroy(struct object *object)
{
    struct thread_object *thread_object = CONTAINER_OF(object, struct thread_object, object);

    if (thread_object->thread != NULL) {
        thread_object->thread->object = NULL;
    }
    return true;
}

enum status process_handle_create(struct process *payer, struct process *child, struct object **out)
{
    const enum status status = object_create(OBJECT_KIND_PROCESS_HANDLE, payer, out);

    if (status == STATUS_OK) {
        struct process_handle *handle = CONTAINER_OF(*out, struct process_handle, object);

        handle->process = child;
        handle->pid = child->pid;
        list_init(&handle->waiters);
        sweep_init(&handle->sweep, process_sweep_one);
        child->handle = handle;
    }
    return status;
}

void process_handle_gone(struct process_handle *handle, enum exit_reason reason, uint64_t code)
{
    handle->process->handle = NULL;
    handle->process = NULL;
    handle->gone = true;
    handle->exit_code = code;
    handle->exit_reason = reason;
    sweep_all(&handle->sweep, &handle->object);
}

static bool process_handle_destroy(struct object *object)
{
    struct process_handle *handle = CONTAINER_OF(object, struct process_handle, object);

    if (handle->process != NULL) {
        handle->process->handle = NULL;
    }
    return true;
}

enum status permission_create(enum object_kind kind, struct process *process, struct object **out)
{
    const enum status status = object_create(kind, process, out);

    if (status == STATUS_OK) {
        permission_of(*out)->process = process;
    }
    return status;
}

static enum status wait_in(struct list *waiters, struct object *object, struct thread *thread,
                           const struct ring_sqe *sqe)
{
    struct operation *operation = operation_take(thread, sqe, OPERATION_WAITING);

    operation->object = object;
    object_get(object);
    list_append(waiters, &operation->link);
    operation_set_deadline(operation, sqe->payload[0]);
    return STATUS_OK;
}

enum status ending_wait(struct object *object, struct thread *thread, const struct ring_sqe *sqe)
{
    uint64_t words[2];

    if (ending_get(object, words)) {
        operation_complete_words(operation_take(thread, sqe, OPERATION_WAITING), words, 2);
        return STATUS_OK;
    }
    return wait_in(object->kind == OBJECT_KIND_THREAD
                       ? &CONTAINER_OF(object, struct thread_object, object)->waiters
                       : &CONTAINER_OF(object, struct process_handle, object)->waiters,
                   object, thread, sqe);
}

static void thread_object_revoked(struct object *object, struct process *revoker)
{
    struct thread_object *ending = CONTAINER_OF(object, struct thread_object, object);

    sweep_revoke(&ending->sweep, object, &ending->waiters, revoker);
}

static bool thread_object_is_revoking(const struct object *object)
{
    return sweep_is_running(&CONTAINER_OF(object, struct thread_object, object)->sweep);
}

static void process_handle_revoked(struct object *object, struct process *revoker)
{
    struct process_handle *ending = CONTAINER_OF(object, struct process_handle, object);

    sweep_revoke(&ending->sweep, object, &ending->waiters, revoker);
}

static bool process_handle_is_revoking(const struct object *object)
{
    return sweep_is_running(&CONTAINER_OF(object, struct process_handle, object)->sweep);
}

const struct object_type timer_object_type = {
    .bytes = sizeof(struct timer_object),
    .unnamed = timer_object_unnamed,
};

const struct object_type thread_object_type = {
    .bytes = sizeof(struct thread_object),
    .revoked = thread_object_revoked,
    .is_revoking = thread_object_is_revoking,
    .destroy = thread_object_destroy,
};

const struct object_type process_handle_type = {
    .bytes = sizeof(struct process_handle),
    .revoked = process_handle_revoked,
    .is_revoking = process_handle_is_revoking,
    .destroy = process_handle_destroy,
};

static void permission_revoked(struct object *object, struct process *revoker)
{
    if (object->kind == OBJECT_KIND_CONSOLE) {
        console_revoked(object, revoker);
    }
}

static bool permission_is_revoking(const struct object *object)
{
    return object->kind == OBJECT_KIND_CONSOLE && console_is_revoking();
}

const struct object_type permission_type = {
    .bytes = sizeof(struct process_permission),
    .revoked = permission_revoked,
    .is_revoking = permission_is_revoking,
};
