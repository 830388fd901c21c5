/* SPDX-License-Identifier: MIT */
#include "apps/rttest/rttest.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"

#define LATE_NS (2 * RT_NS_PER_S) /* on a loaded host a virtual CPU may stand still for long */

void group_sleep(void)
{
    static const uint64_t naps[] = {0, 10 * RT_NS_PER_US, RT_NS_PER_MS, 20 * RT_NS_PER_MS};
    uint64_t before, after;

    for (size_t i = 0; i < ARRAY_COUNT(naps); i++) {
        before = rttest_now();
        rt_sleep(naps[i]);
        after = rttest_now();
        EXPECT(after - before >= naps[i] && after - before < naps[i] + LATE_NS);
    }
    before = rttest_now();
    rt_ring_sleep_until(rt_ring_self(), 1); /* long past */
    EXPECT(rt_ring_wait(rt_ring_self(), before + 5 * RT_NS_PER_MS) == NULL);
    after = rttest_now();
    EXPECT(after >= before + 5 * RT_NS_PER_MS && after < before + LATE_NS);
    EXPECT(rt_ring_wait(rt_ring_self(), 0) == NULL);
}

/** Takes what a timer has signalled until now: it may have fired before it was stopped, on a busy
 * host. */
static void drain(uint64_t notification)
{
    uint64_t bits;

    (void)!notification_wait(notification, rttest_now() + 1, &bits);
}

void group_timers(void)
{
    uint64_t timer = 0, notification = 0, signaller = 0, bits = 0, before, after;

    if (!EXPECT_STATUS(timer_create(&timer), STATUS_OK) ||
        !EXPECT_STATUS(notification_create(&notification), STATUS_OK) ||
        !EXPECT_STATUS(notification_mint(notification, 4, &signaller), STATUS_OK)) {
        return;
    }
    before = rttest_now();
    EXPECT_STATUS(timer_arm(timer, notification, 3, before + 5 * RT_NS_PER_MS, 0), STATUS_OK);
    EXPECT_STATUS(notification_wait(notification, 0, &bits), STATUS_OK);
    after = rttest_now();
    EXPECT(bits == 3 && after - before >= 5 * RT_NS_PER_MS && after - before < LATE_NS);
    EXPECT_STATUS(timer_arm(timer, signaller, 8, 0, 0), STATUS_DENIED);
    before = rttest_now();
    EXPECT_STATUS(timer_arm(timer, signaller, 4, before + RT_NS_PER_MS, RT_NS_PER_MS), STATUS_OK);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_STATUS(notification_wait(notification, 0, &bits), STATUS_OK);
        EXPECT(bits == 4);
    }
    after = rttest_now();
    EXPECT(after - before >= 4 * RT_NS_PER_MS);
    EXPECT_STATUS(timer_disarm(timer), STATUS_OK);
    drain(notification);
    EXPECT_STATUS(notification_wait(notification, rttest_now() + 5 * RT_NS_PER_MS, &bits),
                  STATUS_TIMED_OUT);
    /* A timer in the past fires at once; one that is released does not fire. */
    EXPECT_STATUS(timer_arm(timer, notification, 1, 1, 0), STATUS_OK);
    EXPECT_STATUS(notification_wait(notification, 0, &bits), STATUS_OK);
    EXPECT_STATUS(timer_arm(timer, notification, 1, rttest_now() + 3 * RT_NS_PER_MS, 0), STATUS_OK);
    capability_release(timer);
    drain(notification);
    EXPECT_STATUS(notification_wait(notification, rttest_now() + 10 * RT_NS_PER_MS, &bits),
                  STATUS_TIMED_OUT);
    /* Nor does one that was armed with a signaller which is gone. */
    EXPECT_STATUS(timer_create(&timer), STATUS_OK);
    EXPECT_STATUS(timer_arm(timer, signaller, 4, rttest_now() + RT_NS_PER_MS, RT_NS_PER_MS),
                  STATUS_OK);
    capability_release(signaller);
    drain(notification);
    EXPECT_STATUS(notification_wait(notification, rttest_now() + 5 * RT_NS_PER_MS, &bits),
                  STATUS_TIMED_OUT);
    capability_release(timer);
    capability_release(notification);
}

void group_cancel(void)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation wait = {0}, timeout = {0};
    uint64_t notification = 0, bits = 0, before;

    if (!EXPECT_STATUS(notification_create(&notification), STATUS_OK)) {
        return;
    }
    EXPECT_STATUS(rt_ring_start_wait(ring, &wait, notification, 0), STATUS_OK);
    EXPECT_STATUS(rt_ring_start_timeout(ring, &timeout, rttest_now() + 60 * RT_NS_PER_S),
                  STATUS_OK);
    EXPECT_STATUS(rt_ring_cancel(ring, &wait), STATUS_OK);
    rt_ring_await(ring, &wait);
    EXPECT_STATUS((enum status)wait.cqe.status, STATUS_CANCELLED);
    EXPECT_STATUS(rt_ring_cancel(ring, &timeout), STATUS_OK);
    rt_ring_await(ring, &timeout);
    EXPECT_STATUS((enum status)timeout.cqe.status, STATUS_CANCELLED);
    EXPECT_STATUS(rt_ring_cancel(ring, &wait), STATUS_NOT_FOUND);
    /* A cancelled wait takes no bits. */
    EXPECT_STATUS(notification_signal(notification, 5), STATUS_OK);
    EXPECT_STATUS(notification_wait(notification, 0, &bits), STATUS_OK);
    EXPECT(bits == 5);
    /* Deadlines. */
    before = rttest_now();
    EXPECT_STATUS(notification_wait(notification, before + 3 * RT_NS_PER_MS, &bits),
                  STATUS_TIMED_OUT);
    EXPECT(rttest_now() - before >= 3 * RT_NS_PER_MS);
    EXPECT_STATUS(rt_ring_start_timeout(ring, &timeout, rttest_now() + RT_NS_PER_MS), STATUS_OK);
    EXPECT(rt_ring_wait(ring, RT_NO_DEADLINE) == &timeout);
    EXPECT_STATUS((enum status)timeout.cqe.status, STATUS_TIMED_OUT);
    /* Releasing a capability leaves a wait that was started with it alone. */
    EXPECT_STATUS(rt_ring_start_wait(ring, &wait, notification, rttest_now() + 5 * RT_NS_PER_MS),
                  STATUS_OK);
    rt_ring_flush(ring);
    capability_release(notification);
    rt_ring_await(ring, &wait);
    EXPECT(wait.cqe.status != STATUS_OK);
}
