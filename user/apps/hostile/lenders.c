/* SPDX-License-Identifier: MIT */
/*
 * A process that gives its Factory away and dies. Whoever has it can make nothing on the account of
 * the dead, and cannot keep it from dying.
 */
#include "apps/hostile/hostile.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/process.h"
#include "rt/server.h"

#define PATIENCE_NS (60 * RT_NS_PER_S)
#define MADE_AHEAD  4u /* objects that are there when the others are taken apart */

/** Gives its Factory to whoever receives, and waits for its own death. */
int child_lender(const char *detail)
{
    struct rt_exchange exchange;
    struct wire_build_struct params;
    uint64_t notification, bits;

    (void)detail;
    if (notification_create(&notification) != STATUS_OK ||
        rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return CHILD_GIVEN_UP;
    }
    echo_echo_params_init_root(&exchange.builder, &params);
    rt_exchange_transfer(&exchange, RT_FACTORY, RING_TRANSFER_COPY);
    (void)!rt_exchange_call(&exchange, rt_capability("client"), 0, NULL);
    (void)!notification_wait(notification, 0, &bits);
    return 1;
}

/** Start a lender: its handle, and the Factory that it gives; 0 if it cannot. */
static uint64_t start_lender(uint64_t *factory)
{
    struct rt_grant grant = {"client", 6, 0, RING_TRANSFER_MOVE};
    struct rt_server server;
    uint64_t endpoint, process = 0;

    if (endpoint_create(&endpoint) != STATUS_OK) {
        return 0;
    }
    if (endpoint_mint(endpoint, 1, &grant.capability) == STATUS_OK &&
        rt_server_init(&server, endpoint, RT_EXCHANGE_BYTES) == STATUS_OK) {
        process = child_start("lender", "", &grant, 1);
        if (process != 0 && rt_server_receive(&server) != NULL) {
            *factory = rt_server_capability(&server, 0);
            rt_server_reply_words(&server, (struct rt_words){{0}});
            rt_ring_flush(server.ring);
        }
        rt_server_fini(&server);
    }
    capability_release(endpoint);
    return process;
}

static enum status make(uint64_t factory, uint64_t *notification)
{
    return rt_kernel_call_word(factory, FACTORY_CREATE_NOTIFICATION, (struct rt_words){{0}},
                               notification);
}

/** Make objects and release them, so that some of the lender's are always being destroyed. */
static bool keeps_alive(uint64_t factory, uint64_t process)
{
    uint64_t made[MADE_AHEAD] = {0}, now = 0, end, code;
    enum exit_reason reason;

    (void)!rt_clock_now(&now);
    end = now + PATIENCE_NS;
    for (unsigned i = 0; now < end; i = (i + 1) % MADE_AHEAD) {
        if (made[i] != 0) {
            capability_release(made[i]);
        }
        if (make(factory, &made[i]) != STATUS_OK) {
            made[i] = 0;
        }
        if (process_wait(process, 1, &code, &reason) == STATUS_OK) {
            break;
        }
        (void)!rt_clock_now(&now);
    }
    for (unsigned i = 0; i < MADE_AHEAD; i++) {
        if (made[i] != 0) {
            capability_release(made[i]);
        }
    }
    return now >= end;
}

void lend_factory(void)
{
    uint64_t factory = 0, notification = 0;
    const uint64_t process = start_lender(&factory);

    if (process == 0 || factory == 0) {
        attack_check(false, "a lender", "refused");
        return;
    }
    attack_status(make(factory, &notification), STATUS_OK, "a Factory of a process that lives");
    capability_release(notification);
    (void)!process_kill(process);
    const bool has_ended = !keeps_alive(factory, process);

    attack_check(has_ended, "making objects on the account of the dying",
                 has_ended ? "it ends" : "it does not end");
    attack_status(make(factory, &notification), STATUS_PEER_GONE, "  of the dead");
    capability_release(factory);
    capability_release(process);
}
