/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"

/* How long a CPU that lets others in keeps its hands off the lock, in pauses. */
#define YIELD_PAUSES 64u

struct lock_waits lock_waits[LOCK_RANK_COUNT];

/** Only who has just got the lock counts, so that nobody else writes here. */
static void count_wait(enum lock_rank rank, uint64_t ticks)
{
    struct lock_waits *waits = &lock_waits[rank];

    __atomic_store_n(&waits->count, waits->count + 1, __ATOMIC_RELAXED);
    if (ticks > waits->worst_ticks) {
        __atomic_store_n(&waits->worst_ticks, ticks, __ATOMIC_RELAXED);
    }
}

void spin_lock_slowly(struct spinlock *lock)
{
    const uint64_t start = rdtsc();

    __atomic_fetch_add(&lock->waiters, 1, __ATOMIC_RELAXED);
    do {
        while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0) {
            cpu_relax();
        }
    } while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE) != 0);
    __atomic_fetch_sub(&lock->waiters, 1, __ATOMIC_RELAXED);
    count_wait(lock->rank, rdtsc() - start);
}

NO_LOCK_ANALYSIS void spin_yield(struct spinlock *lock)
{
    spin_unlock(lock);
    for (uint32_t i = 0; i < YIELD_PAUSES && spin_is_contended(lock); i++) {
        cpu_relax();
    }
    spin_lock(lock);
}

#ifdef CAPOS_LOCK_TIMES
struct lock_hold lock_holds[LOCK_RANK_COUNT];

/* Before the boot CPU has its record there is one CPU and nothing to check. */
static bool is_early(void)
{
    return cpu_count == 0;
}

NOINLINE void lock_rank_acquired(enum lock_rank rank)
{
    if (is_early()) {
        return;
    }
    struct cpu *cpu = this_cpu();

    /* Only higher ranks may follow: none of this rank or above is held. */
    if (cpu->locks_held >> rank != 0) {
        cpu->locks_held = 0;
        PANIC("lock of rank %d taken while one of that rank or above is held", (int)rank);
    }
    cpu->locks_held |= 1u << rank;
    cpu->locks_since[rank].ticks = rdtsc();
    cpu->locks_since[rank].place = (uint64_t)(uintptr_t)__builtin_return_address(0);
}

NOINLINE void lock_rank_released(enum lock_rank rank)
{
    if (is_early()) {
        return;
    }
    struct cpu *cpu = this_cpu();
    const uint64_t ticks = rdtsc() - cpu->locks_since[rank].ticks;
    struct lock_hold *hold =
        &lock_holds[rank]; /* the lock is still held: nobody else writes here */

    cpu->locks_held &= ~(1u << rank);
    if (rank == LOCK_RANK_KERNEL && cpu->locks_held != 0) {
        const uint32_t held = cpu->locks_held;

        cpu->locks_held = 0;
        PANIC("kernel lock released inside of ranks %x", held);
    }
    if (cpu->locks_since[rank].place != 0 && ticks > hold->worst_ticks) {
        *hold = (struct lock_hold){ticks, cpu->locks_since[rank].place,
                                   (uint64_t)(uintptr_t)__builtin_return_address(0)};
    }
    cpu->locks_since[rank].place = 0;
}
#endif

#ifdef CAPOS_DEBUG
void lock_region_enter(enum lock_rank rank)
{
    if (!is_early() && rank != LOCK_RANK_COUNT && this_cpu()->region_depth[rank]++ == 0) {
        lock_rank_acquired(rank);
    }
}

void lock_region_leave(const enum lock_rank *rank)
{
    if (!is_early() && *rank != LOCK_RANK_COUNT && --this_cpu()->region_depth[*rank] == 0) {
        lock_rank_released(*rank);
    }
}
#endif
