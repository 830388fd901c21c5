/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "text/text.h"

#define THINGS_MAX 4096u

static uint64_t things[THINGS_MAX];

/** Create until refused, give everything back, do it again: the same number must fit. */
static void flood_with(const char *what, enum status (*create)(uint64_t *thing))
{
    unsigned counts[2] = {0};
    enum status refusals[2] = {STATUS_OK, STATUS_OK};
    char answer[80];

    for (unsigned round = 0; round < 2; round++) {
        while (counts[round] < THINGS_MAX) {
            refusals[round] = create(&things[counts[round]]);
            if (refusals[round] != STATUS_OK) {
                break;
            }
            counts[round]++;
        }
        for (unsigned i = 0; i < counts[round]; i++) {
            capability_release(things[i]);
        }
    }
    text_format(answer, sizeof(answer), "%s after %u, and after giving them back, %s after %u",
                status_name(refusals[0]), counts[0], status_name(refusals[1]), counts[1]);
    attack_check(refusals[0] == STATUS_OVER_BUDGET && refusals[1] == STATUS_OVER_BUDGET &&
                     counts[0] == counts[1],
                 what, answer);
}

static enum status create_page(uint64_t *memory)
{
    return memory_create(1, memory);
}

static enum status create_pages(uint64_t *memory)
{
    return memory_create(64, memory);
}

static uint64_t minting;

static enum status create_client(uint64_t *client)
{
    return endpoint_mint(minting, 1, client);
}

static uint64_t viewed;

static enum status create_view(uint64_t *view)
{
    return memory_view(viewed, 0, 1, ACCESS_READ, view);
}

static uint64_t flood_sleep(void *argument)
{
    uint64_t bits;

    return notification_wait((uint64_t)(uintptr_t)argument, 0, &bits);
}

/** Create threads until refused, and wait for their end. Returns the refusal. */
static enum status flood_threads_once(unsigned *count)
{
    static struct rt_thread *threads[64];
    uint64_t notification, code, now = 0;
    enum status status = notification_create(&notification);

    while (status == STATUS_OK && *count < ARRAY_COUNT(threads)) {
        status =
            rt_thread_create(flood_sleep, (void *)(uintptr_t)notification, 4096, &threads[*count]);
        *count += status == STATUS_OK ? 1 : 0;
    }
    for (unsigned i = 0; i < *count; i++) {
        /* A signal wakes one of them, whichever. */
        do {
            (void)!notification_signal(notification, 1);
            (void)!rt_clock_now(&now);
        } while (rt_ring_wait_for(rt_ring_self(), threads[i]->capability, now + RT_NS_PER_MS, &code,
                                  NULL) == STATUS_TIMED_OUT);
        (void)!rt_thread_join(threads[i], &code);
    }
    capability_release(notification);
    return status;
}

static void flood_threads(void)
{
    unsigned counts[2] = {0};
    const enum status first = flood_threads_once(&counts[0]);
    const enum status second = flood_threads_once(&counts[1]);
    char answer[80];

    text_format(answer, sizeof(answer), "%s after %u, and after they ended %s after %u",
                status_name(first), counts[0], status_name(second), counts[1]);
    attack_check(first == STATUS_OVER_BUDGET && second == STATUS_OVER_BUDGET &&
                     counts[0] == counts[1],
                 "threads", answer);
}

/** One page in as many places as the budget pays for. */
static void flood_mappings(void)
{
    uint64_t memory, base = 0x1000000000ull;
    unsigned counts[2] = {0};
    enum status status = memory_create(1, &memory);
    char answer[80];

    for (unsigned round = 0; round < 2 && status == STATUS_OK; round++) {
        /* Each in a place that needs page tables of its own. */
        while ((status = vm_map(memory, base + counts[round] * (1ull << 30), 0, 1, ACCESS_READ)) ==
                   STATUS_OK &&
               counts[round] < THINGS_MAX) {
            counts[round]++;
        }
        for (unsigned i = 0; i < counts[round]; i++) {
            if (vm_unmap(base + i * (1ull << 30), 1) != STATUS_OK) {
                attack_check(false, "unmapping one of them", "refused");
            }
        }
        if (status == STATUS_OVER_BUDGET) {
            status = STATUS_OK;
        }
    }
    text_format(answer, sizeof(answer), "%s; %u, and after unmapping %u", status_name(status),
                counts[0], counts[1]);
    attack_check(status == STATUS_OK && counts[0] != 0 && counts[0] == counts[1],
                 "page tables for one page", answer);
    capability_release(memory);
}

/** Operations that never complete, until the ring takes no more. */
static void flood_operations(void)
{
    static struct rt_operation operations[RT_OPERATIONS_MAX];
    struct rt_ring *const ring = rt_ring_self();
    unsigned started = 0, ended = 0;
    uint64_t notification;
    struct rt_words answer;

    if (notification_create(&notification) != STATUS_OK) {
        attack_check(false, "a notification", "refused");
        return;
    }
    while (started < RT_OPERATIONS_MAX &&
           rt_ring_start_wait(ring, &operations[started], notification, 0) == STATUS_OK) {
        started++;
    }
    rt_ring_flush(ring);
    attack_status(rt_kernel_call(RT_FACTORY, 999, (struct rt_words){{0}}, &answer),
                  STATUS_BAD_METHOD, "a call beside 60 pending operations");
    for (unsigned i = 0; i < started; i++) {
        ended += rt_ring_cancel(ring, &operations[i]) == STATUS_OK;
    }
    while (rt_ring_poll(ring) != NULL) {
    }
    attack_check(started == RT_OPERATIONS_MAX && ended == started, "cancelling all of them",
                 "done");
    capability_release(notification);
}

void attack_flood(void)
{
    flood_with("pages, one at a time", create_page);
    flood_with("pages, 64 at a time", create_pages);
    flood_with("notifications", notification_create);
    flood_with("endpoints", endpoint_create);
    flood_with("timers", timer_create);
    if (endpoint_create(&minting) == STATUS_OK) {
        flood_with("client ends", create_client);
        capability_release(minting);
    }
    if (memory_create(1, &viewed) == STATUS_OK) {
        flood_with("views of a page", create_view);
        capability_release(viewed);
    }
    flood_threads();
    flood_mappings();
    flood_operations();
    {
        uint64_t memory;

        attack_refused(memory_create(UINT64_MAX, &memory), "2^64 - 1 pages");
        attack_refused(memory_create(1ull << 52, &memory), "2^52 pages");
    }
}
