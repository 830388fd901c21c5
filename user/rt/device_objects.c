/* SPDX-License-Identifier: MIT */
#include "rt/device_objects.h"

#include "rt/message.h"

enum status device_manager_find(uint64_t manager, uint16_t vendor, uint16_t device, uint32_t number,
                                struct device_manager_claim_params *params)
{
    const struct device_manager_functions_params from = {.from_index = 0};
    struct rt_exchange exchange;
    struct wire_struct results, info;
    struct wire_list list = {0};
    enum status status = rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, manager, DEVICE_MANAGER_FUNCTIONS, RT_WORDS(from),
                                     &results);
    if (status == STATUS_OK) {
        status = device_manager_functions_results_get_functions(results, &list) == WIRE_OK
                     ? STATUS_NOT_FOUND
                     : STATUS_BAD_MESSAGE;
    }
    for (uint32_t i = 0; i < list.count && status == STATUS_NOT_FOUND; i++) {
        if (wire_list_get_struct(&list, i, &info) == WIRE_OK &&
            function_info_get_vendor(info) == vendor && function_info_get_device(info) == device &&
            number-- == 0) {
            params->function = function_info_get_index(info);
            params->generation = function_info_get_generation(info);
            status = STATUS_OK;
        }
    }
    rt_exchange_end(&exchange);
    return status;
}

enum status device_mmio_info(uint64_t mmio, uint32_t bar, struct device_mmio_bar *info)
{
    const struct device_mmio_info_params params = {.bar = bar};
    struct rt_exchange exchange;
    struct wire_struct results;
    enum status status = rt_exchange_begin(&exchange, RT_AREA_GRANULE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, mmio, DEVICE_MMIO_INFO, RT_WORDS(params), &results);
    if (status == STATUS_OK) {
        info->bytes = device_mmio_info_results_get_bytes(results);
        info->mappable = device_mmio_info_results_get_mappable(results);
        info->prefetchable = device_mmio_info_results_get_prefetchable(results);
    }
    rt_exchange_end(&exchange);
    return status;
}

enum status interrupt_info(uint64_t interrupt, struct interrupt_state *state)
{
    struct rt_exchange exchange;
    struct wire_struct results;
    enum status status = rt_exchange_begin(&exchange, RT_AREA_GRANULE_BYTES);

    if (status != STATUS_OK) {
        return status;
    }
    status = rt_exchange_call_inline(&exchange, interrupt, INTERRUPT_INFO, (struct rt_words){{0}},
                                     &results);
    if (status == STATUS_OK) {
        state->delivered = interrupt_info_results_get_delivered(results);
        state->index = interrupt_info_results_get_index(results);
        state->masked = interrupt_info_results_get_masked(results);
        state->level = interrupt_info_results_get_level(results);
    }
    rt_exchange_end(&exchange);
    return status;
}
