/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The few instructions of the user runtime that C cannot say: the two system calls, the thread
 * pointer, the time stamp counter.
 *
 * Everything else in user/rt is ordinary C on top of these functions. rt-check puts its own
 * header of this name earlier on the include path and plays the kernel there.
 */

#include "base/compiler.h"

#include <stdint.h>

/** A deadline that never comes. */
#define RT_NO_DEADLINE UINT64_MAX

/** Where the address space that the runtime manages begins: rt/address_space.h. */
#define RT_SPACE_START 0x100000000ull

enum rt_exit_scope { RT_EXIT_THREAD = 0, RT_EXIT_PROCESS = 1 };

/**
 * Enter the kernel: let it take up to `submit` submissions, then wait until `min_complete`
 * completions are unread or `deadline_ns` (since boot; 0 = do not wait) has passed.
 *
 * Returns: the number of submissions taken, and an enum status in the upper 32 bits.
 */
static ALWAYS_INLINE uint64_t rt_arch_cap_enter(uint64_t submit, uint64_t min_complete,
                                                uint64_t deadline_ns)
{
    uint64_t result = 0; /* the number of this system call */

    /* The kernel keeps the registers that a C function would keep, no others. */
    __asm__ volatile("syscall"
                     : "+a"(result), "+D"(submit), "+S"(min_complete), "+d"(deadline_ns)
                     :
                     : "rcx", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2",
                       "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15");
    return result;
}

/** End the calling thread, or its whole process, with `code`. */
static ALWAYS_INLINE NORETURN void rt_arch_exit(enum rt_exit_scope scope, uint64_t code)
{
    __asm__ volatile("syscall" : : "a"(1ull), "D"((uint64_t)scope), "S"(code) : "rcx", "r11");
    __builtin_unreachable();
}

struct rt_thread;

/**
 * What the FS base points at. The first word is its own address (System V ABI, x86-64 supplement,
 * 3.4.6: variant II thread-local storage, which lies right below).
 */
struct rt_thread_pointer {
    struct rt_thread_pointer *self;
    struct rt_thread *thread;
};

/** The calling thread's block. */
static ALWAYS_INLINE struct rt_thread *rt_arch_thread(void)
{
    struct rt_thread *thread;

    __asm__("movq %%fs:8, %0" : "=r"(thread));
    return thread;
}

static ALWAYS_INLINE void rt_arch_pause(void)
{
    __asm__ volatile("pause");
}

/** The time stamp counter, not before everything earlier has been done. */
static ALWAYS_INLINE uint64_t rt_arch_timestamp(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}
