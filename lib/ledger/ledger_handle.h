/* SPDX-License-Identifier: MIT */
#pragma once

/* How the ledger makes handles, begins and ends what they name. For its own files only. */

#include "ledger/ledger.h"

/** Make a handle of a function's part, as of now. */
/*@ requires \valid(handle) && \valid_read(record) && \separated(handle, record);
    assigns *handle;
    ensures function_same{Pre, Post}(record);
    ensures handle_issued(handle, part, function, slot, record, part_generation); */
static inline void ledger_handle_set(struct device_handle *handle,
                                     const struct ledger_function *record, uint32_t function,
                                     enum device_part part, uint32_t slot, uint64_t part_generation)
{
    handle->part = part;
    handle->function = function;
    handle->slot = slot;
    handle->generation = record->generation;
    handle->owner_generation = record->owner_generation;
    handle->part_generation = part_generation;
}

/** The record of a buffer that there never was. */
/*@ requires \valid(buffer);
    assigns *buffer;
    ensures buffer_initial(buffer); */
static inline void ledger_buffer_init(struct ledger_buffer *buffer)
{
    buffer->use = LEDGER_UNUSED;
    buffer->function = 0;
    buffer->generation = 1;
    buffer->is_retired = false;
    buffer->access = 0;
    buffer->iova = 0;
    buffer->page_count = 0;
    buffer->next_free = 0;
}

/** A live route ends: its handle is of an old generation from here on. */
/*@ requires \valid(route) && route_sound(route);
    assigns route->use, route->generation, route->is_retired;
    ensures route_sound(route) && route->use != LEDGER_LIVE;
    ensures \old(route->generation) <= route->generation;
    behavior ended:
      assumes route->use == LEDGER_LIVE;
      ensures route->use == LEDGER_ENDING && route->generation == \old(route->generation) + 1;
    behavior refused:
      assumes route->use != LEDGER_LIVE;
      assigns \nothing;
      ensures route->use == \old(route->use);
      ensures route->generation == \old(route->generation);
      ensures route->is_retired == \old(route->is_retired);
    complete behaviors;
    disjoint behaviors; */
static inline void ledger_end_route(struct ledger_route *route)
{
    if (route->use == LEDGER_LIVE) {
        route->use = LEDGER_ENDING;
        route->generation++;
        route->is_retired = route->generation == LEDGER_GENERATION_END;
    }
}

/** The same for a buffer. */
/*@ requires \valid(buffer) && buffer_sound(buffer);
    assigns buffer->use, buffer->generation, buffer->is_retired;
    ensures buffer_sound(buffer) && buffer->use != LEDGER_LIVE;
    ensures \old(buffer->generation) <= buffer->generation;
    behavior ended:
      assumes buffer->use == LEDGER_LIVE;
      ensures buffer->use == LEDGER_ENDING && buffer->generation == \old(buffer->generation) + 1;
    behavior refused:
      assumes buffer->use != LEDGER_LIVE;
      assigns \nothing;
      ensures buffer->use == \old(buffer->use);
      ensures buffer->generation == \old(buffer->generation);
      ensures buffer->is_retired == \old(buffer->is_retired);
    complete behaviors;
    disjoint behaviors; */
static inline void ledger_end_buffer(struct ledger_buffer *buffer)
{
    if (buffer->use == LEDGER_LIVE) {
        buffer->use = LEDGER_ENDING;
        buffer->generation++;
        buffer->is_retired = buffer->generation == LEDGER_GENERATION_END;
    }
}
