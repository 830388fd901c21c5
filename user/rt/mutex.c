/* SPDX-License-Identifier: MIT */
/*
 * The contended half of the mutex: the three-state lock word of U. Drepper, "Futexes are tricky"
 * (2011), §5, with a Notification in the place of the futex. A notification's bits stay set until
 * a WAIT takes them, so a wake-up that comes before the wait is not lost; each one wakes one
 * waiter, which then leaves the word at CONTENDED and so passes the wake-up on when it unlocks.
 */
#include "rt/mutex.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"

#define SPIN_ROUNDS 64
#define RETRY_NS    100000ull
#define WAKE_UP_BIT 1ull

enum mutex_state {
    MUTEX_FREE = 0,
    MUTEX_LOCKED = 1,
    MUTEX_CONTENDED = 2, /* locked, and somebody may be waiting */
};

/** The mutex's notification, created if need be; 0 if it cannot be had. */
static uint64_t mutex_notification(struct rt_mutex *mutex)
{
    uint64_t known = __atomic_load_n(&mutex->notification, __ATOMIC_ACQUIRE);
    uint64_t fresh;

    if (known != 0) {
        return known;
    }
    if (notification_create(&fresh) != STATUS_OK) {
        return 0;
    }
    if (!__atomic_compare_exchange_n(&mutex->notification, &known, fresh, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        capability_release(fresh);
        return known;
    }
    return fresh;
}

void rt_mutex_lock_slowly(struct rt_mutex *mutex)
{
    uint64_t notification;

    for (int round = 0; round < SPIN_ROUNDS; round++) {
        uint32_t expected = MUTEX_FREE;

        if (__atomic_compare_exchange_n(&mutex->state, &expected, MUTEX_LOCKED, 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return;
        }
        rt_arch_pause();
    }
    notification = mutex_notification(mutex);
    while (__atomic_exchange_n(&mutex->state, MUTEX_CONTENDED, __ATOMIC_ACQUIRE) != MUTEX_FREE) {
        uint64_t bits;

        if (notification == 0 || notification_wait(notification, 0, &bits) != STATUS_OK) {
            rt_sleep(RETRY_NS);
            notification = mutex_notification(mutex);
        }
    }
}

void rt_mutex_unlock_slowly(struct rt_mutex *mutex)
{
    const uint32_t before = __atomic_exchange_n(&mutex->state, MUTEX_FREE, __ATOMIC_ACQ_REL);
    const uint64_t notification = __atomic_load_n(&mutex->notification, __ATOMIC_ACQUIRE);

    if (before == MUTEX_FREE) {
        rt_panic("mutex: unlocked twice");
    }
    if (notification != 0) {
        /* Refused only if the notification is gone; then the waiters' WAIT has failed too, and
         * they sleep and look again. */
        (void)!notification_signal(notification, WAKE_UP_BIT);
    }
}

void rt_mutex_fini(struct rt_mutex *mutex)
{
    RT_ASSERT(mutex->state == MUTEX_FREE);
    if (mutex->notification != 0) {
        capability_release(mutex->notification);
        mutex->notification = 0;
    }
}
