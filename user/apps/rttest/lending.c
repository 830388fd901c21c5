/* SPDX-License-Identifier: MIT */
/*
 * A caller lends its priority to whoever has to work before it gets its answer.
 *
 * The servers are the least urgent threads, every CPU is busy with threads of middle priority, and
 * the caller is urgent. Without lending the call would wait until the spinners give up.
 */
#include "apps/rttest/rttest.h"
#include "apps/rttest/spinners.h"
#include "rt/kernel_objects.h"
#include "rt/server.h"

#define WORK_ROUNDS 100000u
#define BOUND_NS    (2 * RT_NS_PER_S) /* less than the spinners spin */

enum method {
    METHOD_WORK, /* computes a little */
    METHOD_HOLD, /* holds the server until told, or has the next server do so */
    METHOD_STOP,
};

struct station {
    uint64_t endpoint;
    uint64_t client;      /* a sending end */
    struct station *next; /* METHOD_HOLD is passed on to it; NULL: this one holds */
    struct rt_thread *thread;
    uint64_t taken;    /* [a] calls that were begun */
    uint64_t worked;   /* [a] counted before RETURN, at what is lent */
    uint64_t returned; /* [a] counted after RETURN, at the server's own priority */
};

static uint64_t release_hold; /* [a] METHOD_HOLD may end */

static enum status call(const struct station *station, enum method method)
{
    struct rt_words answer;

    return rt_ring_call(rt_ring_self(), station->client, (uint16_t)method, (struct rt_words){{0}},
                        &answer);
}

static void work(struct station *station, uint16_t method)
{
    __atomic_fetch_add(&station->taken, 1, __ATOMIC_RELEASE);
    if (method == METHOD_WORK) {
        for (uint64_t i = 0; i < WORK_ROUNDS; i++) {
            __asm__ volatile(""); /* not `pause`, which takes an emulator microseconds */
        }
    } else if (method == METHOD_HOLD && station->next != NULL) {
        EXPECT_STATUS(call(station->next, METHOD_HOLD), STATUS_OK);
    } else if (method == METHOD_HOLD) {
        EXPECT(spin_until(&release_hold, 1, 2 * SPIN_LIMIT_MS * 1000));
    }
}

