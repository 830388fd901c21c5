/* SPDX-License-Identifier: MIT */
/*
 * A revocation ends, whatever is being unmapped below it.
 *
 * A page is mapped through a view of a view. One submission unmaps it, which is not over before the
 * CPUs that spin in this program have flushed; the next one, taken in the same entry of the kernel,
 * revokes the view in the middle: it has to wait for that, and to hear of it.
 */
#include "apps/hostile/hostile.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/thread.h"
#include "text/text.h"

#define ROUNDS   40u
#define SPINNERS 3u
#define ROUND_NS (10 * RT_NS_PER_S) /* of one that does not end */

static bool stop; /* [a] */

static uint64_t spin(void *argument)
{
    (void)argument;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    }
    return 0;
}

/** Unmap the page at `address` and revoke `view`, in one entry of the kernel. */
static bool unmap_and_revoke(uint64_t address, uint64_t view)
{
    /* Those of a round that does not end stay the kernel's. */
    static struct rt_operation unmapping, revoking;
    const struct virtual_memory_unmap_params params = {.address = address, .page_count = 1};
    const struct rt_call unmap = {.target = RT_VIRTUAL_MEMORY,
                                  .method = VIRTUAL_MEMORY_UNMAP,
                                  .message_inline = true,
                                  .words = RT_WORDS(params)};
    struct rt_ring *const ring = rt_ring_self();
    uint64_t now = 0;

    if (rt_clock_now(&now) != STATUS_OK ||
        rt_ring_start_call(ring, &unmapping, &unmap) != STATUS_OK) {
        return false;
    }
    struct ring_sqe *const sqe = rt_ring_begin(ring, &revoking);

    if (sqe == NULL) {
        return false;
    }
    rt_sqe_set_head(sqe, RING_OPERATION_RELEASE, SQE_REVOKE, 0, 0);
    sqe->target = view;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    for (unsigned i = 0; i < RING_PAYLOAD_WORDS; i++) {
        sqe->payload[i] = 0;
    }
    return rt_ring_wait(ring, now + ROUND_NS) != NULL &&
           rt_ring_wait(ring, now + ROUND_NS) != NULL &&
           rt_cqe_outcome(&unmapping.cqe) == STATUS_OK && revoking.cqe.status == STATUS_OK;
}

static bool run_round(uint64_t memory, uint64_t address)
{
    uint64_t middle, lower;
    bool ended = false;

    if (memory_view(memory, 0, 1, ACCESS_READ, &middle) != STATUS_OK) {
        return false;
    }
    if (memory_view(middle, 0, 1, ACCESS_READ, &lower) == STATUS_OK) {
        ended = vm_map(lower, address, 0, 1, ACCESS_READ) == STATUS_OK &&
                unmap_and_revoke(address, middle);
        capability_release(lower);
    }
    capability_release(middle);
    return ended;
}

void race_revoke_above(uint64_t memory, uint64_t address)
{
    struct rt_thread *threads[SPINNERS];
    unsigned started = 0, done = 0;
    uint64_t code;
    char text[64];

    __atomic_store_n(&stop, false, __ATOMIC_RELAXED);
    while (started < SPINNERS && rt_thread_create(spin, NULL, 0, &threads[started]) == STATUS_OK) {
        started++;
    }
    while (done < ROUNDS && run_round(memory, address)) {
        done++;
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < started; i++) {
        (void)!rt_thread_join(threads[i], &code);
    }
    text_format(text, sizeof(text), "%u of %u", done, ROUNDS);
    attack_check(done == ROUNDS, "revoking a view while what is below it is unmapped", text);
}
