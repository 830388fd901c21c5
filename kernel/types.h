/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Words that every kernel file uses: kinds of address that cannot be mixed up, page arithmetic,
 * and the three fates of style: MUST_CHECK status for a bad caller, KVERIFY and KASSERT for a
 * broken kernel.
 */

#include "base/compiler.h"
#include "base/memory.h"
#include "capos.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_BYTES  4096ull
#define PAGE_SHIFT  12u
#define NO_DEADLINE UINT64_MAX

/** A physical address. */
struct paddr {
    uint64_t value;
};

/** An address in some process's half of the address space: an allegation, never dereferenced. */
struct user_ptr {
    uint64_t value;
};

static inline uint64_t page_round_up(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

static inline bool is_page_aligned(uint64_t value)
{
    return (value & (PAGE_BYTES - 1)) == 0;
}

NORETURN void panic_at(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);

/** Stop the machine: an invariant of the kernel itself is broken. Writes the epitaph. */
#define PANIC(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

/** Checked in every build. */
#define KVERIFY(condition)                                                                         \
    do {                                                                                           \
        if (UNLIKELY(!(condition))) {                                                              \
            PANIC("%s", #condition);                                                               \
        }                                                                                          \
    } while (0)

/** Checked in debug builds (make DEBUG=1). The condition has no side effects. */
#ifdef CAPOS_DEBUG
#define KASSERT(condition) KVERIFY(condition)
#else
#define KASSERT(condition) ((void)sizeof(condition))
#endif
