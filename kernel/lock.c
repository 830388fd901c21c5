/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"

/* How long spin_let_in() leaves the lock to others: some hundred cycles, the length of a short
 * system call. A waiter that has not come by then is not running. */
#define LET_IN_POLLS 64u

void spin_wait(struct spinlock *lock)
{
    do {
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0) {
            if (__atomic_load_n(&lock->wanted, __ATOMIC_RELAXED) == 0) {
                __atomic_store_n(&lock->wanted, 1, __ATOMIC_RELAXED);
            }
            cpu_relax();
        }
    } while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) != 0);
    /* Whoever still waits says so again. */
    __atomic_store_n(&lock->wanted, 0, __ATOMIC_RELAXED);
}

void spin_let_in(struct spinlock *lock)
{
    spin_unlock(lock);
    for (uint32_t i = 0; i < LET_IN_POLLS && spin_is_contended(lock); i++) {
        cpu_relax();
    }
    /* If nobody came, nobody waits any more; a waiter that comes late says so again. */
    __atomic_store_n(&lock->wanted, 0, __ATOMIC_RELAXED);
    spin_lock(lock);
}

#ifdef CAPOS_DEBUG
/* Before the boot CPU has its record nothing is checked; it is alone then. */
void lock_rank_acquired(enum lock_rank rank)
{
    if (cpu_count > 0) {
        KVERIFY(this_cpu()->locks_held >> rank == 0);
        this_cpu()->locks_held |= 1u << rank;
    }
}

void lock_rank_released(enum lock_rank rank)
{
    if (cpu_count > 0) {
        this_cpu()->locks_held &= ~(1u << rank);
    }
}
#endif
