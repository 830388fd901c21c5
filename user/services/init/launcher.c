/* SPDX-License-Identifier: MIT */
#include "services/init/init.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/panic.h"
#include "rt/print.h"

/* A function can be claimed and lost between two looks at it; but not for ever. */
#define ATTEMPTS_MAX 16u

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
        init->launcher_serves = endpoint_create(&service->endpoint) == STATUS_OK;
        for (uint32_t l = 0; l < INIT_LAUNCHERS && init->launcher_serves; l++) {
            init->launcher_serves = rt_server_init(&init->launchers[l].server, service->endpoint,
                                                   RT_EXCHANGE_BYTES) == STATUS_OK;
        }
        if (!init->launcher_serves) {
            rt_print("init: cannot serve the launcher\n");
        }
    }
}

void launcher_arm(struct init *init)
{
    for (uint32_t i = 0; i < INIT_LAUNCHERS && init->launcher_serves; i++) {
        if (rt_server_arm(&init->launchers[i].server) != STATUS_OK) {
            rt_panic("no room for the launcher's receive operation");
        }
    }
}

/** Answer `run`. */
static void reply_outcome(struct rt_server *server, const struct init_outcome *outcome)
{
    struct wire_builder *const builder = rt_server_reply_begin(server);
    struct wire_build_struct results, result;

    launcher_run_results_init_root(builder, &results);
    launcher_run_results_init_result(&results, &result);
    switch (outcome->which) {
    case LAUNCH_RESULT_WHICH_PID:
        launch_result_set_pid(&result, outcome->process->pid);
        launch_result_set_stays(&result, outcome->stays);
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
    case LAUNCH_RESULT_WHICH_MISSING_DEVICE:
        launch_result_set_missing_device(&result, outcome->device.reason,
                                         strlen(outcome->device.reason));
        break;
    }
    rt_server_reply_end(server);
}

/** True if a start may wait for a device: somebody must be left for other calls. */
static bool may_wait(const struct init *init)
{
    uint32_t waiting = 0;

    for (uint32_t i = 0; i < INIT_LAUNCHERS; i++) {
        waiting += init->launchers[i].waits ? 1 : 0;
    }
    return waiting + 1 < INIT_LAUNCHERS;
}

/**
 * Wait until a device is free of its last owner, if there is room for that; launcher_handle()
 * tries the start again. Meanwhile calls to the program's services wait for it.
 */
static bool run_wait(struct init *init, struct init_launcher *launcher, uint32_t program,
                     const struct init_outcome *outcome)
{
    if (++launcher->attempts > ATTEMPTS_MAX || !may_wait(init) ||
        device_wait_start(&init->devices, &outcome->device, &launcher->torn_down) != STATUS_OK) {
        return false;
    }
    services_hand_over(init, program);
    init->programs[program].starting++;
    launcher->program = program;
    launcher->waits = true;
    return true;
}

/** Start a program for a caller, who is answered now or when its devices are free. */
static void run_program(struct init *init, struct init_launcher *launcher, struct wire_bytes name,
                        const struct rt_text *extra, uint32_t extra_count)
{
    struct init_outcome outcome = {.which = LAUNCH_RESULT_WHICH_UNKNOWN_PROGRAM};
    uint32_t index;

    /* Another init would find itself without the kernel's capabilities and without a purpose. */
    if (manifest_find_program(&init->package, name, &index) && index != 0) {
        program_start(init, index, extra, extra_count, &outcome);
        if (outcome.which == LAUNCH_RESULT_WHICH_COUNT) {
            if (run_wait(init, launcher, index, &outcome)) {
                return;
            }
            outcome.which = LAUNCH_RESULT_WHICH_REFUSED;
            outcome.refused = STATUS_BUSY;
        }
        if (outcome.which == LAUNCH_RESULT_WHICH_REFUSED && outcome.device.reason[0] != '\0') {
            outcome_report(init, name, &outcome); /* more than the answer can say */
        }
    }
    launcher->attempts = 0;
    reply_outcome(&launcher->server, &outcome);
}

static void handle_run(struct init *init, struct init_launcher *launcher, struct wire_struct params)
{
    struct rt_text extra[MANIFEST_ARGUMENTS_MAX];
    struct wire_list arguments;
    struct wire_bytes name, text;

    if (launcher_run_params_get_program(params, &name) != WIRE_OK ||
        launcher_run_params_get_arguments(params, &arguments) != WIRE_OK) {
        rt_server_refuse(&launcher->server, STATUS_BAD_MESSAGE);
        return;
    }
    if (arguments.count > ARRAY_COUNT(extra)) {
        rt_server_refuse(&launcher->server, STATUS_TOO_LONG);
        return;
    }
    for (uint32_t i = 0; i < arguments.count; i++) {
        if (wire_list_get_text(&arguments, i, &text) != WIRE_OK) {
            rt_server_refuse(&launcher->server, STATUS_BAD_MESSAGE);
            return;
        }
        extra[i] = (struct rt_text){(const char *)text.bytes, text.length};
    }
    run_program(init, launcher, name, extra, arguments.count);
}

static void handle_kill(const struct init *init, struct rt_server *server,
                        struct wire_struct params)
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
    builder = rt_server_reply_begin(server);
    launcher_kill_results_init_root(builder, &results);
    launcher_kill_results_set_found(&results, found);
    rt_server_reply_end(server);
}

static void handle_programs(struct init *init, struct rt_server *server)
{
    struct wire_builder *const builder = rt_server_reply_begin(server);
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
    rt_server_reply_end(server);
}

/** A new request, or the same once more. */
static void handle_request(struct init *init, struct init_launcher *launcher)
{
    struct rt_server *const server = &launcher->server;
    struct wire_struct params;

    if (rt_server_read(server, &params) != STATUS_OK) {
        rt_server_refuse(server, STATUS_BAD_MESSAGE);
        return;
    }
    switch (server->request.method) {
    case LAUNCHER_RUN:
        handle_run(init, launcher, params);
        return;
    case LAUNCHER_KILL:
        handle_kill(init, server, params);
        return;
    case LAUNCHER_PROGRAMS:
        handle_programs(init, server);
        return;
    default:
        rt_server_refuse(server, STATUS_BAD_METHOD);
        return;
    }
}

bool launcher_handle(struct init *init, const struct rt_operation *operation)
{
    for (uint32_t i = 0; i < INIT_LAUNCHERS; i++) {
        struct init_launcher *const launcher = &init->launchers[i];
        struct rt_server *const server = &launcher->server;

        if (operation == &launcher->torn_down) {
            launcher->waits = false;
            init->programs[launcher->program].starting--;
            handle_request(init, launcher);
            return true;
        }
        if (rt_server_owns(server, operation)) {
            if (rt_server_take(server, operation) != NULL) {
                /* No method takes capabilities: whoever sends some has lost them. */
                rt_server_drop_capabilities(server);
                handle_request(init, launcher);
            }
            return true;
        }
    }
    return false;
}
