/* SPDX-License-Identifier: MIT */
/*
 * CPU budgets: a process that may use 2 ms in 10 ms, and would use everything, gets about that and
 * no more, however many threads and CPUs it has, and whoever is less urgent runs meanwhile.
 *
 * The bounds: on one CPU at least half of its share and at most a quarter more, and two budgets for
 * the ends. On several, a quarter and twice its share. The time during which the host lets a
 * virtual CPU stand still is charged to whoever runs there: one of several windows must be good.
 */
#include "apps/rttest/rttest.h"
#include "apps/rttest/spinners.h"
#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/own_image.h"
#include "rt/process.h"

#define BUDGET_US 2000u
#define PERIOD_US 10000u
#define WINDOW_NS (250 * RT_NS_PER_MS)
#define END_NS    (10 * RT_NS_PER_S) /* a killed process has ended by then */
#define CHILD     "rttest-spin"

static uint64_t spin_for_ever(void *argument)
{
    while (argument == NULL) {
        rt_arch_pause();
    }
    return 0;
}

int budgets_child(unsigned threads)
{
    struct rt_thread *thread;

    for (unsigned i = 1; i < threads; i++) {
        if (rt_thread_create(spin_for_ever, NULL, 0, &thread) != STATUS_OK) {
            return 1;
        }
    }
    return (int)spin_for_ever(NULL);
}

static bool child_start(const char *threads, uint32_t budget_us, uint64_t *process)
{
    const struct rt_text arguments[] = {{"rttest", 6}, {"spin", 4}, {threads, strlen(threads)}};
    struct rt_image image;
    struct rt_spawn spawn;

    if (!EXPECT_STATUS(rt_image_find("rttest", &image), STATUS_OK)) {
        return false;
    }
    rt_spawn_prepare(&spawn, &image, CHILD);
    spawn.priority = spawn.max_priority = PRIORITY_MIDDLE;
    spawn.cpu_budget_us = budget_us;
    spawn.cpu_period_us = PERIOD_US;
    spawn.frames = 256;
    spawn.threads = 4;
    spawn.arguments = arguments;
    spawn.argument_count = ARRAY_COUNT(arguments);
    return EXPECT_STATUS(process_spawn(rt_capability("spawner"), &spawn, process), STATUS_OK);
}

/** Let a window pass. Whether a process has used about what it is due in it; it still spins. */
static bool uses_its_share(uint64_t pid, uint32_t budget_us)
{
    struct process_facts before, after;
    uint64_t elapsed_us, used_us, share_us;

    if (!process_facts_get(pid, &before)) {
        return false;
    }
    elapsed_us = rttest_now() / RT_NS_PER_US;
    rt_sleep(WINDOW_NS);
    elapsed_us = rttest_now() / RT_NS_PER_US - elapsed_us;
    spinners_renew();
    if (!process_facts_get(pid, &after)) {
        return false;
    }
    EXPECT(after.state == PROCESS_STATE_RUNNING);
    used_us = after.cpu_us - before.cpu_us;
    share_us = elapsed_us * budget_us / PERIOD_US;
    if (used_us >= share_us / (machine_cpus == 1 ? 2 : 4) &&
        used_us <= share_us * (machine_cpus == 1 ? 5 : 8) / 4 + 2 * budget_us &&
        (budget_us < PERIOD_US || machine_cpus > 1 || used_us >= share_us * 9 / 10)) {
        return true;
    }
    rttest_note("microseconds of CPU time used", used_us);
    rttest_note("microseconds of CPU time due", share_us);
    return false;
}

/** Wait until the child has started all its threads. */
static bool child_begun(uint64_t pid, unsigned threads)
{
    struct process_facts facts = {0};

    for (const uint64_t end = rttest_now() + PATIENCE_US * RT_NS_PER_US;
         facts.threads < threads && rttest_now() < end;) {
        rt_sleep(RT_NS_PER_MS);
        if (!process_facts_get(pid, &facts)) {
            return false;
        }
    }
    return EXPECT(facts.threads == threads);
}

static void check_budget(const char *threads, uint32_t budget_us)
{
    /* Beside one that may have a whole CPU nobody less urgent would even begin. */
    const bool beside_others = budget_us < PERIOD_US;
    uint64_t process, pid, rounds, code;
    enum exit_reason reason = EXIT_REASON_EXITED;
    bool is_fair = false;

    if (!child_start(threads, budget_us, &process)) {
        return;
    }
    pid = process_find(CHILD);
    if (EXPECT(pid != 0) && (!beside_others || spinners_start(machine_cpus, PRIORITY_LOW)) &&
        child_begun(pid, (unsigned)(threads[0] - '0'))) {
        rounds = beside_others ? spinners_rounds(0) : 0;
        for (unsigned round = 0; round < ROUNDS_OF_TIME && !is_fair; round++) {
            is_fair = uses_its_share(pid, budget_us);
        }
        EXPECT(is_fair);
        EXPECT(!beside_others || spinners_pass(0, rounds));
    }
    /* First the child, that has no end of its own. */
    EXPECT_STATUS(process_kill(process), STATUS_OK);
    EXPECT(!beside_others || spinners_stop());
    EXPECT_STATUS(process_wait(process, rttest_now() + END_NS, &code, &reason), STATUS_OK);
    EXPECT(reason == EXIT_REASON_KILLED);
    capability_release(process);
}

void group_budgets(void)
{
    if (spinners_prepare()) {
        check_budget("1", BUDGET_US);
        check_budget("3", BUDGET_US);
        check_budget("1", PERIOD_US);
    }
}
