/* SPDX-License-Identifier: MIT */
/*
 * CPU budgets: a process that may use 2 ms in 10 ms, and would use everything, gets about that and
 * no more, however many threads and CPUs it has, and whoever is less urgent runs meanwhile.
 *
 * The bounds: on one CPU at least half of its share and at most a quarter more, and two budgets for
 * the ends. On several, a quarter and twice its share: the time during which the host lets a
 * virtual CPU stand still is charged to whoever runs there.
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

static void check_budget(const char *threads, uint32_t budget_us)
{
    /* Beside one that may have a whole CPU nobody less urgent would even begin. */
    const bool beside_others = budget_us < PERIOD_US;
    struct process_facts before, after;
    uint64_t process, pid, elapsed_us, used_us, share_us, rounds, code;
    enum exit_reason reason = EXIT_REASON_EXITED;

    if (!child_start(threads, budget_us, &process)) {
        return;
    }
    pid = process_find(CHILD);
    if (EXPECT(pid != 0) && (!beside_others || spinners_start(machine_cpus, PRIORITY_LOW))) {
        rt_sleep(20 * RT_NS_PER_MS); /* it has started all its threads */
        if (process_facts_get(pid, &before)) {
            elapsed_us = rttest_now() / RT_NS_PER_US;
            rounds = beside_others ? spinners_rounds(0) : 0;
            rt_sleep(WINDOW_NS);
            elapsed_us = rttest_now() / RT_NS_PER_US - elapsed_us;
            if (process_facts_get(pid, &after)) {
                used_us = after.cpu_us - before.cpu_us;
                share_us = elapsed_us * budget_us / PERIOD_US;
                if (!EXPECT(used_us >= share_us / (machine_cpus == 1 ? 2 : 4)) ||
                    !EXPECT(used_us <=
                            share_us * (machine_cpus == 1 ? 5 : 8) / 4 + 2 * budget_us)) {
                    rttest_note("microseconds of CPU time used", used_us);
                    rttest_note("microseconds of CPU time due", share_us);
                }
                EXPECT(after.state == PROCESS_STATE_RUNNING);
                if (beside_others) {
                    EXPECT(spinners_rounds(0) > rounds);
                } else if (machine_cpus == 1) {
                    EXPECT(used_us >= share_us * 9 / 10); /* never stopped */
                }
            }
        }
    }
    /* First the child, that has no end of its own. */
    EXPECT_STATUS(process_kill(process), STATUS_OK);
    EXPECT(!beside_others || spinners_stop());
    EXPECT_STATUS(process_wait(process, rttest_now() + RT_NS_PER_S, &code, &reason), STATUS_OK);
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
