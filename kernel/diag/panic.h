/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of a broken kernel: an epitaph on the serial line, the other CPUs stopped, and an exit
 * code of its own where the machine has a debug-exit device. PANIC() and KVERIFY() are in types.h.
 */

#include "arch/x86_64/trap.h"
#include "types.h"

/** An exception in the kernel itself. */
NORETURN void panic_trap(const struct trap_frame *frame);

/** Another CPU has panicked: stop here. */
NORETURN void panic_stop_this_cpu(void);
