/* SPDX-License-Identifier: MIT */
#include "syscall/fast_path.h"

#include "diag/trace.h"
#include "object/endpoint_inline.h"
#include "object/message.h"
#include "object/notification_inline.h"
#include "object/process.h"
#include "object/reaper.h"
#include "sched/switch.h"
#include "sched/thread.h"

/** A submission's words, in the order of struct ring_sqe. */
enum sqe_word { SQE_USER_DATA = 1, SQE_TARGET, SQE_BUFFER, SQE_PAYLOAD };

/** Whether posting one completion makes a blocked thread ready, and it can run here at once. */
static ALWAYS_INLINE bool can_take_over(const struct cpu *cpu, const struct thread *thread)
{
    return LIKELY(thread->state == THREAD_BLOCKED &&
                  (int32_t)(thread->ring.cq_tail + 1 - thread->wake_tail) >= 0 &&
                  thread->watch == 0 && !timer_is_armed(&thread->deadline) &&
                  cpu->ready_mask >> thread->priority == 0);
}

/** Submissions are taken, one of which will complete: the thread blocks for that, having none. */
static ALWAYS_INLINE void take_and_block(struct thread *thread, uint32_t count)
{
    struct ring_kernel *ring = &thread->ring;

    ring->sq_head += count;
    ring_kernel_publish_sq(ring);
    ring->reserved++;
    ring->cq_head_seen = ring->cq_tail;
    thread->wake_tail = ring->cq_tail + 1;
    thread->frame.rax = count;
    thread->entry = ENTRY_SYSCALL;
    thread->state = THREAD_BLOCKED;
}

/** Publish `next`'s completion and give it the CPU. */
NO_LOCK_ANALYSIS NORETURN static ALWAYS_INLINE void
post_and_switch(struct cpu *cpu, struct thread *previous, struct thread *next)
{
    ring_kernel_post(&next->ring);
    next->state = THREAD_RUNNING;
    sched_switch_to(cpu, previous, next);
    spin_unlock(&kernel_lock);
    trap_return_syscall(); /* a blocked thread is in cap_enter */
}

/** Whether the thread has read all its completions and there is nothing else to look after. */
static ALWAYS_INLINE bool is_undisturbed(const struct thread *thread)
{
    return LIKELY(atomic_load_acquire_u32(&thread->ring.memory->header.cq_head) ==
                      thread->ring.cq_tail &&
                  thread->watch == 0 && !work_is_pending());
}

static ALWAYS_INLINE void fast_call(struct cpu *cpu, struct thread *caller,
                                    const struct object *object, const volatile ring_word *sqe,
                                    uint64_t head)
{
    const uint64_t buffer = sqe[SQE_BUFFER];
    struct operation *call = caller->free_operation;

    if (UNLIKELY(call == NULL ||
                 !message_buffer_is_valid((uint32_t)buffer, (uint32_t)(buffer >> 32)))) {
        return;
    }
    const struct endpoint_client *client = CONTAINER_OF(object, struct endpoint_client, object);
    struct list *receivers = &client->endpoint->receivers;

    /* A closed endpoint has no receivers. */
    if (UNLIKELY(list_is_empty(receivers))) {
        return;
    }
    struct operation *receive = CONTAINER_OF(receivers->next, struct operation, link);
    struct thread *server = receive->thread;

    if (UNLIKELY(!can_take_over(cpu, server) || caller->priority > server->priority)) {
        return;
    }
    struct ring_cqe *cqe = ring_kernel_next_cqe(&server->ring);

    ring_cqe_set_head(cqe, STATUS_OK, STATUS_OK, CQE_INCOMING | CQE_INLINE, 0,
                      (uint16_t)(head >> 16));
    endpoint_copy_words(cqe, &sqe[SQE_PAYLOAD]);
    endpoint_taken(receive, client, cqe);

    caller->free_operation = call->next_free;
    call->state = OPERATION_TAKEN;
    call->user_data = sqe[SQE_USER_DATA];
    call->buffer_offset = (uint32_t)buffer;
    call->buffer_length = (uint32_t)(buffer >> 32);
    call->peer = receive;
    receive->peer = call;
    take_and_block(caller, 1);
    post_and_switch(cpu, caller, server);
}

