/* SPDX-License-Identifier: MIT */
/*
 * Death in every phase of a call. The parent plays the side that lives.
 */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/process.h"
#include "rt/server.h"

/* A moment in which a child mostly comes to where it is to be killed. If it does not, it dies
 * earlier, and what is checked holds as well. */
#define SETTLE_NS   (5 * RT_NS_PER_MS)
#define PATIENCE_NS (60 * RT_NS_PER_S)

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

/* ------------------------------------------------------------------------------------------
 * The child as caller
 * ------------------------------------------------------------------------------------------ */

int child_caller(const char *detail)
{
    const uint64_t client = rt_capability("client");
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation call = {0};
    const struct rt_call request = {.target = client, .message_inline = true};
    struct rt_words answer;

    if (same(detail, "waits")) { /* to be killed in the call */
        return (int)rt_ring_call(ring, client, 0, (struct rt_words){{0}}, &answer);
    }
    if (same(detail, "exits")) { /* with the call in flight */
        (void)!rt_ring_start_call(ring, &call, &request);
        rt_ring_flush(ring);
        return 0;
    }
    if (same(detail, "crashes")) {
        (void)!rt_ring_start_call(ring, &call, &request);
        rt_ring_flush(ring);
        __asm__ volatile("ud2");
    }
    if (same(detail, "gives")) { /* with capabilities in the message */
        struct rt_exchange exchange;
        struct wire_build_struct params;
        uint64_t memory;

        if (memory_create(1, &memory) != STATUS_OK ||
            rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
            return CHILD_GIVEN_UP;
        }
        echo_echo_params_init_root(&exchange.builder, &params);
        rt_exchange_transfer(&exchange, memory, RING_TRANSFER_MOVE);
        return (int)rt_exchange_call(&exchange, client, 0, NULL);
    }
    return CHILD_GIVEN_UP;
}

static uint64_t start_caller(uint64_t endpoint, const char *detail)
{
    struct rt_grant grant = {"client", 6, 0, RING_TRANSFER_MOVE};

    if (endpoint_mint(endpoint, 7, &grant.capability) != STATUS_OK) {
        return 0;
    }
    return child_start("caller", detail, &grant, 1);
}

/** Kill a child and wait until nothing is left of it. */
static void child_kill(uint64_t process)
{
    uint64_t code;
    enum exit_reason reason;

    (void)!process_kill(process);
    (void)child_wait(process, &code, &reason);
}

/** A call from a fresh child still gets through: the endpoint has not suffered. */
static void check_endpoint(struct rt_server *server, const char *what)
{
    const uint64_t process = start_caller(server->endpoint, "waits");
    struct rt_operation gone = {0};
    uint64_t now = 0;

    (void)!rt_clock_now(&now);
    if (process == 0 ||
        rt_ring_start_wait(server->ring, &gone, process, now + PATIENCE_NS) != STATUS_OK) {
        return;
    }
    do {
        struct rt_operation *done;

        if (rt_server_arm(server) != STATUS_OK) {
            break;
        }
        done = rt_ring_wait(server->ring, RT_NO_DEADLINE);
        /* The call of one that has died may still come first. */
        if (rt_server_owns(server, done) && rt_server_take(server, done) != NULL) {
            rt_server_reply_words(server, (struct rt_words){{0}});
        }
    } while (gone.state != RT_OPERATION_IDLE);
    attack_check(gone.cqe.status == STATUS_OK && gone.cqe.payload[0] == STATUS_OK &&
                     gone.cqe.payload[1] == EXIT_REASON_EXITED,
                 what, "the next call is answered");
    capability_release(process);
}

static void die_as_caller(void)
{
    struct rt_server server;
    uint64_t endpoint, deaf, process, code;
    enum exit_reason reason;

    if (endpoint_create(&endpoint) != STATUS_OK ||
        rt_server_init(&server, endpoint, RT_EXCHANGE_BYTES) != STATUS_OK) {
        attack_check(false, "an endpoint", "refused");
        return;
    }
    /* Before anybody receives. */
    process = start_caller(endpoint, "waits");
    rt_sleep(SETTLE_NS);
    child_kill(process);
    check_endpoint(&server, "caller killed while its call is queued");
    /* While the server has it. */
    process = start_caller(endpoint, "waits");
    if (rt_server_receive(&server) != NULL) {
        child_kill(process);
        rt_server_reply_words(&server, (struct rt_words){{0}});
    }
    check_endpoint(&server, "caller killed while it is served");
    process = start_caller(endpoint, "exits");
    if (rt_server_receive(&server) != NULL) {
        (void)child_wait(process, &code, &reason);
        rt_server_refuse(&server, STATUS_DENIED);
    }
    check_endpoint(&server, "caller that exits while it is served");
    process = start_caller(endpoint, "crashes");
    if (rt_server_receive(&server) != NULL) {
        (void)child_wait(process, &code, &reason);
        rt_server_reply_words(&server, (struct rt_words){{0}});
    }
    check_endpoint(&server, "caller that crashes while it is served");
    /* With a capability that has arrived: it stays, the memory's account is settled. */
    process = start_caller(endpoint, "gives");
    if (rt_server_receive(&server) != NULL) {
        const uint64_t memory = rt_server_capability(&server, 0);
        struct memory_size_results size;

        child_kill(process);
        rt_server_reply_words(&server, (struct rt_words){{0}});
        attack_status(memory_size(memory, &size), STATUS_OK,
                      "memory that a dead caller has given away");
        capability_release(memory);
    }
    check_endpoint(&server, "caller killed after its capabilities have arrived");
    /* With a capability that never arrives, because nobody receives there. */
    if (endpoint_create(&deaf) == STATUS_OK) {
        process = start_caller(deaf, "gives");
        rt_sleep(SETTLE_NS);
        child_kill(process);
        capability_release(deaf);
    }
    check_endpoint(&server, "caller killed with capabilities in a queued call");
    /* After the answer. */
    process = start_caller(endpoint, "waits");
    if (rt_server_receive(&server) != NULL) {
        rt_server_reply_words(&server, (struct rt_words){{0}});
        rt_ring_flush(server.ring);
        child_kill(process);
    }
    check_endpoint(&server, "caller killed right after the answer");
    rt_server_fini(&server);
    capability_release(endpoint);
}

