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

/** A handle of a function's part, as of now. */
static struct device_handle handle_of(const struct ledger *ledger, uint32_t function,
                                      enum device_part part, uint32_t slot,
                                      uint64_t part_generation)
{
    const struct ledger_function *record = &ledger->functions[function];

    return (struct device_handle){
        .part = part,
        .function = function,
        .slot = slot,
        .generation = record->generation,
        .owner_generation = record->owner_generation,
        .part_generation = part_generation,
    };
}

/* ------------------------------------------------------------------------ owners */

/**
 * May `pid` have a function, as far as the others of its group are concerned? STATUS_BUSY: another
 * one has an owner. STATUS_UNSUPPORTED: one is in quarantine, and what it may still do can reach
 * all of the group (L1).
 */
static enum status group_check(const struct ledger *ledger, uint32_t function, uint64_t pid)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < ledger->function_count; i++) {
        const struct ledger_function *other = &ledger->functions[i];

        if (i == function || other->group != ledger->functions[function].group) {
            continue;
        }
        if (other->state == FUNCTION_STATE_QUARANTINED) {
            return STATUS_UNSUPPORTED;
        }
        if (other->owner != DEVICE_NOBODY && other->owner != pid) {
            status = STATUS_BUSY;
        }
    }
    return status;
}

enum status ledger_claim_check(const struct ledger *ledger, uint32_t function, uint64_t generation,
                               uint64_t pid)
{
    if (function >= ledger->function_count) {
        return STATUS_NOT_FOUND;
    }
    if (pid == DEVICE_NOBODY) {
        return STATUS_DENIED;
    }
    const struct ledger_function *record = &ledger->functions[function];

    switch (record->state) {
    case FUNCTION_STATE_QUARANTINED:
        return STATUS_UNSUPPORTED;
    case FUNCTION_STATE_RETIRED:
        return STATUS_RETIRED;
    case FUNCTION_STATE_CLAIMED:
    case FUNCTION_STATE_ACTIVE:
    case FUNCTION_STATE_REVOKING:
    case FUNCTION_STATE_RESETTING:
        return STATUS_BUSY;
    case FUNCTION_STATE_DISCOVERED:
    case FUNCTION_STATE_FREE:
    case FUNCTION_STATE_COUNT:
        break;
    }
    if (generation != record->generation) {
        return STATUS_STALE;
    }
    if (record->refusal != CLAIM_REFUSAL_NONE) {
        return STATUS_UNSUPPORTED;
    }
    return group_check(ledger, function, pid);
}

void ledger_claim_commit(struct ledger *ledger, uint32_t function, uint64_t pid,
                         uint32_t pool_limit, uint64_t address_end, struct device_handle *mmio,
                         struct device_handle *pool)
{
    struct ledger_function *record = &ledger->functions[function];

    record->state = FUNCTION_STATE_CLAIMED;
    record->owner = pid;
    record->former_owner = DEVICE_NOBODY;
    record->owner_generation++;
    record->has_mmio = true;
    record->has_pool = true;
    record->mmio_owner = record->owner_generation;
    record->pool_owner = record->owner_generation;
    record->pool_limit = pool_limit;
    record->address_end = address_end < LEDGER_ADDRESS_END ? address_end : LEDGER_ADDRESS_END;
    record->evidence = 0;
    *mmio = handle_of(ledger, function, DEVICE_PART_MMIO, 0, record->generation);
    *pool = handle_of(ledger, function, DEVICE_PART_POOL, 0, record->generation);
}

/** Whether a part's one handle is still that of the owner's generation which `handle` names. */
static bool part_is_of_owner(const struct ledger *ledger, const struct device_handle *handle)
{
    const struct ledger_function *record = &ledger->functions[handle->function];

    switch (handle->part) {
    case DEVICE_PART_MMIO:
        return record->has_mmio && record->mmio_owner == handle->owner_generation;
    case DEVICE_PART_POOL:
        return record->has_pool && record->pool_owner == handle->owner_generation;
    case DEVICE_PART_ROUTE:
        return ledger->routes[handle->slot].use == LEDGER_LIVE &&
               ledger->routes[handle->slot].owner == handle->owner_generation;
    case DEVICE_PART_BUFFER: /* never moves */
    case DEVICE_PART_COUNT:
        break;
    }
    return false;
}

