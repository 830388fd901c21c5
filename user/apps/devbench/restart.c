/* SPDX-License-Identifier: MIT */
/*
 * The disk's driver is killed through the launcher while a session is open, and started again.
 * Time runs from the kill until a read through the new driver has succeeded: the device's reset,
 * the new process, its start of the device, and a new session are in it.
 */
#include "apps/devbench/devbench.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"

#include "base/memory.h"

#define DRIVER_NAME "virtio-blk"
#define WARM_UP     1u
#define SAMPLES     15u
#define RETRY_NS    (50 * RT_NS_PER_US)
#define GIVE_UP_NS  (5 * RT_NS_PER_S)

/** Find the running driver. Returns: STATUS_OK; STATUS_NOT_FOUND; what was refused. */
static enum status driver_find(uint64_t *pid)
{
    struct diagnostics_processes_params params = {.after_pid = 0};
    enum status found = STATUS_NOT_FOUND;
    uint32_t count = 1;

    while (count != 0 && found == STATUS_NOT_FOUND) {
        struct rt_exchange exchange;
        struct wire_struct results, process;
        struct wire_list list;
        struct wire_bytes name;
        enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

        if (status != STATUS_OK) {
            return status;
        }
        count = 0;
        status = rt_exchange_call_inline(&exchange, rt_capability_required("diagnostics"),
                                         DIAGNOSTICS_PROCESSES, RT_WORDS(params), &results);
        if (status == STATUS_OK &&
            diagnostics_processes_results_get_processes(results, &list) == WIRE_OK) {
            count = list.count;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (wire_list_get_struct(&list, i, &process) != WIRE_OK ||
                process_info_get_pid(process) <= params.after_pid) {
                count = 0; /* a list that does not grow would never end */
                break;
            }
            params.after_pid = process_info_get_pid(process);
            if (process_info_get_name(process, &name) == WIRE_OK &&
                rt_bytes_equal(name, DRIVER_NAME) &&
                process_info_get_state(process) == PROCESS_STATE_RUNNING) {
                *pid = params.after_pid;
                found = STATUS_OK;
            }
        }
        rt_exchange_end(&exchange);
    }
    return found;
}

/** Launcher.kill. */
static enum status driver_kill(uint64_t pid)
{
    const struct launcher_kill_params params = {.pid = pid};
    struct rt_exchange exchange;
    struct wire_struct results;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status == STATUS_OK) {
        status = rt_exchange_call_inline(&exchange, rt_capability_required("launcher"),
                                         LAUNCHER_KILL, RT_WORDS(params), &results);
        if (status == STATUS_OK && !launcher_kill_results_get_found(results)) {
            status = STATUS_NOT_FOUND;
        }
        rt_exchange_end(&exchange);
    }
    return status;
}

/** Launcher.run, which waits until the device is free. */
static enum status driver_run(uint64_t *pid)
{
    struct rt_exchange exchange;
    struct wire_build_struct params;
    struct wire_build_list arguments;
    struct wire_struct results, result;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    launcher_run_params_init_root(&exchange.builder, &params);
    launcher_run_params_set_program(&params, DRIVER_NAME, sizeof(DRIVER_NAME) - 1);
    launcher_run_params_init_arguments(&params, 0, &arguments);
    status =
        rt_exchange_call(&exchange, rt_capability_required("launcher"), LAUNCHER_RUN, &results);
    if (status == STATUS_OK && launcher_run_results_get_result(results, &result) != WIRE_OK) {
        status = STATUS_BAD_MESSAGE;
    }
    if (status == STATUS_OK) {
        if (launch_result_which(result) == LAUNCH_RESULT_WHICH_PID) {
            *pid = launch_result_get_pid(result);
        } else {
            status = launch_result_which(result) == LAUNCH_RESULT_WHICH_REFUSED
                         ? launch_result_get_refused(result)
                         : STATUS_NOT_FOUND;
        }
    }
    for (uint32_t i = 0; i < rt_exchange_received(&exchange); i++) {
        capability_release(rt_exchange_capability(&exchange, i));
    }
    rt_exchange_end(&exchange);
    return status;
}

/** Connect and read, until it works. */
static enum status read_again(struct devbench_disk *disk, uint64_t give_up_ns)
{
    uint64_t now_ns;
    enum status status;

    for (;;) {
        block_session_close(&disk->session);
        status = devbench_disk_open(disk, 1);
        if (status == STATUS_OK) {
            status = devbench_disk_read(disk);
        }
        if (status == STATUS_OK || rt_clock_now(&now_ns) != STATUS_OK || now_ns > give_up_ns) {
            return status;
        }
        rt_sleep(RETRY_NS);
    }
}

/** Once: kill, start, read. */
static enum status restart(struct devbench_disk *disk, uint64_t *pid, uint64_t *took_ns)
{
    uint64_t begin_ns, end_ns;
    enum status status = rt_clock_now(&begin_ns);

    if (status == STATUS_OK) {
        status = driver_kill(*pid);
    }
    if (status == STATUS_OK) {
        status = driver_run(pid);
    }
    if (status == STATUS_OK) {
        status = read_again(disk, begin_ns + GIVE_UP_NS);
    }
    if (status == STATUS_OK) {
        status = rt_clock_now(&end_ns);
    }
    if (status == STATUS_OK) {
        *took_ns = end_ns - begin_ns;
    }
    return status;
}

void devbench_restart(struct bench_figure *figure)
{
    struct devbench_disk disk;
    uint64_t pid, took_ns = 0;
    enum status status = devbench_disk_init(&disk, 1);

    if (status == STATUS_OK) {
        status = devbench_disk_open(&disk, 1);
    }
    if (status == STATUS_OK) {
        status = devbench_disk_read(&disk);
    }
    if (status == STATUS_OK) {
        status = driver_find(&pid);
    }
    for (uint32_t run = 0; run < WARM_UP + SAMPLES && status == STATUS_OK; run++) {
        status = restart(&disk, &pid, &took_ns);
        if (run >= WARM_UP) {
            bench_samples[run - WARM_UP] = took_ns / RT_NS_PER_US;
        }
    }
    if (status == STATUS_OK) {
        bench_figure_take(figure, SAMPLES, 1);
    } else {
        rt_print("devbench: restart of %s: %s\n", DRIVER_NAME, status_name(status));
    }
    devbench_disk_fini(&disk);
}
