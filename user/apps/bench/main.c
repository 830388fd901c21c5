/* SPDX-License-Identifier: MIT */
/*
 *   bench [-j] [TEST]...    a table, or one record a line (-j); without a name, all tests for which
 *                           there is what they need
 */
#include "apps/bench/system.h"

#include "base/memory.h"
#include "rt/print.h"

#define NAME_BYTES 40u
#define FIGURES    (RACE_TESTS * RACE_WAYS_MAX)

static const struct {
    const char *name;
    bool (*run)(unsigned way, struct bench_figure *figure);
    const char *unit;
} operations[RACE_TESTS] = {
    [RACE_CALIBRATOR] = {"calibrator", race_calibrator, NULL},
    [RACE_NULL_CALL] = {"null-call", race_null_call, NULL},
    [RACE_RING_NOP_1] = {"ring-nop-1", race_ring_nop_1, NULL},
    [RACE_RING_NOP_32] = {"ring-nop-32", race_ring_nop_32, NULL},
    [RACE_CALL_RETURN] = {"call-return", race_call_return, NULL},
    [RACE_NOTIFY_BLOCKED] = {"notify-blocked", race_notify_blocked, NULL},
    [RACE_MAP_PAGE] = {"map-page", race_map_page, NULL},
    [RACE_EDU_INTERRUPT] = {"edu-interrupt", race_edu_interrupt, NULL},
    [RACE_DISK_READ_1] = {"disk-read-1", race_disk_read_1, NULL},
    [RACE_DISK_READ_32] = {"disk-read-32", race_disk_read_32, NULL},
    [RACE_DRIVER_RESTART] = {"driver-restart", race_driver_restart, "us"},
};

static struct bench_figure figures[FIGURES];
static char names[FIGURES][NAME_BYTES];

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

static bool is_test(const char *argument)
{
    for (unsigned test = 0; test < RACE_TESTS; test++) {
        if (same(argument, operations[test].name)) {
            return true;
        }
    }
    return false;
}

/** Whether a test was asked for: by name, or by naming none. */
static bool wanted(int count, char **arguments, enum race_test test)
{
    bool named = false;

    for (int i = 1; i < count; i++) {
        if (same(arguments[i], operations[test].name)) {
            return true;
        }
        named = named || !same(arguments[i], "-j");
    }
    return !named && system_can(test);
}

/** TEST, or TEST/WAY. The names are short: the arrays above hold them. */
static void name_write(char *name, const char *test, const char *way)
{
    const size_t length = strlen(test);

    memcpy(name, test, length + 1);
    if (way[0] != 0) {
        name[length] = '/';
        memcpy(name + length + 1, way, strlen(way) + 1);
    }
}

static int usage(const char *unknown)
{
    rt_print("bench: there is no test `%s`; usage: bench [-j] [TEST]..., and tests are\n", unknown);
    for (unsigned test = 0; test < RACE_TESTS; test++) {
        rt_print("  %s\n", operations[test].name);
    }
    return 2;
}

int main(int count, char **arguments)
{
    uint32_t used = 0;
    bool records = false;
    int status;

    if (system_main(count, arguments, &status)) {
        return status;
    }
    for (int i = 1; i < count; i++) {
        if (same(arguments[i], "-j")) {
            records = true;
        } else if (!is_test(arguments[i])) {
            return usage(arguments[i]);
        }
    }
    bench_overhead_measure();
    for (unsigned test = 0; test < RACE_TESTS; test++) {
        for (unsigned way = 0; way < RACE_WAYS_MAX; way++) {
            if (system_ways[test][way] == NULL || !wanted(count, arguments, test)) {
                continue;
            }
            name_write(names[used], operations[test].name, system_ways[test][way]);
            figures[used].name = names[used];
            figures[used].title = names[used];
            figures[used].unit = operations[test].unit;
            if (!operations[test].run(way, &figures[used])) {
                rt_print("bench: %s has failed\n", names[used]);
            }
            used++;
        }
    }
    bench_figures_print(figures, used, records);
    return bench_figures_missing(figures, used) == 0 ? 0 : 1;
}
