/* SPDX-License-Identifier: MIT */
#pragma once

/* What an owner has of its function: registers, routes, buffers. */

#include "ledger/ledger.h"

/* ------------------------------------------------------------------------ registers */

/** Pages of registers were mapped through a handle that has been checked. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires ledger->functions[function].mmio_pages + page_count <= UINT32_MAX;
    assigns ledger->functions[function].mmio_pages;
    ensures ledger->functions[function].mmio_pages ==
            \old(ledger->functions[function].mmio_pages) + page_count; */
void ledger_mmio_mapped(struct ledger *ledger, uint32_t function, uint32_t page_count);

/** They are gone from every CPU. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires page_count <= ledger->functions[function].mmio_pages;
    assigns ledger->functions[function].mmio_pages;
    ensures ledger->functions[function].mmio_pages ==
            \old(ledger->functions[function].mmio_pages) - page_count; */
void ledger_mmio_unmapped(struct ledger *ledger, uint32_t function, uint32_t page_count);

/** The capability of registers or pool is gone. */
/*@ requires ledger_stored(ledger) && \valid_read(handle) && ledger_apart(ledger, handle);
    requires ledger_has_function(ledger, handle->function);
    requires function_sound(&ledger->functions[handle->function]);
    assigns ledger->functions[handle->function].has_mmio,
            ledger->functions[handle->function].has_pool;
    behavior refused:
      assumes handle->generation != ledger->functions[handle->function].generation ||
              (handle->part != DEVICE_PART_MMIO && handle->part != DEVICE_PART_POOL);
      assigns \nothing;
    behavior ended:
      assumes handle->generation == ledger->functions[handle->function].generation;
      assumes handle->part == DEVICE_PART_MMIO || handle->part == DEVICE_PART_POOL;
      ensures !ledger_resolves(ledger, handle);
      ensures function_sound(&ledger->functions[handle->function]);
    complete behaviors;
    disjoint behaviors; */
void ledger_part_end(struct ledger *ledger, const struct device_handle *handle);

/* ------------------------------------------------------------------------ routes */

/** Whether a slot can have a route: it is one, free, and not retired. */
/*@ requires ledger_stored(ledger);
    assigns \nothing;
    ensures \result <==> route_slot_open(ledger, slot); */
MUST_CHECK bool ledger_route_slot_is_open(const struct ledger *ledger, uint32_t slot);

/**
 * May `pid` have one more route of its function, in the slot that is offered?
 *
 * Returns: STATUS_OK; STATUS_NOT_FOUND, STATUS_STALE, STATUS_DENIED; STATUS_QUEUE_FULL if the slot
 * is none, taken, ending or retired: the caller has no other, or it would have offered that.
 */
/*@ requires ledger_stored(ledger);
    assigns \nothing;
    ensures \result == STATUS_OK <==>
            ledger_has_function(ledger, function) &&
            device_state_owned(ledger->functions[function].state) &&
            ledger->functions[function].owner == pid && route_slot_open(ledger, slot); */
MUST_CHECK enum status ledger_route_check(const struct ledger *ledger, uint32_t function,
                                          uint64_t pid, uint32_t slot);

/*@ requires ledger_stored(ledger) && route_sound(&ledger->routes[slot]);
    requires ledger_has_function(ledger, function);
    requires device_state_owned(ledger->functions[function].state);
    requires route_slot_open(ledger, slot);
    requires ledger->functions[function].route_count < UINT32_MAX;
    requires \valid(handle) && ledger_apart(ledger, handle);
    assigns ledger->routes[slot], ledger->functions[function].route_count, *handle;
    ensures route_sound(&ledger->routes[slot]);
    ensures handle_issued(handle, DEVICE_PART_ROUTE, function, slot, &ledger->functions[function],
                          ledger->routes[slot].generation);
    ensures ledger->routes[slot].use == LEDGER_LIVE && ledger->routes[slot].function == function;
    ensures ledger->functions[function].route_count ==
            \old(ledger->functions[function].route_count) + 1; */
