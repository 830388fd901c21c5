/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The user runtime's machine, for tests on the host: found instead of user/rt/arch.h because its
 * directory comes earlier on the include path. fake_kernel.c is behind it.
 */

#include "base/compiler.h"

#include <stdint.h>

#define RT_NO_DEADLINE UINT64_MAX

/** Where the address space that the runtime manages begins: rt/address_space.h. */
#define RT_SPACE_START 0x200000000000ull

enum rt_exit_scope { RT_EXIT_THREAD = 0, RT_EXIT_PROCESS = 1 };

struct rt_thread;

struct rt_thread_pointer {
    struct rt_thread_pointer *self;
    struct rt_thread *thread;
};

extern struct rt_thread *fake_thread;

uint64_t rt_arch_cap_enter(uint64_t submit, uint64_t min_complete, uint64_t deadline_ns);
NORETURN void rt_arch_exit(enum rt_exit_scope scope, uint64_t code);

static inline struct rt_thread *rt_arch_thread(void)
{
    return fake_thread;
}

static inline void rt_arch_pause(void)
{
}

static inline uint64_t rt_arch_timestamp(void)
{
    return 0;
}
