/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A thread: its registers, its ring, its pending operations, its place in the scheduler.
 *
 * A block of frames has it all (frames_take_thread()): eight for the ring, which is also mapped
 * into the process, four for the operations, one for struct thread and the FPU state behind it. It
 * is charged to the process as a thread, and stays until the thread is reaped. Under the kernel
 * lock, but for `frame`, which belongs to the CPU the thread runs on.
 */

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/trap.h"
#include "mm/frames.h"
#include "object/object.h"
#include "object/operation.h"
#include "object/process.h"
#include "ring/ring.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "types.h"

enum thread_state {
    THREAD_BLOCKED, /* in cap_enter, waiting for completions or a deadline */
    THREAD_READY,   /* on a run queue, or its process's list while throttled */
    THREAD_RUNNING, /* current on some CPU */
    THREAD_ENDED,   /* never runs again */
};

#define WATCH_STOP   1u /* it must end at its next exit */
#define WATCH_BUDGET 2u /* its process has a limited CPU budget */

/** How to give the thread its registers back. */
enum frame_kind_of_entry {
    ENTRY_SYSCALL, /* what the system call convention keeps */
    ENTRY_FULL,    /* everything */
};

struct thread {
    struct trap_frame frame __attribute__((aligned(16))); /* [cpu] */
    struct process *process;
    struct ring_kernel ring;
    enum thread_state state;
    enum frame_kind_of_entry entry;
    uint8_t watch;  /* WATCH_*: the exit from the kernel must take a closer look */
    bool is_queued; /* on a run queue of `cpu` */
    uint8_t base_priority;
    uint8_t priority;    /* effective: raised while it serves callers */
    uint32_t wake_tail;  /* blocked: ready when ring.cq_tail reaches this */
    struct cpu *cpu;     /* where it runs, or last ran */
    uint64_t slice_left; /* interrupted with equals waiting: ticks of its turn to come; else 0 */
    uint64_t fs_base;
    void *fpu_area;

    struct list queue;     /* on a run queue */
    struct list siblings;  /* in its process, until it has ended */
    struct timer deadline; /* of the cap_enter it is blocked in */

    struct operation *operations; /* RING_DEPTH of them */
    struct operation *free_operation;
    struct list serving; /* operations: calls taken and not yet answered */
    uint64_t next_sequence;

    struct work finishing;   /* once it has ended: its operations, one by one */
    uint32_t finished_count; /* of them */

    uint32_t block; /* first frame of everything that the thread has */
    struct mapping *ring_mapping;
    bool poison_reported;

    uint64_t number; /* within the process, from 1 */
    uint64_t exit_code;
    struct thread_object *object; /* told of the end; NULL if nobody can ask */
};

/* Where the parts are in the block; the ring comes first. */
#define OPERATIONS_FRAME RING_FRAMES
#define THREAD_FRAME     (OPERATIONS_FRAME + 4)
static_assert(RING_FRAMES == RING_PAGE_COUNT, "the ring is in one piece");
static_assert(THREAD_FRAME < THREAD_BLOCK_FRAMES, "everything fits");

/** Where and how a new thread starts. */
struct thread_start {
    uint64_t entry;
    uint64_t stack_top;
    uint64_t argument;
    uint64_t ring_address;
    uint8_t priority;
};

/**
 * Create a thread, blocked; sched_start() lets it run.
 *
 * Maps its ring at start->ring_address.
 * Returns: STATUS_OK; STATUS_BAD_RANGE for an address outside user space, STATUS_OCCUPIED if the
 * ring's place is taken, STATUS_OVER_BUDGET, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status thread_create(struct process *process, const struct thread_start *start,
                                     struct thread **out);

/** End the thread: at once, or if it is running, when it next leaves the kernel. */
void thread_end(struct thread *thread, uint64_t code);

/** End a thread that is not current on any CPU, and take it apart in steps, the first at once. */
void thread_finish(struct thread *thread);

/** Make a blocked thread ready. */
static ALWAYS_INLINE void sched_wake(struct thread *thread)
{
    struct cpu *cpu = this_cpu();

    if (LIKELY(cpu->current != NULL && cpu->handoff == NULL && thread->watch == 0 &&
               !timer_is_armed(&thread->deadline))) {
        thread->state = THREAD_READY;
        cpu->handoff = thread;
        return;
    }
    sched_wake_slowly(thread);
}

/** Take a free operation of the thread for a submission; the caller has checked there is one. */
static ALWAYS_INLINE struct operation *
operation_take(struct thread *thread, const struct ring_sqe *sqe, enum operation_state state)
{
    struct operation *operation = thread->free_operation;

    thread->free_operation = operation->next_free;
    operation->state = state;
    operation->user_data = sqe->user_data;
    operation->buffer_offset = sqe->buffer_offset;
    operation->buffer_length = sqe->buffer_length;
    return operation;
}

/** As operation_give(), for one that has no object, no deadline and no queue. */
static ALWAYS_INLINE void operation_give_quickly(struct operation *operation)
{
    struct thread *thread = operation->thread;

    operation->state = OPERATION_FREE;
    operation->next_free = thread->free_operation;
    thread->free_operation = operation;
}

/** The call that a thread has taken under this number, or NULL. */
static ALWAYS_INLINE struct operation *operation_by_call_id(struct thread *thread, uint64_t call_id)
{
    const uint64_t index = call_id & 0xff;

    if (UNLIKELY(index >= RING_DEPTH)) {
        return NULL;
    }
    struct operation *operation = &thread->operations[index];

    return LIKELY(operation->state == OPERATION_SERVING && operation_call_id(operation) == call_id)
               ? operation
               : NULL;
}

/** Post the completion that `ring_kernel_next_cqe()` holds, and wake the thread if that is due. */
static ALWAYS_INLINE void thread_post(struct thread *thread)
{
    struct ring_kernel *ring = &thread->ring;

    ring_kernel_post(ring);
    if (thread->state == THREAD_BLOCKED && (int32_t)(ring->cq_tail - thread->wake_tail) >= 0) {
        sched_wake(thread);
    }
}

/** Post a completion that carries only a status. */
void thread_post_status(struct thread *thread, uint64_t user_data, enum status status);

/** Recompute the effective priority from the callers that are served and those that wait. */
void thread_update_priority(struct thread *thread);

/** Load a new FS base of the current thread into the register. */
void thread_load_tls(const struct thread *thread);

/** The ring's indices were impossible: say so once, and let nothing more through. */
void thread_poisoned(struct thread *thread);
