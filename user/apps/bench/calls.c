/* SPDX-License-Identifier: MIT */
/*
 * What a program asks of the kernel all the time: nothing, entries of a ring, a call to another
 * process, a page.
 */
#include "apps/bench/system.h"

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

static ALWAYS_INLINE bool measure_nops(struct bench_figure *figure, uint32_t count)
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

BENCH_MEASURED bool race_ring_nop_1(unsigned way, struct bench_figure *figure)
{
    (void)way;
    return measure_nops(figure, 1);
}

BENCH_MEASURED bool race_ring_nop_32(unsigned way, struct bench_figure *figure)
{
    (void)way;
    return measure_nops(figure, NOP_BATCH);
}

/** There and back: the partner has slept before and sleeps again, and so has the caller. */
BENCH_MEASURED bool race_call_return(unsigned way, struct bench_figure *figure)
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

BENCH_MEASURED bool race_map_page(unsigned way, struct bench_figure *figure)
{
    bool good = system_page_open();

    (void)way;
    if (!good) {
        return false;
    }
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();
        const int mapped = system_page_map();

        bench_sample_keep(run, begin, rt_arch_timestamp());
        good = system_page_unmap(mapped) && good;
    }
    system_page_close();
    if (good) {
        bench_figure_take(figure, BENCH_RUNS, 1);
    }
    return good;
}
