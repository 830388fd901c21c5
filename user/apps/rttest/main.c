/* SPDX-License-Identifier: MIT */
#include "apps/rttest/rttest.h"

#include "base/memory.h"
#include "rt/clock.h"
#include "rt/panic.h"
#include "rt/print.h"
#include "rt/process.h"

static const struct {
    const char *name;
    void (*run)(void);
    bool alone; /* measures time or turns: runs only if it is named, on a machine of its own */
} groups[] = {
    {"threads", group_threads, false},
    {"storage", group_storage, false},
    {"mutex", group_mutex, false},
    {"registers", group_registers, false},
    {"heap", group_heap, false},
    {"mappings", group_mappings, false},
    {"sleep", group_sleep, false},
    {"timers", group_timers, false},
    {"cancel", group_cancel, false},
    {"ring", group_ring, false},
    {"server", group_server, false},
    {"churn", group_churn, false},
    {"priorities", group_priorities, true},
    {"turns", group_turns, true},
    {"wakeups", group_wakeups, true},
    {"silence", group_silence, true},
    {"deadlines", group_deadlines, true},
    {"lending", group_lending, true},
    {"budgets", group_budgets, true},
    {"starvation", group_starvation, true},
};

static uint32_t passed, failed; /* [a] threads check too */

bool rttest_expect(bool condition, const char *text, const char *file, int line)
{
    if (condition) {
        __atomic_fetch_add(&passed, 1, __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
        rt_print("  FAIL %s:%d: %s\n", file, line, text);
    }
    return condition;
}

bool rttest_expect_status(enum status seen, enum status expected, const char *text,
                          const char *file, int line)
{
    if (seen != expected) {
        rt_print("  got %s, expected %s\n", status_name(seen), status_name(expected));
    }
    return rttest_expect(seen == expected, text, file, line);
}

void rttest_note(const char *what, uint64_t value)
{
    rt_print("  %s: %llu\n", what, (unsigned long long)value);
}

uint64_t rttest_now(void)
{
    uint64_t now;
    const enum status status = rt_clock_now(&now);

    if (status != STATUS_OK) {
        rt_panic("no clock: %s", status_name(status));
    }
    return now;
}

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

/** Every argument names a group; else say which there are. */
static bool names_groups(int count, char **arguments)
{
    for (int a = 1; a < count; a++) {
        bool known = false;

        for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
            known = known || same(arguments[a], groups[i].name);
        }
        if (!known) {
            rt_print("rttest: there is no group `%s`; usage: rttest [GROUP]..., of", arguments[a]);
            for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
                rt_print(" %s", groups[i].name);
            }
            rt_print("\n");
            return false;
        }
    }
    return true;
}

int main(int count, char **arguments)
{
    if (count == 3 && same(arguments[1], "spin")) {
        return budgets_child((unsigned)(arguments[2][0] - '0'));
    }
    if (!names_groups(count, arguments)) {
        return 2;
    }
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++) {
        const uint32_t passed_before = passed, failed_before = failed;
        bool wanted = count < 2 && !groups[i].alone;

        for (int a = 1; a < count; a++) {
            wanted |= same(arguments[a], groups[i].name);
        }
        if (wanted) {
            groups[i].run();
            rt_print("  %-10s %u passed, %u failed\n", groups[i].name, passed - passed_before,
                     failed - failed_before);
        }
    }
    rt_print("rttest: %u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
