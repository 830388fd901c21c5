/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a thread of the lowest priority runs so that no processor goes to sleep: a loop that counts
 * its own instructions, which are then taken off. One at a time.
 */

#include "base/compiler.h"
#include "rt/arch.h"

#include <stdint.h>

/** Instructions of a round of the loop. */
#define BENCH_SPIN_INSTRUCTIONS 3u

extern uint64_t bench_spin_rounds;

/** Spin until bench_spin_stop(). */
void bench_spin(void);
void bench_spin_stop(void);

/** Ticks that the spinner has used, where ticks are instructions. */
static ALWAYS_INLINE uint64_t bench_spun_ticks(void)
{
    return __atomic_load_n(&bench_spin_rounds, __ATOMIC_RELAXED) * BENCH_SPIN_INSTRUCTIONS;
}

/** Ticks that are not the spinner's, up to now. */
static ALWAYS_INLINE uint64_t bench_busy_now(void)
{
    const uint64_t spun = bench_spun_ticks();

    return rt_arch_timestamp() - spun;
}
