/* SPDX-License-Identifier: MIT */
/*
 * Who runs when: priorities, turns, wake-ups on other CPUs, silence when nothing is to be done.
 *
 * Limits of time are of two kinds. What a wrong kernel would let wait for ever, or for a whole
 * slice of 10 ms each time, is judged by generous limits, or by the median of many tries in several
 * rounds, of which one must be good: a virtual CPU may stand still for long. What must never happen
 * is checked exactly.
 */
#include "apps/rttest/rttest.h"
#include "apps/rttest/spinners.h"
#include "rt/kernel_objects.h"
#include "rt/process.h"

#define TRIES          21u
#define SOON_US        3000u  /* median, on one CPU: much less than a slice */
#define LATE_US        50000u /* median, on several: the host may have fewer than these */
#define TURNS_WINDOW   (200 * RT_NS_PER_MS)
#define IDLE_NS        (300 * RT_NS_PER_MS)
#define IDLE_ALLOWANCE 8u /* interrupts that waking up and asking may cost */
#define CHURN_THREADS  500u
#define CHURN_LOOKS    5000u

/** What the median of wake-ups must stay below. */
static uint64_t soon_us(void)
{
    return machine_cpus == 1 ? SOON_US : LATE_US;
}

/** A thread that counts the times it was woken. */
static struct {
    uint64_t notification;
    uint64_t begun;    /* [a] */
    uint64_t ran;      /* [a] */
    uint64_t asked_us; /* [a] when it was signalled */
    uint64_t late_us[TRIES];
} sleeper;

static uint64_t sleep_and_count(void *argument)
{
    uint64_t bits;

    (void)argument;
    __atomic_store_n(&sleeper.begun, 1, __ATOMIC_RELEASE);
    for (uint64_t i = 0; i < TRIES; i++) {
        if (notification_wait(sleeper.notification, 0, &bits) != STATUS_OK) {
            return 1;
        }
        sleeper.late_us[i] = spin_now_us() - __atomic_load_n(&sleeper.asked_us, __ATOMIC_ACQUIRE);
        __atomic_store_n(&sleeper.ran, i + 1, __ATOMIC_RELEASE);
    }
    return 0;
}

static void ask_sleeper(void)
{
    __atomic_store_n(&sleeper.asked_us, spin_now_us(), __ATOMIC_RELEASE);
    EXPECT_STATUS(notification_signal(sleeper.notification, 1), STATUS_OK);
}

static bool sleeper_start(uint8_t priority, struct rt_thread **thread)
{
    sleeper.begun = sleeper.ran = 0;
    if (!EXPECT_STATUS(notification_create(&sleeper.notification), STATUS_OK) ||
        !worker_start(sleep_and_count, NULL, priority, thread) ||
        !EXPECT(sleep_until(&sleeper.begun, 1))) {
        return false;
    }
    rt_sleep(RT_NS_PER_MS); /* it goes to sleep; a signal that comes first is not lost */
    return true;
}

/** Wake it until it has enough, and end it: of two signals that come before it runs it sees one. */
static void sleeper_end(struct rt_thread *thread)
{
    uint64_t code = 1;

    while (__atomic_load_n(&sleeper.ran, __ATOMIC_ACQUIRE) < TRIES) {
        ask_sleeper();
        rt_sleep(RT_NS_PER_MS);
    }
    EXPECT_STATUS(rt_thread_join(thread, &code), STATUS_OK);
    EXPECT(code == 0);
    capability_release(sleeper.notification);
}

/* ------------------------------------------------------------------------------------------
 * Priorities
 * ------------------------------------------------------------------------------------------ */

/** Signals a thread of higher priority, which must have run before the signal returns, or, if it
 * runs on another CPU, right afterwards. */
static uint64_t signal_upwards(void *argument)
{
    uint64_t missed = 0;

    (void)argument;
    for (uint64_t i = 0; i < TRIES && missed == 0; i++) {
        ask_sleeper();
        if (machine_cpus == 1) {
            missed += __atomic_load_n(&sleeper.ran, __ATOMIC_ACQUIRE) != i + 1;
        } else {
            missed += !spin_until(&sleeper.ran, i + 1, PATIENCE_US);
        }
        spinners_renew();
    }
    return missed;
}

