/* SPDX-License-Identifier: MIT */
/*
 * Thousands that wait for the end of one teardown. The device is an `edu` behind a port: the reset
 * of its bus takes a tenth of a second, and all of them have asked by then.
 */
#include "apps/longest/longest.h"

#include "base/compiler.h"
#include "rt/device_objects.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"

#define EDU_VENDOR 0x1234u
#define EDU_DEVICE 0x11e8u

/** The function of the edu, its generation, and whether somebody has it. */
static bool find_edu(uint64_t manager, struct device_manager_claim_params *params)
{
    const struct device_manager_functions_params from = {.from_index = 0};
    struct rt_exchange exchange;
    struct wire_struct results, info;
    struct wire_list list;
    bool found = false;

    if (rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return false;
    }
    if (rt_exchange_call_inline(&exchange, manager, DEVICE_MANAGER_FUNCTIONS, RT_WORDS(from),
                                &results) == STATUS_OK &&
        device_manager_functions_results_get_functions(results, &list) == WIRE_OK) {
        for (uint32_t i = 0; i < list.count && !found; i++) {
            if (wire_list_get_struct(&list, i, &info) == WIRE_OK &&
                function_info_get_vendor(info) == EDU_VENDOR &&
                function_info_get_device(info) == EDU_DEVICE) {
                *params = (struct device_manager_claim_params){
                    .function = function_info_get_index(info),
                    .pool_pages = 1,
                    .generation = function_info_get_generation(info)};
                found = true;
            }
        }
    }
    rt_exchange_end(&exchange);
    return found;
}

bool revoker_prepare(uint64_t manager, struct device_manager_revoke_params *params)
{
    struct device_manager_claim_params edu;

    if (!find_edu(manager, &edu)) {
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
    struct device_manager_claim_params edu;
    struct device_manager_claim_results claim = {0};

    if (!find_edu(manager, &edu)) {
        rt_print("longest: there is no edu\n");
        return false;
    }
    if (!good(device_manager_claim(manager, &edu, &claim), "claim")) {
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
