/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ticket spinlocks with a rank.
 *
 * The kernel runs with interrupts off except while a CPU idles, so a lock is never taken by an
 * interrupt handler on top of its own holder. Nobody waits for another CPU while holding a lock.
 * Debug builds check the rank order of every acquisition.
 *
 * GUARDED_BY and REQUIRES are documentation for GCC and checked by Clang's -Wthread-safety.
 */

#include "lock_rank.h"
#include "types.h"

#if defined(__clang__)
#define LOCK_CAPABILITY  __attribute__((capability("lock")))
#define GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#define REQUIRES(...)    __attribute__((requires_capability(__VA_ARGS__)))
#define ACQUIRES(...)    __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...)    __attribute__((release_capability(__VA_ARGS__)))
#define NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define LOCK_CAPABILITY
#define GUARDED_BY(lock)
#define REQUIRES(...)
#define ACQUIRES(...)
#define RELEASES(...)
#define NO_LOCK_ANALYSIS
#endif

struct LOCK_CAPABILITY spinlock {
    uint32_t next_ticket; /* [a] */
    uint32_t now_serving; /* [a] */
    enum lock_rank rank;  /* [I] */
};

#define SPINLOCK_INIT(lock_rank_)                                                                  \
    {                                                                                              \
        .rank = (lock_rank_)                                                                       \
    }

void lock_rank_acquired(enum lock_rank rank);
void lock_rank_released(enum lock_rank rank);

static ALWAYS_INLINE void spin_lock(struct spinlock *lock) ACQUIRES(lock) NO_LOCK_ANALYSIS
{
    const uint32_t ticket = __atomic_fetch_add(&lock->next_ticket, 1, __ATOMIC_RELAXED);

#ifdef CAPOS_DEBUG
    lock_rank_acquired(lock->rank);
#endif
    while (UNLIKELY(__atomic_load_n(&lock->now_serving, __ATOMIC_ACQUIRE) != ticket)) {
        __builtin_ia32_pause();
    }
}

static ALWAYS_INLINE void spin_unlock(struct spinlock *lock) RELEASES(lock) NO_LOCK_ANALYSIS
{
#ifdef CAPOS_DEBUG
    lock_rank_released(lock->rank);
#endif
    __atomic_store_n(&lock->now_serving, lock->now_serving + 1, __ATOMIC_RELEASE);
}

/** Whether another CPU is waiting for a lock that this CPU holds. */
static inline bool spin_is_contended(const struct spinlock *lock)
{
    return __atomic_load_n(&lock->next_ticket, __ATOMIC_RELAXED) - lock->now_serving > 1;
}

/** The kernel lock. Taken on entry to the kernel, released before return to user mode. */
extern struct spinlock kernel_lock;
