/* SPDX-License-Identifier: MIT */
/* What an owner has of its function: registers, routes, buffers. */
#include "ledger/ledger_parts.h"

#include "ledger/ledger_handle.h"

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

bool ledger_route_slot_is_open(const struct ledger *ledger, uint32_t slot)
{
    return slot < ledger->route_count && ledger->routes[slot].use == LEDGER_UNUSED &&
           !ledger->routes[slot].is_retired;
}

enum status ledger_route_check(const struct ledger *ledger, uint32_t function, uint64_t pid,
                               uint32_t slot)
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
    return ledger_route_slot_is_open(ledger, slot) ? STATUS_OK : STATUS_QUEUE_FULL;
}

void ledger_route_commit(struct ledger *ledger, uint32_t function, uint32_t slot,
                         struct device_handle *handle)
{
    struct ledger_function *record = &ledger->functions[function];
    struct ledger_route *route = &ledger->routes[slot];

    /*@ assert \separated(handle, record, route); */
    ledger_handle_set(handle, record, function, DEVICE_PART_ROUTE, slot, route->generation);
    route->use = LEDGER_LIVE;
    route->function = function;
    route->owner = record->owner_generation;
    record->route_count++;
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
    ledger_end_route(&ledger->routes[slot]);
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
/*@ requires \valid(iova) && 0 < bytes && next <= LEDGER_ADDRESS_END + LEDGER_PAGE_BYTES;
    assigns *iova;
    ensures \result ==> next <= *iova && *iova + bytes <= end &&
            (LEDGER_MSI_END <= *iova || *iova + bytes <= LEDGER_MSI_FIRST);
    ensures !\result ==> *iova == \old(*iova); */
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
/*@ requires \valid(iova) && 0 < bytes && LEDGER_LOW_FIRST <= low <= LEDGER_HIGH_FIRST;
    requires LEDGER_HIGH_FIRST <= high <= LEDGER_ADDRESS_END + LEDGER_PAGE_BYTES;
    assigns *iova;
    ensures \result ==> addresses_open(low, high, end, *iova, bytes);
    ensures !\result ==> *iova == \old(*iova); */
static bool find_place(uint64_t low, uint64_t high, uint64_t end, uint64_t bytes, uint64_t *iova)
{
    const uint64_t low_end = end < LEDGER_LOW_END ? end : LEDGER_LOW_END;

    return find_addresses(high, end, bytes, iova) || find_addresses(low, low_end, bytes, iova);
}

bool ledger_buffer_slot_is_open(const struct ledger *ledger, uint32_t slot)
{
    return slot < ledger->buffer_count && ledger->buffers[slot].use == LEDGER_UNUSED &&
           !ledger->buffers[slot].is_retired;
}

enum status ledger_buffer_check(const struct ledger *ledger, const struct device_handle *pool,
                                uint64_t pid, uint32_t slot, uint32_t page_count,
                                struct ledger_place *place)
{
    const enum status status = ledger_check(ledger, pool, pid);
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
    if (!ledger_buffer_slot_is_open(ledger, slot)) {
        return STATUS_QUEUE_FULL;
    }
    if (!find_place(record->low_next, record->high_next, record->address_end, bytes, &iova)) {
        return STATUS_RETIRED;
    }
    place->slot = slot;
    place->iova = iova;
    return STATUS_OK;
}

/** The record of a buffer that is there from now on. */
/*@ requires \valid(buffer) && buffer_sound(buffer) && !buffer->is_retired;
    assigns *buffer;
    ensures buffer_sound(buffer) && !buffer->is_retired && buffer->use == LEDGER_LIVE;
    ensures buffer->generation == \old(buffer->generation);
    ensures buffer->function == function && buffer->iova == iova;
    ensures buffer->page_count == page_count; */
static void begin_buffer(struct ledger_buffer *buffer, uint32_t function, uint64_t iova,
                         uint32_t page_count, enum dma_access access)
{
    buffer->use = LEDGER_LIVE;
    buffer->function = function;
    buffer->access = access;
    buffer->iova = iova;
    buffer->page_count = page_count;
}

/** Addresses and pages of a pool are given out. */
/*@ requires \valid(record) && function_sound(record) && device_state_owned(record->state);
    requires page_count <= record->pool_limit - record->pool_pages;
    requires addresses_open(record->low_next, record->high_next, record->address_end, iova,
                            page_count * LEDGER_PAGE_BYTES);
    requires page_count != 0 && record->buffer_count < UINT32_MAX;
    assigns *record;
    ensures function_sound(record) && record->state == FUNCTION_STATE_ACTIVE;
    ensures record->generation == \old(record->generation);
    ensures record->owner == \old(record->owner);
    ensures record->owner_generation == \old(record->owner_generation);
    ensures record->group == \old(record->group);
    // L4: what was given out, and a page behind it, is never given out again.
    ensures record->low_next == (iova < LEDGER_HIGH_FIRST ?
                                     iova + (page_count + 1) * LEDGER_PAGE_BYTES :
                                     \old(record->low_next));
    ensures record->high_next == (LEDGER_HIGH_FIRST <= iova ?
                                      iova + (page_count + 1) * LEDGER_PAGE_BYTES :
                                      \old(record->high_next));
    ensures record->pool_pages == \old(record->pool_pages) + page_count;
    ensures record->buffer_count == \old(record->buffer_count) + 1; */
static void spend(struct ledger_function *record, uint64_t iova, uint32_t page_count)
{
    /* A page behind it stays unmapped for ever: running over the end is a fault. */
    const uint64_t next = iova + (page_count + 1ull) * LEDGER_PAGE_BYTES;

    if (iova >= LEDGER_HIGH_FIRST) {
        record->high_next = next;
    } else {
        record->low_next = next;
    }
    record->pool_pages += page_count;
    record->buffer_count++;
    record->state = FUNCTION_STATE_ACTIVE;
}

void ledger_buffer_commit(struct ledger *ledger, const struct device_handle *pool,
                          const struct ledger_place *place, uint32_t page_count,
                          enum dma_access access, struct device_handle *handle)
{
    const uint32_t function = pool->function;
    const uint32_t slot = place->slot;
    const uint64_t iova = place->iova;
    struct ledger_function *record = &ledger->functions[function];
    struct ledger_buffer *buffer = &ledger->buffers[slot];

    /*@ assert \separated(handle, record, buffer); */
    begin_buffer(buffer, function, iova, page_count, access);
    spend(record, iova, page_count);
    /*@ assert buffer_sound(buffer); */
    /*@ assert buffer->use == LEDGER_LIVE && buffer->function == function; */
    /*@ assert buffer->page_count == page_count; */
    ledger_handle_set(handle, record, function, DEVICE_PART_BUFFER, slot, buffer->generation);
}

void ledger_exhausted(struct ledger *ledger, uint32_t function)
{
    ledger->functions[function].is_exhausted = true;
}

void ledger_buffer_end(struct ledger *ledger, uint32_t slot)
{
    ledger_end_buffer(&ledger->buffers[slot]);
}

bool ledger_buffer_is_unreachable(const struct ledger *ledger, uint32_t slot, bool is_invalidated)
{
    const struct ledger_buffer *buffer = &ledger->buffers[slot];
    const uint32_t evidence = ledger->functions[buffer->function].evidence;

    return buffer->use == LEDGER_ENDING &&
           (is_invalidated || (evidence & LEDGER_UNREACHABLE) == LEDGER_UNREACHABLE ||
            (evidence & LEDGER_INERT) != 0);
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