/** This thread is woken in time by a timer, while none of the spinners enters the kernel. */
static bool timers_are_soon(void)
{
    uint64_t late_us[TRIES];

    for (unsigned i = 0; i < TRIES; i++) {
        const uint64_t deadline = rttest_now() + RT_NS_PER_MS;

        rt_ring_sleep_until(rt_ring_self(), deadline);
        late_us[i] = (rttest_now() - deadline) / RT_NS_PER_US;
        spinners_renew();
    }
    return median_of(late_us, TRIES) < soon_us();
}

/** A more urgent thread is woken in time by a signal. */
static bool signals_are_soon(void)
{
    struct rt_thread *woken, *signaller;
    uint64_t missed = 1;

    if (!sleeper_start(PRIORITY_HIGH, &woken)) {
        return false;
    }
    if (worker_start(signal_upwards, NULL, PRIORITY_LOW + 1, &signaller)) {
        EXPECT_STATUS(rt_thread_join(signaller, &missed), STATUS_OK);
        EXPECT(missed == 0);
    }
    sleeper_end(woken);
    return median_of(sleeper.late_us, TRIES) < soon_us();
}

/** All CPUs are busy with low priority. */
static void check_preemption(void)
{
    if (!spinners_start(machine_cpus, PRIORITY_LOW)) {
        return;
    }
    EXPECT(holds_once(ROUNDS_OF_TIME, timers_are_soon));
    EXPECT(holds_once(ROUNDS_OF_TIME, signals_are_soon));
    EXPECT(spinners_stop());
}

/** This thread spins; all other CPUs are busy with what is less urgent than the woken thread. */
static void check_choice_of_cpu(void)
{
    struct rt_thread *woken;

    if (machine_cpus == 1 || !sleeper_start(PRIORITY_MIDDLE, &woken) ||
        !spinners_start(machine_cpus, PRIORITY_LOW)) {
        return;
    }
    for (uint64_t i = 0; i < TRIES; i++) {
        ask_sleeper();
        if (!EXPECT(spin_until(&sleeper.ran, i + 1, PATIENCE_US))) {
            break;
        }
        spinners_renew();
        rt_sleep(RT_NS_PER_MS);
    }
    EXPECT(spinners_stop());
    sleeper_end(woken);
}

/** Threads whose priority is lowered while they run make way, on every CPU. */
static void check_lowering(void)
{
    uint64_t before[SPINNERS_MAX];
    const unsigned first = machine_cpus <= SPINNERS_MAX / 2 ? machine_cpus : 1;

    if (!spinners_start(first, PRIORITY_MIDDLE) || !spinners_start(first, PRIORITY_LOW) ||
        !spinners_begun(first)) {
        return;
    }
    EXPECT_STATUS(thread_set_priority(spinners_thread(0)->capability, PRIORITY_HIGH + 1),
                  STATUS_DENIED);
    for (unsigned i = 0; i < first; i++) {
        EXPECT_STATUS(thread_set_priority(spinners_thread(i)->capability, PRIORITY_LOWEST),
                      STATUS_OK);
        before[first + i] = spinners_rounds(first + i);
    }
    for (unsigned i = first; i < 2 * first; i++) {
        EXPECT(spinners_pass(i, before[i]));
    }
    EXPECT(spinners_stop());
}

void group_priorities(void)
{
    if (spinners_prepare()) {
        check_preemption();
        check_choice_of_cpu();
        check_lowering();
    }
}

/* ------------------------------------------------------------------------------------------
 * Turns
 * ------------------------------------------------------------------------------------------ */

