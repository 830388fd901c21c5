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
#define BOUND_NS    (3 * RT_NS_PER_S) /* less than the spinners spin */
#define STARVING_NS (30 * RT_NS_PER_MS)

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
        !worker_start(serve, station, PRIORITY_LOWEST, &station->thread) ||
        !EXPECT_STATUS(call(station, METHOD_WORK), STATUS_OK) ||
        !EXPECT(sleep_until(&station->returned, 1))) {
        return false;
    }
    /* Its RECV waits for the next call: the RETURN has armed it again. */
    station->taken = station->worked = station->returned = 0;
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
static bool is_slow_again(const struct station *station)
{
    const uint64_t taken = __atomic_load_n(&station->taken, __ATOMIC_ACQUIRE);
    bool starves;

    rt_sleep(STARVING_NS);
    starves = __atomic_load_n(&station->returned, __ATOMIC_ACQUIRE) < taken;
    EXPECT(spinners_stop());
    EXPECT(sleep_until(&station->returned, taken));
    return starves;
}

/** The call meets a waiting server. */
static bool check_direct(void)
{
    static struct station station;
    bool starves;

    if (!station_open(&station, NULL) || !spinners_start(machine_cpus, PRIORITY_MIDDLE) ||
        !spinners_begun(machine_cpus)) {
        return false;
    }
    check_call(&station);
    starves = is_slow_again(&station);
    station_close(&station);
    return starves;
}

static uint64_t hold(void *argument)
{
    return call(argument, METHOD_HOLD);
}

/** A client of low priority has its server hold, directly or through another one, and every CPU is
 * busy. False: counts. */
static bool hold_start(struct station *front, struct station *back, struct rt_thread **client)
{
    __atomic_store_n(&release_hold, 0, __ATOMIC_RELEASE);
    return (back == NULL || station_open(back, NULL)) && station_open(front, back) &&
           worker_start(hold, front, PRIORITY_LOW, client) &&
           EXPECT(sleep_until(&(back != NULL ? back : front)->taken, 1)) &&
           spinners_start(machine_cpus, PRIORITY_MIDDLE) && spinners_begun(machine_cpus);
}

/** The call waits behind the call of a client of low priority, for which the server, or another
 * server that it calls, is at work. */
static bool check_queued_behind(struct station *back)
{
    static struct station front;
    struct rt_thread *client;
    uint64_t code = 1;
    bool starves;

    if (!hold_start(&front, back, &client)) {
        return false;
    }
    __atomic_store_n(&release_hold, 1, __ATOMIC_RELEASE);
    check_call(&front);
    starves = is_slow_again(&front);
    EXPECT_STATUS(rt_thread_join(client, &code), STATUS_OK);
    EXPECT(code == STATUS_OK);
    station_close(&front);
    if (back != NULL) {
        station_close(back);
    }
    return starves;
}

static bool check_queued(void)
{
    return check_queued_behind(NULL);
}

static bool check_chain(void)
{
    static struct station back;

    return check_queued_behind(&back);
}

/** A queued call that is cancelled takes back what it lent: the server starves again. */
static bool check_cancelled(void)
{
    static struct station station;
    const struct rt_call queued = {.method = METHOD_WORK, .message_inline = true};
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation operation = {0};
    struct rt_call request = queued;
    struct rt_thread *client;
    uint64_t code = 1;
    bool starves;

    if (!hold_start(&station, NULL, &client)) {
        return false;
    }
    request.target = station.client;
    EXPECT_STATUS(rt_ring_start_call(ring, &operation, &request), STATUS_OK);
    rt_ring_flush(ring);
    EXPECT_STATUS(rt_ring_cancel(ring, &operation), STATUS_OK);
    rt_ring_await(ring, &operation);
    EXPECT_STATUS((enum status)operation.cqe.status, STATUS_CANCELLED);
    rt_sleep(10 * RT_NS_PER_MS); /* the spinners have taken over again */
    __atomic_store_n(&release_hold, 1, __ATOMIC_RELEASE);
    rt_sleep(STARVING_NS);
    starves = __atomic_load_n(&station.worked, __ATOMIC_ACQUIRE) == 0;
    EXPECT(spinners_stop());
    EXPECT_STATUS(rt_thread_join(client, &code), STATUS_OK);
    station_close(&station);
    return starves;
}

void group_lending(void)
{
    if (spinners_prepare()) {
        EXPECT(holds_once(rounds_of_order(), check_direct));
        EXPECT(holds_once(rounds_of_order(), check_queued));
        EXPECT(holds_once(rounds_of_order(), check_chain));
        EXPECT(holds_once(rounds_of_order(), check_cancelled));
    }
}
