/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The fast path: one inline CALL to a server that waits, one inline RETURN to a caller that waits,
 * one signal to a more urgent thread that waits, or one WAIT that has to wait, entered with
 * cap_enter(1, 1, NO_DEADLINE); and a quiet signal with a WAIT behind it, cap_enter(2, 1,
 * NO_DEADLINE): how two processes hand each other the CPU over queues in shared memory.
 *
 * It does what cap_enter, the operation, and sched_exit would do one after the other, with the
 * questions asked in one row and before anything is changed. Whenever an answer is not the usual
 * one it returns, having changed nothing, and the general path does the work. It may never do
 * anything that the general path would not (docs/design/0007-ipc-fast-path.md).
 *
 * Under the kernel lock.
 */

#include "object/notification.h"
#include "sched/thread.h"
#include "types.h"

/* ring_sqe_head() of the two submissions; method or exception are in bits 16 to 31. */
#define FAST_HEAD_METHOD_MASK 0x00000000ffff0000ull
#define FAST_HEAD_CALL        ((uint64_t)RING_OPERATION_CALL | (uint64_t)SQE_INLINE << 8)
#define FAST_HEAD_RETURN                                                                           \
    ((uint64_t)RING_OPERATION_RETURN | (uint64_t)(SQE_INLINE | SQE_QUIET | SQE_REARM) << 8)

#define FAST_HEAD_SIGNAL ((uint64_t)RING_OPERATION_CALL | (uint64_t)(SQE_INLINE | SQE_QUIET) << 8)
#define FAST_HEAD_WAIT   ((uint64_t)RING_OPERATION_WAIT)

/**
 * Try the single ones; does not return if one of them fits. `head` is the first word of the
 * submission, which is there, and there is room for its completion.
 *
 * Returns the object that an inline CALL names, if it names one, so that the general path need not
 * look it up again; else NULL.
 */
struct object *fast_path(struct cpu *cpu, struct thread *thread, uint64_t head);

/** Try the pair; does not return if it fits. `head` is the first word of the first of the two. */
void fast_path_pair(struct cpu *cpu, struct thread *thread, uint64_t head);

/**
 * A device's interrupt, the last thing that its handler does, sets bits that are not 0: give the
 * CPU to the thread that waits, if it is more urgent than the one that was interrupted and nothing
 * stands against it. Returns if something does: then nothing has happened.
 */
void fast_path_interrupt(struct notification *notification, uint64_t bits);
