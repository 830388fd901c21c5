/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Mutual exclusion between threads of one process. All zeros is an unlocked mutex.
 *
 * Without contention it is one atomic instruction and no kernel entry. A thread that has to wait
 * spins briefly, then blocks on a Notification, which the mutex creates at its first contention
 * and keeps. If the budget has no room for that, waiting threads sleep and look again instead.
 * Not recursive; no priority inheritance.
 */

#include <stdint.h>

struct rt_mutex {
    uint32_t state;        /* [a] enum mutex_state in mutex.c */
    uint64_t notification; /* [a] 0 until the first contention */
};

void rt_mutex_lock_slowly(struct rt_mutex *mutex);
void rt_mutex_unlock_slowly(struct rt_mutex *mutex);

/** Take the mutex, waiting for it as long as it takes. */
static inline void rt_mutex_lock(struct rt_mutex *mutex)
{
    uint32_t expected = 0;

    if (!__atomic_compare_exchange_n(&mutex->state, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        rt_mutex_lock_slowly(mutex);
    }
}

/** Give the mutex back. */
static inline void rt_mutex_unlock(struct rt_mutex *mutex)
{
    uint32_t expected = 1;

    if (!__atomic_compare_exchange_n(&mutex->state, &expected, 0, 0, __ATOMIC_RELEASE,
                                     __ATOMIC_RELAXED)) {
        rt_mutex_unlock_slowly(mutex);
    }
}

/** Release the kernel object of a mutex that nobody uses any more. */
void rt_mutex_fini(struct rt_mutex *mutex);
