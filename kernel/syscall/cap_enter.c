/* SPDX-License-Identifier: MIT */
#include "syscall/cap_enter.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "device_manager/device_manager.h"
#include "diag/trace.h"
#include "object/endpoint.h"
#include "object/memory.h"
#include "object/message.h"
#include "object/notification.h"
#include "object/object.h"
#include "object/process.h"
#include "object/services.h"
#include "sched/sched.h"
#include "sched/switch.h"
#include "sched/thread.h"
#include "syscall/fast_path.h"
#include "syscall/methods.h"

/* How long one entry may go on taking submissions: then interrupts and others get their turn. */
#define BATCH_NS      10000u
#define SYSCALL_BYTES 2u /* SYSCALL is 0f 05: Intel SDM vol. 2B */

static uint64_t batch_ticks = UINT64_MAX; /* [I] after cap_enter_init() */

void cap_enter_init(void)
{
    batch_ticks = clock_duration_ticks(BATCH_NS);
}

/** Fields an operation does not use must be zero: what is not defined today can be tomorrow. */
static bool has_payload(const struct ring_sqe *sqe)
{
    return (sqe->payload[0] | sqe->payload[1] | sqe->payload[2] | sqe->payload[3]) != 0;
}

static ALWAYS_INLINE bool head_is_plain(const struct ring_sqe *sqe, uint32_t flags_allowed)
{
    return (sqe->flags & ~flags_allowed) == 0 && sqe->method == 0 && sqe->transfer_count == 0;
}

static enum status do_release(struct thread *thread, const struct ring_sqe *sqe, bool *later)
{
    struct process *process = thread->process;
    struct cap_entry *entry = cap_table_find(&process->caps, sqe->target);

    if (!head_is_plain(sqe, SQE_QUIET | SQE_REVOKE) || sqe->buffer_offset != 0 ||
        sqe->buffer_length != 0 || has_payload(sqe)) {
        return STATUS_BAD_REQUEST;
    }
    if (entry == NULL) {
        struct object *object;

        return object_find(process, sqe->target, &object);
    }
    if ((sqe->flags & SQE_REVOKE) == 0) {
        object_ungrant(process, cap_id_index(sqe->target));
        return STATUS_OK;
    }
    struct object *object = cap_entry_object(entry);

    if (object == NULL) {
        return STATUS_STALE;
    }
    if ((entry->flags & CAP_ORIGIN) == 0) {
        return STATUS_DENIED;
    }
    if (object_is_revoking(object)) {
        return STATUS_BUSY;
    }
    object_revoke(object, entry, process);
    if (object->kind != OBJECT_KIND_MEMORY || (sqe->flags & SQE_QUIET) ||
        !object_is_revoking(object)) {
        return STATUS_OK;
    }
    /* Memory: done when the last foreign mapping is gone from every CPU. */
    method_await_memory(CONTAINER_OF(object, struct memory, object),
                        operation_take(thread, sqe, OPERATION_WAITING));
    *later = true;
    return STATUS_OK;
}

static enum status do_wait(struct thread *thread, const struct ring_sqe *sqe)
{
    struct object *object;

    if (!head_is_plain(sqe, 0) || sqe->buffer_offset != 0 || sqe->buffer_length != 0 ||
        (sqe->payload[1] | sqe->payload[2] | sqe->payload[3]) != 0) {
        return STATUS_BAD_REQUEST;
    }
    const enum status status = object_find(thread->process, sqe->target, &object);

    if (UNLIKELY(status != STATUS_OK)) {
        return status;
    }
    if (LIKELY(object->kind == OBJECT_KIND_NOTIFICATION)) {
        return notification_wait(CONTAINER_OF(object, struct notification, object), thread, sqe);
    }
    if (object->kind == OBJECT_KIND_THREAD || object->kind == OBJECT_KIND_PROCESS_HANDLE) {
        return ending_wait(object, thread, sqe);
    }
    if (object->kind == OBJECT_KIND_INTERRUPT) {
        return interrupt_wait(object, thread, sqe);
    }
    return STATUS_WRONG_TYPE;
}

