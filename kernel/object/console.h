/* SPDX-License-Identifier: MIT */
#pragma once

/* The serial console as an object. Under the kernel lock. */

#include "types.h"

/** Bytes have arrived at the UART: hand them to whoever waits, keep a bounded rest. */
void console_input(void);

/** There is no interrupt for COM1: look for bytes from time to time. On the boot CPU, once. */
void console_poll(void);

/** A byte that somebody else took from the UART before there were readers. */
void console_type(uint8_t byte);

/** Capabilities for the console were taken back: reads and writes of other processes end. */
struct object;
struct process;
void console_revoked(struct object *object, const struct process *revoker);

/** Whether some of them have not been told yet. */
bool console_is_revoking(void);
