/* SPDX-License-Identifier: MIT */
/*
 * The disk's driver is killed through the launcher while a session is open, and started again: the
 * device's reset, the new process, its start of the device, and a new session are in the time.
 */
#include "apps/bench/capos.h"

#include "rt/clock.h"
#include "rt/message.h"
#include "rt/process.h"

#define DRIVER_NAME "virtio-blk"
#define READ_NS     (60 * RT_NS_PER_S)

static uint64_t driver_pid;

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

bool system_driver_open(void)
{
    return capos_granted(memory_create(1, &capos_disk.memory), "memory for the disk") &&
           capos_granted(driver_find(&driver_pid), "the driver");
}

bool system_driver_restart(void)
{
    return capos_granted(driver_kill(driver_pid), "the driver's end") &&
           capos_granted(driver_run(&driver_pid), "the next driver");
}

bool system_driver_read(void)
{
    const struct block_request request = {
        .sector_count = CAPOS_SECTORS_PER_PAGE,
        .operation = BLOCK_OPERATION_READ,
    };
    struct block_answer answer;
    uint64_t now_ns;

    block_session_close(&capos_disk.session);
    return block_session_open(&capos_disk.session, rt_capability_required("disk"), 1,
                              capos_disk.memory, 1) == STATUS_OK &&
           rt_clock_now(&now_ns) == STATUS_OK &&
           block_submit(&capos_disk.session, &request) == STATUS_OK &&
           block_wait(&capos_disk.session, now_ns + READ_NS, &answer) == STATUS_OK &&
           answer.status == BLOCK_STATUS_OK;
}

void system_driver_close(void)
{
    block_session_close(&capos_disk.session);
    capability_release(capos_disk.memory);
}