/** Whether an identified handle is of the claim that its former owner has handed on. */
static bool is_left_behind(const struct ledger *ledger, const struct device_handle *handle,
                           const struct device_identity *now, uint64_t from)
{
    const struct ledger_function *record = &ledger->functions[handle->function];

    return record->state == FUNCTION_STATE_CLAIMED && record->former_owner == from &&
           from != DEVICE_NOBODY && now->function == handle->function &&
           handle->generation == record->generation &&
           handle->owner_generation + 1 == record->owner_generation &&
           handle->part_generation == now->part_generation && part_is_of_owner(ledger, handle);
}

enum status ledger_move_check(const struct ledger *ledger, const struct device_handle *handle,
                              uint64_t from, uint64_t to)
{
    struct device_identity now;

    if (handle->part == DEVICE_PART_BUFFER || to == DEVICE_NOBODY) {
        return STATUS_DENIED;
    }
    if (!ledger_identify(ledger, handle, &now)) {
        return STATUS_STALE;
    }
    const struct ledger_function *record = &ledger->functions[handle->function];

    if (is_left_behind(ledger, handle, &now, from)) {
        return record->owner == to ? STATUS_OK : STATUS_DENIED;
    }
    const enum status status = device_authority_check(handle, &now, from);

    if (status != STATUS_OK) {
        return status;
    }
    if (record->state != FUNCTION_STATE_CLAIMED || record->mmio_pages != 0 ||
        record->owner_generation >= LEDGER_GENERATION_END - 1) {
        return STATUS_BUSY;
    }
    return to == from || group_check(ledger, handle->function, to) == STATUS_OK ? STATUS_OK
                                                                                : STATUS_BUSY;
}

void ledger_move_commit(struct ledger *ledger, struct device_handle *handle, uint64_t to)
{
    struct ledger_function *record = &ledger->functions[handle->function];

    if (handle->owner_generation == record->owner_generation) {
        record->former_owner = record->owner;
        record->owner = to;
        record->owner_generation++;
    }
    handle->owner_generation = record->owner_generation;
    if (handle->part == DEVICE_PART_MMIO) {
        record->mmio_owner = record->owner_generation;
    } else if (handle->part == DEVICE_PART_POOL) {
        record->pool_owner = record->owner_generation;
    } else if (handle->part == DEVICE_PART_ROUTE) {
        ledger->routes[handle->slot].owner = record->owner_generation;
    }
}

/* ------------------------------------------------------------------------ registers */

void ledger_mmio_mapped(struct ledger *ledger, uint32_t function, uint32_t page_count)
{
    ledger->functions[function].mmio_pages += page_count;
}

void ledger_mmio_unmapped(struct ledger *ledger, uint32_t function, uint32_t page_count)
{
    ledger->functions[function].mmio_pages -= page_count;
}

void ledger_part_end(struct ledger *ledger, const struct device_handle *handle)
{
    struct ledger_function *record = &ledger->functions[handle->function];

    if (handle->generation != record->generation) {
        return; /* its claim has ended, and the part with it */
    }
    if (handle->part == DEVICE_PART_MMIO) {
        record->has_mmio = false;
    } else if (handle->part == DEVICE_PART_POOL) {
        record->has_pool = false;
    }
}

/* ------------------------------------------------------------------------ routes */

uint32_t ledger_route_find(const struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->route_count; i++) {
        if (ledger->routes[i].use == LEDGER_UNUSED && !ledger->routes[i].is_retired) {
            return i;
        }
    }
    return LEDGER_NONE;
}

enum status ledger_route_check(const struct ledger *ledger, uint32_t function, uint64_t pid,
                               uint32_t *slot)
{
    if (function >= ledger->function_count) {
        return STATUS_NOT_FOUND;
    }
    if (!device_state_is_owned(ledger->functions[function].state)) {
        return STATUS_STALE;
    }
    if (ledger->functions[function].owner != pid) {
        return STATUS_DENIED;
    }
    const uint32_t found = ledger_route_find(ledger);

    if (found == LEDGER_NONE) {
        return STATUS_QUEUE_FULL;
    }
    *slot = found;
    return STATUS_OK;
}

void ledger_route_commit(struct ledger *ledger, uint32_t function, uint32_t slot,
                         struct device_handle *handle)
{
    struct ledger_route *route = &ledger->routes[slot];

    route->use = LEDGER_LIVE;
    route->function = function;
    route->owner = ledger->functions[function].owner_generation;
    ledger->functions[function].route_count++;
    *handle = handle_of(ledger, function, DEVICE_PART_ROUTE, slot, route->generation);
}

