/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of a run: off, again, or stopped. Off and reset go through what ACPI's FADT says
 * (ACPI 6.5 sections 4.8.3 and 5.2.9); `debug_exit=PORT` on the command line names QEMU's
 * isa-debug-exit device for tests.
 */

#include "types.h"

/* Exit codes through isa-debug-exit, which QEMU turns into code * 2 + 1. */
#define POWER_EXIT_HALT  0x20u
#define POWER_EXIT_PANIC 0x2au

/** The debug-exit port, 0 for none. */
void power_set_debug_exit(uint16_t port);
uint16_t power_debug_exit(void);

NORETURN void power_halt(void);
NORETURN void power_reboot(void);
NORETURN void power_panic_exit(void);
