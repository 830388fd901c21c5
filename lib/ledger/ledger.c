/* SPDX-License-Identifier: MIT */
#include "ledger/ledger.h"

#include "ledger/ledger_handle.h"

/** A function that nobody has had yet. It is alone in its group until the caller knows better. */
/*@ requires \valid(record);
    assigns *record;
    ensures function_initial(record, group) && function_sound(record); */
static void init_record(struct ledger_function *record, uint32_t group)
{
    record->state = FUNCTION_STATE_DISCOVERED;
    record->refusal = CLAIM_REFUSAL_NONE;
    record->group = group;
    record->generation = 1;
    record->owner = DEVICE_NOBODY;
    record->former_owner = DEVICE_NOBODY;
    record->owner_generation = 0;
    record->has_mmio = false;
    record->has_pool = false;
    record->mmio_owner = 0;
    record->pool_owner = 0;
    record->pool_limit = 0;
    record->pool_pages = 0;
    record->buffer_count = 0;
    record->route_count = 0;
    record->mmio_pages = 0;
    record->low_next = LEDGER_LOW_FIRST;
    record->high_next = LEDGER_HIGH_FIRST;
    record->address_end = 0;
    record->is_exhausted = false;
    record->not_reset = false;
    record->evidence = 0;
}

/*@ requires \valid(route);
    assigns *route;
    ensures route_initial(route); */
static void init_route(struct ledger_route *route)
{
    route->use = LEDGER_UNUSED;
    route->function = 0;
    route->generation = 1;
    route->owner = 0;
    route->is_retired = false;
    route->next_free = 0;
}

/** The next function behind those that are initial already: they stay so. */
/*@ requires \valid(functions + (0 .. index));
    requires owners_initial(functions, index);
    requires claims_initial(functions, index);
    requires pools_initial(functions, index);
    requires ends_initial(functions, index);
    assigns functions[index];
    ensures owners_initial(functions, index + 1);
    ensures claims_initial(functions, index + 1);
    ensures pools_initial(functions, index + 1);
    ensures ends_initial(functions, index + 1); */
static void init_function(struct ledger_function *functions, uint32_t index)
{
    init_record(&functions[index], index);
    /*@ assert owners_initial(functions, index); */
    /*@ assert claims_initial(functions, index); */
    /*@ assert pools_initial(functions, index); */
    /*@ assert ends_initial(functions, index); */
}

/*
 * All functions, then all routes, then all buffers. Each loop is a function of its own, and each
 * function writes one kind of record only and says what it keeps: the provers see no further.
 */

/*@ requires \valid(functions + (0 .. count - 1));
    assigns functions[0 .. count - 1];
    ensures functions_initial(functions, count); */
static void init_functions(struct ledger_function *functions, uint32_t count)
{
    /*@ loop invariant 0 <= i <= count;
        loop invariant owners_initial(functions, i);
        loop invariant claims_initial(functions, i);
        loop invariant pools_initial(functions, i);
        loop invariant ends_initial(functions, i);
        loop assigns i, functions[0 .. count - 1];
        loop variant count - i; */
    for (uint32_t i = 0; i < count; i++) {
        init_function(functions, i);
    }
}

/*@ requires \valid(routes + (0 .. count - 1));
    assigns routes[0 .. count - 1];
    ensures records_initial(routes, count); */
static void init_route_records(struct ledger_route *routes, uint32_t count)
{
    /*@ loop invariant 0 <= i <= count && records_initial(routes, i);
        loop assigns i, routes[0 .. count - 1];
        loop variant count - i; */
    for (uint32_t i = 0; i < count; i++) {
        init_route(&routes[i]);
    }
}

/*@ requires ledger_stored(ledger);
    requires owners_initial(ledger->functions, ledger->function_count);
    requires claims_initial(ledger->functions, ledger->function_count);
    requires pools_initial(ledger->functions, ledger->function_count);
    requires ends_initial(ledger->functions, ledger->function_count);
    assigns ledger->routes[0 .. ledger->route_count - 1];
    ensures owners_initial(ledger->functions, ledger->function_count);
    ensures claims_initial(ledger->functions, ledger->function_count);
    ensures pools_initial(ledger->functions, ledger->function_count);
    ensures ends_initial(ledger->functions, ledger->function_count);
    ensures records_initial(ledger->routes, ledger->route_count); */
static void init_routes(struct ledger *ledger)
{
    init_route_records(ledger->routes, ledger->route_count);
}

/*@ requires \valid(buffers + (0 .. count - 1));
    assigns buffers[0 .. count - 1];
    ensures records_initial(buffers, count); */
static void init_buffer_records(struct ledger_buffer *buffers, uint32_t count)
{
    /*@ loop invariant 0 <= i <= count && records_initial(buffers, i);
        loop assigns i, buffers[0 .. count - 1];
        loop variant count - i; */
    for (uint32_t i = 0; i < count; i++) {
        ledger_buffer_init(&buffers[i]);
    }
}

/*@ requires ledger_stored(ledger);
    requires owners_initial(ledger->functions, ledger->function_count);
    requires claims_initial(ledger->functions, ledger->function_count);
    requires pools_initial(ledger->functions, ledger->function_count);
    requires ends_initial(ledger->functions, ledger->function_count);
    requires records_initial(ledger->routes, ledger->route_count);
    assigns ledger->buffers[0 .. ledger->buffer_count - 1];
    ensures owners_initial(ledger->functions, ledger->function_count);
    ensures claims_initial(ledger->functions, ledger->function_count);
    ensures pools_initial(ledger->functions, ledger->function_count);
    ensures ends_initial(ledger->functions, ledger->function_count);
    ensures records_initial(ledger->routes, ledger->route_count);
    ensures records_initial(ledger->buffers, ledger->buffer_count); */
static void init_buffers(struct ledger *ledger)
{
    init_buffer_records(ledger->buffers, ledger->buffer_count);
}

void ledger_init(struct ledger *ledger)
{
    init_functions(ledger->functions, ledger->function_count);
    init_routes(ledger);
    init_buffers(ledger);
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
