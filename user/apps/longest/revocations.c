/* SPDX-License-Identifier: MIT */
/*
 * What happens while a revocation of memory is under way. It takes one mapping away in each step;
 * here there are so many that all else, and be it the start of a process, is done before it ends.
 */
#include "apps/longest/longest.h"

#include "rt/address_space.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define OWN_MAPPINGS 64u /* more than one step's worth */

/** Begin the revocation of a memory object. */
static bool revocation_start(struct rt_operation *operation, uint64_t memory)
{
    struct rt_ring *const ring = rt_ring_self();
    struct ring_sqe *const sqe = rt_ring_begin(ring, operation);

    if (sqe == NULL) {
        return false;
    }
    const uint64_t user_data = sqe->user_data;

    *sqe = (struct ring_sqe){.operation = RING_OPERATION_RELEASE,
                             .flags = SQE_REVOKE,
                             .user_data = user_data,
                             .target = memory};
    rt_ring_flush(ring);
    return true;
}

static bool revocation_ends(struct rt_operation *operation)
{
    rt_ring_await(rt_ring_self(), operation);
    return good((enum status)operation->cqe.status, "revoke");
}

static void say(const char *what, bool is_under_way)
{
    rt_print("longest: %s %s a revocation\n", what, is_under_way ? "during" : "after");
}

/**
 * A mapping that is made with a new capability while a revocation takes others away stays: else the
 * child that has made it crashes. The others' holder is killed, so that fewer are left than the
 * revocation has counted: it has to know the new one when it sees it.
 */
bool map_meanwhile(void)
{
    struct rt_operation revocation = {0};
    uint64_t memory;

    if (!good(memory_create(1, &memory), "memory") || !child_start("many", memory)) {
        return false;
    }
    const uint64_t first = child;

    if (!revocation_start(&revocation, memory) || !child_start("one", memory) ||
        !good(process_kill(first), "kill")) {
        return false;
    }
    rt_ring_drain(rt_ring_self());
    say("mapped", revocation.state == RT_OPERATION_PENDING);
    if (!revocation_ends(&revocation) || !good(notification_signal(go, 1), "signal") ||
        !child_ends(0, EXIT_REASON_EXITED)) {
        return false;
    }
    child = first;
    return child_ends(0, EXIT_REASON_KILLED);
}

/**
 * While the holder of a view revokes it, the memory that it is a view of is revoked: no mapping of
 * the view's holder is left then. Both go over the same list, and each passes over its own
 * revoker's mappings: here this process's, of which there are many, and behind them the child's.
 */
bool revoke_within(void)
{
    uint64_t memory, view = 0;
    void *address = NULL;

    if (!good(memory_create(1, &memory), "memory") ||
        !good(memory_view(memory, 0, 1, ACCESS_READ_WRITE, &view), "a view")) {
        return false;
    }
    for (uint32_t i = 0; i < LONGEST_MAPPINGS; i++) {
        if (!good(rt_space_map(view, 0, 1, ACCESS_READ_WRITE, &address), "map")) {
            return false;
        }
    }
    if (!child_start_with("within", view, RING_TRANSFER_MOVE)) {
        return false;
    }
    /* The child's revocation has not come to the last of them, if that one is still there. */
    say("revoked", vm_unmap((uint64_t)(uintptr_t)address, 1) == STATUS_OK);
    return good(capability_revoke(memory), "revoke") &&
           good(notification_signal(go, 1), "signal") && child_ends(0, EXIT_REASON_EXITED);
}

/** Map the view, revoke it, and when that is over and `go` is there see whether a mapping is. */
int hold_within(uint64_t view)
{
    struct rt_operation revocation = {0};
    void *addresses[OWN_MAPPINGS];
    uint64_t bits;
    int left = 0;

    for (uint32_t i = 0; i < OWN_MAPPINGS; i++) {
        if (rt_space_map(view, 0, 1, ACCESS_READ_WRITE, &addresses[i]) != STATUS_OK) {
            return 3;
        }
    }
    if (!revocation_start(&revocation, view) ||
        signaller_signal(rt_capability("ready"), 1) != STATUS_OK || !revocation_ends(&revocation) ||
        notification_wait(rt_capability("go"), 0, &bits) != STATUS_OK) {
        return 4;
    }
    for (uint32_t i = 0; i < OWN_MAPPINGS; i++) {
        left += vm_unmap((uint64_t)(uintptr_t)addresses[i], 1) == STATUS_OK;
    }
    if (left != 0) {
        rt_print("longest: %d mappings of memory that was revoked\n", left);
    }
    return left == 0 ? 0 : 5;
}
