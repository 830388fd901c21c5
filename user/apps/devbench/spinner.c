/* SPDX-License-Identifier: MIT */
/*
 * A thread of the lowest priority that counts its own instructions.
 *
 * With -icount the guest's clock, and with it the time stamp counter, goes on with the host's time
 * while all processors sleep: a read that waits for the host would count its nanoseconds as
 * instructions. With this thread no processor sleeps. What it executes is known, and is taken off:
 * what remains is what kernel, driver and client execute. Entering and leaving it costs the kernel
 * about what going to sleep and waking does.
 */
#include "apps/devbench/devbench.h"
#include "rt/kernel_objects.h"
#include "rt/thread.h"

#define SPINNER_PRIORITY 1

uint64_t devbench_spin_rounds;

static uint64_t stop;
static struct rt_thread *spinner;

static uint64_t spin(void *argument)
{
    (void)argument;
    /* Three instructions a round, and no more. */
    __asm__ volatile("1: incq %0\n\tcmpq $0, %1\n\tje 1b"
                     : "+m"(devbench_spin_rounds)
                     : "m"(stop)
                     : "cc", "memory");
    return 0;
}

enum status devbench_spinner_start(void)
{
    enum status status;

    stop = 0;
    spinner = NULL;
    if (!bench_ticks_are_instructions()) {
        return STATUS_OK;
    }
    status = rt_thread_create(spin, NULL, 0, &spinner);
    if (status == STATUS_OK) {
        status = thread_set_priority(spinner->capability, SPINNER_PRIORITY);
    }
    if (status != STATUS_OK) {
        devbench_spinner_stop();
    }
    return status;
}

void devbench_spinner_stop(void)
{
    uint64_t code;

    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    if (spinner != NULL) {
        (void)!rt_thread_join(spinner, &code);
        spinner = NULL;
    }
}