/** Whether each spinner has got at least a third of its fair share. */
static bool shares_are_fair(unsigned count)
{
    uint64_t total = 0;
    bool fair = true;

    for (unsigned i = 0; i < count; i++) {
        total += spinners_rounds(i);
    }
    for (unsigned i = 0; i < count; i++) {
        fair &= spinners_rounds(i) * count * 3 >= total;
    }
    return fair;
}

/** One thread more than there are CPUs, all equal, also if they are interrupted by something more
 * urgent all the time. Several CPUs get some windows more: the host may have given them unequal
 * time, which levels out, while a thread that starves falls back further. */
static void check_turns(uint64_t pause_ns)
{
    const unsigned count = machine_cpus == 1 ? 3 : machine_cpus + 1;
    const unsigned windows = machine_cpus == 1 ? 1 : 12;
    bool fair = false;

    if (!spinners_start(count, PRIORITY_LOW)) {
        return;
    }
    for (unsigned window = 0; window < windows && !fair; window++) {
        for (const uint64_t end = rttest_now() + TURNS_WINDOW; rttest_now() < end;) {
            rt_sleep(pause_ns);
        }
        spinners_renew();
        fair = shares_are_fair(count);
    }
    EXPECT(fair);
    EXPECT(spinners_stop());
}

void group_turns(void)
{
    if (spinners_prepare()) {
        check_turns(TURNS_WINDOW);
        check_turns(3 * RT_NS_PER_MS);
    }
}

/* ------------------------------------------------------------------------------------------
 * Wake-ups
 * ------------------------------------------------------------------------------------------ */

/** A thread of lower priority than the one that wakes it, which spins on: it runs at once if there
 * is another CPU, and not at all if there is none. */
void group_wakeups(void)
{
    struct rt_thread *woken;

    if (!spinners_prepare() || !sleeper_start(PRIORITY_LOW, &woken)) {
        return;
    }
    for (uint64_t i = 0; i < TRIES; i++) {
        ask_sleeper();
        if (machine_cpus > 1) {
            if (!EXPECT(spin_until(&sleeper.ran, i + 1, PATIENCE_US))) {
                break;
            }
        } else if (i == 0) {
            EXPECT(!spin_until(&sleeper.ran, i + 1, 25000)); /* more than two slices */
        }
        for (unsigned ms = 0; __atomic_load_n(&sleeper.ran, __ATOMIC_ACQUIRE) != i + 1; ms++) {
            if (!EXPECT(ms < PATIENCE_US / 1000)) {
                break;
            }
            rt_sleep(RT_NS_PER_MS);
        }
    }
    sleeper_end(woken);
}

/* ------------------------------------------------------------------------------------------
 * Silence
 * ------------------------------------------------------------------------------------------ */

static bool is_silent(void)
{
    const uint64_t before = machine_interrupts();
    uint64_t taken;

    rt_sleep(IDLE_NS);
    taken = machine_interrupts() - before;
    spinners_renew();
    if (taken > IDLE_ALLOWANCE + machine_cpus) {
        rttest_note("interrupts in a window", taken);
        return false;
    }
    return true;
}

/** No tick: not while all sleep, and not while each CPU has no more than one thread to run. Work
 * that was put off until a CPU that stands still goes on may interrupt some windows of several
 * CPUs. */
