/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/server.h"
#include "text/text.h"

#define RACERS       4u
#define RACE_NS      (400 * RT_NS_PER_MS)
#define KILL_ROUNDS  24u
#define SHARED_PAGES 2u

/** What the racers fight over. Anything in it may be gone at any time. */
static struct {
    uint64_t memory, view, notification, endpoint, client; /* [a] capabilities */
    uint64_t address;                                      /* where all of them map */
    uint64_t process;                                      /* a child that several kill */
    bool stop;                                             /* [a] */
} race;

static uint64_t shared(uint64_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

/** Map, unmap and protect the same place, with the same memory. */
static uint64_t race_map(void *argument)
{
    uint64_t done = 0;

    (void)argument;
    while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
        done += vm_map(shared(&race.memory), race.address, 0, SHARED_PAGES, ACCESS_READ_WRITE) ==
                STATUS_OK;
        (void)!vm_protect(race.address, SHARED_PAGES, ACCESS_READ);
        (void)!vm_unmap(race.address, SHARED_PAGES);
    }
    return done;
}

/** Views come and go, and are revoked under their users. */
static uint64_t race_view(void *argument)
{
    const uint64_t place = race.address + (1 + (uint64_t)(uintptr_t)argument) * 0x10000;
    uint64_t done = 0, view;

    while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
        if (memory_view(shared(&race.memory), 0, 1, ACCESS_READ, &view) == STATUS_OK) {
            (void)!vm_map(view, place, 0, 1, ACCESS_READ);
            (void)rt_ring_revoke(rt_ring_self(), view);
            (void)rt_ring_revoke(rt_ring_self(), shared(&race.memory));
            capability_release(view);
            (void)!vm_unmap(place, 1);
            done++;
        }
    }
    return done;
}

/** Objects are replaced while others use them. */
static uint64_t race_replace(void *argument)
{
    uint64_t done = 0, fresh, bits;

    (void)argument;
    while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
        if (notification_create(&fresh) == STATUS_OK) {
            capability_release(__atomic_exchange_n(&race.notification, fresh, __ATOMIC_RELAXED));
        }
        if (endpoint_create(&fresh) == STATUS_OK) {
            uint64_t client;

            if (endpoint_mint(fresh, 1, &client) == STATUS_OK) {
                capability_release(__atomic_exchange_n(&race.client, client, __ATOMIC_RELAXED));
            }
            capability_release(__atomic_exchange_n(&race.endpoint, fresh, __ATOMIC_RELAXED));
        }
        (void)!notification_signal(shared(&race.notification), 1);
        (void)!notification_wait(shared(&race.notification), 1, &bits);
        done++;
    }
    return done;
}

/** Calls to whatever endpoint there is, and cancels; waits for whatever notification. */
static uint64_t race_call(void *argument)
{
    struct rt_ring *const ring = rt_ring_self();
    uint64_t done = 0;

    (void)argument;
    while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
        const struct rt_call call = {.target = shared(&race.client), .message_inline = true};
        struct rt_operation calling = {0}, waiting = {0};

        if (rt_ring_start_call(ring, &calling, &call) != STATUS_OK ||
            rt_ring_start_wait(ring, &waiting, shared(&race.notification), 0) != STATUS_OK) {
            return 0;
        }
        rt_ring_flush(ring);
        (void)rt_ring_cancel(ring, &calling);
        (void)rt_ring_cancel(ring, &waiting);
        rt_ring_await(ring, &calling);
        rt_ring_await(ring, &waiting);
        done++;
    }
    return done;
}

/** Receives from whatever endpoint there is, answers some calls and not others. */
static uint64_t race_serve(void *argument)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation receive = {0};
    uint64_t done = 0;

    (void)argument;
    while (!__atomic_load_n(&race.stop, __ATOMIC_RELAXED)) {
        if (rt_ring_start_receive(ring, &receive, shared(&race.endpoint), 0, 64) != STATUS_OK) {
            return 0;
        }
        rt_ring_flush(ring);
        (void)rt_ring_cancel(ring, &receive);
        rt_ring_await(ring, &receive);
        if (receive.cqe.status == STATUS_OK) {
            const uint64_t call_id = receive.cqe.call_id;
            struct ring_sqe *const sqe = rt_ring_sqe(ring);

            *sqe = (struct ring_sqe){.operation = RING_OPERATION_RETURN,
                                     .flags = SQE_INLINE | SQE_QUIET,
                                     .target = call_id};
            rt_ring_flush(ring);
        }
        done++;
    }
    return done;
}

/** Run the threads for a while. Returns how many there were; *least is the fewest rounds of one. */
static unsigned race_once(uint64_t (*const functions[RACERS])(void *argument), uint64_t nanoseconds,
                          uint64_t *least)
{
    struct rt_thread *threads[RACERS];
    uint64_t done;
    unsigned started = 0;

    *least = UINT64_MAX;
    __atomic_store_n(&race.stop, false, __ATOMIC_RELAXED);
    for (; started < RACERS; started++) {
        if (rt_thread_create(functions[started], (void *)(uintptr_t)started, 0,
                             &threads[started]) != STATUS_OK) {
            break;
        }
    }
    rt_sleep(nanoseconds);
    __atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < started; i++) {
        if (rt_thread_join(threads[i], &done) != STATUS_OK) {
            done = 0;
        }
        *least = done < *least ? done : *least;
    }
    return started;
}

