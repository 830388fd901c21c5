/* SPDX-License-Identifier: MIT */
/*
 * An interrupt of the `edu` device (docs/specs/edu.txt of QEMU 7.2): a thread of low priority
 * stores to the register that raises it; the driver's thread, of higher priority, is blocked in a
 * WAIT for the notification that it is bound to.
 */
#include "libdriver/interrupt.h"
#include "apps/devbench/devbench.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/thread.h"

#define REGISTER_BYTES  0x100u
#define IRQ_RAISE       0x60u
#define IRQ_CLEAR       0x64u
#define DRIVER_PRIORITY 18
#define BIT_INTERRUPT   1ull

static struct {
    struct driver_window registers;
    uint64_t notification;
    uint64_t stored_at; /* time stamp right before the store */
    uint64_t done;      /* runs that the driver has seen */
} irq;

/** The driver's thread: sleeps until the interrupt, takes the time when it wakes. */
static BENCH_MEASURED uint64_t driver(void *argument)
{
    (void)argument;
    BENCH_FOR_EACH_RUN(run)
    {
        uint64_t bits;
        const enum status status = notification_wait(irq.notification, 0, &bits);
        const uint64_t end = rt_arch_timestamp();

        bench_sample_keep(run, __atomic_load_n(&irq.stored_at, __ATOMIC_ACQUIRE), end);
        if (status != STATUS_OK || bits != BIT_INTERRUPT) {
            return 1;
        }
        driver_write32(&irq.registers, IRQ_CLEAR, 1);
        __atomic_store_n(&irq.done, run + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

static BENCH_MEASURED void raise_all(void)
{
    BENCH_FOR_EACH_RUN(run)
    {
        __atomic_store_n(&irq.stored_at, rt_arch_timestamp(), __ATOMIC_RELEASE);
        driver_write32(&irq.registers, IRQ_RAISE, 1);
        /* On one CPU this is so already. On several, the driver must also have gone to sleep
         * again, which takes it less than the loop. */
        while (__atomic_load_n(&irq.done, __ATOMIC_ACQUIRE) != run + 1) {
            rt_arch_pause();
        }
        bench_empty_loop(BENCH_LOOP_ROUNDS);
    }
}

void devbench_interrupt(struct bench_figure *figure)
{
    static struct driver_device device;
    struct rt_thread *thread;
    uint64_t code;
    enum status status;

    driver_device_open(&device);
    driver_window_open(&device, 0, 0, REGISTER_BYTES, &irq.registers);
    driver_require(notification_create(&irq.notification), "a notification");
    driver_interrupt_start(&device, 0, irq.notification, BIT_INTERRUPT);
    status = rt_thread_create(driver, NULL, 0, &thread);
    if (status == STATUS_OK) {
        status = thread_set_priority(thread->capability, DRIVER_PRIORITY);
    }
    if (status != STATUS_OK) {
        rt_print("devbench: no second thread: %s\n", status_name(status));
        return;
    }
    rt_sleep(RT_NS_PER_MS); /* it goes to sleep */
    raise_all();
    if (rt_thread_join(thread, &code) == STATUS_OK && code == 0) {
        bench_figure_take(figure, BENCH_RUNS, 1);
    }
}
