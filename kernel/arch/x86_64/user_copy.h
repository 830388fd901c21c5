/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading user memory at an address that a process made up. The kernel's interfaces take no user
 * pointers (messages lie in rings); this is for looking at what a process left behind, such as
 * the stack of a crashed thread. Any address is survived.
 */

#include "arch/x86_64/trap.h"
#include "types.h"

/**
 * Copy from the loaded address space. False, and `out` is unspecified, if any byte cannot be read.
 */
MUST_CHECK bool user_copy_in(void *out, struct user_ptr from, uint64_t length);

/** An exception in the kernel: if it was a user copy's, make that fail and go on. */
bool user_copy_fix_up(struct trap_frame *frame);