void ledger_route_armed(struct ledger *ledger, uint32_t slot)
{
    const struct ledger_route *route = &ledger->routes[slot];

    if (route->use == LEDGER_LIVE) { /* then its function is owned */
        ledger->functions[route->function].state = FUNCTION_STATE_ACTIVE;
    }
}

void ledger_route_end(struct ledger *ledger, uint32_t slot)
{
    struct ledger_route *route = &ledger->routes[slot];

    if (route->use == LEDGER_LIVE) {
        route->use = LEDGER_ENDING;
        route->generation++;
        route->is_retired = route->generation == LEDGER_GENERATION_END;
    }
}

void ledger_route_ended(struct ledger *ledger, uint32_t slot)
{
    struct ledger_route *route = &ledger->routes[slot];

    if (route->use == LEDGER_ENDING) {
        route->use = LEDGER_UNUSED;
        ledger->functions[route->function].route_count--;
    }
}

/* ------------------------------------------------------------------------ buffers */

/**
 * The next `bytes` from `next` on that end before `end`, around the addresses that are interrupts.
 * False: there are none.
 */
static bool find_addresses(uint64_t next, uint64_t end, uint64_t bytes, uint64_t *iova)
{
    if (next < LEDGER_MSI_END &&
        bytes > LEDGER_MSI_FIRST - (next < LEDGER_MSI_FIRST ? next : LEDGER_MSI_FIRST)) {
        next = LEDGER_MSI_END;
    }
    if (next > end || bytes > end - next) {
        return false;
    }
    *iova = next;
    return true;
}

/** The same in the two regions, of which `low` and `high` on are not given out yet. */
static bool find_place(uint64_t low, uint64_t high, uint64_t end, uint64_t bytes, uint64_t *iova)
{
    const uint64_t low_end = end < LEDGER_LOW_END ? end : LEDGER_LOW_END;

    return find_addresses(high, end, bytes, iova) || find_addresses(low, low_end, bytes, iova);
}

enum status ledger_buffer_check(const struct ledger *ledger, const struct device_handle *pool,
                                uint64_t pid, uint32_t page_count, struct ledger_place *place)
{
    const enum status status = ledger_check(ledger, pool, pid);
    uint32_t slot = 0;
    uint64_t iova = 0;

    if (status != STATUS_OK) {
        return status;
    }
    if (pool->part != DEVICE_PART_POOL) {
        return STATUS_WRONG_TYPE;
    }
    const struct ledger_function *record = &ledger->functions[pool->function];

    if (page_count > record->pool_limit - record->pool_pages) {
        return STATUS_OVER_BUDGET;
    }
    const uint64_t bytes = page_count * LEDGER_PAGE_BYTES;

    if (page_count == 0 ||
        !find_place(LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, record->address_end, bytes, &iova)) {
        return STATUS_BAD_RANGE;
    }
    while (slot < ledger->buffer_count &&
           (ledger->buffers[slot].use != LEDGER_UNUSED || ledger->buffers[slot].is_retired)) {
        slot++;
    }
    if (slot == ledger->buffer_count) {
        return STATUS_QUEUE_FULL;
    }
    if (!find_place(record->low_next, record->high_next, record->address_end, bytes, &iova)) {
        return STATUS_RETIRED;
    }
    *place = (struct ledger_place){.slot = slot, .iova = iova};
    return STATUS_OK;
}

void ledger_buffer_commit(struct ledger *ledger, const struct device_handle *pool,
                          const struct ledger_place *place, uint32_t page_count,
                          enum dma_access access, struct device_handle *handle)
{
    struct ledger_function *record = &ledger->functions[pool->function];
    struct ledger_buffer *buffer = &ledger->buffers[place->slot];
    /* A page behind it stays unmapped for ever: running over the end is a fault. */
    const uint64_t next = place->iova + (page_count + 1ull) * LEDGER_PAGE_BYTES;

    buffer->use = LEDGER_LIVE;
    buffer->function = pool->function;
    buffer->access = access;
    buffer->iova = place->iova;
    buffer->page_count = page_count;
    if (place->iova >= LEDGER_HIGH_FIRST) {
        record->high_next = next;
    } else {
        record->low_next = next;
    }
    record->pool_pages += page_count;
    record->buffer_count++;
    record->state = FUNCTION_STATE_ACTIVE;
    *handle =
        handle_of(ledger, pool->function, DEVICE_PART_BUFFER, place->slot, buffer->generation);
}

