/* SPDX-License-Identifier: MIT */
/*
 *   race [-j] [TEST]...    a table, or one record a line (-j); all tests, if none is named
 */
#include "race/system.h"

#include "base/memory.h"
#include "rt/print.h"

#define NAME_BYTES 32u
#define FIGURES    (RACE_TESTS * RACE_WAYS_MAX)

static const struct {
    const char *name;
    bool (*run)(unsigned way, struct bench_figure *figure);
} operations[RACE_TESTS] = {
    [RACE_CALIBRATOR] = {"calibrator", race_calibrator},
    [RACE_NULL_CALL] = {"null-call", race_null_call},
    [RACE_NOP_1] = {"nop-1", race_nop_1},
    [RACE_NOP_32] = {"nop-32", race_nop_32},
    [RACE_ROUND_TRIP] = {"round-trip", race_round_trip},
    [RACE_WAKE] = {"wake", race_wake},
    [RACE_INTERRUPT] = {"interrupt", race_interrupt},
    [RACE_READ_1] = {"read-1", race_read_1},
    [RACE_READ_32] = {"read-32", race_read_32},
};

static struct bench_figure figures[FIGURES];
static char names[FIGURES][NAME_BYTES];

static bool is(const char *argument, const char *name)
{
    return strlen(argument) == strlen(name) && memcmp(argument, name, strlen(name)) == 0;
}

static bool is_test(const char *argument)
{
    for (unsigned test = 0; test < RACE_TESTS; test++) {
        if (is(argument, operations[test].name)) {
            return true;
        }
    }
    return false;
}

/** Whether a test was asked for: by name, or by naming none. */
static bool wanted(int count, char **arguments, const char *name)
{
    bool named = false;

    for (int i = 1; i < count; i++) {
        if (is(arguments[i], name)) {
            return true;
        }
        named = named || !is(arguments[i], "-j");
    }
    return !named;
}

/** TEST/WAY. The names are short: the arrays above hold them. */
static void name_write(char *name, const char *test, const char *way)
{
    const size_t length = strlen(test);

    memcpy(name, test, length);
    name[length] = '/';
    memcpy(name + length + 1, way, strlen(way) + 1);
}

int main(int count, char **arguments)
{
    uint32_t used = 0;
    bool records = false;

    if (count == 2 && is(arguments[1], "partner")) {
        return system_partner_main();
    }
    for (int i = 1; i < count; i++) {
        if (is(arguments[i], "-j")) {
            records = true;
        } else if (!is_test(arguments[i])) {
            rt_print("race: there is no test `%s`; usage: race [-j] [TEST]...\n", arguments[i]);
            return 2;
        }
    }
    bench_overhead_measure();
    for (unsigned test = 0; test < RACE_TESTS; test++) {
        for (unsigned way = 0; way < RACE_WAYS_MAX; way++) {
            if (system_ways[test][way] == NULL ||
                !wanted(count, arguments, operations[test].name)) {
                continue;
            }
            name_write(names[used], operations[test].name, system_ways[test][way]);
            figures[used].name = names[used];
            figures[used].title = names[used];
            if (!operations[test].run(way, &figures[used])) {
                rt_print("race: %s has failed\n", names[used]);
            }
            used++;
        }
    }
    bench_figures_print(figures, used, records);
    return bench_figures_missing(figures, used) == 0 ? 0 : 1;
}
