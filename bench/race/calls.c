/* SPDX-License-Identifier: MIT */
#include "race/system.h"

#include "rt/clock.h"
#include "rt/print.h"

#define NOP_BATCH 32u

/** A loop of two instructions a round: 2, where ticks are instructions. */
BENCH_MEASURED bool race_calibrator(unsigned way, struct bench_figure *figure)
{
    (void)way;
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();

        bench_empty_loop(BENCH_LOOP_ROUNDS);
        bench_sample_keep(run, begin, rt_arch_timestamp());
    }
    bench_figure_take(figure, BENCH_RUNS, BENCH_LOOP_ROUNDS);
    return true;
}

BENCH_MEASURED bool race_null_call(unsigned way, struct bench_figure *figure)
{
    bool good = true;

    (void)way;
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();

        good = system_null_call() && good;
        bench_sample_keep(run, begin, rt_arch_timestamp());
    }
    bench_figure_take(figure, BENCH_RUNS, 1);
    return good;
}

static BENCH_MEASURED bool measure_nops(struct bench_figure *figure, uint32_t count)
{
    bool good = system_nops_open(count);

    if (!good) {
        return false;
    }
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();

        good = system_nops(count) && good;
        bench_sample_keep(run, begin, rt_arch_timestamp());
    }
    system_nops_close();
    if (good) {
        bench_figure_take(figure, BENCH_RUNS, count);
    }
    return good;
}

bool race_nop_1(unsigned way, struct bench_figure *figure)
{
    (void)way;
    return measure_nops(figure, 1);
}

bool race_nop_32(unsigned way, struct bench_figure *figure)
{
    (void)way;
    return measure_nops(figure, NOP_BATCH);
}

/** There and back: the partner has slept before and sleeps again, and so has the caller. */
BENCH_MEASURED bool race_round_trip(unsigned way, struct bench_figure *figure)
{
    bool good = system_partner_start(way);

    if (!good) {
        return false;
    }
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();

        good = good && system_partner_call();
        bench_sample_keep(run, begin, rt_arch_timestamp());
    }
    system_partner_stop();
    if (good) {
        bench_figure_take(figure, BENCH_RUNS, 1);
    }
    return good;
}

/* ------------------------------------------------------------------------------------------
 * Wake-ups
 * ------------------------------------------------------------------------------------------ */

static struct {
    uint64_t woken_at; /* time stamp right before */
    uint64_t done;     /* runs that the sleeper has seen; UINT64_MAX: it has given up */
} wake;

/** A thread of higher priority: sleeps until woken, takes the time when it runs. */
static BENCH_MEASURED void sleeper(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        const bool good = system_wake_wait();

        bench_sample_keep(run, __atomic_load_n(&wake.woken_at, __ATOMIC_ACQUIRE),
                          rt_arch_timestamp());
        __atomic_store_n(&wake.done, good ? run + 1 : UINT64_MAX, __ATOMIC_RELEASE);
        if (!good) {
            return;
        }
    }
}

static BENCH_MEASURED bool wake_all(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        uint64_t done;

        __atomic_store_n(&wake.woken_at, rt_arch_timestamp(), __ATOMIC_RELEASE);
        if (!system_wake()) {
            return false;
        }
        /* On one CPU this is so already. On several, it must also have gone to sleep again, which
         * takes it less than the loop. */
        while ((done = __atomic_load_n(&wake.done, __ATOMIC_ACQUIRE)) < run + 1) {
            rt_arch_pause();
        }
        if (done == UINT64_MAX) {
            return false;
        }
        bench_empty_loop(BENCH_LOOP_ROUNDS);
    }
    return true;
}

bool race_wake(unsigned way, struct bench_figure *figure)
{
    bool good;

    wake.done = 0;
    if (!system_wake_open(way)) {
        return false;
    }
    good = system_thread_start(sleeper, SYSTEM_URGENT);
    if (good) {
        rt_sleep(RT_NS_PER_MS); /* it goes to sleep */
        good = wake_all();
        good = system_thread_join() && good;
    }
    if (good) {
        bench_figure_take(figure, BENCH_RUNS, 1);
    }
    system_wake_close();
    return good;
}
