/* SPDX-License-Identifier: MIT */
/*
 * The disk's driver goes and comes back. Time runs from its end until a client that did not know
 * about it has read from the disk through the next one; by the system's clock.
 */
#include "apps/bench/system.h"

#include "rt/clock.h"
#include "rt/print.h"

#define WARM_UP    1u
#define SAMPLES    15u
#define RETRY_NS   (50 * RT_NS_PER_US)
#define GIVE_UP_NS (60 * RT_NS_PER_S)

/** Read until it works. */
static bool read_again(uint64_t begin_ns, uint64_t *end_ns)
{
    bool good;

    while (!(good = system_driver_read())) {
        if (rt_clock_now(end_ns) != STATUS_OK || *end_ns - begin_ns > GIVE_UP_NS) {
            rt_print("bench: the next driver cannot be read from\n");
            return false;
        }
        rt_sleep(RETRY_NS);
    }
    return rt_clock_now(end_ns) == STATUS_OK;
}

bool race_driver_restart(unsigned way, struct bench_figure *figure)
{
    bool good = system_driver_open();

    (void)way;
    for (uint32_t run = 0; run < WARM_UP + SAMPLES && good; run++) {
        uint64_t begin_ns, end_ns;

        good = rt_clock_now(&begin_ns) == STATUS_OK && system_driver_restart() &&
               read_again(begin_ns, &end_ns);
        if (good && run >= WARM_UP) {
            bench_samples[run - WARM_UP] = (end_ns - begin_ns) / RT_NS_PER_US;
        }
    }
    system_driver_close();
    if (good) {
        bench_figure_take(figure, SAMPLES, 1);
    }
    return good;
}