static enum status do_timeout(struct thread *thread, const struct ring_sqe *sqe)
{
    if (!head_is_plain(sqe, 0) || sqe->target != 0 || sqe->buffer_offset != 0 ||
        sqe->buffer_length != 0 || (sqe->payload[1] | sqe->payload[2] | sqe->payload[3]) != 0) {
        return STATUS_BAD_REQUEST;
    }
    struct operation *operation = operation_take(thread, sqe, OPERATION_WAITING);

    if (ns_to_ticks(sqe->payload[0]) <= rdtsc()) {
        operation_complete(operation, STATUS_TIMED_OUT);
    } else {
        operation_set_deadline(operation, sqe->payload[0]);
    }
    return STATUS_OK;
}

static enum status do_cancel(struct thread *thread, const struct ring_sqe *sqe)
{
    if (!head_is_plain(sqe, SQE_QUIET) || sqe->buffer_offset != 0 || sqe->buffer_length != 0 ||
        has_payload(sqe)) {
        return STATUS_BAD_REQUEST;
    }
    struct operation *operation = operation_find(thread, sqe->target);

    if (operation == NULL) {
        return STATUS_NOT_FOUND;
    }
    operation_cancel(operation, STATUS_CANCELLED);
    return STATUS_OK;
}

static enum status do_return(struct thread *thread, const struct ring_sqe *sqe)
{
    struct ring_kernel *ring = &thread->ring;
    bool rearmed = false;

    if (UNLIKELY((sqe->flags & ~(SQE_INLINE | SQE_QUIET | SQE_REARM)) != 0 ||
                 sqe->method >= STATUS_COUNT || sqe->buffer_offset != 0 ||
                 sqe->buffer_length != 0)) {
        return STATUS_BAD_REQUEST;
    }
    /* The RECV that waits again needs a completion of its own. */
    if ((sqe->flags & SQE_REARM) && !ring_kernel_reserve(ring)) {
        return STATUS_QUEUE_FULL;
    }
    const enum status status = endpoint_return(thread, sqe, &rearmed);

    if ((sqe->flags & SQE_REARM) && !rearmed) {
        ring_kernel_unreserve(ring);
    }
    return status;
}

static ALWAYS_INLINE enum status do_call(struct thread *thread, const struct ring_sqe *sqe,
                                         struct object *known)
{
    if (UNLIKELY((sqe->flags & ~(SQE_INLINE | SQE_QUIET)) != 0)) {
        return STATUS_BAD_REQUEST;
    }
    if ((sqe->buffer_offset | sqe->buffer_length) != 0 &&
        UNLIKELY(!message_buffer_is_valid(sqe->buffer_offset, sqe->buffer_length))) {
        return STATUS_BAD_RANGE;
    }
    const struct cap_table *caps = &thread->process->caps;
    struct object *object = LIKELY(known != NULL) ? known : object_lookup(caps, sqe->target);

    if (UNLIKELY(object == NULL)) {
        return object_refusal(caps, sqe->target);
    }
    if (object->kind == OBJECT_KIND_ENDPOINT_CLIENT) {
        if (UNLIKELY((sqe->flags & SQE_QUIET) != 0)) {
            return STATUS_BAD_REQUEST;
        }
        return endpoint_call(CONTAINER_OF(object, struct endpoint_client, object), thread, sqe);
    }
    return method_call(object, thread, sqe);
}

static enum status do_receive(struct thread *thread, const struct ring_sqe *sqe)
{
    struct object *object;

    if (!head_is_plain(sqe, 0) || has_payload(sqe)) {
        return STATUS_BAD_REQUEST;
    }
    const enum status status =
        object_find_kind(&thread->process->caps, sqe->target, OBJECT_KIND_ENDPOINT, &object);

    return status != STATUS_OK
               ? status
               : endpoint_receive(CONTAINER_OF(object, struct endpoint, object), thread, sqe);
}

/** Whether an operation keeps a struct operation, so that one must be free. */
static inline bool needs_operation(uint8_t operation)
{
    return operation != RING_OPERATION_RETURN && operation != RING_OPERATION_CANCEL;
}

