/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The fast path: one inline CALL to a server that waits, or one inline RETURN to a caller that
 * waits, entered with cap_enter(1, 1, NO_DEADLINE).
 *
 * It does what cap_enter, endpoint_call or endpoint_return, and sched_exit would do one after the
 * other, with the questions asked in one row and before anything is changed. Whenever an answer is
 * not the usual one it returns, having changed nothing, and the general path does the work. It may
 * never do anything that the general path would not (docs/design/0007-ipc-fast-path.md).
 *
 * Under the kernel lock.
 */

#include "types.h"

struct cpu;
struct thread;

/** Try both; does not return if one of them fits. */
void fast_path(struct cpu *cpu, struct thread *thread);
