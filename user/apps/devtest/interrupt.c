/* SPDX-License-Identifier: MIT */
#include "apps/devtest/devtest.h"

#define BITS        0x30ull
#define SHORT_MS    150u
#define PATIENCE_MS 60000u
#define STORM_MS    120000u /* for all of them */
#define RAISES      50u     /* fewer than make a storm */
#define STORMS      40u
#define WAITS       40u
#define WAITS_MAX   32u /* that are accepted: capos.capnp */

static struct interrupt_state interrupt_now(void)
{
    struct interrupt_state state = {0};

    check_status(interrupt_info(device.interrupt, &state), STATUS_OK,
                 "information on the interrupt");
    return state;
}

/** Have the device send one. */
static void raise(void)
{
    device_write32(EDU_RAISE, 1);
    device_write32(EDU_ACKNOWLEDGE, 1);
}

/**
 * Have the device send so many, each when the one before has come: a CPU that stands still takes
 * all that were sent to it meanwhile as one, and at a time of its own. True: as many were
 * delivered.
 */
static bool raise_each(unsigned count)
{
    const uint64_t end = soon(PATIENCE_MS);
    struct interrupt_state state = {0};
    uint64_t expected;
    bool good = interrupt_info(device.interrupt, &state) == STATUS_OK;

    expected = state.delivered;
    while (good && count-- > 0) {
        raise();
        expected++;
        while (good && state.delivered < expected && soon(0) < end) {
            good = interrupt_info(device.interrupt, &state) == STATUS_OK;
        }
        good = good && state.delivered == expected;
    }
    return good;
}

static void refuse_binds(uint64_t notification)
{
    uint64_t memory, signaller;

    check_refused(interrupt_bind(device.interrupt, RT_FACTORY, BITS), "binding the factory");
    check_refused(interrupt_bind(device.interrupt, notification + (1ull << 40), BITS),
                  "binding a capability that never was");
    check_refused(interrupt_bind(device.interrupt, notification, 0), "binding no bits");
    if (memory_create(1, &memory) == STATUS_OK) {
        check_refused(interrupt_bind(device.interrupt, memory, BITS), "binding memory");
        capability_release(memory);
    }
    if (notification_mint(notification, 1, &signaller) == STATUS_OK) {
        check_refused(interrupt_bind(device.interrupt, signaller, BITS),
                      "binding bits that a signaller does not cover");
        capability_release(signaller);
    }
    check_refused(interrupt_mask(device.pool), "masking a pool");
}

/** More WAITs than may be there at once: one interrupt ends all that were accepted. */
static void crowd(void)
{
    static struct rt_operation waits[WAITS];
    struct rt_ring *const ring = rt_ring_self();
    unsigned told = 0, refused = 0;

    for (unsigned i = 0; i < WAITS; i++) {
        if (rt_ring_start_wait(ring, &waits[i], device.interrupt, soon(PATIENCE_MS)) != STATUS_OK) {
            check(false, "a wait", "not submitted");
            return;
        }
    }
    rt_ring_flush(ring);
    raise();
    for (unsigned i = 0; i < WAITS; i++) {
        const struct rt_operation *ended = rt_ring_wait(ring, RT_NO_DEADLINE);

        told += ended != NULL && ended->cqe.status == STATUS_OK && ended->cqe.payload[0] == 1;
        refused += ended != NULL && ended->cqe.status == STATUS_QUEUE_FULL;
    }
    check_number(told, WAITS_MAX, "of 40 waits that one interrupt ends");
    check_number(refused, WAITS - WAITS_MAX, "  that are refused");
}

void try_interrupt(void)
{
    uint64_t count = 0, bits = 0, notification;
    struct interrupt_state state;

    if (!device_map() || notification_create(&notification) != STATUS_OK) {
        check(false, "a notification", "refused");
        return;
    }
    state = interrupt_now();
    check(state.masked, "at first the interrupt is", state.masked ? "masked" : "unmasked");
    check_number(state.delivered, 0, "delivered so far");
    refuse_binds(notification);

    raise();
    check_status(interrupt_wait(device.interrupt, soon(SHORT_MS), &count), STATUS_TIMED_OUT,
                 "waiting for one that is masked");
    check_number(interrupt_now().delivered, 0, "delivered while masked");

    /* The one from before is lost: edu's MSI has no mask bit. */
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking");
    raise();
    if (check_status(interrupt_wait(device.interrupt, soon(PATIENCE_MS), &count), STATUS_OK,
                     "waiting for one")) {
        check_number(count, 1, "and it is one");
    }
    crowd();
    check(raise_each(RAISES), "as many as were sent", "delivered");
    if (check_status(interrupt_wait(device.interrupt, soon(PATIENCE_MS), &count), STATUS_OK,
                     "waiting for many")) {
        check_number(count, RAISES, "and so many they are");
    }

    check_status(interrupt_bind(device.interrupt, notification, BITS), STATUS_OK, "binding");
    raise();
    if (check_status(notification_wait(notification, soon(PATIENCE_MS), &bits), STATUS_OK,
                     "waiting for its bits")) {
        check_number(bits, BITS, "the bits");
    }
    /* All that were sent have come: none is on its way to a CPU that stands still. */
    check_status(interrupt_mask(device.interrupt), STATUS_OK, "masking");
    state = interrupt_now();
    raise();
    check_status(notification_wait(notification, soon(SHORT_MS), &bits), STATUS_TIMED_OUT,
                 "waiting for one that is masked again");
    check_number(interrupt_now().delivered, state.delivered, "delivered since");

    /* The notification goes first: nothing is delivered to it, and nobody is harmed. */
    check_status(interrupt_unmask(device.interrupt), STATUS_OK, "unmasking again");
    capability_release(notification);
    raise();
    check_number(interrupt_now().masked, 0, "masked, after its notification has gone");
    capability_release(device.interrupt);
    raise();
    check_refused(interrupt_info(device.interrupt, &state), "an interrupt that was released");
    check_refused(interrupt_unmask(device.interrupt), "unmasking what was released");
}

static bool is_masked(void)
{
    struct interrupt_state state;

    return interrupt_info(device.interrupt, &state) == STATUS_OK && state.masked;
}

/** Storms, one after the other: each is over when the kernel has masked the interrupt. */
void try_stormy(void)
{
    const uint64_t end = soon(STORM_MS);
    unsigned storms = 0;

    if (!device_map()) {
        return;
    }
    while (storms < STORMS && interrupt_unmask(device.interrupt) == STATUS_OK) {
        while (!is_masked() && soon(0) < end) {
            raise();
        }
        if (!is_masked()) {
            break;
        }
        storms++;
    }
    check_number(storms, STORMS, "storms that were ended");
}