/** Carry out one submission that is not a NOP. Its completion is reserved. */
static ALWAYS_INLINE void submit(struct thread *thread, const struct ring_sqe *sqe,
                                 struct object *known)
{
    enum status status;
    bool later = false; /* the completion is somebody else's to post, unless refused */

    if (UNLIKELY(sqe->reserved != 0 || sqe->operation > RING_OPERATION_CANCEL)) {
        status = STATUS_BAD_REQUEST;
        goto refuse;
    }
    /* Validated above: a value of enum ring_operation. */
    switch ((enum ring_operation)sqe->operation) {
    case RING_OPERATION_CALL:
        status = do_call(thread, sqe, known);
        later = true;
        break;
    case RING_OPERATION_RECV:
        status = do_receive(thread, sqe);
        later = true;
        break;
    case RING_OPERATION_RETURN:
        status = do_return(thread, sqe);
        break;
    case RING_OPERATION_RELEASE:
        status = do_release(thread, sqe, &later);
        break;
    case RING_OPERATION_WAIT:
        status = do_wait(thread, sqe);
        later = true;
        break;
    case RING_OPERATION_TIMEOUT:
        status = do_timeout(thread, sqe);
        later = true;
        break;
    case RING_OPERATION_CANCEL:
        status = do_cancel(thread, sqe);
        break;
    case RING_OPERATION_NOP:
    case RING_OPERATION_COUNT:
    default:
        status = STATUS_BAD_REQUEST;
        break;
    }
    if (LIKELY(status == STATUS_OK)) {
        if (later) {
            return;
        }
        if (sqe->flags & SQE_QUIET) {
            ring_kernel_unreserve(&thread->ring);
            return;
        }
    } else {
    refuse:
        device_submission_refused(thread, sqe, status);
    }
    thread_post_status(thread, sqe->user_data, status);
}

/**
 * Take the next submission, which was not a NOP, and carry it out. `known`: the object that its
 * target was found to name a moment ago, or NULL. There is room for its completion.
 *
 * False, and nothing has happened, if it needs an operation and none is free. Only the copy can
 * tell: the entry itself may have changed since it was last looked at.
 */
static NOINLINE bool take_one(struct thread *thread, struct object *known)
{
    struct ring_sqe sqe;

    ring_kernel_take(&thread->ring, &sqe);
    if (UNLIKELY(thread->free_operation == NULL) && needs_operation(sqe.operation)) {
        thread->ring.sq_head--;
        return false;
    }
    thread->ring.reserved++;
    submit(thread, &sqe, known);
    return true;
}

/** Take a NOP that has something wrong with it. There is room for its completion. */
static COLD void refuse_nop(struct thread *thread)
{
    struct ring_sqe sqe;

    ring_kernel_take(&thread->ring, &sqe);
    thread->ring.reserved++;
    device_submission_refused(thread, &sqe, STATUS_BAD_REQUEST);
    thread_post_status(thread, sqe.user_data, STATUS_BAD_REQUEST);
}

/** Complete a run of NOPs, at most `limit` of them. There is room for their completions. */
static ALWAYS_INLINE uint32_t take_nops(struct ring_kernel *ring, uint32_t limit)
{
    uint32_t taken = 0;

    do {
        const volatile ring_word *sqe = ring_kernel_peek(ring);
        const uint64_t head = sqe[0];

        if ((uint8_t)head != RING_OPERATION_NOP) {
            break;
        }
        const uint64_t user_data = sqe[1];
        const uint64_t bad = (head & ~((uint64_t)SQE_QUIET << 8)) | sqe[2] | sqe[3] | sqe[4] |
                             sqe[5] | sqe[6] | sqe[7];

        if (UNLIKELY(bad != 0)) {
            break;
        }
        ring->sq_head++;
        taken++;
        if (UNLIKELY(head != 0)) {
            continue; /* quiet */
        }
        struct ring_cqe *cqe = ring_kernel_next_cqe(ring);

        ring_cqe_set_head(cqe, STATUS_OK, STATUS_OK, 0, 0, 0);
        cqe->user_data = user_data;
        ring->cq_tail++;
    } while (taken < limit);
    ring_kernel_publish_cq(ring);
    return taken;
}

