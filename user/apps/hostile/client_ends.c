/* SPDX-License-Identifier: MIT */
/*
 * Client ends whose end is to be heard of: every way in which one can go, and what else may be gone
 * by then. The child has the end, the parent minted it and waits for the signal.
 */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/process.h"
#include "rt/server.h"

#define QUIET_NS    (30 * RT_NS_PER_MS) /* long enough for a signal that should not come */
#define PATIENCE_NS (60 * RT_NS_PER_S)
#define GONE        4ull /* the bit that is watched for */
#define OTHER       8ull
#define ENDS_MAX    1024u

static uint64_t endpoint, notification;

static uint64_t now(void)
{
    uint64_t nanoseconds = 0;

    (void)!rt_clock_now(&nanoseconds);
    return nanoseconds;
}

static void check_signal(const char *what)
{
    uint64_t bits = 0;
    const enum status status = notification_wait(notification, now() + PATIENCE_NS, &bits);

    attack_check(status == STATUS_OK && bits == GONE, what,
                 status != STATUS_OK ? "no signal" : "signalled");
}

static void check_quiet(const char *what)
{
    uint64_t bits = 0;
    const enum status status = notification_wait(notification, now() + QUIET_NS, &bits);

    attack_check(status != STATUS_OK, what, status == STATUS_OK ? "signalled" : "no signal");
}

static uint64_t mint(void)
{
    uint64_t client = 0;

    attack_status(endpoint_mint_watched(endpoint, 1, notification, GONE, &client), STATUS_OK,
                  "an end that is watched");
    return client;
}

/* ------------------------------------------------------------------------------------------
 * What a request may name
 * ------------------------------------------------------------------------------------------ */

static void refusals(void)
{
    uint64_t signaller, client;

    if (notification_mint(notification, OTHER, &signaller) != STATUS_OK) {
        attack_check(false, "a signaller", "refused");
        return;
    }
    attack_status(endpoint_mint_watched(endpoint, 1, signaller, GONE, &client), STATUS_DENIED,
                  "bits that its signaller may not set");
    attack_status(endpoint_mint_watched(endpoint, 1, endpoint, GONE, &client), STATUS_WRONG_TYPE,
                  "an endpoint to be signalled");
    attack_status(endpoint_mint_watched(endpoint, 1, 0, GONE, &client), STATUS_BAD_CAPABILITY,
                  "bits without a notification");
    capability_release(signaller);
    attack_status(endpoint_mint_watched(endpoint, 1, signaller, OTHER, &client), STATUS_STALE,
                  "a signaller that is gone");
}

/** Wait for OTHER, whatever else comes before it. */
static void check_other(const char *what)
{
    const uint64_t end = now() + PATIENCE_NS;
    enum status status = STATUS_OK;
    uint64_t bits = 0;

    while (status == STATUS_OK && (bits & OTHER) == 0) {
        status = notification_wait(notification, end, &bits);
    }
    attack_check(status == STATUS_OK, what, status == STATUS_OK ? "signalled" : "no signal");
}

/**
 * An end for which there is no room was never there, so it is not gone either. The others do not
 * all go in the same step: they signal a notification of their own, and the last one another bit.
 */
static void refused_for_want_of_room(void)
{
    static uint64_t ends[ENDS_MAX];
    const uint64_t kept = notification;
    enum status status = STATUS_OK;
    unsigned count = 0;
    uint64_t last;

    if (notification_create(&notification) != STATUS_OK ||
        endpoint_mint_watched(endpoint, 1, notification, OTHER, &last) != STATUS_OK) {
        attack_check(false, "an end of its own", "refused");
        notification = kept;
        return;
    }
    while (count < ENDS_MAX && (status = endpoint_mint_watched(endpoint, 1, notification, GONE,
                                                               &ends[count])) == STATUS_OK) {
        count++;
    }
    attack_status(status, STATUS_OVER_BUDGET, "ends until there is no room");
    check_quiet("  the one that was refused");
    while (count > 0) {
        capability_release(ends[--count]);
    }
    check_signal("  the others");
    capability_release(last);
    check_other("  and the last one");
    capability_release(notification);
    notification = kept;
}

/* ------------------------------------------------------------------------------------------
 * Ways to go
 * ------------------------------------------------------------------------------------------ */

/** Children give back no sooner than they are gone; the parent's end goes first. */
static void lost_by(const char *detail, bool kill, const char *what)
{
    struct rt_grant grant = {"client", 6, mint(), RING_TRANSFER_COPY};
    const uint64_t process = child_start("caller", detail, &grant, 1);
    enum exit_reason reason;
    uint64_t code;

    if (process == 0) {
        return;
    }
    capability_release(grant.capability);
    if (kill) {
        check_quiet("its maker has released it, a client has it");
        (void)!process_kill(process);
    }
    (void)child_wait(process, &code, &reason);
    check_signal(what);
}

static void released(void)
{
    uint64_t client = mint();
    struct rt_grant grant = {"client", 6, client, RING_TRANSFER_COPY};
    uint64_t process, code;
    enum exit_reason reason;

    capability_release(client);
    check_signal("released");
    client = grant.capability = mint();
    process = child_start("caller", "waits", &grant, 1);
    if (process == 0) {
        return;
    }
    rt_sleep(QUIET_NS);
    attack_status(capability_revoke(client), STATUS_OK, "revoking it while its call is queued");
    check_quiet("  its maker still has it");
    capability_release(client);
    check_signal("  until it releases it");
    if (child_wait(process, &code, &reason)) {
        attack_status((enum status)code, STATUS_STALE, "  the call");
    }
}

