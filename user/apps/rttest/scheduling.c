/* SPDX-License-Identifier: MIT */
/*
 * Who runs when: priorities, turns, wake-ups on other CPUs, silence when nothing is to be done.
 *
 * Limits of time are of two kinds. What a wrong kernel would let wait for ever, or for a whole
 * slice of 10 ms each time, is judged by the median of many tries or by generous limits, because a
 * virtual CPU may stand still for long. What must never happen is checked exactly.
 */
#include "apps/rttest/rttest.h"
#include "apps/rttest/spinners.h"
#include "rt/kernel_objects.h"
#include "rt/process.h"

#define TRIES          21u
#define SOON_US        3000u   /* median, on one CPU: much less than a slice */
#define LATE_US        50000u  /* median, on several: the host may have fewer than these */
#define PATIENCE_US    300000u /* within the time that spinners spin */
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
    uint64_t ran;      /* [a] */
    uint64_t ended;    /* [a] */
    uint64_t asked_us; /* [a] when it was signalled */
    uint64_t late_us[TRIES];
} sleeper;

static uint64_t sleep_and_count(void *argument)
{
    uint64_t bits;

    (void)argument;
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
    sleeper.ran = 0;
    if (!EXPECT_STATUS(notification_create(&sleeper.notification), STATUS_OK) ||
        !worker_start(sleep_and_count, NULL, priority, thread)) {
        return false;
    }
    rt_sleep(RT_NS_PER_MS); /* it goes to sleep */
    return true;
}

/** Wake it as often as it still wants, and end it. */
static void sleeper_end(struct rt_thread *thread)
{
    uint64_t code = 1;

    for (uint64_t i = __atomic_load_n(&sleeper.ran, __ATOMIC_ACQUIRE); i < TRIES; i++) {
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
    for (uint64_t i = 0; i < TRIES; i++) {
        ask_sleeper();
        if (machine_cpus == 1) {
            missed += __atomic_load_n(&sleeper.ran, __ATOMIC_ACQUIRE) != i + 1;
        } else {
            missed += !spin_until(&sleeper.ran, i + 1, PATIENCE_US);
        }
    }
    return missed;
}

/** All CPUs are busy with low priority. */
static void check_preemption(void)
{
    uint64_t late_us[TRIES], missed = 1;
    struct rt_thread *woken, *signaller;

    if (!sleeper_start(PRIORITY_HIGH, &woken) || !spinners_start(machine_cpus, PRIORITY_LOW)) {
        return;
    }
    /* By a timer: this thread, while none of the spinners enters the kernel. */
    for (unsigned i = 0; i < TRIES; i++) {
        const uint64_t deadline = rttest_now() + RT_NS_PER_MS;

        rt_ring_sleep_until(rt_ring_self(), deadline);
        late_us[i] = (rttest_now() - deadline) / RT_NS_PER_US;
    }
    EXPECT(median_of(late_us, TRIES) < soon_us());
    /* By a signal. */
    if (worker_start(signal_upwards, NULL, PRIORITY_LOW + 1, &signaller)) {
        EXPECT_STATUS(rt_thread_join(signaller, &missed), STATUS_OK);
        EXPECT(missed == 0);
        EXPECT(median_of(sleeper.late_us, TRIES) < soon_us());
    }
    EXPECT(spinners_stop());
    sleeper_end(woken);
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

    if (!spinners_start(first, PRIORITY_MIDDLE) || !spinners_start(first, PRIORITY_LOW)) {
        return;
    }
    rt_sleep(30 * RT_NS_PER_MS);
    EXPECT_STATUS(thread_set_priority(spinners_thread(0)->capability, PRIORITY_HIGH + 1),
                  STATUS_DENIED);
    for (unsigned i = 0; i < first; i++) {
        EXPECT_STATUS(thread_set_priority(spinners_thread(i)->capability, PRIORITY_LOWEST),
                      STATUS_OK);
        before[first + i] = spinners_rounds(first + i);
    }
    rt_sleep(PATIENCE_US * RT_NS_PER_US);
    for (unsigned i = first; i < 2 * first; i++) {
        EXPECT(spinners_rounds(i) > before[i]);
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

static void check_silence(const char *what)
{
    const uint64_t before = machine_interrupts();
    uint64_t taken;

    rt_sleep(IDLE_NS);
    taken = machine_interrupts() - before;
    if (!EXPECT(taken <= IDLE_ALLOWANCE + machine_cpus)) {
        rttest_note(what, taken);
    }
}

/** No tick: not while all sleep, and not while each CPU has no more than one thread to run. */
void group_silence(void)
{
    if (spinners_prepare()) {
        check_silence("interrupts of an idle machine");
        if (spinners_start(1, PRIORITY_LOW)) {
            rt_sleep(20 * RT_NS_PER_MS);
            check_silence("interrupts while one thread spins");
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

/** No deadline of any kind passes early, and the median of each kind passes in time. */
void group_deadlines(void)
{
    uint64_t notification = 0, late_us[TRIES];

    if (!spinners_prepare() || !EXPECT_STATUS(notification_create(&notification), STATUS_OK)) {
        return;
    }
    for (enum deadline_kind kind = BY_CAP_ENTER; kind < DEADLINE_KINDS; kind++) {
        for (unsigned i = 0; i < TRIES; i++) {
            /* Odd lengths, up to 4 ms. */
            const uint64_t deadline = rttest_now() + (i * 7919 % TRIES + 1) * 190507;
            uint64_t now;

            pass_deadline(kind, deadline, notification);
            now = rttest_now();
            EXPECT(now >= deadline);
            late_us[i] = (now - deadline) / RT_NS_PER_US;
        }
        if (!EXPECT(median_of(late_us, TRIES) < soon_us())) {
            rttest_note("microseconds late, median", late_us[TRIES / 2]);
        }
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

/** Threads created, ended and joined leave nothing: not a frame, not a capability. */
void group_churn(void)
{
    const uint64_t own = process_find(rt_program_name());
    struct process_facts before, after;

    if (!EXPECT(own != 0) || !churn(1, 8) || !process_facts_get(own, &before)) {
        return;
    }
    if (!churn(100, CHURN_THREADS)) {
        return;
    }
    /* Frames of the last ring go when every CPU has flushed them, which a busy host may delay. */
    for (unsigned i = 0; i < CHURN_LOOKS; i++) {
        if (!process_facts_get(own, &after) || after.frames == before.frames) {
            break;
        }
        rt_sleep(RT_NS_PER_MS);
    }
    EXPECT(after.frames == before.frames);
    EXPECT(after.cap_slots == before.cap_slots);
    EXPECT(after.objects == before.objects);
    EXPECT(after.threads == before.threads && after.threads == 1);
}
