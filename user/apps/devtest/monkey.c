/* SPDX-License-Identifier: MIT */
/*
 * Threads that do anything with the devices of the machine, all at once: claims, parts moved to
 * themselves, buffers, interrupts, revocations, and calls of random methods with random words on
 * whatever capability there is, several in one entry of the kernel and cancelled half-way.
 *
 * Nothing is expected of a single answer. What is: that each operation is answered, and that the
 * kernel, which checks its ledger after each step if it is a debug one, finds nothing wrong.
 */
#include "apps/devtest/devtest.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/thread.h"

#define MONKEYS        4u
#define SLOTS          40u
#define BATCH_MAX      6u
#define WINDOW_PAGES   16u
#define SERVER_BYTES   512u
#define FUNCTIONS_MAX  2u
#define PATIENCE_NS    (60 * RT_NS_PER_S)
#define RANDOM_METHODS 7u

static struct {
    uint64_t manager, endpoint, client;
    uint64_t slots[SLOTS]; /* [a] capabilities, which anybody may have given up meanwhile */
    uint32_t functions[FUNCTIONS_MAX];
    uint64_t generations[FUNCTIONS_MAX]; /* [a] */
    uint64_t claims, moves, buffers;     /* [a] that were granted */
    uint64_t windows;                    /* addresses, WINDOW_PAGES of each monkey */
    uint64_t end_ns;
} zoo;

struct monkey {
    uint32_t number;
    uint64_t random;
    uint64_t window;
    uint64_t rounds;
};

static uint64_t next(struct monkey *monkey)
{
    /* xorshift64* (S. Vigna, 2016). */
    monkey->random ^= monkey->random >> 12;
    monkey->random ^= monkey->random << 25;
    monkey->random ^= monkey->random >> 27;
    return monkey->random * 0x2545f4914f6cdd1dull;
}

static uint32_t below(struct monkey *monkey, uint32_t end)
{
    return (uint32_t)(next(monkey) >> 33) % end;
}

static uint64_t any(struct monkey *monkey)
{
    return __atomic_load_n(&zoo.slots[below(monkey, SLOTS)], __ATOMIC_RELAXED);
}

/** Keep a capability in the place of another, which is given up. */
static void keep(struct monkey *monkey, uint64_t capability)
{
    uint64_t *const slot = &zoo.slots[below(monkey, SLOTS)];
    const uint64_t old = __atomic_exchange_n(slot, capability, __ATOMIC_RELAXED);

    if (old != 0) {
        capability_release(old);
    }
}

static uint64_t word(struct monkey *monkey)
{
    static const uint64_t words[] = {
        0,         1,      2,      3,          8,          63,         64,
        0xfff,     0x1000, 0x1001, 1ull << 20, UINT32_MAX, 1ull << 32, UINT64_MAX - 0xfff,
        UINT64_MAX};

    switch (below(monkey, 5)) {
    case 0:
        return any(monkey);
    case 1:
        return any(monkey) + (1ull << 20); /* the next one of its place */
    case 2:
        return monkey->window;
    case 3:
        return below(monkey, 5) | (uint64_t)below(monkey, 3) << 32;
    default:
        return words[below(monkey, sizeof(words) / sizeof(words[0]))];
    }
}

