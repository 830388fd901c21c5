/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Figures: samples of what an operation costs, as minimum, median and 99th percentile.
 *
 *     bench_overhead_measure();                          once
 *     BENCH_FOR_EACH_RUN(run) { ...; bench_sample_keep(run, begin, end); }
 *     bench_figure_take(&figure, BENCH_RUNS, 1);
 *     bench_figures_print(figures, count, records);
 *
 * Time is the processor's time stamp counter. Where the machine counts instructions (QEMU with
 * -icount shift=0), one tick is one instruction of the guest; that is found out by timing loops of
 * known length. From each sample the cost of taking the time, the least of many empty
 * measurements, is subtracted. There is one array of samples, without a lock: one figure at a time.
 */

#include "base/compiler.h"
#include "rt/arch.h"

#include <stdbool.h>
#include <stdint.h>

#define BENCH_WARM_UP_RUNS 512u
#define BENCH_RUNS         2048u
#define BENCH_LOOP_ROUNDS  1000u

/* Measured functions run once each, but what is in their loops is what is measured: without the
 * attribute the compiler would not inline the runtime's fast paths there, as it does elsewhere. */
#define BENCH_MEASURED          __attribute__((hot, noinline))

#define BENCH_FOR_EACH_RUN(run) for (uint32_t run = 0; run < BENCH_WARM_UP_RUNS + BENCH_RUNS; run++)

struct bench_figure {
    const char *name;             /* in records */
    const char *title;            /* in tables */
    const char *unit;             /* NULL: ticks */
    uint32_t runs;                /* samples */
    uint64_t least, middle, high; /* minimum, 50th and 99th percentile */
    bool measured;
    bool skipped; /* nobody asked for it */
};

extern uint64_t bench_samples[BENCH_RUNS];
extern uint64_t bench_overhead; /* ticks of taking the time */

/** Measure what taking the time costs. Before all else. */
void bench_overhead_measure(void);

/** Keep a sample, unless this is still the warm-up. */
static ALWAYS_INLINE void bench_sample_keep(uint32_t run, uint64_t begin, uint64_t end)
{
    const uint64_t ticks = end - begin;

    if (run >= BENCH_WARM_UP_RUNS) {
        bench_samples[run - BENCH_WARM_UP_RUNS] =
            ticks > bench_overhead ? ticks - bench_overhead : 0;
    }
}

/** Turn the first `runs` samples, of `each` operations, into a figure. Sorts them. */
void bench_figure_take(struct bench_figure *figure, uint32_t runs, uint32_t each);

/** Print figures as a table, or as one record a line: bench: {"name":"ring-nop-1",...} */
void bench_figures_print(const struct bench_figure *figures, uint32_t count, bool records);

/** How many of the figures were asked for and could not be measured. */
uint32_t bench_figures_missing(const struct bench_figure *figures, uint32_t count);

/** A loop of exactly two instructions a round. */
static ALWAYS_INLINE void bench_empty_loop(uint64_t rounds)
{
    __asm__ volatile("1: decq %0\n\tjnz 1b" : "+r"(rounds) : : "cc");
}

/** True if one tick is one instruction. */
bool bench_ticks_are_instructions(void);
