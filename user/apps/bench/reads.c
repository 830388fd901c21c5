/* SPDX-License-Identifier: MIT */
/*
 * Random reads of 4 KiB from a disk, from submission until the answer is taken: one at a time, and
 * with 32 in flight.
 *
 * With -icount the guest's clock, and with it the time stamp counter, goes on with the host's time
 * while all processors sleep: a read that waits for the host would count its nanoseconds as
 * instructions. So a spinner (libbench/spinner.h) runs then, and what it executes is taken off:
 * what remains is what kernel, driver and client execute. Both systems switch to it and back
 * instead of entering and leaving their idle loops. If a processor was idle all the same, there is
 * no figure.
 */
#include "apps/bench/system.h"

#include "libbench/spinner.h"
#include "rt/print.h"

#define MANY_DEPTH   32u
#define MANY_SAMPLES 33u
#define MANY_READS   1024u /* of one sample */
#define MANY_WARM_UP 2u    /* samples */
#define MARK         0xA5u

static uint32_t random_state;
static uint64_t disk_pages;

/** The constants: Numerical Recipes, 2nd edition, section 7.1. */
static ALWAYS_INLINE uint64_t random_page(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state * disk_pages >> 32; /* scaled down without a division */
}

/** The disk is all zeros: a read must have put them in the place of something else. */
static bool disk_is_read(void)
{
    uint8_t *const bytes = system_disk_buffer(0);
    uint32_t buffer = 0, wrong = 0;

    for (uint32_t i = 0; i < RACE_PAGE_BYTES; i++) {
        bytes[i] = MARK;
    }
    if (!system_disk_submit(0, random_page()) || !system_disk_wait(&buffer)) {
        return false;
    }
    for (uint32_t i = 0; i < RACE_PAGE_BYTES; i++) {
        wrong += ((volatile uint8_t *)bytes)[i] != 0;
    }
    if (wrong != 0) {
        rt_print("bench: a read left %u bytes of 4096 that are not the disk's\n", wrong);
    }
    return wrong == 0;
}

static BENCH_MEASURED bool read_single(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = bench_busy_now();
        uint32_t buffer;
        const bool good = system_disk_submit(0, random_page()) && system_disk_wait(&buffer);

        bench_sample_keep(run, begin, bench_busy_now());
        if (!good) {
            return false;
        }
    }
    return true;
}

/** Take `count` answers; for each a new read goes out. */
static ALWAYS_INLINE bool many_step(uint32_t count)
{
    uint32_t buffer;

    for (uint32_t i = 0; i < count; i++) {
        if (!system_disk_wait(&buffer) || !system_disk_submit(buffer, random_page())) {
            return false;
        }
    }
    return true;
}

static BENCH_MEASURED bool read_many(void)
{
    uint32_t buffer;

    for (buffer = 0; buffer < MANY_DEPTH; buffer++) {
        if (!system_disk_submit(buffer, random_page())) {
            return false;
        }
    }
    for (uint32_t sample = 0; sample < MANY_WARM_UP + MANY_SAMPLES; sample++) {
        const uint64_t begin = bench_busy_now();

        if (!many_step(MANY_READS)) {
            return false;
        }
        if (sample >= MANY_WARM_UP) {
            bench_samples[sample - MANY_WARM_UP] = bench_busy_now() - begin;
        }
    }
    for (uint32_t i = 0; i < MANY_DEPTH; i++) {
        if (!system_disk_wait(&buffer)) {
            return false;
        }
    }
    return true;
}

/** Whether nobody was idle since `idle_us`, where that would count. */
static bool was_busy(uint64_t idle_before_us, uint32_t depth, uint64_t ticks, uint64_t spun)
{
    uint64_t idle_us;

    rt_print("bench: depth %u: %llu%% of the time went by waiting for the host, and is not "
             "counted\n",
             depth, (unsigned long long)(spun * 100 / ticks));
    if (!system_idle_us(&idle_us)) {
        return false;
    }
    if (idle_us != idle_before_us) {
        rt_print("bench: but a processor was idle for %llu us, which is\n",
                 (unsigned long long)(idle_us - idle_before_us));
    }
    return idle_us == idle_before_us;
}

static bool measure(uint32_t depth)
{
    const bool spinning = bench_ticks_are_instructions();
    uint64_t begin, spun, idle_us = 0;
    bool good = !spinning ||
                (system_thread_start(bench_spin, SYSTEM_BACKGROUND) && system_idle_us(&idle_us));

    if (!good) {
        return false;
    }
    begin = rt_arch_timestamp();
    spun = bench_spun_ticks();
    good = depth == 1 ? read_single() : read_many();
    if (spinning) {
        good = was_busy(idle_us, depth, rt_arch_timestamp() - begin, bench_spun_ticks() - spun) &&
               good;
        bench_spin_stop();
        good = system_thread_join() && good;
    }
    return good;
}

static bool measure_reads(unsigned way, uint32_t depth, struct bench_figure *figure)
{
    bool good;

    random_state = 1;
    if (!system_disk_open(way, depth, &disk_pages)) {
        return false;
    }
    good = disk_is_read() && measure(depth);
    if (good) {
        bench_figure_take(figure, depth == 1 ? BENCH_RUNS : MANY_SAMPLES,
                          depth == 1 ? 1 : MANY_READS);
    }
    system_disk_close();
    return good;
}

bool race_disk_read_1(unsigned way, struct bench_figure *figure)
{
    return measure_reads(way, 1, figure);
}

bool race_disk_read_32(unsigned way, struct bench_figure *figure)
{
    return measure_reads(way, MANY_DEPTH, figure);
}
