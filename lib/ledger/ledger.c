/* SPDX-License-Identifier: MIT */
#include "ledger/ledger.h"

void ledger_init(struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->function_count; i++) {
        ledger->functions[i] = (struct ledger_function){
            .state = FUNCTION_STATE_DISCOVERED,
            .refusal = CLAIM_REFUSAL_NONE,
            .group = i,
            .generation = 1,
            .owner = DEVICE_NOBODY,
            .former_owner = DEVICE_NOBODY,
            .low_next = LEDGER_LOW_FIRST,
            .high_next = LEDGER_HIGH_FIRST,
        };
    }
    for (uint32_t i = 0; i < ledger->route_count; i++) {
        ledger->routes[i] = (struct ledger_route){.use = LEDGER_UNUSED, .generation = 1};
    }
    for (uint32_t i = 0; i < ledger->buffer_count; i++) {
        ledger->buffers[i] = (struct ledger_buffer){.use = LEDGER_UNUSED, .generation = 1};
    }
}

bool ledger_identify(const struct ledger *ledger, const struct device_handle *handle,
                     struct device_identity *identity)
{
    if (handle->function >= ledger->function_count) {
        return false;
    }
    const struct ledger_function *function = &ledger->functions[handle->function];

    *identity = (struct device_identity){
        .state = function->state,
        .function = handle->function,
        .generation = function->generation,
        .owner = function->owner,
        .owner_generation = function->owner_generation,
        .part_generation = function->generation,
    };
    switch (handle->part) {
    case DEVICE_PART_MMIO:
        identity->is_live =
            function->has_mmio && function->mmio_owner == function->owner_generation;
        return handle->slot == 0;
    case DEVICE_PART_POOL:
        identity->is_live =
            function->has_pool && function->pool_owner == function->owner_generation;
        return handle->slot == 0;
    case DEVICE_PART_ROUTE:
        if (handle->slot >= ledger->route_count) {
            return false;
        }
        identity->function = ledger->routes[handle->slot].function;
        identity->is_live = ledger->routes[handle->slot].use == LEDGER_LIVE &&
                            ledger->routes[handle->slot].owner == function->owner_generation;
        identity->part_generation = ledger->routes[handle->slot].generation;
        return true;
    case DEVICE_PART_BUFFER:
        if (handle->slot >= ledger->buffer_count) {
            return false;
        }
        identity->function = ledger->buffers[handle->slot].function;
        identity->is_live = ledger->buffers[handle->slot].use == LEDGER_LIVE;
        identity->part_generation = ledger->buffers[handle->slot].generation;
        return true;
    case DEVICE_PART_COUNT:
        break;
    }
    return false;
}

enum status ledger_check(const struct ledger *ledger, const struct device_handle *handle,
                         uint64_t pid)
{
    struct device_identity now;

    if (!ledger_identify(ledger, handle, &now)) {
        return STATUS_STALE;
    }
    return device_authority_check(handle, &now, pid);
}