void ledger_route_commit(struct ledger *ledger, uint32_t function, uint32_t slot,
                         struct device_handle *handle);

/**
 * The device may raise it from here on: the function is active. Not if the route has ended
 * meanwhile: then nothing changes.
 */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    requires ledger_has_function(ledger, ledger->routes[slot].function);
    assigns ledger->functions[ledger->routes[slot].function].state;
    behavior armed:
      assumes ledger->routes[slot].use == LEDGER_LIVE;
      ensures ledger->functions[ledger->routes[slot].function].state == FUNCTION_STATE_ACTIVE;
    behavior refused:
      assumes ledger->routes[slot].use != LEDGER_LIVE;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_route_armed(struct ledger *ledger, uint32_t slot);

/** Take a route back: no handle names it any more, deliveries are of an old generation (L5). */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    requires route_sound(&ledger->routes[slot]);
    assigns ledger->routes[slot].use, ledger->routes[slot].generation,
            ledger->routes[slot].is_retired;
    ensures route_sound(&ledger->routes[slot]);
    behavior ended:
      assumes ledger->routes[slot].use == LEDGER_LIVE;
      ensures ledger->routes[slot].use == LEDGER_ENDING;
      ensures ledger->routes[slot].generation == \old(ledger->routes[slot].generation) + 1;
    behavior refused:
      assumes ledger->routes[slot].use != LEDGER_LIVE;
      ensures ledger->routes[slot].use == \old(ledger->routes[slot].use);
      ensures ledger->routes[slot].generation == \old(ledger->routes[slot].generation);
      ensures ledger->routes[slot].is_retired == \old(ledger->routes[slot].is_retired);
    complete behaviors;
    disjoint behaviors; */
void ledger_route_end(struct ledger *ledger, uint32_t slot);

/**
 * An ending route was seen gone: entry invalidated, nothing pending. The slot is free. Nothing
 * changes if it is not ending.
 */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    requires ledger_has_function(ledger, ledger->routes[slot].function);
    requires ledger->routes[slot].use == LEDGER_ENDING ==>
             0 < ledger->functions[ledger->routes[slot].function].route_count;
    assigns ledger->routes[slot].use,
            ledger->functions[ledger->routes[slot].function].route_count;
    behavior ended:
      assumes ledger->routes[slot].use == LEDGER_ENDING;
      ensures ledger->routes[slot].use == LEDGER_UNUSED;
      ensures ledger->functions[ledger->routes[slot].function].route_count ==
              \old(ledger->functions[ledger->routes[slot].function].route_count) - 1;
    behavior refused:
      assumes ledger->routes[slot].use != LEDGER_ENDING;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_route_ended(struct ledger *ledger, uint32_t slot);

/** Is an interrupt of this generation of the slot to be delivered? (L5) */
/*@ requires ledger_stored(ledger) && ledger_has_route(ledger, slot);
    assigns \nothing;
    ensures \result <==> ledger->routes[slot].use == LEDGER_LIVE &&
                         ledger->routes[slot].generation == generation; */
static inline bool ledger_route_delivers(const struct ledger *ledger, uint32_t slot,
                                         uint64_t generation)
{
    return ledger->routes[slot].use == LEDGER_LIVE && ledger->routes[slot].generation == generation;
}

/* ------------------------------------------------------------------------ buffers */

/** Whether a slot can have a buffer: as for a route. */
/*@ requires ledger_stored(ledger);
    assigns \nothing;
    ensures \result <==> buffer_slot_open(ledger, slot); */
MUST_CHECK bool ledger_buffer_slot_is_open(const struct ledger *ledger, uint32_t slot);

