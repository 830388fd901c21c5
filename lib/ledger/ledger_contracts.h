/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The words that the ledger's contracts are written in. No compiler reads this; Frama-C does, and
 * whoever wants to know what is proven: docs/verification.md.
 *
 * A contract speaks of the records that its operation changes. All others are as they were: its
 * assigns clause says so. function_sound() and its like hold before and after every operation.
 */

/*@ // The caller's storage is there, and its parts are apart.
    predicate ledger_stored(struct ledger *ledger) =
        \valid_read(ledger) &&
        \valid(ledger->functions + (0 .. ledger->function_count - 1)) &&
        \valid(ledger->routes + (0 .. ledger->route_count - 1)) &&
        \valid(ledger->buffers + (0 .. ledger->buffer_count - 1)) &&
        \separated(ledger, ledger->functions + (0 .. ledger->function_count - 1),
                   ledger->routes + (0 .. ledger->route_count - 1),
                   ledger->buffers + (0 .. ledger->buffer_count - 1));

    // Something of the caller's that is written or read beside it.
    predicate ledger_apart(struct ledger *ledger, struct device_handle *other) =
        \separated(other, ledger, ledger->functions + (0 .. ledger->function_count - 1),
                   ledger->routes + (0 .. ledger->route_count - 1),
                   ledger->buffers + (0 .. ledger->buffer_count - 1));
    predicate ledger_apart(struct ledger *ledger, struct device_identity *other) =
        \separated(other, ledger, ledger->functions + (0 .. ledger->function_count - 1),
                   ledger->routes + (0 .. ledger->route_count - 1),
                   ledger->buffers + (0 .. ledger->buffer_count - 1));
    predicate ledger_apart(struct ledger *ledger, struct ledger_place *other) =
        \separated(other, ledger, ledger->functions + (0 .. ledger->function_count - 1),
                   ledger->routes + (0 .. ledger->route_count - 1),
                   ledger->buffers + (0 .. ledger->buffer_count - 1));
    predicate ledger_apart(struct ledger *ledger, uint32_t *other) =
        \separated(other, ledger, ledger->functions + (0 .. ledger->function_count - 1),
                   ledger->routes + (0 .. ledger->route_count - 1),
                   ledger->buffers + (0 .. ledger->buffer_count - 1));

    predicate ledger_has_function(struct ledger *ledger, integer function) =
        0 <= function < ledger->function_count;
    predicate ledger_has_route(struct ledger *ledger, integer slot) =
        0 <= slot < ledger->route_count;
    predicate ledger_has_buffer(struct ledger *ledger, integer slot) =
        0 <= slot < ledger->buffer_count;

    predicate state_torn_down(enum function_state state) =
        state == FUNCTION_STATE_REVOKING || state == FUNCTION_STATE_RESETTING;

    // ------------------------------------------------------------ what holds at any time

    // An owner while it is owned or torn down, and only then (L2). Generations that are needed for
    // the way to the next owner are left (L7). Evidence is of this teardown (L4).
    predicate function_sound(struct ledger_function *record) =
        0 <= record->state < FUNCTION_STATE_COUNT &&
        (record->owner != DEVICE_NOBODY <==>
         device_state_owned(record->state) || state_torn_down(record->state)) &&
        (record->has_mmio || record->has_pool ==> device_state_owned(record->state)) &&
        (record->state == FUNCTION_STATE_DISCOVERED || record->state == FUNCTION_STATE_FREE ==>
         record->generation < LEDGER_GENERATION_END - 1 &&
         record->owner_generation < LEDGER_GENERATION_END - 1) &&
        (device_state_owned(record->state) ==>
         record->generation < LEDGER_GENERATION_END - 1 &&
         0 < record->owner_generation < LEDGER_GENERATION_END && record->evidence == 0) &&
        record->pool_pages <= record->pool_limit &&
        LEDGER_LOW_FIRST <= record->low_next <= LEDGER_HIGH_FIRST &&
        LEDGER_HIGH_FIRST <= record->high_next <= LEDGER_ADDRESS_END + LEDGER_PAGE_BYTES &&
        record->address_end <= LEDGER_ADDRESS_END;

    // What is in use has a generation to end with (L7).
    predicate route_sound(struct ledger_route *route) =
        (route->use == LEDGER_LIVE ==> !route->is_retired) &&
        (!route->is_retired ==> route->generation < LEDGER_GENERATION_END);
    predicate buffer_sound(struct ledger_buffer *buffer) =
        (buffer->use == LEDGER_LIVE ==> !buffer->is_retired) &&
        (!buffer->is_retired ==> buffer->generation < LEDGER_GENERATION_END);

    predicate routes_sound(struct ledger *ledger) =
        \forall integer i; ledger_has_route(ledger, i) ==> route_sound(&ledger->routes[i]);
    predicate buffers_sound(struct ledger *ledger) =
        \forall integer i; ledger_has_buffer(ledger, i) ==> buffer_sound(&ledger->buffers[i]);

    predicate routes_ended(struct ledger *ledger, integer function) =
        \forall integer i; ledger_has_route(ledger, i) &&
            ledger->routes[i].function == function ==> ledger->routes[i].use != LEDGER_LIVE;

    // What a slot has to be to take something new.
    predicate route_slot_open(struct ledger *ledger, integer slot) =
        ledger_has_route(ledger, slot) && ledger->routes[slot].use == LEDGER_UNUSED &&
        !ledger->routes[slot].is_retired;
    predicate buffer_slot_open(struct ledger *ledger, integer slot) =
        ledger_has_buffer(ledger, slot) && ledger->buffers[slot].use == LEDGER_UNUSED &&
        !ledger->buffers[slot].is_retired;

    // As it is before anything happens. Nothing is left as it was in the storage.
    predicate owner_initial(struct ledger_function *record, integer group) =
        record->state == FUNCTION_STATE_DISCOVERED && record->refusal == CLAIM_REFUSAL_NONE &&
        record->group == group && record->generation == 1 && record->owner == DEVICE_NOBODY &&
        record->former_owner == DEVICE_NOBODY && record->owner_generation == 0;
    predicate parts_initial(struct ledger_function *record) =
        !record->has_mmio && !record->has_pool && record->mmio_owner == 0 &&
        record->pool_owner == 0 && record->buffer_count == 0 && record->route_count == 0 &&
        record->mmio_pages == 0;
    predicate pool_initial(struct ledger_function *record) =
        record->pool_limit == 0 && record->pool_pages == 0 &&
        record->low_next == LEDGER_LOW_FIRST && record->high_next == LEDGER_HIGH_FIRST &&
        record->address_end == 0;
    predicate end_initial(struct ledger_function *record) =
        !record->is_exhausted && !record->not_reset && record->evidence == 0;
    predicate function_initial(struct ledger_function *record, integer group) =
        owner_initial(record, group) && parts_initial(record) && pool_initial(record) &&
        end_initial(record);
    predicate route_initial(struct ledger_route *route) =
        route->use == LEDGER_UNUSED && route->function == 0 && route->generation == 1 &&
        route->owner == 0 && !route->is_retired && route->next_free == 0;
    predicate buffer_initial(struct ledger_buffer *buffer) =
        buffer->use == LEDGER_UNUSED && buffer->function == 0 && buffer->generation == 1 &&
        !buffer->is_retired && buffer->access == 0 && buffer->iova == 0 &&
        buffer->page_count == 0 && buffer->next_free == 0;

    predicate owners_initial(struct ledger_function *functions, integer count) =
        \forall integer i; 0 <= i < count ==> owner_initial(&functions[i], i);
    predicate claims_initial(struct ledger_function *functions, integer count) =
        \forall integer i; 0 <= i < count ==> parts_initial(&functions[i]);
    predicate pools_initial(struct ledger_function *functions, integer count) =
        \forall integer i; 0 <= i < count ==> pool_initial(&functions[i]);
    predicate ends_initial(struct ledger_function *functions, integer count) =
        \forall integer i; 0 <= i < count ==> end_initial(&functions[i]);
    predicate functions_initial(struct ledger_function *functions, integer count) =
        owners_initial(functions, count) && claims_initial(functions, count) &&
        pools_initial(functions, count) && ends_initial(functions, count);
    predicate records_initial(struct ledger_route *routes, integer count) =
        \forall integer i; 0 <= i < count ==> route_initial(&routes[i]);
    predicate records_initial(struct ledger_buffer *buffers, integer count) =
        \forall integer i; 0 <= i < count ==> buffer_initial(&buffers[i]);

    // Nothing of it has changed between two places of a function.
    predicate function_same{K, L}(struct ledger_function *record) =
        \at(record->state, K) == \at(record->state, L) &&
        \at(record->refusal, K) == \at(record->refusal, L) &&
        \at(record->group, K) == \at(record->group, L) &&
        \at(record->generation, K) == \at(record->generation, L) &&
        \at(record->owner, K) == \at(record->owner, L) &&
        \at(record->former_owner, K) == \at(record->former_owner, L) &&
        \at(record->owner_generation, K) == \at(record->owner_generation, L) &&
        \at(record->has_mmio, K) == \at(record->has_mmio, L) &&
        \at(record->has_pool, K) == \at(record->has_pool, L) &&
        \at(record->mmio_owner, K) == \at(record->mmio_owner, L) &&
        \at(record->pool_owner, K) == \at(record->pool_owner, L) &&
        \at(record->pool_limit, K) == \at(record->pool_limit, L) &&
        \at(record->pool_pages, K) == \at(record->pool_pages, L) &&
        \at(record->buffer_count, K) == \at(record->buffer_count, L) &&
        \at(record->route_count, K) == \at(record->route_count, L) &&
        \at(record->mmio_pages, K) == \at(record->mmio_pages, L) &&
        \at(record->low_next, K) == \at(record->low_next, L) &&
        \at(record->high_next, K) == \at(record->high_next, L) &&
        \at(record->address_end, K) == \at(record->address_end, L) &&
        \at(record->is_exhausted, K) == \at(record->is_exhausted, L) &&
        \at(record->not_reset, K) == \at(record->not_reset, L) &&
        \at(record->evidence, K) == \at(record->evidence, L);

    // What an owner is charged for (L6): of everything that does not say by how much it differs.
    predicate totals_same{K, L}(struct ledger_function *record) =
        \at(record->pool_pages, K) == \at(record->pool_pages, L) &&
        \at(record->buffer_count, K) == \at(record->buffer_count, L) &&
        \at(record->route_count, K) == \at(record->route_count, L) &&
        \at(record->mmio_pages, K) == \at(record->mmio_pages, L);

    // ------------------------------------------------------------ owners

    // L1: functions of one group that have an owner have the same.
    predicate groups_sound(struct ledger *ledger) =
        \forall integer i, j; ledger_has_function(ledger, i) && ledger_has_function(ledger, j) &&
            ledger->functions[i].group == ledger->functions[j].group &&
            ledger->functions[i].owner != DEVICE_NOBODY &&
            ledger->functions[j].owner != DEVICE_NOBODY ==>
                ledger->functions[i].owner == ledger->functions[j].owner;

    // L1: nobody else has a function of the group, and none of it is in quarantine.
    predicate group_open(struct ledger *ledger, integer function, uint64_t pid) =
        \forall integer i; ledger_has_function(ledger, i) && i != function &&
            ledger->functions[i].group == ledger->functions[function].group ==>
                ledger->functions[i].state != FUNCTION_STATE_QUARANTINED &&
                (ledger->functions[i].owner == DEVICE_NOBODY ||
                 ledger->functions[i].owner == pid);

    predicate ledger_claimable(struct ledger *ledger, integer function, uint64_t pid) =
        ledger_has_function(ledger, function) && pid != DEVICE_NOBODY &&
        (ledger->functions[function].state == FUNCTION_STATE_DISCOVERED ||
         ledger->functions[function].state == FUNCTION_STATE_FREE) &&
        ledger->functions[function].refusal == CLAIM_REFUSAL_NONE &&
        group_open(ledger, function, pid);

    // ------------------------------------------------------------ addresses

    // Some were not given out before, the device can reach all, and none is an interrupt (L4).
    predicate addresses_open(integer low_next, integer high_next, integer end, integer iova,
                             integer bytes) =
        iova + bytes <= end && LEDGER_LOW_FIRST <= iova &&
        (iova < LEDGER_HIGH_FIRST ==>
         low_next <= iova && iova + bytes <= LEDGER_LOW_END &&
         (iova + bytes <= LEDGER_MSI_FIRST || LEDGER_MSI_END <= iova)) &&
        (LEDGER_HIGH_FIRST <= iova ==> high_next <= iova);

    predicate buffer_fits(struct ledger *ledger, struct ledger_function *record,
                          struct ledger_place *place, integer page_count) =
        buffer_slot_open(ledger, place->slot) &&
        page_count <= record->pool_limit - record->pool_pages &&
        addresses_open(record->low_next, record->high_next, record->address_end, place->iova,
                       page_count * LEDGER_PAGE_BYTES);

    // ------------------------------------------------------------ the end of a teardown

    // L4: nothing is left, and all of it was seen.
    predicate function_released(struct ledger_function *record) =
        state_torn_down(record->state) && record->buffer_count == 0 &&
        record->route_count == 0 && record->mmio_pages == 0 &&
        (record->evidence & LEDGER_QUIET) == LEDGER_QUIET;
    predicate function_recovered(struct ledger_function *record) =
        record->state == FUNCTION_STATE_QUARANTINED && (record->evidence & LEDGER_INERT) != 0 &&
        record->buffer_count == 0 && record->route_count == 0 && record->mmio_pages == 0;

    // ------------------------------------------------------------ handles

    predicate ledger_has_place(struct ledger *ledger, struct device_handle *handle) =
        ledger_has_function(ledger, handle->function) &&
        (handle->part == DEVICE_PART_MMIO || handle->part == DEVICE_PART_POOL ?
             handle->slot == 0 :
             handle->part == DEVICE_PART_ROUTE ?
                 ledger_has_route(ledger, handle->slot) :
                 handle->part == DEVICE_PART_BUFFER && ledger_has_buffer(ledger, handle->slot));

    // L3: what a handle has to say to be current. Numbers, so that all handles can be spoken of.
    predicate ledger_current(struct ledger *ledger, integer part, integer function, integer slot,
                             integer generation, integer owner_generation,
                             integer part_generation) =
        ledger_has_function(ledger, function) &&
        device_state_owned(ledger->functions[function].state) &&
        generation == ledger->functions[function].generation &&
        owner_generation == ledger->functions[function].owner_generation &&
        ((part == DEVICE_PART_MMIO && slot == 0 && ledger->functions[function].has_mmio &&
          ledger->functions[function].mmio_owner == owner_generation &&
          part_generation == generation) ||
         (part == DEVICE_PART_POOL && slot == 0 && ledger->functions[function].has_pool &&
          ledger->functions[function].pool_owner == owner_generation &&
          part_generation == generation) ||
         (part == DEVICE_PART_ROUTE && ledger_has_route(ledger, slot) &&
          ledger->routes[slot].function == function && ledger->routes[slot].use == LEDGER_LIVE &&
          ledger->routes[slot].owner == owner_generation &&
          part_generation == ledger->routes[slot].generation) ||
         (part == DEVICE_PART_BUFFER && ledger_has_buffer(ledger, slot) &&
          ledger->buffers[slot].function == function && ledger->buffers[slot].use == LEDGER_LIVE &&
          part_generation == ledger->buffers[slot].generation));

    predicate ledger_resolves(struct ledger *ledger, struct device_handle *handle) =
        ledger_current(ledger, handle->part, handle->function, handle->slot, handle->generation,
                       handle->owner_generation, handle->part_generation);

    // Every generation in it is that of now.
    predicate handle_issued(struct device_handle *handle, integer part, integer function,
                            integer slot, struct ledger_function *record,
                            integer part_generation) =
        handle->part == part && handle->function == function && handle->slot == slot &&
        handle->generation == record->generation &&
        handle->owner_generation == record->owner_generation &&
        handle->part_generation == part_generation; */