static ALWAYS_INLINE void fast_return(struct cpu *cpu, struct thread *server,
                                      const volatile ring_word *sqe, uint64_t head)
{
    struct operation *receive = operation_by_call_id(server, sqe[SQE_TARGET]);
    const uint16_t exception = (uint16_t)(head >> 16);

    if (UNLIKELY(receive == NULL || receive->peer == NULL || exception >= STATUS_COUNT ||
                 sqe[SQE_BUFFER] != 0)) {
        return;
    }
    struct endpoint *endpoint = CONTAINER_OF(receive->object, struct endpoint, object);
    struct operation *call = receive->peer;
    struct thread *caller = call->thread;

    if (UNLIKELY(!can_take_over(cpu, caller) || !list_is_empty(&endpoint->clients) ||
                 receive->epoch != endpoint->epoch || server->priority != server->base_priority)) {
        return;
    }
    struct ring_cqe *cqe = ring_kernel_next_cqe(&caller->ring);

    ring_cqe_set_head(cqe, STATUS_OK, (uint8_t)exception, CQE_INLINE, 0, 0);
    endpoint_copy_words(cqe, &sqe[SQE_PAYLOAD]);
    cqe->user_data = call->user_data;
    call->peer = NULL;
    operation_give_quickly(call);
    endpoint_rearm(endpoint, receive);
    take_and_block(server, 1);
    post_and_switch(cpu, server, caller);
}

/** A signal that makes a more urgent thread run at once; with several CPUs one has to be chosen. */
static ALWAYS_INLINE void fast_signal(struct cpu *cpu, struct thread *signaller,
                                      struct object *object, const volatile ring_word *sqe,
                                      uint64_t head)
{
    const uint64_t bits = sqe[SQE_PAYLOAD];
    struct notification *notification;

    if ((head & FAST_HEAD_METHOD_MASK) != 0 || sqe[SQE_BUFFER] != 0 ||
        notification_target(object, bits, &notification) != STATUS_OK || bits == 0 ||
        list_is_empty(&notification->waiters)) {
        return;
    }
    struct operation *wait = LIST_FIRST(&notification->waiters, struct operation, link);
    struct thread *waiter = wait->thread;

    if (UNLIKELY(!can_take_over(cpu, waiter) || waiter->priority <= signaller->priority ||
                 sched_has_choice())) {
        return;
    }
    struct ring_kernel *ring = &signaller->ring;
    struct ring_cqe *cqe = ring_kernel_next_cqe(ring);

    ring_cqe_set_head(cqe, STATUS_OK, STATUS_OK, CQE_INLINE, 0, 0);
    cqe->user_data = sqe[SQE_USER_DATA];
    cqe->payload[0] = 0;
    cqe->payload[1] = 0;
    cqe->payload[2] = 0;
    cqe->payload[3] = 0;
    ring->sq_head++;
    ring_kernel_publish_sq(ring);
    ring->cq_tail++;
    ring_kernel_publish_cq(ring);
    signaller->frame.rax = 1;
    signaller->entry = ENTRY_SYSCALL;
    sched_preempt(cpu, signaller);

    notification_take(notification, wait, bits);
    post_and_switch(cpu, signaller, waiter);
}

/** A WAIT is accepted: its operation, which is free, is the notification's. */
static ALWAYS_INLINE void start_wait(struct thread *thread, struct operation *operation,
                                     struct notification *awaited, uint64_t user_data)
{
    thread->free_operation = operation->next_free;
    operation->state = OPERATION_WAITING;
    operation->user_data = user_data;
    operation->buffer_offset = 0;
    operation->buffer_length = 0;
    operation->object = &awaited->object;
    object_get(&awaited->object);
    list_append(&awaited->waiters, &operation->link);
}

/** Whether a WAIT has neither a deadline nor anything that may not be. */
static ALWAYS_INLINE bool is_plain_wait(const volatile ring_word *sqe)
{
    return (sqe[SQE_BUFFER] | sqe[SQE_PAYLOAD] | sqe[SQE_PAYLOAD + 1] | sqe[SQE_PAYLOAD + 2] |
            sqe[SQE_PAYLOAD + 3]) == 0;
}