/**
 * May `pid` have `page_count` more pages in the pool of the handle, as the buffer of the slot that
 * is offered?
 *
 * Returns: STATUS_OK with the *place; those of ledger_check(); STATUS_WRONG_TYPE for a handle of
 * another part; STATUS_OVER_BUDGET beyond the pool's limit; STATUS_BAD_RANGE for no pages, or for
 * more than the device could address if nothing had been given out; STATUS_QUEUE_FULL if the slot
 * is none, taken, ending or retired; STATUS_RETIRED if the addresses are used up.
 */
/*@ requires ledger_stored(ledger) && \valid_read(pool) && \valid(place);
    requires ledger_has_function(ledger, pool->function) ==>
             function_sound(&ledger->functions[pool->function]);
    requires ledger_apart(ledger, place) && \separated(pool, place);
    assigns *place;
    ensures \result != STATUS_OK ==> *place == \old(*place);
    ensures \result == STATUS_OK ==>
            ledger_resolves(ledger, pool) && pool->part == DEVICE_PART_POOL &&
            ledger->functions[pool->function].owner == pid && page_count != 0;
    ensures \result == STATUS_OK ==> place->slot == slot && buffer_slot_open(ledger, slot);
    ensures \result == STATUS_OK ==>
            buffer_fits(ledger, &ledger->functions[pool->function], place, page_count); */
MUST_CHECK enum status ledger_buffer_check(const struct ledger *ledger,
                                           const struct device_handle *pool, uint64_t pid,
                                           uint32_t slot, uint32_t page_count,
                                           struct ledger_place *place);

/** Addresses that `place` names are given out; never again. The function is active. */
/*@ requires ledger_stored(ledger) && \valid_read(pool) && \valid_read(place) && \valid(handle);
    requires ledger_apart(ledger, handle) && \separated(handle, pool, place);
    requires ledger_apart(ledger, pool) && ledger_apart(ledger, place);
    requires ledger_has_function(ledger, pool->function) && page_count != 0;
    requires function_sound(&ledger->functions[pool->function]);
    requires buffer_sound(&ledger->buffers[place->slot]);
    requires device_state_owned(ledger->functions[pool->function].state);
    requires buffer_fits(ledger, &ledger->functions[pool->function], place, page_count);
    requires ledger->functions[pool->function].buffer_count < UINT32_MAX;
    assigns ledger->functions[pool->function], ledger->buffers[place->slot], *handle;
    ensures function_sound(&ledger->functions[\old(pool->function)]);
    ensures buffer_sound(&ledger->buffers[\old(place->slot)]);
    ensures handle_issued(handle, DEVICE_PART_BUFFER, \old(pool->function), \old(place->slot),
                          &ledger->functions[\old(pool->function)],
                          ledger->buffers[\old(place->slot)].generation);
    ensures ledger->buffers[\old(place->slot)].use == LEDGER_LIVE;
    ensures ledger->functions[\old(pool->function)].state == FUNCTION_STATE_ACTIVE;
    // L4: what was given out, and a page behind it, is never given out again.
    ensures \old(place->iova) < LEDGER_HIGH_FIRST ==>
            ledger->functions[\old(pool->function)].low_next ==
                \old(place->iova) + (page_count + 1) * LEDGER_PAGE_BYTES;
    ensures LEDGER_HIGH_FIRST <= \old(place->iova) ==>
            ledger->functions[\old(pool->function)].high_next ==
                \old(place->iova) + (page_count + 1) * LEDGER_PAGE_BYTES;
    ensures ledger->functions[\old(pool->function)].pool_pages ==
            \old(ledger->functions[pool->function].pool_pages) + page_count;
    ensures ledger->buffers[\old(place->slot)].page_count == page_count;
    ensures ledger->buffers[\old(place->slot)].function == \old(pool->function);
    ensures ledger->functions[\old(pool->function)].buffer_count ==
            \old(ledger->functions[pool->function].buffer_count) + 1; */
void ledger_buffer_commit(struct ledger *ledger, const struct device_handle *pool,
                          const struct ledger_place *place, uint32_t page_count,
                          enum dma_access access, struct device_handle *handle);

