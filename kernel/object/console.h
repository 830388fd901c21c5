/* SPDX-License-Identifier: MIT */
#pragma once

/* The serial console as an object. Under the kernel lock. */

/** Bytes have arrived at the UART: hand them to whoever waits, keep a bounded rest. */
void console_input(void);

/** Capabilities for the console were taken back: reads of other processes end. */
struct process;
void console_revoked(struct process *revoker);