/**
 * Let other CPUs in between two submissions. Not while a woken thread is on no queue: another CPU
 * could end it unseen.
 */
static ALWAYS_INLINE void open_window(void)
{
    if (UNLIKELY(spin_is_contended(&kernel_lock)) && this_cpu()->handoff == NULL) {
        spin_yield(&kernel_lock);
    }
}

/** Whether a batch has taken its time; `*since`: when it was first asked, at first 0. */
static ALWAYS_INLINE bool batch_is_long(uint64_t *since)
{
    const uint64_t now = rdtsc();

    if (*since == 0) {
        *since = now;
        return false;
    }
    return UNLIKELY(now - *since > batch_ticks);
}

/**
 * Have the thread enter the kernel once more with what is left of its cap_enter, as if it had not
 * yet: what is pending comes first.
 */
NORETURN static NOINLINE void continue_later(struct thread *thread, uint64_t taken,
                                             uint64_t to_submit, uint64_t min_complete,
                                             uint64_t deadline_ns)
{
    struct trap_frame *frame = &thread->frame;

    frame->rip -= SYSCALL_BYTES;
    frame->rax = SYSCALL_CONTINUE | taken << 32;
    frame->rdi = to_submit;
    frame->rsi = min_complete;
    frame->rdx = deadline_ns;
    frame->rcx = frame->r8 = frame->r9 = frame->r10 = frame->r11 = 0;
    thread->entry = ENTRY_FULL;
    sched_exit();
}

/**
 * Take up to `count` submissions that are there. Returns how many; *status says why it stopped, and
 * *plain whether they were all NOPs. `is_traced`: without the fast path, which records nothing.
 * Does not return if it takes long: the thread comes again with the rest.
 */
static ALWAYS_INLINE uint32_t take_submissions(struct cpu *cpu, struct thread *thread,
                                               uint32_t count, uint64_t min_complete,
                                               uint64_t deadline_ns, const bool is_traced,
                                               enum status *status, bool *plain,
                                               uint64_t taken_before)
{
    struct ring_kernel *ring = &thread->ring;
    uint32_t taken = 0;
    uint64_t since = 0;

    *plain = true;
    for (;;) {
        const uint32_t room = ring_kernel_room(ring);
        const uint64_t head = ring_kernel_peek(ring)[0];

        if (UNLIKELY(room == 0)) {
            *status = STATUS_QUEUE_FULL;
            break;
        }
        if ((uint8_t)head == RING_OPERATION_NOP) {
            const uint32_t nops = take_nops(ring, count - taken < room ? count - taken : room);

            if (UNLIKELY(nops == 0)) {
                refuse_nop(thread);
                taken++;
            }
            taken += nops;
        } else {
            struct object *known = NULL;

            *plain = false;
            if (LIKELY(!is_traced && min_complete == 1 && deadline_ns == NO_DEADLINE)) {
                if (LIKELY(count == 1)) {
                    known = fast_path(cpu, thread, head);
                } else if (count == 2 && taken == 0) {
                    fast_path_pair(cpu, thread, head);
                }
            }
            if (UNLIKELY(!take_one(thread, known))) {
                *status = STATUS_QUEUE_FULL;
                break;
            }
            taken++;
            if (UNLIKELY((thread->watch & WATCH_STOP) != 0)) {
                break;
            }
        }
        if (LIKELY(taken == count)) {
            break;
        }
        if (batch_is_long(&since) && !ring->poisoned) {
            ring_kernel_publish_sq(ring);
            continue_later(thread, taken_before + taken, count - taken, min_complete, deadline_ns);
        }
        open_window();
    }
    ring_kernel_publish_sq(ring);
    return taken;
}

static void cap_enter_deadline(struct timer *timer)
{
    struct thread *thread = CONTAINER_OF(timer, struct thread, deadline);

    thread->frame.rax |= (uint64_t)STATUS_TIMED_OUT << 32;
    sched_wake(thread);
}