/** A check said that addresses are used up: the function is retired when its owner leaves it. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns ledger->functions[function].is_exhausted;
    ensures ledger->functions[function].is_exhausted; */
void ledger_exhausted(struct ledger *ledger, uint32_t function);

/** Take a buffer back: no handle names it any more. Its pages stay counted. */
/*@ requires ledger_stored(ledger) && ledger_has_buffer(ledger, slot);
    requires buffer_sound(&ledger->buffers[slot]);
    assigns ledger->buffers[slot].use, ledger->buffers[slot].generation,
            ledger->buffers[slot].is_retired;
    ensures buffer_sound(&ledger->buffers[slot]);
    behavior ended:
      assumes ledger->buffers[slot].use == LEDGER_LIVE;
      ensures ledger->buffers[slot].use == LEDGER_ENDING;
      ensures ledger->buffers[slot].generation == \old(ledger->buffers[slot].generation) + 1;
    behavior refused:
      assumes ledger->buffers[slot].use != LEDGER_LIVE;
      ensures ledger->buffers[slot].use == \old(ledger->buffers[slot].use);
      ensures ledger->buffers[slot].generation == \old(ledger->buffers[slot].generation);
      ensures ledger->buffers[slot].is_retired == \old(ledger->buffers[slot].is_retired);
    complete behaviors;
    disjoint behaviors; */
void ledger_buffer_end(struct ledger *ledger, uint32_t slot);

/**
 * Whether an ending buffer's pages may be given back: it was unmapped and the IOMMU has said that
 * it forgot them (`is_invalidated`), or the whole function can reach nothing (L4): it was detached,
 * or recovered from quarantine.
 */
/*@ requires ledger_stored(ledger) && ledger_has_buffer(ledger, slot);
    requires ledger_has_function(ledger, ledger->buffers[slot].function);
    assigns \nothing;
    ensures \result <==>
            ledger->buffers[slot].use == LEDGER_ENDING &&
            (is_invalidated ||
             (ledger->functions[ledger->buffers[slot].function].evidence & LEDGER_UNREACHABLE) ==
                 LEDGER_UNREACHABLE ||
             (ledger->functions[ledger->buffers[slot].function].evidence & LEDGER_INERT) != 0); */
MUST_CHECK bool ledger_buffer_is_unreachable(const struct ledger *ledger, uint32_t slot,
                                             bool is_invalidated);

/**
 * An unreachable buffer's pages have been given back. The slot is free. Nothing changes if it is
 * not ending.
 */
/*@ requires ledger_stored(ledger) && ledger_has_buffer(ledger, slot);
    requires ledger_has_function(ledger, ledger->buffers[slot].function);
    requires ledger->buffers[slot].use == LEDGER_ENDING ==>
             0 < ledger->functions[ledger->buffers[slot].function].buffer_count &&
             ledger->buffers[slot].page_count <=
                 ledger->functions[ledger->buffers[slot].function].pool_pages;
    assigns ledger->buffers[slot].use,
            ledger->functions[ledger->buffers[slot].function].pool_pages,
            ledger->functions[ledger->buffers[slot].function].buffer_count;
    behavior ended:
      assumes ledger->buffers[slot].use == LEDGER_ENDING;
      ensures ledger->buffers[slot].use == LEDGER_UNUSED;
      ensures ledger->functions[ledger->buffers[slot].function].pool_pages ==
              \old(ledger->functions[ledger->buffers[slot].function].pool_pages) -
                  ledger->buffers[slot].page_count;
      ensures ledger->functions[ledger->buffers[slot].function].buffer_count ==
              \old(ledger->functions[ledger->buffers[slot].function].buffer_count) - 1;
    behavior refused:
      assumes ledger->buffers[slot].use != LEDGER_ENDING;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_buffer_ended(struct ledger *ledger, uint32_t slot);
