/* SPDX-License-Identifier: MIT */
#include "race/system.h"

#include "rt/clock.h"
#include "rt/print.h"

/* ------------------------------------------------------------------------------------------
 * Interrupts: `edu` (docs/specs/edu.txt of QEMU 7.2)
 * ------------------------------------------------------------------------------------------ */

#define EDU_RAISE (0x60u / 4)
#define EDU_CLEAR (0x64u / 4)

static struct {
    volatile uint32_t *registers;
    uint64_t stored_at; /* time stamp right before the store */
    uint64_t done;      /* interrupts that the driver has seen; UINT64_MAX: it has given up */
} irq;

/** The driver, of higher priority: sleeps until the interrupt, takes the time when it runs. */
static BENCH_MEASURED void driver(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        const bool good = system_interrupt_wait();

        bench_sample_keep(run, __atomic_load_n(&irq.stored_at, __ATOMIC_ACQUIRE),
                          rt_arch_timestamp());
        irq.registers[EDU_CLEAR] = 1;
        __atomic_store_n(&irq.done, good ? run + 1 : UINT64_MAX, __ATOMIC_RELEASE);
        if (!good) {
            return;
        }
    }
}

static BENCH_MEASURED bool raise_all(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        uint64_t done;

        __atomic_store_n(&irq.stored_at, rt_arch_timestamp(), __ATOMIC_RELEASE);
        irq.registers[EDU_RAISE] = 1;
        while ((done = __atomic_load_n(&irq.done, __ATOMIC_ACQUIRE)) < run + 1) {
            rt_arch_pause();
        }
        if (done == UINT64_MAX) {
            return false;
        }
        bench_empty_loop(BENCH_LOOP_ROUNDS); /* it goes to sleep again */
    }
    return true;
}

bool race_interrupt(unsigned way, struct bench_figure *figure)
{
    bool good;

    (void)way;
    irq.done = 0;
    irq.registers = system_interrupt_open();
    if (irq.registers == NULL) {
        return false;
    }
    good = system_thread_start(driver, SYSTEM_URGENT);
    if (good) {
        rt_sleep(RT_NS_PER_MS); /* it goes to sleep */
        good = raise_all();
        good = system_thread_join() && good;
    }
    if (good) {
        bench_figure_take(figure, BENCH_RUNS, 1);
    }
    system_interrupt_close();
    return good;
}

/* ------------------------------------------------------------------------------------------
 * Something to do while nobody has anything to do
 * ------------------------------------------------------------------------------------------
 *
 * With -icount the guest's clock, and with it the time stamp counter, goes on with the host's time
 * while the processor sleeps: a read that waits for the host would count nanoseconds as
 * instructions. So a background thread runs then, and counts its own instructions, which are taken
 * off. Both systems switch to it and back instead of entering and leaving their idle loops.
 */

#define SPIN_INSTRUCTIONS 3u /* of a round */

static uint64_t spin_rounds;
static uint64_t spin_stop;

static void spin(void)
{
    /* Three instructions a round, and no more. */
    __asm__ volatile("1: incq %0\n\tcmpq $0, %1\n\tje 1b"
                     : "+m"(spin_rounds)
                     : "m"(spin_stop)
                     : "cc", "memory");
}

/** Ticks that are not the spinner's. */
static ALWAYS_INLINE uint64_t busy_now(void)
{
    const uint64_t rounds = __atomic_load_n(&spin_rounds, __ATOMIC_RELAXED);

    return rt_arch_timestamp() - rounds * SPIN_INSTRUCTIONS;
}

static bool spinner_start(bool *spinning)
{
    spin_stop = 0;
    *spinning = bench_ticks_are_instructions();
    return !*spinning || system_thread_start(spin, SYSTEM_BACKGROUND);
}

static bool spinner_stop(bool spinning)
{
    __atomic_store_n(&spin_stop, 1, __ATOMIC_RELEASE);
    return !spinning || system_thread_join();
}

/* ------------------------------------------------------------------------------------------
 * Random reads of 4 KiB
 * ------------------------------------------------------------------------------------------ */

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
        rt_print("race: a read left %u bytes of 4096 that are not the disk's\n", wrong);
    }
    return wrong == 0;
}

static BENCH_MEASURED bool read_single(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        const uint64_t begin = busy_now();
        uint32_t buffer;
        const bool good = system_disk_submit(0, random_page()) && system_disk_wait(&buffer);

        bench_sample_keep(run, begin, busy_now());
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
        const uint64_t begin = busy_now();

        if (!many_step(MANY_READS)) {
            return false;
        }
        if (sample >= MANY_WARM_UP) {
            bench_samples[sample - MANY_WARM_UP] = busy_now() - begin;
        }
    }
    for (uint32_t i = 0; i < MANY_DEPTH; i++) {
        if (!system_disk_wait(&buffer)) {
            return false;
        }
    }
    return true;
}

static bool measure_reads(unsigned way, uint32_t depth, struct bench_figure *figure)
{
    uint64_t begin, spun;
    bool spinning, good;

    random_state = 1;
    if (!system_disk_open(way, depth, &disk_pages)) {
        return false;
    }
    good = disk_is_read() && spinner_start(&spinning);
    if (good) {
        begin = rt_arch_timestamp();
        spun = __atomic_load_n(&spin_rounds, __ATOMIC_RELAXED);
        good = depth == 1 ? read_single() : read_many();
        begin = rt_arch_timestamp() - begin;
        spun = (__atomic_load_n(&spin_rounds, __ATOMIC_RELAXED) - spun) * SPIN_INSTRUCTIONS;
        if (spinning) {
            rt_print("race: depth %u: %llu%% of the time went by waiting for the host, and is not "
                     "counted\n",
                     depth, (unsigned long long)(spun * 100 / begin));
        }
        good = spinner_stop(spinning) && good;
    }
    if (good) {
        bench_figure_take(figure, depth == 1 ? BENCH_RUNS : MANY_SAMPLES,
                          depth == 1 ? 1 : MANY_READS);
    }
    system_disk_close();
    return good;
}

bool race_read_1(unsigned way, struct bench_figure *figure)
{
    return measure_reads(way, 1, figure);
}

bool race_read_32(unsigned way, struct bench_figure *figure)
{
    return measure_reads(way, MANY_DEPTH, figure);
}
