/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The early prompt on COM1: what the kernel believes of the machine, before any process exists.
 *
 * It is there when asked for: `diag=1` on the command line, or ^D typed while the kernel boots.
 * `diag_wait=MS` gives a person that long; without it nothing is waited for, so that booting takes
 * no longer than ever. It uses no memory but its own, and goes on booting at `continue`.
 */

#include "types.h"

#define PROMPT_WAIT_MS_MAX 10000u

/** What the command line says. */
struct prompt_options {
    bool is_wanted;
    uint32_t wait_ms; /* for ^D */
};

/**
 * Be there if wanted. Boot CPU, once, interrupts off, everything of the kernel set up and no
 * process started. Takes the kernel lock for each line that it prints.
 */
void prompt_run(const struct prompt_options *options);