void ledger_exhausted(struct ledger *ledger, uint32_t function)
{
    ledger->functions[function].is_exhausted = true;
}

void ledger_buffer_end(struct ledger *ledger, uint32_t slot)
{
    struct ledger_buffer *buffer = &ledger->buffers[slot];

    if (buffer->use == LEDGER_LIVE) {
        buffer->use = LEDGER_ENDING;
        buffer->generation++;
        buffer->is_retired = buffer->generation == LEDGER_GENERATION_END;
    }
}

bool ledger_buffer_is_unreachable(const struct ledger *ledger, uint32_t slot, bool is_invalidated)
{
    const struct ledger_buffer *buffer = &ledger->buffers[slot];
    const uint32_t evidence = ledger->functions[buffer->function].evidence;

    return buffer->use == LEDGER_ENDING &&
           (is_invalidated || (evidence & LEDGER_UNREACHABLE) == LEDGER_UNREACHABLE);
}

void ledger_buffer_ended(struct ledger *ledger, uint32_t slot)
{
    struct ledger_buffer *buffer = &ledger->buffers[slot];
    struct ledger_function *record = &ledger->functions[buffer->function];

    if (buffer->use == LEDGER_ENDING) {
        buffer->use = LEDGER_UNUSED;
        record->pool_pages -= buffer->page_count;
        record->buffer_count--;
    }
}

/* ------------------------------------------------------------------------ teardown */

bool ledger_revoke(struct ledger *ledger, uint32_t function)
{
    struct ledger_function *record = &ledger->functions[function];

    if (!device_state_is_owned(record->state)) {
        return false;
    }
    record->state = FUNCTION_STATE_REVOKING;
    record->generation++;
    record->has_mmio = false;
    record->has_pool = false;
    record->evidence = 0;
    for (uint32_t i = 0; i < ledger->route_count; i++) {
        if (ledger->routes[i].use == LEDGER_LIVE && ledger->routes[i].function == function) {
            ledger_route_end(ledger, i);
        }
    }
    for (uint32_t i = 0; i < ledger->buffer_count; i++) {
        if (ledger->buffers[i].use == LEDGER_LIVE && ledger->buffers[i].function == function) {
            ledger_buffer_end(ledger, i);
        }
    }
    return true;
}

/** Whether a teardown is under way: what is seen at other times is evidence of nothing. */
static bool is_torn_down(const struct ledger_function *record)
{
    return record->state == FUNCTION_STATE_REVOKING || record->state == FUNCTION_STATE_RESETTING;
}

void ledger_witness(struct ledger *ledger, uint32_t function, uint32_t evidence)
{
    if (is_torn_down(&ledger->functions[function])) {
        ledger->functions[function].evidence |= evidence;
    }
}

void ledger_reset_begin(struct ledger *ledger, uint32_t function)
{
    if (is_torn_down(&ledger->functions[function])) {
        ledger->functions[function].state = FUNCTION_STATE_RESETTING;
    }
}

bool ledger_is_released(const struct ledger *ledger, uint32_t function)
{
    const struct ledger_function *record = &ledger->functions[function];

    return is_torn_down(record) && record->buffer_count == 0 && record->route_count == 0 &&
           record->mmio_pages == 0 && (record->evidence & LEDGER_QUIET) == LEDGER_QUIET;
}

enum function_state ledger_finish(struct ledger *ledger, uint32_t function)
{
    struct ledger_function *record = &ledger->functions[function];
    const bool is_used_up = record->is_exhausted ||
                            record->generation >= LEDGER_GENERATION_END - 1 ||
                            record->owner_generation >= LEDGER_GENERATION_END - 1;

    record->not_reset = (record->evidence & LEDGER_RESET) == 0;
    record->owner = DEVICE_NOBODY;
    record->former_owner = DEVICE_NOBODY;
    record->pool_limit = 0;
    record->state = is_used_up ? FUNCTION_STATE_RETIRED : FUNCTION_STATE_FREE;
    return record->state;
}

void ledger_quarantine(struct ledger *ledger, uint32_t function)
{
    struct ledger_function *record = &ledger->functions[function];

    if (!device_state_is_owned(record->state)) { /* those are revoked first */
        record->state = FUNCTION_STATE_QUARANTINED;
        record->owner = DEVICE_NOBODY;
        record->former_owner = DEVICE_NOBODY;
    }
}
