/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The kernel log: every line goes to the serial line at once and into a ring of bytes that the
 * Diagnostics interface reads back. Anything may log at any time.
 */

#include "types.h"

/** Log one line, "[seconds] area: text". Locks: takes the log lock, then the UART's. */
void log_info(const char *area, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * Copy log bytes from position `sequence` on.
 *
 * Positions count bytes since boot. `*lost` is how many from there on are overwritten already;
 * `*next` is where to go on. Returns the number of bytes copied.
 */
size_t log_read(uint64_t sequence, void *out, size_t capacity, uint64_t *next, uint64_t *lost);

/** Write straight to the serial line, for the epitaph: no locks, nothing kept. */
void log_emergency(const char *format, ...) PRINTF_LIKE(1, 2);
