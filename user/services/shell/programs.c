/* SPDX-License-Identifier: MIT */
#include "services/shell/shell.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

/** Ask init which programs there are. False: it did not answer. */
static bool programs_ask(struct rt_exchange *exchange, struct wire_list *programs)
{
    struct wire_struct results;
    enum status status = rt_exchange_begin(exchange, RT_EXCHANGE_BYTES);

    if (status == STATUS_OK) {
        status = rt_exchange_call_inline(exchange, rt_capability("launcher"), LAUNCHER_PROGRAMS,
                                         (struct rt_words){{0}}, &results);
        if (status == STATUS_OK &&
            launcher_programs_results_get_programs(results, programs) == WIRE_OK) {
            return true;
        }
        rt_exchange_end(exchange);
    }
    rt_print("the launcher's answer: %s\n", status_name(status));
    return false;
}

static void programs_list(void)
{
    struct rt_exchange exchange;
    struct wire_list programs;
    struct wire_bytes name;

    if (programs_ask(&exchange, &programs)) {
        for (uint32_t i = 0; i < programs.count; i++) {
            if (wire_list_get_text(&programs, i, &name) == WIRE_OK) {
                rt_print("  %s\n", (const char *)name.bytes);
            }
        }
        rt_exchange_end(&exchange);
    }
}

bool programs_offer(struct words_nearest *nearest)
{
    struct rt_exchange exchange;
    struct wire_list programs;
    struct wire_bytes name;

    if (!programs_ask(&exchange, &programs)) {
        return false;
    }
    for (uint32_t i = 0; i < programs.count; i++) {
        if (wire_list_get_text(&programs, i, &name) == WIRE_OK) {
            words_nearest_offer(nearest, (const char *)name.bytes);
        }
    }
    rt_exchange_end(&exchange);
    return true;
}

/** Say that there is no such program, and which one may have been meant. */
static void program_unknown(const char *name)
{
    struct words_nearest nearest;

    words_nearest_init(&nearest, name);
    rt_print("no program \"%.40s\"", name);
    if (programs_offer(&nearest)) {
        command_suggest(&nearest, "", "`run` lists the programs");
    }
}

/** Launcher.run. On success the handle, the process number, and whether it is one that stays. */
static bool program_launch(char *const *words, size_t count, uint64_t *handle, uint64_t *pid,
                           bool *stays)
{
    struct rt_exchange exchange;
    struct wire_build_struct params;
    struct wire_build_list arguments;
    struct wire_struct results, result;
    struct wire_bytes service;
    bool launched = false, unknown = false;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        rt_print("run: %s\n", status_name(status));
        return false;
    }
    launcher_run_params_init_root(&exchange.builder, &params);
    launcher_run_params_set_program(&params, words[0], strlen(words[0]));
    launcher_run_params_init_arguments(&params, (uint32_t)(count - 1), &arguments);
    for (size_t i = 1; i < count; i++) {
        wire_list_set_text(&arguments, (uint32_t)(i - 1), words[i], strlen(words[i]));
    }
    status = rt_exchange_call(&exchange, rt_capability("launcher"), LAUNCHER_RUN, &results);
    if (status == STATUS_OK && launcher_run_results_get_result(results, &result) != WIRE_OK) {
        status = STATUS_BAD_MESSAGE;
    }
    if (status != STATUS_OK) {
        rt_print("the launcher's answer: %s\n", status_name(status));
    } else {
        switch (launch_result_which(result)) {
        case LAUNCH_RESULT_WHICH_PID:
            *pid = launch_result_get_pid(result);
            *stays = launch_result_get_stays(result);
            *handle = rt_exchange_capability(&exchange, 0);
            launched = true;
            break;
        case LAUNCH_RESULT_WHICH_UNKNOWN_PROGRAM:
            unknown = true;
            break;
        case LAUNCH_RESULT_WHICH_REFUSED:
            rt_print("%s: not started: %s\n", words[0],
                     status_name(launch_result_get_refused(result)));
            break;
        case LAUNCH_RESULT_WHICH_MISSING_SERVICE:
            if (launch_result_get_missing_service(result, &service) == WIRE_OK) {
                rt_print("%s: not started: no running program serves \"%s\"\n", words[0],
                         (const char *)service.bytes);
            }
            break;
        case LAUNCH_RESULT_WHICH_MISSING_DEVICE:
            if (launch_result_get_missing_device(result, &service) == WIRE_OK) {
                rt_print("%s: not started: no device %s in this machine\n", words[0],
                         (const char *)service.bytes);
            }
            break;
        case LAUNCH_RESULT_WHICH_COUNT:
            rt_print("%s: an answer that this shell does not know\n", words[0]);
            break;
        }
    }
    rt_exchange_end(&exchange);
    if (unknown) {
        program_unknown(words[0]);
    }
    return launched;
}

/** The exit code of a crash is the processor's exception vector. */
static const char *crash_name(uint64_t vector)
{
    static const char *const names[] = {
        [0] = "division error", [1] = "debug trap",     [3] = "breakpoint",
        [4] = "overflow",       [6] = "invalid opcode", [13] = "general protection fault",
        [14] = "page fault",    [16] = "x87 error",     [17] = "alignment check",
        [19] = "SIMD error",
    };

    return vector < ARRAY_COUNT(names) && names[vector] != NULL ? names[vector] : "exception";
}