/** Fewer completions than wanted: block, unless the deadline has passed. */
static ALWAYS_INLINE enum status block(struct thread *thread, uint32_t unread,
                                       uint64_t min_complete, uint64_t deadline_ns)
{
    if (UNLIKELY(min_complete > RING_DEPTH)) {
        return STATUS_BAD_RANGE;
    }
    if (UNLIKELY(deadline_ns != NO_DEADLINE)) {
        const uint64_t deadline = ns_to_ticks(deadline_ns);

        if (deadline <= rdtsc()) {
            return STATUS_TIMED_OUT;
        }
        timer_arm(&thread->deadline, deadline, cap_enter_deadline);
    }
    thread->wake_tail = thread->ring.cq_tail - unread + (uint32_t)min_complete;
    thread->state = THREAD_BLOCKED;
    return STATUS_OK;
}

/** Returns true if nothing has happened that could concern the scheduler. */
static ALWAYS_INLINE bool cap_enter(struct cpu *cpu, struct thread *thread, uint64_t to_submit,
                                    uint64_t min_complete, uint64_t deadline_ns,
                                    const bool is_traced, uint64_t taken_before)
{
    struct ring_kernel *ring = &thread->ring;
    enum status status = STATUS_OK;
    const uint32_t pending = ring_kernel_pending(ring);
    const uint32_t count = to_submit < pending ? (uint32_t)to_submit : pending;
    uint32_t taken = 0;
    bool plain = false;

    if (LIKELY(count != 0)) {
        taken = take_submissions(cpu, thread, count, min_complete, deadline_ns, is_traced, &status,
                                 &plain, taken_before);
    }
    const uint32_t unread = ring_kernel_unread(ring);

    if (UNLIKELY(ring->poisoned)) {
        thread_poisoned(thread);
        status = STATUS_POISONED;
    } else if (unread < min_complete && status == STATUS_OK) {
        status = block(thread, unread, min_complete, deadline_ns);
        plain = false;
    }
    thread->frame.rax = (uint32_t)(taken_before + taken) | (uint64_t)status << 32;
    return plain;
}

static void do_exit(struct thread *thread, uint64_t scope, uint64_t code)
{
    if (scope == EXIT_SCOPE_THREAD) {
        thread_end(thread, code);
    } else if (scope == EXIT_SCOPE_PROCESS) {
        process_end(thread->process, EXIT_REASON_EXITED, code);
    } else {
        thread->frame.rax = (uint64_t)STATUS_BAD_REQUEST << 32;
    }
}

/** Any system call that is not a cap_enter without tracing. Returns as cap_enter(). */
static NOINLINE bool dispatch_slowly(struct cpu *cpu, struct thread *thread, uint64_t first,
                                     uint64_t second, uint64_t third, uint64_t number)
{
    const bool continues = (uint32_t)number == SYSCALL_CONTINUE;

    trace_system_call(thread, continues ? SYSCALL_CAP_ENTER : number, first, second);
    if (number == SYSCALL_CAP_ENTER || continues) {
        return cap_enter(cpu, thread, first, second, third, true, number >> 32);
    }
    if (number == SYSCALL_EXIT) {
        do_exit(thread, first, second);
    } else {
        thread->frame.rax = (uint64_t)STATUS_BAD_METHOD << 32;
    }
    return false;
}

void syscall_dispatch(uint64_t first, uint64_t second, uint64_t third, uint64_t number)
{
    struct cpu *cpu = this_cpu();
    struct thread *thread = cpu->current;

    spin_lock(&kernel_lock);
    /* While tracing no number is the quick one: so tracing costs nothing here while it is off. */
    const bool is_done = LIKELY(number == trace_quick_number)
                             ? cap_enter(cpu, thread, first, second, third, false, 0)
                             : dispatch_slowly(cpu, thread, first, second, third, number);

    /* What other CPUs want of this thread meanwhile comes with an interrupt. */
    if (is_done) {
        spin_unlock(&kernel_lock);
        return;
    }
    if (LIKELY(sched_can_stay(cpu, thread))) {
        spin_unlock(&kernel_lock);
        return;
    }
    thread->entry = ENTRY_SYSCALL;
    sched_exit();
}
