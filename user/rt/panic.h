/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of a program that has found itself to be wrong. A message to the console, then the
 * whole process exits with RT_EXIT_PANIC.
 */

#include "base/compiler.h"

#define RT_EXIT_PANIC 134

/** Say why on the console and end the process. */
NORETURN void rt_panic(const char *format, ...) PRINTF_LIKE(1, 2);

/** What must hold here, whatever other processes do. Always checked. */
#define RT_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (UNLIKELY(!(condition))) {                                                              \
            rt_panic("%s:%d: %s does not hold", __FILE__, __LINE__, #condition);                   \
        }                                                                                          \
    } while (0)