/** Wait for the end of a program and say how it was. ^C kills it. */
static void program_wait(const char *name, uint64_t handle)
{
    struct rt_operation gone = {0};
    uint64_t code;

    if (rt_ring_start_wait(rt_ring_self(), &gone, handle, 0) != STATUS_OK) {
        rt_print("%s: cannot wait for it\n", name);
        return;
    }
    while (input_interrupts(&gone)) {
        rt_print("^C\n");
        (void)!process_kill(handle);
    }
    if (gone.cqe.status != STATUS_OK) {
        rt_print("%s: waiting for it: %s\n", name, status_name((enum status)gone.cqe.status));
        return;
    }
    code = gone.cqe.payload[0];
    switch ((enum exit_reason)gone.cqe.payload[1]) {
    case EXIT_REASON_EXITED:
        rt_print("%s: exit code %llu\n", name, (unsigned long long)code);
        return;
    case EXIT_REASON_CRASHED:
        rt_print("%s: crashed: %s (vector %llu); `log` tells where\n", name, crash_name(code),
                 (unsigned long long)code);
        return;
    case EXIT_REASON_KILLED:
        rt_print("%s: killed\n", name);
        return;
    case EXIT_REASON_COUNT:
        break;
    }
    rt_print("%s: gone\n", name);
}

static void program_run(char *const *words, size_t count, bool background)
{
    uint64_t handle, pid;
    bool stays;

    if (!program_launch(words, count, &handle, &pid, &stays)) {
        return;
    }
    if (background || stays) {
        rt_print("%s: process %llu\n", words[0], (unsigned long long)pid);
    } else {
        program_wait(words[0], handle);
    }
    capability_release(handle);
}

void command_run(struct words *words)
{
    if (words->count == 1) {
        programs_list();
    } else {
        program_run(words->word + 1, words->count - 1, words->background);
    }
}

void command_bench(struct words *words)
{
    program_run(words->word, words->count, words->background);
}

/** The processes of one name, and what is like it. */
struct namesakes {
    const char *name;
    struct words_nearest nearest;
    uint32_t count;
    uint64_t pid; /* of the last one */
};

/** Look for processes by name. False: the list could not be read, which has been said. */
static bool namesakes_find(struct namesakes *namesakes)
{
    struct diagnostics_processes_params params = {.after_pid = 0};
    uint32_t count = 1;

    while (count != 0) {
        struct rt_exchange exchange;
        struct wire_struct results, process;
        struct wire_list list;
        struct wire_bytes name;

        if (!inspect_call(&exchange, DIAGNOSTICS_PROCESSES, RT_WORDS(params), &results)) {
            return false;
        }
        count =
            diagnostics_processes_results_get_processes(results, &list) == WIRE_OK ? list.count : 0;
        for (uint32_t i = 0; i < count; i++) {
            if (wire_list_get_struct(&list, i, &process) != WIRE_OK ||
                process_info_get_pid(process) <= params.after_pid) {
                count = 0;
                break;
            }
            params.after_pid = process_info_get_pid(process);
            if (process_info_get_name(process, &name) == WIRE_OK &&
                (process_info_get_state(process) == PROCESS_STATE_RUNNING ||
                 process_info_get_state(process) == PROCESS_STATE_STARTING)) {
                words_nearest_offer(&namesakes->nearest, (const char *)name.bytes);
                if (rt_bytes_equal(name, namesakes->name)) {
                    namesakes->count++;
                    namesakes->pid = process_info_get_pid(process);
                }
            }
        }
        rt_exchange_end(&exchange);
    }
    return true;
}

/** Read the process that a person means: a number, or the name of exactly one. */
static bool kill_target(const char *word, uint64_t *pid)
{
    struct namesakes namesakes = {.name = word};

    if (text_parse_u64(word, strlen(word), pid) == TEXT_OK) {
        return true;
    }
    words_nearest_init(&namesakes.nearest, word);
    if (!namesakes_find(&namesakes)) {
        return false;
    }
    if (namesakes.count == 0) {
        rt_print("no process is called \"%.40s\"", word);
        command_suggest(&namesakes.nearest, "", "`ps` lists them");
    } else if (namesakes.count > 1) {
        rt_print("%u processes are called \"%.40s\": give the number that `ps` shows\n",
                 namesakes.count, word);
    }
    *pid = namesakes.pid;
    return namesakes.count == 1;
}

void command_kill(struct words *words)
{
    struct launcher_kill_params params;
    struct rt_exchange exchange;
    struct wire_struct results;
    enum status status;

    if (!command_words(words, 2, 2) || !kill_target(words->word[1], &params.pid)) {
        return;
    }
    status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);
    if (status != STATUS_OK) {
        rt_print("kill: %s\n", status_name(status));
        return;
    }
    status = rt_exchange_call_inline(&exchange, rt_capability("launcher"), LAUNCHER_KILL,
                                     RT_WORDS(params), &results);
    if (status != STATUS_OK) {
        rt_print("the launcher's answer: %s\n", status_name(status));
    } else if (!launcher_kill_results_get_found(results)) {
        rt_print("no process %s that the launcher has started\n", words->word[1]);
    }
    rt_exchange_end(&exchange);
}