static void run_race(uint64_t (*const functions[RACERS])(void *argument), const char *what)
{
    uint64_t nanoseconds = RACE_NS, least;
    unsigned started;
    char text[64];

    /* On a busy host a thread may have had no turn: then once more, and longer. */
    do {
        started = race_once(functions, nanoseconds, &least);
        nanoseconds *= 4;
    } while (started == RACERS && least == 0 && nanoseconds <= 64 * RACE_NS);
    text_format(text, sizeof(text), "%u threads, at least %llu rounds each", started,
                (unsigned long long)least);
    attack_check(started == RACERS && least > 0, what, text);
}

static uint64_t race_kill(void *argument)
{
    (void)argument;
    (void)!process_kill(shared(&race.process));
    return 0;
}

/** Several threads kill one process, at every moment of its short life. */
static void race_kills(void)
{
    unsigned gone = 0;

    for (unsigned round = 0; round < KILL_ROUNDS; round++) {
        struct rt_thread *threads[2];
        enum exit_reason reason;
        uint64_t code;
        unsigned started = 0;

        race.process = child_start("race", round % 2 == 0 ? "spin" : "exit", NULL, 0);
        if (race.process == 0) {
            return;
        }
        for (unsigned i = 0; i < 2; i++) {
            if (rt_thread_create(race_kill, NULL, 0, &threads[started]) == STATUS_OK) {
                started++;
            }
        }
        rt_sleep(round * 100 * RT_NS_PER_US);
        for (unsigned i = 0; i < started; i++) {
            (void)!rt_thread_join(threads[i], &code);
        }
        (void)!process_kill(race.process);
        gone += child_wait(race.process, &code, &reason);
    }
    attack_check(gone == KILL_ROUNDS, "killing one process from several threads",
                 gone == KILL_ROUNDS ? "each is gone" : "some are not");
}

void attack_race(void)
{
    static uint64_t (*const mapping[RACERS])(void *) = {race_map, race_map, race_view, race_view};
    static uint64_t (*const calling[RACERS])(void *) = {race_replace, race_call, race_serve,
                                                        race_call};
    struct memory_size_results size = {0};

    if (memory_create(SHARED_PAGES, &race.memory) != STATUS_OK ||
        rt_space_reserve(256, &race.address) != STATUS_OK ||
        notification_create(&race.notification) != STATUS_OK ||
        endpoint_create(&race.endpoint) != STATUS_OK ||
        endpoint_mint(race.endpoint, 1, &race.client) != STATUS_OK) {
        attack_check(false, "preparing a race", "refused");
        return;
    }
    run_race(mapping, "mapping, unmapping and revoking the same pages");
    attack_check(memory_size(race.memory, &size) == STATUS_OK && size.mapping_count == 0,
                 "mappings left over", size.mapping_count == 0 ? "none" : "some");
    race_revoke_above(race.memory, race.address);
    run_race(calling, "calling, cancelling and replacing the same endpoint");
    race_kills();
    capability_release(race.memory);
    capability_release(race.notification);
    capability_release(race.client);
    capability_release(race.endpoint);
    rt_space_release(race.address, 256);
}

int child_race(const char *detail)
{
    if (detail[0] == 's') {
        for (;;) {
            (void)rt_arch_cap_enter(0, 0, 0);
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * Cycles
 * ------------------------------------------------------------------------------------------ */

int child_exit(const char *detail)
{
    if (detail[0] == 'c') {
        __asm__ volatile("ud2");
    }
    if (detail[0] == 'w') { /* to be killed */
        uint64_t notification, bits;

        if (notification_create(&notification) == STATUS_OK) {
            (void)!notification_wait(notification, 0, &bits);
        }
    }
    return 7;
}

/** Start and end processes by the hundred: each in one of three ways, none leaves anything. */
void attack_cycles(void)
{
    static const struct {
        const char *detail;
        enum exit_reason reason;
    } ways[] = {
        {"exit", EXIT_REASON_EXITED}, {"crash", EXIT_REASON_CRASHED}, {"wait", EXIT_REASON_KILLED}};
    uint64_t wrong = 0;
    char text[64];

    for (uint64_t cycle = 0; cycle < cycle_count; cycle++) {
        const size_t way = cycle % ARRAY_COUNT(ways);
        const uint64_t process = child_start("exit", ways[way].detail, NULL, 0);
        enum exit_reason reason;
        uint64_t code;

        if (process == 0) {
            return;
        }
        if (ways[way].reason == EXIT_REASON_KILLED) {
            (void)!process_kill(process);
        }
        if (!child_wait(process, &code, &reason)) {
            return;
        }
        wrong += reason != ways[way].reason;
    }
    text_format(text, sizeof(text), "%llu cycles, %llu ended in another way",
                (unsigned long long)cycle_count, (unsigned long long)wrong);
    attack_check(wrong == 0, "processes started and ended", text);
}
