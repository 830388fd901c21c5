/* SPDX-License-Identifier: MIT */
#include "services/init/init.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"

static const char launcher_name[] = "launcher";

void launcher_init(struct init *init)
{
    const struct wire_bytes name = {(const uint8_t *)launcher_name, sizeof(launcher_name) - 1};

    for (uint32_t i = 0; i < ARRAY_COUNT(init->services); i++) {
        struct init_service *const service = &init->services[i];

        /* Program 0 is init itself. */
        if (service->name.length != name.length || service->program != 0 ||
            memcmp(service->name.bytes, name.bytes, name.length) != 0) {
            continue;
        }
        if (endpoint_create(&service->endpoint) == STATUS_OK &&
            rt_server_init(&init->launcher, service->endpoint, RT_EXCHANGE_BYTES) == STATUS_OK) {
            init->launcher_serves = true;
        } else {
            rt_print("init: cannot serve the launcher\n");
        }
    }
}

/** Answer `run`. */
static void reply_outcome(struct init *init, const struct init_outcome *outcome)
{
    struct rt_server *const server = &init->launcher;
    struct wire_builder *const builder = rt_server_reply_begin(server);
    struct wire_build_struct results, result;

    launcher_run_results_init_root(builder, &results);
    launcher_run_results_init_result(&results, &result);
    switch (outcome->which) {
    case LAUNCH_RESULT_WHICH_PID:
        launch_result_set_pid(&result, outcome->process->pid);
        rt_server_transfer(server, outcome->process->handle, RING_TRANSFER_COPY);
        break;
    case LAUNCH_RESULT_WHICH_UNKNOWN_PROGRAM:
    case LAUNCH_RESULT_WHICH_COUNT:
        launch_result_set_unknown_program(&result);
        break;
    case LAUNCH_RESULT_WHICH_REFUSED:
        launch_result_set_refused(&result, outcome->refused);
        break;
    case LAUNCH_RESULT_WHICH_MISSING_SERVICE:
        launch_result_set_missing_service(&result, outcome->missing_service.bytes,
                                          outcome->missing_service.length);
        break;
    }
    rt_server_reply_end(server);
}

static void handle_run(struct init *init, struct wire_struct params)
{
    struct init_outcome outcome = {.which = LAUNCH_RESULT_WHICH_UNKNOWN_PROGRAM};
    struct rt_text extra[MANIFEST_ARGUMENTS_MAX];
    struct wire_list arguments;
    struct wire_bytes name, text;
    uint32_t index;

    if (launcher_run_params_get_program(params, &name) != WIRE_OK ||
        launcher_run_params_get_arguments(params, &arguments) != WIRE_OK) {
        rt_server_refuse(&init->launcher, STATUS_BAD_MESSAGE);
        return;
    }
    if (arguments.count > ARRAY_COUNT(extra)) {
        rt_server_refuse(&init->launcher, STATUS_TOO_LONG);
        return;
    }
    for (uint32_t i = 0; i < arguments.count; i++) {
        if (wire_list_get_text(&arguments, i, &text) != WIRE_OK) {
            rt_server_refuse(&init->launcher, STATUS_BAD_MESSAGE);
            return;
        }
        extra[i] = (struct rt_text){(const char *)text.bytes, text.length};
    }
    /* Another init would find itself without the kernel's capabilities and without a purpose. */
    if (manifest_find_program(&init->package, name, &index) && index != 0) {
        program_start(init, index, extra, arguments.count, &outcome);
    }
    reply_outcome(init, &outcome);
}

static void handle_kill(struct init *init, struct wire_struct params)
{
    const uint64_t pid = launcher_kill_params_get_pid(params);
    struct wire_build_struct results;
    struct wire_builder *builder;
    bool found = false;

    for (uint32_t i = 0; i < INIT_PROCESSES_MAX && !found; i++) {
        const struct init_process *const process = &init->processes[i];

        found = process->handle != 0 && process->pid == pid &&
                process_kill(process->handle) == STATUS_OK;
    }
    builder = rt_server_reply_begin(&init->launcher);
    launcher_kill_results_init_root(builder, &results);
    launcher_kill_results_set_found(&results, found);
    rt_server_reply_end(&init->launcher);
}

static void handle_programs(struct init *init)
{
    struct wire_builder *const builder = rt_server_reply_begin(&init->launcher);
    struct wire_build_struct results;
    struct wire_build_list list;
    struct manifest_program program;
    uint32_t usable = 0;

    for (uint32_t i = 1; i < init->package.programs.count; i++) {
        usable += init->programs[i].usable ? 1 : 0;
    }
    launcher_programs_results_init_root(builder, &results);
    launcher_programs_results_init_programs(&results, usable, &list);
    for (uint32_t i = 1, place = 0; i < init->package.programs.count; i++) {
        if (init->programs[i].usable && manifest_get_program(&init->package, i, &program)) {
            wire_list_set_text(&list, place++, program.name.bytes, program.name.length);
        }
    }
    rt_server_reply_end(&init->launcher);
}

void launcher_handle(struct init *init, const struct rt_operation *operation)
{
    struct rt_server *const server = &init->launcher;
    const struct ring_cqe *const request = rt_server_take(server, operation);
    struct wire_struct params;

    if (request == NULL) {
        return;
    }
    /* No method takes capabilities: whoever sends some has lost them. */
    rt_server_drop_capabilities(server);
    if (rt_server_read(server, &params) != STATUS_OK) {
        rt_server_refuse(server, STATUS_BAD_MESSAGE);
        return;
    }
    switch (request->method) {
    case LAUNCHER_RUN:
        handle_run(init, params);
        return;
    case LAUNCHER_KILL:
        handle_kill(init, params);
        return;
    case LAUNCHER_PROGRAMS:
        handle_programs(init);
        return;
    default:
        rt_server_refuse(server, STATUS_BAD_METHOD);
        return;
    }
}
