/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * COM1, a 16550 UART (PC16550D data sheet, National Semiconductor 1995): the console from the
 * first instruction in C to the last line of a panic.
 */

#include "types.h"

/** Set up 115200 8N1 with FIFOs. Works before everything else. */
void uart_init(void);

/** Ask for an interrupt when bytes arrive. */
void uart_enable_input(void);

/** Have it interrupt once more if there are bytes that nobody has read yet. */
void uart_renew_input(void);

/** Write bytes, "\n" as "\r\n". Locks: takes the UART lock. Bounded even if the line is stuck. */
void uart_write(const void *bytes, size_t length);

/**
 * Write as much as there is room for, without waiting; at least nothing, and of "\n" both bytes or
 * none. Returns: how many of `bytes` were taken. Locks: takes the UART lock.
 */
size_t uart_write_some(const void *bytes, size_t length);

/** As uart_write(), without the lock: for the epitaph. */
void uart_write_unlocked(const void *bytes, size_t length);

/** The next received byte; false if there is none. */
bool uart_read(uint8_t *byte);

/** Whether anything answers there: an empty bus reads as all ones. */
bool uart_is_present(void);
