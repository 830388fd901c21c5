/* SPDX-License-Identifier: MIT */
/*
 * Thousands that wait for the end of one teardown. The device is an `edu` behind a port: the reset
 * of its bus takes a tenth of a second, and all of them have asked by then.
 */
#include "apps/longest/longest.h"

#include "base/compiler.h"
#include "rt/device_objects.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define EDU_VENDOR 0x1234u
#define EDU_DEVICE 0x11e8u

bool revoker_prepare(uint64_t manager, struct device_manager_revoke_params *params)
{
    struct device_manager_claim_params edu;

    if (device_manager_find(manager, EDU_VENDOR, EDU_DEVICE, 0, &edu) != STATUS_OK) {
        return false;
    }
    /* Of nobody's function the generation does not matter. */
    *params = (struct device_manager_revoke_params){.function = edu.function};
    return true;
}

bool revoke_function(void)
{
    struct rt_ring *const ring = rt_ring_self();
    const uint64_t manager = rt_capability("deviceManager");
    struct rt_operation operation = {0};
    struct device_manager_claim_params edu = {.pool_pages = 1};
    struct device_manager_claim_results claim = {0};

    if (!good(device_manager_find(manager, EDU_VENDOR, EDU_DEVICE, 0, &edu), "finding edu") ||
        !good(device_manager_claim(manager, &edu, &claim), "claim")) {
        return false;
    }
    const struct device_manager_revoke_params params = {.function = edu.function,
                                                        .generation = edu.generation};
    const struct rt_call call = {.target = manager,
                                 .method = DEVICE_MANAGER_REVOKE,
                                 .message_inline = true,
                                 .words = RT_WORDS(params)};

    if (!good(rt_ring_start_call(ring, &operation, &call), "revoke")) {
        return false;
    }
    rt_ring_flush(ring);
    if (!child_start("revoke", manager)) {
        return false;
    }
    rt_ring_drain(ring);
    rt_print("longest: all of them ask %s the teardown\n",
             operation.state == RT_OPERATION_PENDING ? "during" : "after");
    rt_ring_await(ring, &operation);
    capability_release(claim.mmio);
    capability_release(claim.pool);
    if (claim.interrupt != 0) {
        capability_release(claim.interrupt);
    }
    return good(rt_cqe_outcome(&operation.cqe), "revocation") && child_ends(0, EXIT_REASON_EXITED);
}
