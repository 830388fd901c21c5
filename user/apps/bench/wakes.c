/* SPDX-License-Identifier: MIT */
/*
 * A thread of higher priority sleeps until somebody wakes it: another thread, or a device.
 */
#include "apps/bench/system.h"

#include "rt/clock.h"

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

bool race_notify_blocked(unsigned way, struct bench_figure *figure)
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

bool race_edu_interrupt(unsigned way, struct bench_figure *figure)
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