static void claim(struct monkey *monkey)
{
    const uint32_t which = below(monkey, FUNCTIONS_MAX);
    const uint64_t generation = __atomic_load_n(&zoo.generations[which], __ATOMIC_RELAXED);
    const struct device_manager_claim_params params = {.function = zoo.functions[which],
                                                       .pool_pages = below(monkey, 40),
                                                       .generation = generation,
                                                       .by_pin = below(monkey, 16) == 0};
    struct device_manager_claim_results results;
    const enum status status = device_manager_claim(zoo.manager, &params, &results);

    if (status == STATUS_OK) {
        keep(monkey, results.mmio);
        keep(monkey, results.pool);
        keep(monkey, results.interrupt);
        __atomic_fetch_add(&zoo.claims, 1, __ATOMIC_RELAXED);
    } else if (status == STATUS_STALE) {
        /* It grows by one with each end: some monkey is the first to have it right. */
        uint64_t expected = generation;

        __atomic_compare_exchange_n(&zoo.generations[which], &expected, generation + 1, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}

static void add_interrupt(struct monkey *monkey)
{
    const uint32_t which = below(monkey, FUNCTIONS_MAX);
    uint64_t interrupt;

    if (device_manager_interrupt(zoo.manager, zoo.functions[which],
                                 __atomic_load_n(&zoo.generations[which], __ATOMIC_RELAXED),
                                 &interrupt) == STATUS_OK) {
        keep(monkey, interrupt);
    }
}

/** Revoke, reset, disable or enable. */
static void take_back(struct monkey *monkey)
{
    const uint32_t which = below(monkey, FUNCTIONS_MAX);
    const struct device_manager_revoke_params params = {
        .function = zoo.functions[which],
        .generation = __atomic_load_n(&zoo.generations[which], __ATOMIC_RELAXED)};
    const struct device_manager_enable_params one = {.function = zoo.functions[which]};
    const uint16_t method = (uint16_t)(DEVICE_MANAGER_REVOKE + below(monkey, 3));
    uint64_t state;

    (void)!rt_kernel_call_word(zoo.manager, method, RT_WORDS(params), &state);
    (void)!rt_kernel_call_word(zoo.manager, DEVICE_MANAGER_ENABLE, RT_WORDS(one), &state);
}

static void make_memory(struct monkey *monkey)
{
    uint64_t memory, view;

    if (memory_create(1 + below(monkey, 8), &memory) != STATUS_OK) {
        return;
    }
    if (memory_view(memory, 0, 1, (enum access)below(monkey, 3), &view) == STATUS_OK) {
        keep(monkey, view);
    }
    keep(monkey, memory);
}

static void make_buffer(struct monkey *monkey)
{
    uint64_t buffer, iova;

    /* Most are not what they should be. One that is comes often enough. */
    for (unsigned i = 0; i < SLOTS; i++) {
        if (dma_pool_map(any(monkey), any(monkey), below(monkey, 3), 1 + below(monkey, 3),
                         (enum dma_access)below(monkey, 4), &buffer, &iova) == STATUS_OK) {
            keep(monkey, buffer);
            __atomic_fetch_add(&zoo.buffers, 1, __ATOMIC_RELAXED);
            return;
        }
    }
}

static void map_registers(struct monkey *monkey)
{
    const uint32_t page_count = 1 + below(monkey, 2);

    for (unsigned i = 0; i < SLOTS; i++) {
        if (device_mmio_map(any(monkey), monkey->window, below(monkey, 6), 0, page_count) ==
            STATUS_OK) {
            break;
        }
    }
    (void)!vm_unmap(monkey->window, page_count);
}

/** Send a capability to this very process, by move or by copy. */
static void move_one(struct monkey *monkey)
{
    struct rt_ring *const ring = rt_ring_self();
    const struct ring_transfer transfer = {.capability = any(monkey),
                                           .mode = below(monkey, 4) == 0 ? RING_TRANSFER_COPY
                                                                         : RING_TRANSFER_MOVE};
    struct ring_cqe answer;
    uint32_t offset;

    if (rt_area_allocate(ring, sizeof(transfer), &offset) != STATUS_OK) {
        return;
    }
    __builtin_memcpy(rt_area_at(ring, offset), &transfer, sizeof(transfer));
    const struct rt_call call = {
        .target = zoo.client, .transfer_count = 1, .message_offset = offset, .message_length = 0};

    if (rt_ring_call_message(ring, &call, &answer) == STATUS_OK) {
        __atomic_fetch_add(&zoo.moves, 1, __ATOMIC_RELAXED);
    }
    rt_area_free(ring, offset, sizeof(transfer));
}

static bool start_random(struct monkey *monkey, struct rt_operation *operation)
{
    struct rt_ring *const ring = rt_ring_self();
    uint64_t now = 0;

    (void)!rt_clock_now(&now);
    switch (below(monkey, 8)) {
    case 0: {
        struct ring_sqe *const sqe = rt_ring_begin(ring, operation);

        if (sqe != NULL) {
            const uint64_t user_data = sqe->user_data;

            *sqe = (struct ring_sqe){.operation = RING_OPERATION_RELEASE,
                                     .flags = below(monkey, 2) == 0 ? SQE_REVOKE : 0,
                                     .user_data = user_data,
                                     .target = any(monkey)};
        }
        return sqe != NULL;
    }
    case 1:
        return rt_ring_start_wait(ring, operation, any(monkey), now + 1 + below(monkey, 2000000)) ==
               STATUS_OK;
    default: {
        const struct rt_call call = {
            .target = below(monkey, 8) == 0 ? zoo.manager : any(monkey),
            .method = (uint16_t)below(monkey, RANDOM_METHODS),
            .message_inline = true,
            .words = {{word(monkey), word(monkey), word(monkey), word(monkey)}}};

        return rt_ring_start_call(ring, operation, &call) == STATUS_OK;
    }
    }
}

/** Several in one entry of the kernel; false if one is never answered. */
static bool batch(struct monkey *monkey)
{
    static struct rt_operation of_all[MONKEYS][BATCH_MAX]; /* unanswered ones stay the kernel's */
    struct rt_operation *const operations = of_all[monkey->number];
    struct rt_ring *const ring = rt_ring_self();
    const uint32_t count = 1 + below(monkey, BATCH_MAX);
    uint32_t started = 0;
    uint64_t now = 0;

    while (started < count && start_random(monkey, &operations[started])) {
        started++;
    }
    rt_ring_flush(ring);
    if (started != 0 && below(monkey, 3) == 0) {
        struct rt_operation *const one = &operations[below(monkey, started)];

        if (one->state == RT_OPERATION_PENDING) {
            (void)rt_ring_cancel(ring, one);
        }
    }
    (void)!rt_clock_now(&now);
    for (uint32_t i = 0; i < started; i++) {
        const struct rt_operation *const done = rt_ring_wait(ring, now + PATIENCE_NS);

        if (done == NULL) {
            return false;
        }
        if (rt_cqe_outcome(&done->cqe) == STATUS_OK && done->cqe.payload[0] >> 20 != 0) {
            keep(monkey, done->cqe.payload[0]); /* perhaps a capability */
        }
    }
    return true;
}

static uint64_t play(void *argument)
{
    struct monkey *const monkey = argument;
    uint64_t now = 0;

    /* However slow the host: until something was claimed at all. */
    while (now < zoo.end_ns || __atomic_load_n(&zoo.claims, __ATOMIC_RELAXED) == 0) {
        switch (below(monkey, 10)) {
        case 0:
        case 1:
            claim(monkey);
            break;
        case 2:
            add_interrupt(monkey);
            break;
        case 3:
            if (below(monkey, 4) == 0) {
                take_back(monkey);
            }
            break;
        case 4:
            make_memory(monkey);
            break;
        case 5:
            make_buffer(monkey);
            break;
        case 6:
            map_registers(monkey);
            break;
        case 7:
            move_one(monkey);
            break;
        default:
            if (!batch(monkey)) {
                return 1;
            }
            break;
        }
        monkey->rounds++;
        (void)!rt_clock_now(&now);
    }
    return 0;
}

/** Keeps what it is sent. */
static uint64_t serve(void *argument)
{
    struct monkey monkey = {.random = (uint64_t)(uintptr_t)argument};
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation receive = {0};
    uint32_t offset;

    if (rt_area_allocate(ring, SERVER_BYTES, &offset) != STATUS_OK) {
        return 1;
    }
    while (rt_ring_start_receive(ring, &receive, zoo.endpoint, offset, SERVER_BYTES) == STATUS_OK) {
        rt_ring_await(ring, &receive);
        if (receive.cqe.status != STATUS_OK) {
            return 1;
        }
        for (uint32_t i = 0; i < receive.cqe.transfer_count; i++) {
            uint64_t capability;

            __builtin_memcpy(&capability, (uint64_t *)rt_area_at(ring, offset) + i,
                             sizeof(capability));
            keep(&monkey, capability);
        }
        struct ring_sqe *const sqe = rt_ring_sqe(ring);

        *sqe = (struct ring_sqe){.operation = RING_OPERATION_RETURN,
                                 .flags = SQE_INLINE | SQE_QUIET,
                                 .target = receive.cqe.call_id};
    }
    return 1;
}

int monkeys(uint64_t manager, const struct device_manager_claim_params functions[2],
            uint32_t milliseconds)
{
    static struct monkey troop[MONKEYS];
    struct rt_thread *threads[MONKEYS], *server;
    uint64_t window, stuck = 0, rounds = 0, code;

    zoo.manager = manager;
    for (unsigned i = 0; i < FUNCTIONS_MAX; i++) {
        zoo.functions[i] = functions[i].function;
        zoo.generations[i] = functions[i].generation;
    }
    if (endpoint_create(&zoo.endpoint) != STATUS_OK ||
        endpoint_mint(zoo.endpoint, 1, &zoo.client) != STATUS_OK ||
        rt_space_reserve(WINDOW_PAGES, &window) != STATUS_OK ||
        rt_thread_create(serve, (void *)0x5eed, 0, &server) != STATUS_OK) {
        return 1;
    }
    zoo.end_ns = soon(milliseconds);
    for (unsigned i = 0; i < MONKEYS; i++) {
        troop[i] = (struct monkey){.number = i,
                                   .random = 0x9e3779b97f4a7c15ull * (i + 1),
                                   .window = window + i * 2ull * PAGE};
        if (rt_thread_create(play, &troop[i], 0, &threads[i]) != STATUS_OK) {
            return 1;
        }
    }
    for (unsigned i = 0; i < MONKEYS; i++) {
        stuck += rt_thread_join(threads[i], &code) != STATUS_OK || code != 0;
        rounds += troop[i].rounds;
    }
    rt_print("manage: monkeys: %llu rounds, %llu claims, %llu buffers, %llu moves, %llu stuck\n",
             (unsigned long long)rounds, (unsigned long long)zoo.claims,
             (unsigned long long)zoo.buffers, (unsigned long long)zoo.moves,
             (unsigned long long)stuck);
    return stuck == 0 ? 0 : 1;
}
