/* SPDX-License-Identifier: MIT */
#include "rt/device_objects.h"

#include "rt/message.h"

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