/** As long as a call can still be received the end is not gone. */
static void released_with_a_call(void)
{
    struct rt_ring *const ring = rt_ring_self();
    const struct rt_call call = {.target = mint(), .message_inline = true};
    struct rt_operation calling = {0};

    if (rt_ring_start_call(ring, &calling, &call) != STATUS_OK) {
        attack_check(false, "a call", "refused");
        return;
    }
    rt_ring_flush(ring);
    capability_release(call.target);
    check_quiet("released, with a call that is queued");
    (void)rt_ring_cancel(ring, &calling);
    rt_ring_await(ring, &calling);
    check_signal("  when the call is cancelled");
}

/* ------------------------------------------------------------------------------------------
 * Others may go first
 * ------------------------------------------------------------------------------------------ */

static void watcher_gone(bool revoke)
{
    uint64_t signaller, client = 0;

    if (notification_mint(notification, GONE, &signaller) != STATUS_OK) {
        attack_check(false, "a signaller", "refused");
        return;
    }
    attack_status(endpoint_mint_watched(endpoint, 1, signaller, GONE, &client), STATUS_OK,
                  "an end that is watched through a signaller");
    if (revoke) {
        (void)capability_revoke(signaller);
    } else {
        capability_release(signaller);
    }
    capability_release(client);
    check_quiet(revoke ? "  which is revoked first" : "  which is released first");
    if (revoke) {
        capability_release(signaller);
    }
}

static void notification_gone(void)
{
    uint64_t own, client = 0;

    if (notification_create(&own) != STATUS_OK) {
        attack_check(false, "a notification", "refused");
        return;
    }
    attack_status(endpoint_mint_watched(endpoint, 1, own, GONE, &client), STATUS_OK,
                  "an end watched by a notification that nobody has any more");
    capability_release(own);
    capability_release(client);
}

static void endpoint_gone(void)
{
    const uint64_t kept = endpoint;
    uint64_t client;

    if (endpoint_create(&endpoint) == STATUS_OK) {
        client = mint();
        capability_release(endpoint);
        check_quiet("its endpoint is gone");
        capability_release(client);
        check_signal("  and then it");
    }
    endpoint = kept;
}

/** Gives an end that it watches itself to whoever receives, and waits for its own death. */
int child_minter(const char *detail)
{
    struct rt_exchange exchange;
    struct wire_build_struct params;
    uint64_t client, bits;

    (void)detail;
    if (endpoint_create(&endpoint) != STATUS_OK ||
        notification_create(&notification) != STATUS_OK ||
        endpoint_mint_watched(endpoint, 1, notification, GONE, &client) != STATUS_OK ||
        rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return CHILD_GIVEN_UP;
    }
    echo_echo_params_init_root(&exchange.builder, &params);
    rt_exchange_transfer(&exchange, client, RING_TRANSFER_MOVE);
    (void)!rt_exchange_call(&exchange, rt_capability("client"), 0, NULL);
    return notification_wait(notification, 0, &bits) == STATUS_OK && bits == GONE ? 0 : 1;
}

static void minter(bool kill)
{
    struct rt_grant grant = {"client", 6, 0, RING_TRANSFER_MOVE};
    struct rt_server server;
    uint64_t process, client = 0, code = 0;
    enum exit_reason reason;

    if (endpoint_mint(endpoint, 1, &grant.capability) != STATUS_OK ||
        rt_server_init(&server, endpoint, RT_EXCHANGE_BYTES) != STATUS_OK) {
        attack_check(false, "an end", "refused");
        return;
    }
    process = child_start("minter", "", &grant, 1);
    if (process != 0 && rt_server_receive(&server) != NULL) {
        client = rt_server_capability(&server, 0);
        rt_server_reply_words(&server, (struct rt_words){{0}});
        rt_ring_flush(server.ring);
    }
    if (process != 0 && kill) {
        (void)!process_kill(process);
    } else {
        capability_release(client);
    }
    if (process != 0 && child_wait(process, &code, &reason)) {
        attack_check(kill || code == 0,
                     kill ? "whoever watches dies first" : "a server hears of it",
                     exit_reason_name(reason));
    }
    if (kill) {
        attack_status(capability_release(client), STATUS_OK, "  releasing it then");
    }
    rt_server_fini(&server);
}

void attack_ends(void)
{
    if (endpoint_create(&endpoint) != STATUS_OK ||
        notification_create(&notification) != STATUS_OK) {
        attack_check(false, "an endpoint and a notification", "refused");
        return;
    }
    refusals();
    refused_for_want_of_room();
    released();
    released_with_a_call();
    lost_by("waits", true, "killed while its call is queued");
    lost_by("exits", false, "its holder exits");
    lost_by("crashes", false, "its holder crashes");
    lost_by("gives", true, "killed with capabilities in its call");
    watcher_gone(true);
    watcher_gone(false);
    notification_gone();
    endpoint_gone();
    minter(false);
    minter(true);
    capability_release(notification);
    capability_release(endpoint);
}
