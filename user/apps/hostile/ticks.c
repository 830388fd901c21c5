/* SPDX-License-Identifier: MIT */
/*
 * Timers are not a way to keep a CPU busy at nobody's expense: what a CPU does for them is done in
 * interrupts, in the time of whoever runs there. As many as the budget has, each as often as it may
 * be, leave a program most of its CPU: how much, tests/system looks at, on a machine whose clock
 * counts instructions.
 */
#include "apps/hostile/hostile.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "text/text.h"

#define TIMERS_MAX 400u
#define PERIOD_NS  (100 * RT_NS_PER_US) /* the least that is allowed */
#define LOOK_NS    (200 * RT_NS_PER_MS)

/** How far one gets in a while: rounds of work that enters the kernel for the time alone. */
static uint64_t rounds_in(uint64_t nanoseconds)
{
    uint64_t begun = 0, now = 0, rounds = 0;

    (void)!rt_clock_now(&begun);
    do {
        for (volatile unsigned i = 0; i < 1000; i++) {
        }
        rounds++;
        (void)!rt_clock_now(&now);
    } while (now - begun < nanoseconds);
    return rounds;
}

void attack_ticks(void)
{
    static uint64_t timers[TIMERS_MAX];
    uint64_t notification, now = 0, count = 0;
    char text[96];

    if (notification_create(&notification) != STATUS_OK || rt_clock_now(&now) != STATUS_OK) {
        attack_check(false, "a notification", "refused");
        return;
    }
    const uint64_t before = rounds_in(LOOK_NS);

    while (count < TIMERS_MAX && timer_create(&timers[count]) == STATUS_OK &&
           timer_arm(timers[count], notification, 1ull << count % 64,
                     now + LOOK_NS + count * PERIOD_NS / TIMERS_MAX, PERIOD_NS) == STATUS_OK) {
        count++;
    }
    const uint64_t beside = rounds_in(LOOK_NS);

    for (uint64_t i = 0; i < count; i++) {
        capability_release(timers[i]);
    }
    capability_release(notification);
    text_format(text, sizeof(text), "%llu timers: %llu rounds, %llu before",
                (unsigned long long)count, (unsigned long long)beside, (unsigned long long)before);
    attack_check(count == TIMERS_MAX && beside != 0, "timers that never rest", text);
}