static uint64_t serve(void *argument)
{
    struct station *const station = argument;
    const struct ring_cqe *request;
    struct rt_server server;
    bool stop = false;

    if (rt_server_init(&server, station->endpoint, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return 1;
    }
    while (!stop && (request = rt_server_receive(&server)) != NULL) {
        stop = request->method == METHOD_STOP;
        work(station, request->method);
        __atomic_fetch_add(&station->worked, 1, __ATOMIC_RELEASE);
        rt_server_reply_words(&server, (struct rt_words){{0}});
        rt_ring_flush(server.ring);
        __atomic_fetch_add(&station->returned, 1, __ATOMIC_RELEASE);
    }
    return 0;
}

static bool station_open(struct station *station, struct station *next)
{
    *station = (struct station){.next = next};
    if (!EXPECT_STATUS(endpoint_create(&station->endpoint), STATUS_OK) ||
        !EXPECT_STATUS(endpoint_mint(station->endpoint, 1, &station->client), STATUS_OK) ||
        !worker_start(serve, station, PRIORITY_LOWEST, &station->thread)) {
        return false;
    }
    rt_sleep(2 * RT_NS_PER_MS); /* it waits for calls */
    return true;
}

static void station_close(struct station *station)
{
    uint64_t code = 1;

    EXPECT_STATUS(call(station, METHOD_STOP), STATUS_OK);
    EXPECT_STATUS(rt_thread_join(station->thread, &code), STATUS_OK);
    EXPECT(code == 0);
    capability_release(station->client);
    capability_release(station->endpoint);
}

/** This thread's call ends in bounded time. */
static void check_call(const struct station *station)
{
    const uint64_t begin = rttest_now();

    EXPECT_STATUS(call(station, METHOD_WORK), STATUS_OK);
    EXPECT(rttest_now() - begin < BOUND_NS);
}

/** After RETURN a server has its own priority again: it gets no further while others spin. */
static void check_given_back(const struct station *station)
{
    const uint64_t taken = __atomic_load_n(&station->taken, __ATOMIC_ACQUIRE);

    rt_sleep(30 * RT_NS_PER_MS);
    EXPECT(__atomic_load_n(&station->returned, __ATOMIC_ACQUIRE) < taken);
    EXPECT(spinners_stop());
    rt_sleep(10 * RT_NS_PER_MS);
    EXPECT(__atomic_load_n(&station->returned, __ATOMIC_ACQUIRE) == taken);
}

/** The call meets a waiting server. */
static void check_direct(void)
{
    static struct station station;

    if (!station_open(&station, NULL) || !spinners_start(machine_cpus, PRIORITY_MIDDLE)) {
        return;
    }
    rt_sleep(5 * RT_NS_PER_MS);
    check_call(&station);
    check_given_back(&station);
    station_close(&station);
}

static uint64_t hold(void *argument)
{
    return call(argument, METHOD_HOLD);
}

/** The call waits behind the call of a client of low priority, for which the server, or another
 * server that it calls, is at work. */
static void check_queued(bool chain)
{
    static struct station front, back;
    struct rt_thread *client;
    uint64_t code = 1;

    __atomic_store_n(&release_hold, 0, __ATOMIC_RELEASE);
    if ((chain && !station_open(&back, NULL)) || !station_open(&front, chain ? &back : NULL) ||
        !worker_start(hold, &front, PRIORITY_LOW, &client)) {
        return;
    }
    for (unsigned i = 0; i < 100 && (chain ? &back : &front)->taken == 0; i++) {
        rt_sleep(RT_NS_PER_MS);
    }
    if (!spinners_start(machine_cpus, PRIORITY_MIDDLE)) {
        return;
    }
    rt_sleep(20 * RT_NS_PER_MS);
    __atomic_store_n(&release_hold, 1, __ATOMIC_RELEASE);
    check_call(&front);
    check_given_back(&front);
    EXPECT_STATUS(rt_thread_join(client, &code), STATUS_OK);
    EXPECT(code == STATUS_OK);
    station_close(&front);
    if (chain) {
        station_close(&back);
    }
}

/** A queued call that is cancelled takes back what it lent: the server starves again. */
static void check_cancelled(void)
{
    static struct station station;
    const struct rt_call queued = {.method = METHOD_WORK, .message_inline = true};
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation operation = {0};
    struct rt_call request = queued;
    struct rt_thread *client;
    uint64_t code = 1;

    __atomic_store_n(&release_hold, 0, __ATOMIC_RELEASE);
    if (!station_open(&station, NULL) || !worker_start(hold, &station, PRIORITY_LOW, &client)) {
        return;
    }
    for (unsigned i = 0; i < 100 && station.taken == 0; i++) {
        rt_sleep(RT_NS_PER_MS);
    }
    if (!spinners_start(machine_cpus, PRIORITY_MIDDLE)) {
        return;
    }
    request.target = station.client;
    EXPECT_STATUS(rt_ring_start_call(ring, &operation, &request), STATUS_OK);
    rt_ring_flush(ring);
    EXPECT_STATUS(rt_ring_cancel(ring, &operation), STATUS_OK);
    rt_ring_await(ring, &operation);
    EXPECT_STATUS((enum status)operation.cqe.status, STATUS_CANCELLED);
    rt_sleep(10 * RT_NS_PER_MS);
    __atomic_store_n(&release_hold, 1, __ATOMIC_RELEASE);
    rt_sleep(30 * RT_NS_PER_MS);
    EXPECT(__atomic_load_n(&station.worked, __ATOMIC_ACQUIRE) == 0);
    EXPECT(spinners_stop());
    EXPECT_STATUS(rt_thread_join(client, &code), STATUS_OK);
    station_close(&station);
}

void group_lending(void)
{
    if (spinners_prepare()) {
        check_direct();
        check_queued(false);
        check_queued(true);
        check_cancelled();
    }
}