/* ------------------------------------------------------------------------------------------
 * The child as server
 * ------------------------------------------------------------------------------------------ */

static uint64_t wait_for_ever(void *argument)
{
    uint64_t notification, bits;

    (void)argument;
    if (notification_create(&notification) == STATUS_OK) {
        (void)!notification_wait(notification, 0, &bits);
    }
    return 0;
}

int child_server(const char *detail)
{
    static struct rt_server server;
    const uint64_t endpoint = rt_capability("endpoint");
    struct rt_thread *thread;
    uint64_t notification, bits;

    if (notification_create(&notification) != STATUS_OK ||
        rt_server_init(&server, endpoint, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return CHILD_GIVEN_UP;
    }
    if (same(detail, "deaf")) { /* never receives */
        return (int)notification_wait(notification, 0, &bits);
    }
    if (same(detail, "releases")) { /* gives its endpoint away to nobody */
        rt_sleep(2 * SETTLE_NS);
        capability_release(endpoint);
        return (int)notification_wait(notification, 0, &bits);
    }
    if (rt_server_receive(&server) == NULL) {
        return CHILD_GIVEN_UP;
    }
    if (same(detail, "exits")) {
        return 0;
    }
    if (same(detail, "crashes")) {
        __asm__ volatile("ud2");
    }
    if (same(detail, "holds")) { /* until it is killed */
        return (int)notification_wait(notification, 0, &bits);
    }
    if (same(detail, "thread-exits")) { /* the process lives on, this thread does not */
        if (rt_thread_create(wait_for_ever, NULL, 0, &thread) != STATUS_OK) {
            return CHILD_GIVEN_UP;
        }
        rt_thread_exit(0);
    }
    if (same(detail, "poisons")) {
        server.ring->user.memory->header.sq_tail += 1000;
        (void)rt_arch_cap_enter(1, 0, 0);
        for (;;) {
            (void)rt_arch_cap_enter(0, 1, RT_NO_DEADLINE);
        }
    }
    return CHILD_GIVEN_UP;
}

/**
 * Call a child that will not answer; `kill` says whether it needs help to die.
 *
 * The call must end with STATUS_PEER_GONE.
 */
static void die_as_server(const char *detail, bool kill, const char *what)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_grant grant = {"endpoint", 8, 0, RING_TRANSFER_MOVE};
    struct rt_operation operation = {0};
    struct rt_call call = {.message_inline = true};
    uint64_t process, now = 0;

    if (endpoint_create(&grant.capability) != STATUS_OK ||
        endpoint_mint(grant.capability, 1, &call.target) != STATUS_OK) {
        attack_check(false, "an endpoint", "refused");
        return;
    }
    process = child_start("server", detail, &grant, 1);
    if (process == 0 || rt_ring_start_call(ring, &operation, &call) != STATUS_OK) {
        return;
    }
    rt_ring_flush(ring);
    if (kill) {
        rt_sleep(2 * SETTLE_NS);
        (void)!process_kill(process);
    }
    (void)!rt_clock_now(&now);
    if (rt_ring_wait(ring, now + PATIENCE_NS) == &operation) {
        attack_status(rt_cqe_outcome(&operation.cqe), STATUS_PEER_GONE, what);
    } else {
        attack_check(false, what, "the call hangs");
        (void)rt_ring_cancel(ring, &operation);
        rt_ring_await(ring, &operation);
    }
    child_kill(process);
    capability_release(call.target);
}

void attack_die(void)
{
    die_as_caller();
    die_as_server("deaf", true, "server killed before it receives");
    die_as_server("holds", true, "server killed while it serves");
    die_as_server("exits", false, "server that exits while it serves");
    die_as_server("crashes", false, "server that crashes while it serves");
    die_as_server("thread-exits", false, "server thread that exits while it serves");
    die_as_server("releases", false, "server that releases its endpoint");
    die_as_server("poisons", true, "server that poisons its ring and is killed");
}
