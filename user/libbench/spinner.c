/* SPDX-License-Identifier: MIT */
#include "libbench/spinner.h"

uint64_t bench_spin_rounds;
static uint64_t stop;

void bench_spin(void)
{
    /* Three instructions a round, and no more. The stop is taken back here, so that the next one
     * can be started. */
    __asm__ volatile("1: incq %0\n\tcmpq $0, %1\n\tje 1b"
                     : "+m"(bench_spin_rounds)
                     : "m"(stop)
                     : "cc", "memory");
    __atomic_store_n(&stop, 0, __ATOMIC_RELEASE);
}

void bench_spin_stop(void)
{
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
}
