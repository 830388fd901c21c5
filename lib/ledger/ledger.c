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

/** Whether there is a place such as a handle names. */
/*@ requires ledger_stored(ledger) && \valid_read(handle);
    assigns \nothing;
    ensures \result <==> ledger_has_place(ledger, handle); */
static bool has_place(const struct ledger *ledger, const struct device_handle *handle)
{
    if (handle->function >= ledger->function_count) {
        return false;
    }
    switch (handle->part) {
    case DEVICE_PART_MMIO:
    case DEVICE_PART_POOL:
        return handle->slot == 0;
    case DEVICE_PART_ROUTE:
        return handle->slot < ledger->route_count;
    case DEVICE_PART_BUFFER:
        return handle->slot < ledger->buffer_count;
    case DEVICE_PART_COUNT:
        break;
    }
    return false;
}

/** What is there now. */
/*@ requires ledger_stored(ledger) && \valid_read(handle) && ledger_has_place(ledger, handle);
    assigns \nothing;
    ensures \result.owner == ledger->functions[handle->function].owner;
    ensures ledger_resolves(ledger, handle) <==>
            device_state_owned(\result.state) && \result.is_live &&
            handle->function == \result.function && handle->generation == \result.generation &&
            handle->owner_generation == \result.owner_generation &&
            handle->part_generation == \result.part_generation; */
static struct device_identity identity_of(const struct ledger *ledger,
                                          const struct device_handle *handle)
{
    const struct ledger_function *function = &ledger->functions[handle->function];
    struct device_identity now = {
        .state = function->state,
        .function = handle->function,
        .generation = function->generation,
        .owner = function->owner,
        .owner_generation = function->owner_generation,
        .part_generation = function->generation,
    };

    if (handle->part == DEVICE_PART_MMIO) {
        now.is_live = function->has_mmio && function->mmio_owner == function->owner_generation;
    } else if (handle->part == DEVICE_PART_POOL) {
        now.is_live = function->has_pool && function->pool_owner == function->owner_generation;
    } else if (handle->part == DEVICE_PART_ROUTE) {
        const struct ledger_route *route = &ledger->routes[handle->slot];

        now.function = route->function;
        now.is_live = route->use == LEDGER_LIVE && route->owner == function->owner_generation;
        now.part_generation = route->generation;
    } else {
        const struct ledger_buffer *buffer = &ledger->buffers[handle->slot];

        now.function = buffer->function;
        now.is_live = buffer->use == LEDGER_LIVE;
        now.part_generation = buffer->generation;
    }
    return now;
}

bool ledger_identify(const struct ledger *ledger, const struct device_handle *handle,
                     struct device_identity *identity)
{
    if (!has_place(ledger, handle)) {
        return false;
    }
    const struct device_identity now = identity_of(ledger, handle);

    identity->state = now.state;
    identity->function = now.function;
    identity->generation = now.generation;
    identity->owner = now.owner;
    identity->owner_generation = now.owner_generation;
    identity->is_live = now.is_live;
    identity->part_generation = now.part_generation;
    return true;
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
