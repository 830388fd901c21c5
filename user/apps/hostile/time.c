/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/thread.h"
#include "text/text.h"

#define SPIN_NS      (100 * RT_NS_PER_MS)
#define SPIN_THREADS 4u
#define PERIOD_US    10000u
#define TRIES        3u /* a host that takes CPUs away can spoil one */

static uint64_t spin_end;

static uint64_t spin(void *argument)
{
    uint64_t rounds = 0, now = 0;

    (void)argument;
    do {
        for (volatile unsigned i = 0; i < 1000; i++) {
        }
        rounds++;
    } while (rt_clock_now(&now) == STATUS_OK && now < spin_end);
    return rounds;
}

/** Use as much CPU as there is for a while; the exit code is how much that was. */
int child_spin(const char *detail)
{
    struct rt_thread *threads[SPIN_THREADS];
    uint64_t wanted = 0, started = 0, rounds = 0, more;

    if (text_parse_u64(detail, 1, &wanted) != TEXT_OK || wanted > SPIN_THREADS ||
        rt_clock_now(&spin_end) != STATUS_OK) {
        return 0;
    }
    spin_end += SPIN_NS;
    while (started + 1 < wanted &&
           rt_thread_create(spin, NULL, 0, &threads[started]) == STATUS_OK) {
        started++;
    }
    rounds = spin(NULL);
    while (started > 0) {
        rounds += rt_thread_join(threads[--started], &more) == STATUS_OK ? more : 0;
    }
    return (int)rounds;
}

static uint64_t spin_with(uint32_t budget_us, const char *threads)
{
    enum exit_reason reason;
    uint64_t process, rounds = 0;

    child_budget_us = budget_us;
    child_period_us = PERIOD_US;
    process = child_start("spin", threads, NULL, 0);
    child_budget_us = 0;
    return process != 0 && child_wait(process, &rounds, &reason) ? rounds : 0;
}

/** A CPU budget is what a process gets: no less, and no more on several CPUs. */
static void attack_budget(uint32_t budget_us, const char *threads, const char *what)
{
    uint64_t percent = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        const uint64_t all = spin_with(0, "1");
        const uint64_t share = budget_us * 100 / PERIOD_US;

        percent = all == 0 ? 0 : spin_with(budget_us, threads) * 100 / all;
        if (percent >= share * 2 / 3 && percent <= share * 5 / 3) {
            break;
        }
    }
    char answer[32];

    text_format(answer, sizeof(answer), "%llu %% of a CPU", (unsigned long long)percent);
    attack_check(percent >= budget_us * 200 / PERIOD_US / 3 &&
                     percent <= budget_us * 500 / PERIOD_US / 3,
                 what, answer);
}

/** Periods that lead past the end of time. */
static void attack_periods(void)
{
    static const uint64_t periods[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 1000000000};
    uint64_t timer = 0, notification = 0, bits, now;

    if (timer_create(&timer) != STATUS_OK || notification_create(&notification) != STATUS_OK ||
        rt_clock_now(&now) != STATUS_OK) {
        attack_check(false, "a timer", "refused");
        return;
    }
    for (unsigned i = 0; i < ARRAY_COUNT(periods); i++) {
        attack_status(timer_arm(timer, notification, 1, now, periods[i]), STATUS_OK,
                      "a timer with a period of centuries");
        (void)!notification_wait(notification, 0, &bits);
        (void)!rt_clock_now(&now);
        attack_status(notification_wait(notification, now + 2 * RT_NS_PER_MS, &bits),
                      STATUS_TIMED_OUT, "and it fires once");
    }
    attack_status(timer_arm(timer, notification, 1, now, 1), STATUS_BAD_RANGE,
                  "a timer that fires every nanosecond");
    attack_status(timer_arm(timer, notification, 1, UINT64_MAX, 0), STATUS_OK,
                  "a timer that never fires");
    attack_status(timer_arm(timer, notification, 1, 1ull << 63, 0), STATUS_OK,
                  "a timer that fires in 292 years");
    (void)!rt_clock_now(&now);
    attack_status(notification_wait(notification, now + 2 * RT_NS_PER_MS, &bits), STATUS_TIMED_OUT,
                  "and not before");
    capability_release(timer);
    capability_release(notification);
}

void attack_time(void)
{
    attack_periods();
    attack_budget(PERIOD_US, "1", "a budget of the whole CPU");
    attack_budget(PERIOD_US / 5, "1", "a budget of a fifth");
    attack_budget(PERIOD_US / 5, "4", "a budget of a fifth for four threads");
}
