/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Compiler vocabulary shared by every part of the tree: attributes with a name that says what
 * they promise, and small helpers that need no library.
 */

#include <stddef.h>

/** The caller must look at the result: it says whether anything happened. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN   __attribute__((noreturn))
#define PRINTF_LIKE(format_index, first_argument)                                                  \
    __attribute__((format(printf, format_index, first_argument)))
#define ALWAYS_INLINE       inline __attribute__((always_inline))
#define NOINLINE            __attribute__((noinline))
#define COLD                __attribute__((noinline, cold)) /* not worth anybody's registers */
#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define ARRAY_COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/** The structure of type `type` whose member `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
