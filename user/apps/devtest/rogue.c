/* SPDX-License-Identifier: MIT */
/*
 * The holder of the DeviceManager against the kernel: claims at the wrong moment, and those that
 * have to be undone half-way. Lines of `manage` like those of manage.c.
 */
#include "apps/devtest/devtest.h"

#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/thread.h"

#define SLEEPERS   24u
#define SPINS      2000u /* some microseconds */
#define SETTLE_NS  (20 * RT_NS_PER_MS)
#define SPARES_MAX 256u

static struct device_manager_claim_params params;
static uint64_t manager;

int rogue_pin(uint64_t with, const struct device_manager_claim_params *claim)
{
    struct device_manager_claim_results results;

    params = *claim;
    params.by_pin = 1;
    const enum status status = device_manager_claim(with, &params, &results);

    rt_print("manage: claim by pin: %s\n", status_name(status));
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * One interrupt that is refused at the last moment, one that is not
 * ------------------------------------------------------------------------------------------ */

/** Take all capability slots. The last capability; 0 if there is none. */
static uint64_t fill_slots(void)
{
    uint64_t spare = 0;

    for (unsigned i = 0; i < SPARES_MAX && notification_create(&spare) == STATUS_OK; i++) {
    }
    return spare;
}

/** Ask for an interrupt, give `spare` up, ask again: in one entry of the kernel. */
static bool ask_twice(uint64_t spare, enum status seen[2], uint64_t *interrupt)
{
    const struct device_manager_interrupt_params wanted = {.function = params.function,
                                                           .generation = params.generation};
    const struct rt_call call = {.target = manager,
                                 .method = DEVICE_MANAGER_INTERRUPT,
                                 .message_inline = true,
                                 .words = RT_WORDS(wanted)};
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation first = {0}, second = {0};

    if (rt_ring_start_call(ring, &first, &call) != STATUS_OK) {
        return false;
    }
    struct ring_sqe *const sqe = rt_ring_sqe(ring);

    *sqe =
        (struct ring_sqe){.operation = RING_OPERATION_RELEASE, .flags = SQE_QUIET, .target = spare};
    if (rt_ring_start_call(ring, &second, &call) != STATUS_OK) {
        return false;
    }
    rt_ring_flush(ring);
    rt_ring_await(ring, &first);
    rt_ring_await(ring, &second);
    seen[0] = rt_cqe_outcome(&first.cqe);
    seen[1] = rt_cqe_outcome(&second.cqe);
    *interrupt = second.cqe.payload[0];
    return true;
}

int rogue_slots(uint64_t with, const struct device_manager_claim_params *claim)
{
    struct device_manager_claim_results results;
    struct interrupt_state state = {.index = UINT32_MAX};
    enum status seen[2];
    uint64_t interrupt;

    manager = with;
    params = *claim;
    const enum status status = device_manager_claim(with, &params, &results);
    const uint64_t spare = fill_slots();

    if (status != STATUS_OK || spare == 0 || !ask_twice(spare, seen, &interrupt)) {
        rt_print("manage: claim: %s\n", status_name(status));
        return 1;
    }
    if (seen[1] == STATUS_OK && interrupt_unmask(interrupt) != STATUS_OK) {
        return 1;
    }
    if (seen[1] == STATUS_OK && interrupt_info(interrupt, &state) != STATUS_OK) {
        return 1;
    }
    rt_print("manage: interrupts: %s, %s, number %u\n", status_name(seen[0]), status_name(seen[1]),
             state.index);
    return 0;
}

/* ------------------------------------------------------------------------------------------
 * A claim by a process that is ending
 * ------------------------------------------------------------------------------------------ */

static bool begun; /* [a] */

/** Claim as soon as another thread is on its way into the kernel, to end the process there. */
static uint64_t claim_late(void *argument)
{
    struct device_manager_claim_results results;

    (void)argument;
    while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE)) {
    }
    for (volatile unsigned i = 0; i < SPINS; i++) {
    }
    (void)!device_manager_claim(manager, &params, &results);
    return 0;
}

static uint64_t sleep_on(void *argument)
{
    (void)argument;
    rt_sleep(3600 * RT_NS_PER_S);
    return 0;
}

int rogue_dying(uint64_t with, const struct device_manager_claim_params *claim)
{
    struct rt_thread *thread;

    manager = with;
    params = *claim;
    /* The more threads there are to end, the longer the other one waits for the kernel lock. */
    for (unsigned i = 0; i < SLEEPERS; i++) {
        if (rt_thread_create(sleep_on, NULL, 0, &thread) != STATUS_OK) {
            return 1;
        }
    }
    if (rt_thread_create(claim_late, NULL, 0, &thread) != STATUS_OK) {
        return 1;
    }
    rt_sleep(SETTLE_NS);
    __atomic_store_n(&begun, true, __ATOMIC_RELEASE);
    rt_arch_exit(RT_EXIT_PROCESS, 0);
}