/** A WAIT for what has not happened yet: whoever is next, or nobody, gets the CPU. */
static ALWAYS_INLINE void fast_wait(struct cpu *cpu, struct thread *thread,
                                    const volatile ring_word *sqe)
{
    struct object *own = object_lookup(&thread->process->caps, sqe[SQE_TARGET]);
    struct operation *operation = thread->free_operation;
    const uint64_t user_data = sqe[SQE_USER_DATA];

    if (UNLIKELY(own == NULL || own->kind != OBJECT_KIND_NOTIFICATION || operation == NULL ||
                 !is_plain_wait(sqe))) {
        return;
    }
    struct notification *awaited = CONTAINER_OF(own, struct notification, object);

    if (awaited->bits != 0) {
        return;
    }
    start_wait(thread, operation, awaited, user_data);
    take_and_block(thread, 1);
    sched_run_next(cpu);
}

struct object *fast_path(struct cpu *cpu, struct thread *thread, uint64_t head)
{
    const struct ring_kernel *ring = &thread->ring;
    const uint64_t kind = head & ~FAST_HEAD_METHOD_MASK;
    const volatile ring_word *sqe = ring_kernel_peek(ring);

    if (kind == FAST_HEAD_CALL) {
        struct object *object = object_lookup(&thread->process->caps, sqe[SQE_TARGET]);

        if (UNLIKELY(object == NULL)) {
            return NULL;
        }
        if (object->kind == OBJECT_KIND_ENDPOINT_CLIENT) {
            if (is_undisturbed(thread)) {
                fast_call(cpu, thread, object, sqe, head);
            }
        } else if (object->kind == OBJECT_KIND_NOTIFICATION ||
                   object->kind == OBJECT_KIND_SIGNALLER) {
            if (is_undisturbed(thread)) {
                fast_signal(cpu, thread, object, sqe, head);
            }
        }
        return object;
    }
    if (kind == FAST_HEAD_RETURN) {
        if (is_undisturbed(thread)) {
            fast_return(cpu, thread, sqe, head);
        }
    } else if (head == FAST_HEAD_WAIT && is_undisturbed(thread)) {
        fast_wait(cpu, thread, sqe);
    }
    return NULL;
}

void fast_path_pair(struct cpu *cpu, struct thread *thread, uint64_t head)
{
    const struct ring_kernel *ring = &thread->ring;
    const volatile ring_word *signal = ring_kernel_peek(ring);
    const volatile ring_word *wait = ring_kernel_peek_behind(ring);
    const struct cap_table *caps = &thread->process->caps;

    if (UNLIKELY(head != FAST_HEAD_SIGNAL || wait[0] != FAST_HEAD_WAIT || signal[SQE_BUFFER] != 0 ||
                 !is_plain_wait(wait) || !is_undisturbed(thread))) {
        return;
    }
    struct object *target = object_lookup(caps, signal[SQE_TARGET]);
    struct object *own = object_lookup(caps, wait[SQE_TARGET]);
    struct operation *operation = thread->free_operation;
    const uint64_t user_data = wait[SQE_USER_DATA];
    const uint64_t bits = signal[SQE_PAYLOAD];
    struct notification *notification;

    if (UNLIKELY(target == NULL || own == NULL || own->kind != OBJECT_KIND_NOTIFICATION ||
                 operation == NULL ||
                 notification_target(target, bits, &notification) != STATUS_OK || bits == 0 ||
                 list_is_empty(&notification->waiters))) {
        return;
    }
    struct notification *awaited = CONTAINER_OF(own, struct notification, object);
    struct operation *served = LIST_FIRST(&notification->waiters, struct operation, link);
    struct thread *waiter = served->thread;

    if (UNLIKELY(awaited->bits != 0 || awaited == notification || !can_take_over(cpu, waiter))) {
        return;
    }
    start_wait(thread, operation, awaited, user_data);
    take_and_block(thread, 2);
    notification_take(notification, served, bits);
    post_and_switch(cpu, thread, waiter);
}

void fast_path_interrupt(struct notification *notification, uint64_t bits)
{
    struct cpu *cpu = this_cpu();
    struct thread *current = cpu->current;

    if (UNLIKELY(current == NULL || cpu->handoff != NULL || current->watch != 0 ||
                 list_is_empty(&notification->waiters) || work_is_pending() || trace_is_on)) {
        return;
    }
    struct operation *wait = LIST_FIRST(&notification->waiters, struct operation, link);
    struct thread *waiter = wait->thread;

    if (UNLIKELY(!can_take_over(cpu, waiter) || waiter->priority <= current->priority ||
                 sched_has_choice())) {
        return;
    }
    sched_preempt(cpu, current);
    notification_take(notification, wait, bits);
    post_and_switch(cpu, current, waiter);
}
