/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The small kernel objects: timers, handles of threads and processes, and the objects that are
 * nothing but a permission (factory, address space, spawner, console, diagnostics, power).
 * Under the kernel lock.
 */

#include "object/notification.h"
#include "object/object.h"
#include "object/sweep.h"
#include "sched/timer.h"

/** Signals a notification at a time, once or periodically. */
struct timer_object {
    struct object object;
    struct timer timer;
    struct notification_promise promise; /* while armed */
    uint64_t next_ns;
    uint64_t period_ns;
    bool has_turn; /* it was put off until now */
};

/**
 * The least period of a timer, and the least time between two fires of a process's periodic timers:
 * they are the work of whatever CPU, in the time of whoever runs there, so that there is no end to
 * what many of them could take.
 */
#define TIMER_PERIOD_LEAST_NS 100000u

/** A thread as its process sees it: WAIT is join. */
struct thread_object {
    struct object object;
    struct thread *thread; /* NULL once it has ended */
    bool gone;             /* and has given back all that it had */
    uint64_t exit_code;
    struct list waiters;
    struct sweep sweep; /* of the waiters, by the end or a revocation */
};

/** A process as whoever started it sees it. */
struct process_handle {
    struct object object;
    struct process *process; /* NULL once the record is gone */
    uint64_t pid;
    bool gone;
    uint64_t exit_code;
    enum exit_reason exit_reason;
    struct list waiters;
    struct sweep sweep; /* of the waiters, by the end or a revocation */
};

/** Acts on one process: its factory and its address space, and a spawner's purse. */
struct process_permission {
    struct object object;
    struct process *process; /* the payer, which therefore outlives the object */
};

MUST_CHECK enum status timer_object_create(struct process *process, struct object **out);
/** `via` is what the caller named: when it is revoked or gone, the timer stops. */
void timer_object_arm(struct timer_object *timer, const struct object *via,
                      struct notification *target, uint64_t bits, uint64_t deadline_ns,
                      uint64_t period_ns);
void timer_object_disarm(struct timer_object *timer);

MUST_CHECK enum status thread_object_create(struct thread *thread, struct object **out);
/** The thread has ended. A reference is kept until thread_object_gone(). */
void thread_object_ended(struct thread_object *object, uint64_t exit_code);
/** What it had has been given back: whoever waits learns the code. */
void thread_object_gone(struct thread_object *object);

MUST_CHECK enum status process_handle_create(struct process *payer, struct process *child,
                                             struct object **out);
/** The process is gone. */
void process_handle_gone(struct process_handle *handle, enum exit_reason reason, uint64_t code);

/** Factory, virtual memory or spawner of a process; console, diagnostics and power alike. */
MUST_CHECK enum status permission_create(enum object_kind kind, struct process *process,
                                         struct object **out);

/** WAIT on a thread or process handle. */
enum status ending_wait(struct object *object, struct thread *thread, const struct ring_sqe *sqe);

static inline struct process_permission *permission_of(struct object *object)
{
    return CONTAINER_OF(object, struct process_permission, object);
}

extern const struct object_type timer_object_type;
extern const struct object_type thread_object_type;
extern const struct object_type process_handle_type;
extern const struct object_type permission_type;
