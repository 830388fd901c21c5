/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Spinlocks with a rank.
 *
 * They are not fair on purpose. capOS mostly runs on virtual CPUs, and a lock that is handed to
 * the next in line is handed to a CPU that the host may not be running, while all others wait
 * (docs/design/0002-one-kernel-lock.md).
 *
 * The kernel runs with interrupts off except while a CPU idles, so a lock is never taken by an
 * interrupt handler on top of its own holder. Nobody waits for another CPU while holding a lock.
 * Debug builds check the rank order of every acquisition.
 *
 * Clang's builds check that whoever takes a lock gives it back on every path. Where the kernel lock
 * goes from the entry to the way out, NO_LOCK_ANALYSIS says so. What a lock guards is said beside
 * each declaration.
 */

#include "lock_rank.h"
#include "types.h"

#if defined(__clang__)
#define LOCK_CAPABILITY  __attribute__((capability("lock")))
#define ACQUIRES(...)    __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...)    __attribute__((release_capability(__VA_ARGS__)))
#define NO_LOCK_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define LOCK_CAPABILITY
#define ACQUIRES(...)
#define RELEASES(...)
#define NO_LOCK_ANALYSIS
#endif

struct LOCK_CAPABILITY spinlock {
    uint32_t held;       /* [a] 0 or 1 */
    uint32_t waiters;    /* [a] CPUs that spin for it */
    enum lock_rank rank; /* [I] */
};

#define SPINLOCK_INIT(lock_rank_)                                                                  \
    {                                                                                              \
        .rank = (lock_rank_)                                                                       \
    }

void lock_rank_acquired(enum lock_rank rank);
void lock_rank_released(enum lock_rank rank);

/*
 * A region is a part of what the kernel lock guards, with a rank of its own: the order in which
 * code may go through regions is that of the locks which would stand there. Entering one again is
 * no harm. The kernel lock is not released inside. In release builds there is nothing of it.
 *
 *     LOCK_REGION(LOCK_RANK_PCI_DEVICE_MANAGER);  from here to the end of the block
 *
 * LOCK_RANK_COUNT is no region.
 */
#ifdef CAPOS_DEBUG
void lock_region_enter(enum lock_rank rank);
void lock_region_leave(const enum lock_rank *rank);
#define LOCK_REGION(region)                                                                        \
    const enum lock_rank region_here __attribute__((cleanup(lock_region_leave))) = (region);       \
    lock_region_enter(region_here)
#else
#define LOCK_REGION(region) ((void)(region))
#endif

/** Wait for a lock that somebody holds, and take it. */
void spin_lock_slowly(struct spinlock *lock);

static ALWAYS_INLINE void spin_lock(struct spinlock *lock) ACQUIRES(lock) NO_LOCK_ANALYSIS
{
#ifdef CAPOS_LOCK_TIMES
    lock_rank_acquired(lock->rank);
#endif
    if (UNLIKELY(__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) != 0)) {
        spin_lock_slowly(lock);
    }
}

static ALWAYS_INLINE void spin_unlock(struct spinlock *lock) RELEASES(lock) NO_LOCK_ANALYSIS
{
#ifdef CAPOS_LOCK_TIMES
    lock_rank_released(lock->rank);
#endif
    __atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/** How often CPUs had to wait for the locks of a rank, and how long the longest wait was. */
struct lock_waits {
    uint64_t count;       /* [a] */
    uint64_t worst_ticks; /* [a] TSC */
};
extern struct lock_waits lock_waits[LOCK_RANK_COUNT];

/**
 * The longest time between asking for a lock of a rank and giving it back, in debug builds. Of the
 * kernel lock that is also how long a CPU had interrupts off, but for a few instructions: it is
 * taken first at each entry, and given back last.
 */
struct lock_hold {
    uint64_t worst_ticks; /* TSC */
    uint64_t taken;       /* addresses in the kernel */
    uint64_t given_back;
};
extern struct lock_hold lock_holds[LOCK_RANK_COUNT];

/** Whether another CPU is waiting for a lock that this CPU holds. */
static inline bool spin_is_contended(const struct spinlock *lock)
{
    return __atomic_load_n(&lock->waiters, __ATOMIC_RELAXED) != 0;
}

/** Let another CPU have the lock for a while, and take it again. */
void spin_yield(struct spinlock *lock);

/** The kernel lock. Taken on entry to the kernel, released before return to user mode. */
extern struct spinlock kernel_lock;
