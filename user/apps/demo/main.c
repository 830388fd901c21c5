/* SPDX-License-Identifier: MIT */
/*
 * Uses the Echo and Share services and prints what it saw: calls, capabilities given by copy and
 * by move, shared memory with notifications, and revocation. Exits 0 only if everything went as
 * the schema says.
 */
#include "base/memory.h"
#include "queue/queue.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/server.h"
#include "rt/thread.h"
#include "services/share/share.h"

#define ENTRIES_TO_SEND 1000u
#define PATIENCE_NS     (60 * RT_NS_PER_S)

static unsigned failures;

/** Print what was expected and whether it was so. */
static void check(bool good, const char *what)
{
    rt_print("  %-4s %s\n", good ? "ok" : "FAIL", what);
    failures += good ? 0 : 1;
}

static uint64_t now(void)
{
    uint64_t nanoseconds = 0;

    (void)!rt_clock_now(&nanoseconds);
    return nanoseconds;
}

static void check_status(enum status seen, enum status expected, const char *what)
{
    rt_print("  %-4s %s: %s\n", seen == expected ? "ok" : "FAIL", what, status_name(seen));
    failures += seen == expected ? 0 : 1;
}

/* ------------------------------------------------------------------------------------------ */

static void demo_echo(uint64_t echo)
{
    static const char sent[] = "text that travels in the message area";
    struct rt_exchange exchange;
    struct wire_build_struct params;
    struct wire_struct results;
    struct wire_bytes text;
    struct rt_words answer = {{0}};
    enum status status;

    rt_print("Calls to the echo service\n");
    check_status(rt_ring_call(rt_ring_self(), echo, ECHO_ECHO, (struct rt_words){{4711}}, &answer),
                 STATUS_OK, "a number, inline in the ring");
    check(answer.word[0] == 4711, "and the same number comes back");
    check_status(rt_ring_call(rt_ring_self(), echo, 99, (struct rt_words){{0}}, &answer),
                 STATUS_BAD_METHOD, "a method that it does not have");
    if (rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        check(false, "room in the message area");
        return;
    }
    echo_text_params_init_root(&exchange.builder, &params);
    echo_text_params_set_text(&params, sent, sizeof(sent) - 1);
    status = rt_exchange_call(&exchange, echo, ECHO_TEXT, &results);
    check_status(status, STATUS_OK, "a text, in the message area");
    check(status == STATUS_OK && echo_text_results_get_text(results, &text) == WIRE_OK &&
              rt_bytes_equal(text, sent),
          "and the same text comes back");
    rt_exchange_end(&exchange);
}

/* ------------------------------------------------------------------------------------------ */

/** The second thread of demo_transfer(): takes what comes, keeps it, answers. */
static uint64_t transfer_server(void *argument)
{
    uint64_t *const state = argument; /* [0] the endpoint, from [1] on what was received */
    const struct ring_cqe *request;
    struct rt_server server;

    if (rt_server_init(&server, state[0], RT_EXCHANGE_BYTES) != STATUS_OK) {
        return 1;
    }
    for (unsigned i = 1; i <= 2; i++) {
        request = rt_server_receive(&server);
        if (request == NULL) {
            return 2;
        }
        state[i] = rt_server_capability(&server, 0);
        rt_server_reply_words(&server, (struct rt_words){{request->transfer_count}});
    }
    rt_ring_flush(server.ring);
    return 0;
}

static enum status send_capability(uint64_t client, uint64_t capability, uint32_t mode,
                                   uint64_t *count)
{
    struct rt_exchange exchange;
    struct wire_build_struct params;
    struct wire_struct results;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    echo_echo_params_init_root(&exchange.builder, &params);
    rt_exchange_transfer(&exchange, capability, mode);
    status = rt_exchange_call(&exchange, client, 0, &results);
    *count = status == STATUS_OK ? wire_get_u64(&results, 0) : 0;
    rt_exchange_end(&exchange);
    return status;
}

static void demo_transfer(void)
{
    uint64_t state[3] = {0}, client = 0, notification = 0, bits = 0, count = 0, code = 0;
    struct rt_thread *thread;

    rt_print("Capabilities in messages\n");
    if (endpoint_create(&state[0]) != STATUS_OK ||
        endpoint_mint(state[0], 7, &client) != STATUS_OK ||
        notification_create(&notification) != STATUS_OK ||
        rt_thread_create(transfer_server, state, 0, &thread) != STATUS_OK) {
        check(false, "an endpoint, a notification and a thread");
        return;
    }
    check_status(send_capability(client, notification, RING_TRANSFER_COPY, &count), STATUS_OK,
                 "a notification, by copy");
    check(count == 1 && state[1] != 0 && state[1] != notification,
          "the receiver has a capability of its own");
    check_status(notification_signal(state[1], 0x10), STATUS_OK, "signalling through it");
    check_status(notification_wait(notification, 0, &bits), STATUS_OK, "seen through the original");
    check(bits == 0x10, "with the same bits");
    check_status(send_capability(client, notification, RING_TRANSFER_MOVE, &count), STATUS_OK,
                 "the same notification, by move");
    check_status(notification_signal(notification, 1), STATUS_STALE, "the original is gone");
    check_status(notification_signal(state[2], 1), STATUS_OK, "what was received works");
    check(rt_thread_join(thread, &code) == STATUS_OK && code == 0, "the thread has ended");
    check_status(capability_revoke(state[1]), STATUS_DENIED, "revoking with a copy");
    check_status(capability_revoke(state[2]), STATUS_OK, "revoking with the one that was moved");
    check_status(notification_signal(state[1], 1), STATUS_STALE, "the copy is stale");
    check_status(notification_signal(state[2], 1), STATUS_OK, "the one that revoked is not");
    capability_release(state[1]);
    capability_release(state[2]);
    capability_release(client);
    capability_release(state[0]);
    check_status(notification_signal(state[1], 1), STATUS_STALE, "a released capability");
}

