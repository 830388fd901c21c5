/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Spinlocks with a rank.
 *
 * Whoever comes first when the lock is free gets it; there is no queue. In a virtual machine with
 * more CPUs than the host gives it, a queue's next in line is often a CPU that does not run, and
 * all others wait for the host to run it: milliseconds for each change of hands.
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
    uint32_t held;       /* [a] 1: somebody has it */
    uint32_t wanted;     /* [a] 1: somebody waits, or did */
    enum lock_rank rank; /* [I] */
};

#define SPINLOCK_INIT(lock_rank_)                                                                  \
    {                                                                                              \
        .rank = (lock_rank_)                                                                       \
    }

void lock_rank_acquired(enum lock_rank rank);
void lock_rank_released(enum lock_rank rank);

/** Wait for a lock that another CPU holds, and take it. */
void spin_wait(struct spinlock *lock);

static ALWAYS_INLINE void spin_lock(struct spinlock *lock) ACQUIRES(lock) NO_LOCK_ANALYSIS
{
#ifdef CAPOS_DEBUG
    lock_rank_acquired(lock->rank);
#endif
    if (UNLIKELY(__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) != 0)) {
        spin_wait(lock);
    }
}

static ALWAYS_INLINE void spin_unlock(struct spinlock *lock) RELEASES(lock) NO_LOCK_ANALYSIS
{
#ifdef CAPOS_DEBUG
    lock_rank_released(lock->rank);
#endif
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/** Whether another CPU may be waiting for a lock that this CPU holds. */
static inline bool spin_is_contended(const struct spinlock *lock)
{
    return __atomic_load_n(&lock->wanted, __ATOMIC_RELAXED) != 0;
}

/** Give a lock away for a moment, if another CPU takes it soon. */
void spin_let_in(struct spinlock *lock);

/** The kernel lock. Taken on entry to the kernel, released before return to user mode. */
extern struct spinlock kernel_lock;
