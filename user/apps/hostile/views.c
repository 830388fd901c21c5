/* SPDX-License-Identifier: MIT */
/*
 * A revocation ends, whatever is being unmapped below it, and takes nothing that was made since.
 *
 * A page is mapped through a view of a view. One submission unmaps it, which is not over before the
 * CPUs that spin in this program have flushed; the next one, taken in the same entry of the kernel,
 * revokes the view in the middle: it has to wait for that, and to hear of it.
 */
#include "apps/hostile/hostile.h"

#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/thread.h"
#include "text/text.h"

#define ROUNDS   40u
#define SPINNERS 3u
#define ROUND_NS (60 * RT_NS_PER_S) /* of one that does not end */
#define OWN_MAPS 100u               /* of the revoker's, more than one step's worth */

static bool stop; /* [a] */

static uint64_t spin(void *argument)
{
    (void)argument;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    }
    return 0;
}

/** Submit the revocation of `memory`, for the next entry of the kernel. */
static bool start_revoke(struct rt_ring *ring, struct rt_operation *revoking, uint64_t memory)
{
    struct ring_sqe *const sqe = rt_ring_begin(ring, revoking);

    if (sqe == NULL) {
        return false;
    }
    rt_sqe_set_head(sqe, RING_OPERATION_RELEASE, SQE_REVOKE, 0, 0);
    sqe->target = memory;
    sqe->buffer_offset = 0;
    sqe->buffer_length = 0;
    for (unsigned i = 0; i < RING_PAYLOAD_WORDS; i++) {
        sqe->payload[i] = 0;
    }
    return true;
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
    if (!start_revoke(ring, &revoking, view)) {
        return false;
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

/**
 * In one entry of the kernel, revoke memory and make a view of it: with the one capability that is
 * left, so that nothing was taken from whoever has the view.
 */
static enum status view_during_revocation(uint64_t memory, uint64_t *view)
{
    static struct rt_operation revoking, viewing;
    const struct memory_view_params params = {.page_count = 1, .access = ACCESS_READ};
    const struct rt_call call = {
        .target = memory, .method = MEMORY_VIEW, .message_inline = true, .words = RT_WORDS(params)};
    struct rt_ring *const ring = rt_ring_self();

    if (!start_revoke(ring, &revoking, memory)) {
        return STATUS_QUEUE_FULL;
    }
    enum status status = rt_ring_start_call(ring, &viewing, &call);

    if (status == STATUS_OK) {
        rt_ring_await(ring, &viewing);
        status = rt_cqe_outcome(&viewing.cqe);
        *view = viewing.cqe.payload[0];
    }
    rt_ring_await(ring, &revoking);
    return status != STATUS_OK ? status : (enum status)revoking.cqe.status;
}

void view_meanwhile(void)
{
    static void *own[OWN_MAPS];
    struct memory_size_results size;
    uint64_t memory, before, since = 0;
    unsigned count = 0;

    if (memory_create(1, &memory) != STATUS_OK ||
        memory_view(memory, 0, 1, ACCESS_READ, &before) != STATUS_OK) {
        attack_check(false, "a view", "refused");
        return;
    }
    while (count < OWN_MAPS && rt_space_map(memory, 0, 1, ACCESS_READ, &own[count]) == STATUS_OK) {
        count++;
    }
    attack_check(count == OWN_MAPS, "mappings of one's own",
                 count == OWN_MAPS ? "made" : "refused");
    attack_status(view_during_revocation(memory, &since), STATUS_OK, "a view during a revocation");
    attack_status(memory_size(before, &size), STATUS_STALE, "  one from before");
    attack_status(memory_size(since, &size), STATUS_OK, "  itself");
    while (count > 0) {
        rt_space_unmap(own[--count], 1);
    }
    capability_release(since);
    capability_release(before);
    capability_release(memory);
}
