/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The two system calls. Everything else is a submission in the thread's ring (lib/ring/ring.h).
 *
 *   rax = SYSCALL_CAP_ENTER   rdi = submissions to take, rsi = completions to wait for,
 *                             rdx = deadline (ns since boot, 0: do not wait, NO_DEADLINE: none)
 *                             returns submissions taken, and in the upper half why it stopped early
 *   rax = SYSCALL_EXIT        rdi = EXIT_SCOPE_*, rsi = exit code
 */

#include "types.h"

#define SYSCALL_CAP_ENTER 0u
#define SYSCALL_EXIT      1u
/* The rest of a cap_enter that was cut: the kernel sets it. Above it: submissions taken before. */
#define SYSCALL_CONTINUE   0x7fffffffu
#define EXIT_SCOPE_THREAD  0u
#define EXIT_SCOPE_PROCESS 1u

/** Once the clock runs. */
void cap_enter_init(void);

/** Called by trap.S on this CPU's empty stack. Returns only if the same thread goes on. */
void syscall_dispatch(uint64_t first, uint64_t second, uint64_t third, uint64_t number);