/* ------------------------------------------------------------------------------------------ */

/** Share.open. */
static enum status share_open(uint64_t share, uint32_t page_count, uint64_t *session,
                              uint64_t *memory, uint64_t *signaller, uint64_t *held)
{
    const struct share_open_params params = {.page_count = page_count};
    struct rt_exchange exchange;
    struct wire_struct results;
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, share, SHARE_OPEN, RT_WORDS(params), &results);
    if (status == STATUS_OK) {
        *session = share_open_results_get_session(results);
        *memory = rt_exchange_capability(&exchange, 0);
        *signaller = rt_exchange_capability(&exchange, 1);
        *held = rt_exchange_capability(&exchange, 2);
    }
    rt_exchange_end(&exchange);
    return status;
}

static enum status share_close(uint64_t share, uint64_t session)
{
    const struct share_close_params params = {.session = session};
    struct rt_words answer;

    return rt_ring_call(rt_ring_self(), share, SHARE_CLOSE, RT_WORDS(params), &answer);
}

/** Send numbers through the queue and compare the service's sum. */
static void share_work(void *address, uint64_t signaller)
{
    const struct share_result *const result =
        (const struct share_result *)(const void *)((const char *)address + SHARE_PAGE_BYTES);
    struct queue_producer queue;
    const uint64_t end = now() + PATIENCE_NS;
    uint64_t sum = 0, sent = 0, signals = 0;

    if (!queue_producer_init(&queue, address, SHARE_PAGE_BYTES, SHARE_QUEUE_CAPACITY,
                             SHARE_ENTRY_BYTES)) {
        check(false, "the queue");
        return;
    }
    while (sent < ENTRIES_TO_SEND && now() < end) {
        while (sent < ENTRIES_TO_SEND && queue_producer_put(&queue, &sent) == QUEUE_OK) {
            sum += sent++;
        }
        if (queue_producer_publish(&queue)) {
            signals++;
            (void)!signaller_signal(signaller, SHARE_WORK);
        }
        if (sent < ENTRIES_TO_SEND) {
            rt_sleep(RT_NS_PER_MS / 10);
        }
    }
    while (__atomic_load_n(&result->count, __ATOMIC_ACQUIRE) != ENTRIES_TO_SEND && now() < end) {
        rt_sleep(RT_NS_PER_MS);
    }
    rt_print("       %llu entries, %llu signals\n", (unsigned long long)sent,
             (unsigned long long)signals);
    check(result->count == ENTRIES_TO_SEND && result->sum == sum,
          "the service has counted and added up all of them");
}

/** A session ends without a word when nobody has its client end any more. */
static void share_let_go(uint64_t share)
{
    uint64_t session = 0, memory = 0, signaller = 0, held = 0;
    struct memory_size_results size;
    enum status status = STATUS_OK;

    check_status(share_open(share, SHARE_PAGES_MIN, &session, &memory, &signaller, &held),
                 STATUS_OK, "another session");
    if (memory == 0) {
        return;
    }
    check_status(memory_size(memory, &size), STATUS_OK, "which lasts while its client end does");
    capability_release(held);
    for (const uint64_t end = now() + PATIENCE_NS; status == STATUS_OK && now() < end;) {
        rt_sleep(RT_NS_PER_MS);
        status = memory_size(memory, &size);
    }
    check_status(status, STATUS_STALE, "and no longer");
    check_status(share_close(share, session), STATUS_NOT_FOUND, "closing it then");
    capability_release(memory);
    capability_release(signaller);
}

static void demo_share(uint64_t share)
{
    uint64_t session = 0, memory = 0, signaller = 0, held = 0;
    struct memory_size_results size;
    void *address = NULL;

    rt_print("Memory shared with the share service\n");
    check_status(share_open(share, 1u << 20, &session, &memory, &signaller, &held),
                 STATUS_BAD_RANGE, "more pages than it gives");
    check_status(share_open(share, SHARE_PAGES_MIN, &session, &memory, &signaller, &held),
                 STATUS_OK, "a session");
    if (memory == 0) {
        return;
    }
    check_status(rt_space_map(memory, 0, SHARE_PAGES_MIN, ACCESS_READ_WRITE, &address), STATUS_OK,
                 "mapping its memory");
    if (address == NULL) {
        return;
    }
    check_status(signaller_signal(signaller, ~SHARE_WORK), STATUS_DENIED,
                 "signalling bits outside its mask");
    share_work(address, signaller);
    check_status(share_close(share, session + 1), STATUS_NOT_FOUND,
                 "closing a session that is not there");
    check_status(share_close(share, session), STATUS_OK, "closing it");
    check_status(memory_size(memory, &size), STATUS_STALE, "its memory has been taken back");
    check_status(signaller_signal(signaller, 1), STATUS_STALE, "and so has its signaller");
    check_status(vm_unmap((uint64_t)(uintptr_t)address, SHARE_PAGES_MIN), STATUS_NOT_FOUND,
                 "and the mapping with it");
    check_status(share_close(share, session), STATUS_NOT_FOUND, "closing it again");
    capability_release(memory);
    capability_release(signaller);
    capability_release(held);
    share_let_go(share);
}

int main(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    demo_echo(rt_capability_required("echo"));
    demo_transfer();
    demo_share(rt_capability_required("share"));
    rt_print("demo: %s\n", failures == 0 ? "everything as specified" : "FAILED");
    return failures == 0 ? 0 : 1;
}
