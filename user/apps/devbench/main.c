/* SPDX-License-Identifier: MIT */
/*
 * Figures of devices and their drivers.
 *
 *   devbench [-j] [interrupt] [reads] [restart]    a table, or one record a line; all of them if
 *                                                  none is named
 *   devbench first-read                            one line when the disk has been read
 *
 * `interrupt` needs the `edu` device, the others a disk with its driver.
 */
#include "apps/devbench/devbench.h"
#include "base/memory.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"

enum figure_index { INTERRUPT, READ_1, READ_32, RESTART, FIGURES };

static struct bench_figure figures[FIGURES] = {
    [INTERRUPT] = {.name = "edu-interrupt", .title = "device's register to driver"},
    [READ_1] = {.name = "disk-read-1", .title = "read of 4 KiB, depth 1"},
    [READ_32] = {.name = "disk-read-32", .title = "read of 4 KiB, depth 32, each"},
    [RESTART] = {.name = "driver-restart", .title = "driver killed to read done", .unit = "us"},
};

/** What to ask for each of them by. */
static const char *const words[FIGURES] = {"interrupt", "reads", "reads", "restart"};

bool devbench_idle_us(uint64_t *idle_us)
{
    struct rt_exchange exchange;
    struct wire_struct results, cpu;
    struct wire_list cpus;
    bool good = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) == STATUS_OK;

    if (!good) {
        return false;
    }
    good =
        rt_exchange_call_inline(&exchange, rt_capability_required("diagnostics"), DIAGNOSTICS_CPUS,
                                (struct rt_words){{0}}, &results) == STATUS_OK &&
        diagnostics_cpus_results_get_cpus(results, &cpus) == WIRE_OK;
    *idle_us = 0;
    for (uint32_t i = 0; good && i < cpus.count; i++) {
        good = wire_list_get_struct(&cpus, i, &cpu) == WIRE_OK;
        *idle_us += good ? cpu_info_get_idle_micros(cpu) : 0;
    }
    rt_exchange_end(&exchange);
    return good;
}

static bool is(const char *argument, const char *name)
{
    return strlen(argument) == strlen(name) && memcmp(argument, name, strlen(name)) == 0;
}

/** Whether something was asked for: by name, or by naming nothing. */
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

static int usage(void)
{
    rt_print("usage: devbench [-j] [interrupt] [reads] [restart] | devbench first-read\n");
    return 2;
}

int main(int count, char **arguments)
{
    bool records = false;

    if (count == 2 && is(arguments[1], "first-read")) {
        return devbench_first_read() ? 0 : 1;
    }
    for (int i = 1; i < count; i++) {
        records = records || is(arguments[i], "-j");
        if (!is(arguments[i], "-j") && !is(arguments[i], "interrupt") &&
            !is(arguments[i], "reads") && !is(arguments[i], "restart")) {
            return usage();
        }
    }
    for (uint32_t i = 0; i < FIGURES; i++) {
        figures[i].skipped = !wanted(count, arguments, words[i]);
    }
    bench_overhead_measure();
    if (!figures[INTERRUPT].skipped) {
        devbench_interrupt(&figures[INTERRUPT]);
    }
    if (!figures[READ_1].skipped) {
        devbench_reads(&figures[READ_1], &figures[READ_32]);
    }
    if (!figures[RESTART].skipped) {
        devbench_restart(&figures[RESTART]);
    }
    bench_figures_print(figures, FIGURES, records);
    return bench_figures_missing(figures, FIGURES) == 0 ? 0 : 1;
}
