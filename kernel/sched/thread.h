/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A thread: its registers, its ring, its pending operations, its place in the scheduler.
 *
 * One page for struct thread and the FPU state behind it, a block of four for the operations, a
 * block of eight for the ring, which is also mapped into the process. All are charged to the
 * process and stay until the thread is reaped. Under the kernel lock, but for `frame`, which
 * belongs to the CPU the thread runs on.
 */

#include "arch/x86_64/trap.h"
#include "object/object.h"
#include "object/operation.h"
#include "ring/ring.h"
#include "sched/timer.h"
#include "types.h"

enum thread_state {
    THREAD_BLOCKED,   /* in cap_enter, waiting for completions or a deadline */
    THREAD_READY,     /* on a run queue, or its process's list while throttled */
    THREAD_RUNNING,   /* current on some CPU */
    THREAD_ENDED,     /* never runs again */
};

/** How to give the thread its registers back. */
enum frame_kind_of_entry {
    ENTRY_SYSCALL,  /* what the system call convention keeps */
    ENTRY_FULL,     /* everything */
};

struct thread {
    struct trap_frame frame __attribute__((aligned(16))); /* [cpu] */
    struct process *process;
    struct ring_kernel ring;
    enum thread_state state;
    enum frame_kind_of_entry entry;
    bool stop;      /* must end at its next exit from the kernel */
    bool is_queued; /* on a run queue of `cpu` */
    uint8_t base_priority;
    uint8_t priority; /* effective: raised while it serves callers */
    uint32_t wake_tail; /* blocked: ready when ring.cq_tail reaches this */
    struct cpu *cpu;    /* where it runs, or last ran */
    uint64_t fs_base;
    void *fpu_area;

    struct list queue;    /* on a run queue */
    struct list siblings; /* in its process */
    struct timer deadline; /* of the cap_enter it is blocked in */

    struct operation *operations; /* RING_DEPTH of them */
    struct operation *free_operation;
    struct list serving;  /* operations: calls taken and not yet answered */
    uint64_t next_sequence;

    uint32_t thread_frame;
    uint32_t operations_frame;
    struct mapping *ring_mapping;
    bool poison_reported;

    uint64_t number;  /* within the process, from 1 */
    uint64_t exit_code;
    struct thread_object *object; /* told of the end; NULL if nobody can ask */
};

#define THREAD_ORDER     0u
#define OPERATIONS_ORDER 2u
#define RING_ORDER       3u
static_assert(1u << RING_ORDER == RING_PAGE_COUNT, "the ring is one block");

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

/** Take an ended thread apart. It is not current on any CPU. */
void thread_finish(struct thread *thread);

/** Post the completion that `ring_kernel_next_cqe()` holds, and wake the thread if that is due. */
void thread_post(struct thread *thread);

/** Post a completion that carries only a status. */
void thread_post_status(struct thread *thread, uint64_t user_data, enum status status);

/** Recompute the effective priority from the callers being served. */
void thread_update_priority(struct thread *thread);

/** Load a new FS base of the current thread into the register. */
void thread_load_tls(const struct thread *thread);

/** The ring's indices were impossible: say so once, and let nothing more through. */
void thread_poisoned(struct thread *thread);