void group_silence(void)
{
    if (spinners_prepare()) {
        EXPECT(holds_once(rounds_of_order(), is_silent));
        if (spinners_start(1, PRIORITY_LOW) && spinners_begun(1)) {
            EXPECT(holds_once(rounds_of_order(), is_silent));
            EXPECT(spinners_stop());
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * Deadlines
 * ------------------------------------------------------------------------------------------ */

enum deadline_kind { BY_CAP_ENTER, BY_TIMEOUT, BY_WAIT, DEADLINE_KINDS };

static void pass_deadline(enum deadline_kind kind, uint64_t deadline, uint64_t notification)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation timeout = {0};
    uint64_t bits;

    switch (kind) {
    case BY_CAP_ENTER:
        EXPECT((enum status)(rt_arch_cap_enter(0, 1, deadline) >> 32) == STATUS_TIMED_OUT);
        return;
    case BY_TIMEOUT:
        EXPECT_STATUS(rt_ring_start_timeout(ring, &timeout, deadline), STATUS_OK);
        rt_ring_await(ring, &timeout);
        return;
    case BY_WAIT:
        EXPECT_STATUS(notification_wait(notification, deadline, &bits), STATUS_TIMED_OUT);
        return;
    case DEADLINE_KINDS:
        return;
    }
}

/** No deadline passes early. Whether the median passes in time. */
static bool deadlines_are_soon(enum deadline_kind kind, uint64_t notification)
{
    uint64_t late_us[TRIES];

    for (unsigned i = 0; i < TRIES; i++) {
        /* Odd lengths, up to 4 ms. */
        const uint64_t deadline = rttest_now() + (i * 7919 % TRIES + 1) * 190507;
        uint64_t now;

        pass_deadline(kind, deadline, notification);
        now = rttest_now();
        EXPECT(now >= deadline);
        late_us[i] = (now - deadline) / RT_NS_PER_US;
    }
    if (median_of(late_us, TRIES) >= soon_us()) {
        rttest_note("microseconds late, median", late_us[TRIES / 2]);
        return false;
    }
    return true;
}

/** No deadline of any kind passes early, and the median of each kind passes in time. */
void group_deadlines(void)
{
    uint64_t notification = 0;

    if (!spinners_prepare() || !EXPECT_STATUS(notification_create(&notification), STATUS_OK)) {
        return;
    }
    for (enum deadline_kind kind = BY_CAP_ENTER; kind < DEADLINE_KINDS; kind++) {
        bool soon = false;

        for (unsigned round = 0; round < ROUNDS_OF_TIME && !soon; round++) {
            soon = deadlines_are_soon(kind, notification);
        }
        EXPECT(soon);
    }
    capability_release(notification);
}

/* ------------------------------------------------------------------------------------------
 * Many threads
 * ------------------------------------------------------------------------------------------ */

static uint64_t end_at_once(void *argument)
{
    return (uint64_t)(uintptr_t)argument;
}

static bool churn(uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct rt_thread *thread;
        uint64_t code = 0;

        if (!EXPECT_STATUS(rt_thread_create(end_at_once, (void *)(uintptr_t)i, 0, &thread),
                           STATUS_OK) ||
            !EXPECT_STATUS(rt_thread_join(thread, &code), STATUS_OK) || !EXPECT(code == i)) {
            return false;
        }
    }
    return true;
}

/** Wait until nothing is charged that was not before. What the last thread had goes when every CPU
 * has flushed it, which a CPU that stands still delays. */
static bool settle(uint64_t own, const struct process_facts *before, struct process_facts *after)
{
    for (unsigned i = 0; i < CHURN_LOOKS; i++) {
        if (!process_facts_get(own, after)) {
            return false;
        }
        if (after->frames <= before->frames && after->cap_slots <= before->cap_slots &&
            after->objects <= before->objects && after->threads <= before->threads) {
            return true;
        }
        rt_sleep(RT_NS_PER_MS);
    }
    return true;
}

/** Threads created, ended and joined leave nothing: not a frame, not a capability. */
void group_churn(void)
{
    const uint64_t own = process_find(rt_program_name());
    struct process_facts before, after;

    if (!EXPECT(own != 0) || !churn(1, 8) || !process_facts_get(own, &before)) {
        return;
    }
    for (unsigned round = 0; round < ROUNDS_OF_TIME; round++) {
        if (!churn(100, CHURN_THREADS) || !settle(own, &before, &after)) {
            return;
        }
        if (after.frames >= before.frames && after.cap_slots >= before.cap_slots &&
            after.objects >= before.objects) {
            break;
        }
        before = after; /* some of that was on its way: what is there now must be there again */
    }
    EXPECT(after.frames == before.frames);
    EXPECT(after.cap_slots == before.cap_slots);
    EXPECT(after.objects == before.objects);
    EXPECT(after.threads == 1);
}
