/* SPDX-License-Identifier: MIT */
#include "rt/clock.h"

#include "rt/kernel_objects.h"
#include "rt/process.h"

static uint64_t clock_timer; /* [a] 0 until first used */

enum status rt_clock_now(uint64_t *nanoseconds)
{
    uint64_t timer = __atomic_load_n(&clock_timer, __ATOMIC_ACQUIRE);

    if (timer == 0) {
        uint64_t fresh = rt_capability("timer");
        const bool given = fresh != 0;
        enum status status = given ? STATUS_OK : timer_create(&fresh);

        if (status != STATUS_OK) {
            return status;
        }
        if (__atomic_compare_exchange_n(&clock_timer, &timer, fresh, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            timer = fresh;
        } else if (!given) {
            capability_release(fresh);
        }
    }
    return timer_now(timer, nanoseconds);
}

void rt_sleep(uint64_t nanoseconds)
{
    uint64_t now;

    if (rt_clock_now(&now) == STATUS_OK) {
        rt_ring_sleep_until(rt_ring_self(), now + nanoseconds);
    } else {
        (void)rt_arch_cap_enter(0, 0, 0);
    }
}
