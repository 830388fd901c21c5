/* SPDX-License-Identifier: MIT */
#include "libbench/figure.h"

#include "rt/clock.h"
#include "rt/print.h"

#define LOOP_CHECKS    16u
#define CALIBRATION_NS (20 * RT_NS_PER_MS)

uint64_t bench_samples[BENCH_RUNS];
uint64_t bench_overhead;

/** Shell sort, gaps after Ciura (2001). */
static void samples_sort(uint32_t count)
{
    static const uint32_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

    for (size_t g = 0; g < ARRAY_COUNT(gaps); g++) {
        for (uint32_t i = gaps[g]; i < count; i++) {
            const uint64_t sample = bench_samples[i];
            uint32_t place = i;

            for (; place >= gaps[g] && bench_samples[place - gaps[g]] > sample; place -= gaps[g]) {
                bench_samples[place] = bench_samples[place - gaps[g]];
            }
            bench_samples[place] = sample;
        }
    }
}

void bench_figure_take(struct bench_figure *figure, uint32_t runs, uint32_t each)
{
    samples_sort(runs);
    figure->least = bench_samples[0] / each;
    figure->middle = bench_samples[runs / 2] / each;
    figure->high = bench_samples[runs * 99 / 100] / each;
    figure->runs = runs;
    figure->measured = true;
}

BENCH_MEASURED void bench_overhead_measure(void)
{
    bench_overhead = 0;
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = rt_arch_timestamp();
        const uint64_t end = rt_arch_timestamp();

        bench_sample_keep(run, begin, end);
    }
    samples_sort(BENCH_RUNS);
    bench_overhead = bench_samples[0];
}

static uint64_t time_loop(uint64_t rounds)
{
    const uint64_t begin = rt_arch_timestamp();

    bench_empty_loop(rounds);
    return rt_arch_timestamp() - begin;
}

bool bench_ticks_are_instructions(void)
{
    unsigned exact = 0;

    for (unsigned i = 0; i < LOOP_CHECKS; i++) {
        exact += time_loop(2 * BENCH_LOOP_ROUNDS) - time_loop(BENCH_LOOP_ROUNDS) ==
                 2 * BENCH_LOOP_ROUNDS;
    }
    return exact > LOOP_CHECKS / 2; /* not all: an interrupt may come in between */
}

/** Ticks in a millisecond, by the kernel's clock; 0 if there is none. */
static uint64_t ticks_per_ms(void)
{
    uint64_t begin_ns, end_ns, begin, end;

    if (rt_clock_now(&begin_ns) != STATUS_OK) {
        return 0;
    }
    begin = rt_arch_timestamp();
    do {
        if (rt_clock_now(&end_ns) != STATUS_OK) {
            return 0;
        }
        end = rt_arch_timestamp();
    } while (end_ns - begin_ns < CALIBRATION_NS);
    return (end - begin) * RT_NS_PER_MS / (end_ns - begin_ns);
}

static const char *unit_of(const struct bench_figure *figure, const char *ticks)
{
    return figure->unit != NULL ? figure->unit : ticks;
}

static void print_table(const struct bench_figure *figures, uint32_t count, const char *ticks,
                        uint64_t per_ms)
{
    rt_print("%-36s %12s %12s %12s %7s  %s\n", "OPERATION", "MINIMUM", "MEDIAN", "99 %", "SAMPLES",
             "UNIT");
    for (uint32_t i = 0; i < count; i++) {
        const struct bench_figure *const figure = &figures[i];

        if (figure->measured) {
            rt_print("%-36s %12llu %12llu %12llu %7u  %s\n", figure->title,
                     (unsigned long long)figure->least, (unsigned long long)figure->middle,
                     (unsigned long long)figure->high, figure->runs, unit_of(figure, ticks));
        } else if (!figure->skipped) {
            rt_print("%-36s %12s\n", figure->title, "failed");
        }
    }
    rt_print("%llu ticks in a microsecond\n", (unsigned long long)(per_ms / 1000));
}

static void print_records(const struct bench_figure *figures, uint32_t count, const char *ticks,
                          uint64_t per_ms)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct bench_figure *const figure = &figures[i];

        if (figure->measured) {
            rt_print("bench: {\"name\":\"%s\",\"unit\":\"%s\",\"min\":%llu,\"p50\":%llu,"
                     "\"p99\":%llu,\"runs\":%u}\n",
                     figure->name, unit_of(figure, ticks), (unsigned long long)figure->least,
                     (unsigned long long)figure->middle, (unsigned long long)figure->high,
                     figure->runs);
        }
    }
    rt_print("bench: {\"name\":\"tsc\",\"khz\":%llu}\n", (unsigned long long)per_ms);
}

void bench_figures_print(const struct bench_figure *figures, uint32_t count, bool records)
{
    const bool instructions = bench_ticks_are_instructions();
    const uint64_t per_ms = ticks_per_ms();

    if (records) {
        print_records(figures, count, instructions ? "instructions" : "tsc", per_ms);
    } else {
        print_table(figures, count, instructions ? "instructions" : "cycles", per_ms);
    }
}

uint32_t bench_figures_missing(const struct bench_figure *figures, uint32_t count)
{
    uint32_t missing = 0;

    for (uint32_t i = 0; i < count; i++) {
        missing += figures[i].measured || figures[i].skipped ? 0 : 1;
    }
    return missing;
}
