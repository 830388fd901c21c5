/* SPDX-License-Identifier: MIT */
#pragma once

/* The serial console as an object. Under the kernel lock. */

/** Bytes have arrived at the UART: hand them to whoever waits, keep a bounded rest. */
void console_input(void);
