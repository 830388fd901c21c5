/* SPDX-License-Identifier: MIT */
/*
 * What race needs of capOS, but for devices: a partner to call, threads, a notification, a page.
 */
#include "apps/bench/capos.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/message.h"
#include "rt/own_image.h"
#include "rt/process.h"
#include "rt/server.h"

#define IMAGE               "bench"
#define BACKGROUND_PRIORITY 1
#define URGENT_PRIORITY     18

const char *const system_ways[RACE_TESTS][RACE_WAYS_MAX] = {
    [RACE_CALIBRATOR] = {""},   [RACE_NULL_CALL] = {""},      [RACE_RING_NOP_1] = {""},
    [RACE_RING_NOP_32] = {""},  [RACE_CALL_RETURN] = {""},    [RACE_NOTIFY_BLOCKED] = {""},
    [RACE_MAP_PAGE] = {""},     [RACE_EDU_INTERRUPT] = {""},  [RACE_DISK_READ_1] = {""},
    [RACE_DISK_READ_32] = {""}, [RACE_DRIVER_RESTART] = {""},
};

/** The capability that a test cannot be without. The manifest gives `bench` none of a device. */
static const char *const needs[RACE_TESTS] = {
    [RACE_CALL_RETURN] = "spawner", [RACE_EDU_INTERRUPT] = "edu.mmio",  [RACE_DISK_READ_1] = "disk",
    [RACE_DISK_READ_32] = "disk",   [RACE_DRIVER_RESTART] = "launcher",
};

bool system_can(enum race_test test)
{
    return needs[test] == NULL || rt_capability(needs[test]) != 0;
}

/* ------------------------------------------------------------------------------------------
 * The partner
 * ------------------------------------------------------------------------------------------ */

uint64_t capos_partner;
static uint64_t partner_process;

/** The second process: answers until its endpoint is gone. */
static BENCH_MEASURED int partner_main(void)
{
    static struct rt_server server;

    if (rt_server_init(&server, rt_capability_required("endpoint"), RT_EXCHANGE_BYTES) !=
        STATUS_OK) {
        return 1;
    }
    while (rt_server_receive(&server) != NULL) {
        rt_server_reply_words(&server, (struct rt_words){{0}});
    }
    return 0;
}

static bool is(const char *argument, const char *word)
{
    return strlen(argument) == strlen(word) && memcmp(argument, word, strlen(word)) == 0;
}

bool system_main(int count, char **arguments, int *status)
{
    if (count == 2 && is(arguments[1], "partner")) {
        *status = partner_main();
        return true;
    }
    if (count == 2 && is(arguments[1], "first-read")) {
        *status = capos_first_read() ? 0 : 1;
        return true;
    }
    return false;
}

bool system_partner_start(unsigned way)
{
    const struct rt_text arguments[] = {{IMAGE, sizeof(IMAGE) - 1}, {"partner", 7}};
    struct rt_grant grants[2];
    struct rt_image image;
    struct rt_spawn spawn;
    uint64_t endpoint;

    (void)way;
    if (!capos_granted(rt_image_find(IMAGE, &image), "the partner's image") ||
        !capos_granted(endpoint_create(&endpoint), "an endpoint") ||
        !capos_granted(endpoint_mint(endpoint, 1, &capos_partner), "a client end")) {
        return false;
    }
    grants[0] = (struct rt_grant){"endpoint", 8, endpoint, RING_TRANSFER_MOVE};
    grants[1] = (struct rt_grant){"console", 7, rt_capability("console"), RING_TRANSFER_COPY};
    rt_spawn_prepare(&spawn, &image, "bench-partner");
    spawn.arguments = arguments;
    spawn.argument_count = ARRAY_COUNT(arguments);
    spawn.grants = grants;
    spawn.grant_count = ARRAY_COUNT(grants);
    return capos_granted(process_spawn(rt_capability_required("spawner"), &spawn, &partner_process),
                         "the partner");
}

void system_partner_stop(void)
{
    uint64_t code;
    enum exit_reason reason;

    (void)!process_kill(partner_process);
    (void)!process_wait(partner_process, 0, &code, &reason);
    capability_release(partner_process);
    capability_release(capos_partner);
}

/* ------------------------------------------------------------------------------------------
 * The ring, threads and wake-ups
 * ------------------------------------------------------------------------------------------ */

bool system_nops_open(uint32_t count_max)
{
    return count_max <= RING_DEPTH;
}

void system_nops_close(void)
{
}

static struct rt_thread *thread;
static void (*thread_function)(void);

static uint64_t thread_main(void *argument)
{
    (void)argument;
    thread_function();
    return 0;
}

bool system_thread_start(void (*function)(void), enum system_priority priority)
{
    thread_function = function;
    return capos_granted(rt_thread_create(thread_main, NULL, 0, &thread), "a second thread") &&
           capos_granted(thread_set_priority(thread->capability, priority == SYSTEM_URGENT
                                                                     ? URGENT_PRIORITY
                                                                     : BACKGROUND_PRIORITY),
                         "its priority");
}

bool system_thread_join(void)
{
    uint64_t code;

    return capos_granted(rt_thread_join(thread, &code), "the second thread");
}

bool system_idle_us(uint64_t *idle_us)
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

uint64_t capos_notification;

bool system_wake_open(unsigned way)
{
    (void)way;
    return capos_granted(notification_create(&capos_notification), "a notification");
}

void system_wake_close(void)
{
    capability_release(capos_notification);
}

/* ------------------------------------------------------------------------------------------
 * A page
 * ------------------------------------------------------------------------------------------ */

uint64_t capos_page_memory;
uint64_t capos_page_address;

bool system_page_open(void)
{
    /* One page stays mapped beside it, so that no page table comes and goes with the other. */
    return capos_granted(memory_create(2, &capos_page_memory), "memory") &&
           capos_granted(rt_space_reserve(2, &capos_page_address), "addresses") &&
           capos_granted(vm_map(capos_page_memory, capos_page_address + RT_PAGE_BYTES, 1, 1,
                                ACCESS_READ_WRITE),
                         "mapping a page");
}

bool system_page_unmap(int mapped)
{
    return capos_granted((enum status)mapped, "mapping a page") &&
           capos_granted(vm_unmap(capos_page_address, 1), "unmapping a page");
}

void system_page_close(void)
{
    (void)!vm_unmap(capos_page_address + RT_PAGE_BYTES, 1);
    rt_space_release(capos_page_address, 2);
    capability_release(capos_page_memory);
}
