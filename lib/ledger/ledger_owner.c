/* SPDX-License-Identifier: MIT */
/* Who owns a function: claims, and the claim that is handed on. */
#include "ledger/ledger_owner.h"

#include "ledger/ledger_handle.h"

/**
 * May `pid` have a function, as far as the others of its group are concerned? STATUS_BUSY: another
 * one has an owner. STATUS_UNSUPPORTED: one is in quarantine, and what it may still do can reach
 * all of the group (L1).
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns \nothing;
    ensures \result == STATUS_OK || \result == STATUS_BUSY || \result == STATUS_UNSUPPORTED;
    ensures \result == STATUS_OK <==> group_open(ledger, function, pid); */
static enum status group_check(const struct ledger *ledger, uint32_t function, uint64_t pid)
{
    enum status status = STATUS_OK;

    /*@ loop invariant 0 <= i <= ledger->function_count;
        loop invariant status == STATUS_OK || status == STATUS_BUSY;
        loop invariant status == STATUS_OK <==>
            (\forall integer k; 0 <= k < i && k != function &&
                 ledger->functions[k].group == ledger->functions[function].group ==>
                     ledger->functions[k].owner == DEVICE_NOBODY ||
                     ledger->functions[k].owner == pid);
        loop invariant \forall integer k; 0 <= k < i && k != function &&
            ledger->functions[k].group == ledger->functions[function].group ==>
                ledger->functions[k].state != FUNCTION_STATE_QUARANTINED;
        loop assigns i, status;
        loop variant ledger->function_count - i; */
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

bool ledger_disable(struct ledger *ledger, uint32_t function, bool is_disabled)
{
    struct ledger_function *record = &ledger->functions[function];
    const enum claim_refusal from = is_disabled ? CLAIM_REFUSAL_NONE : CLAIM_REFUSAL_DISABLED;

    if (record->refusal != from) {
        return false;
    }
    record->refusal = is_disabled ? CLAIM_REFUSAL_DISABLED : CLAIM_REFUSAL_NONE;
    return true;
}

/** The record of a function whose owner is `pid` from now on. */
/*@ requires \valid(record) && function_sound(record) && pid != DEVICE_NOBODY;
    requires record->pool_pages == 0;
    requires record->generation < LEDGER_GENERATION_END - 1 &&
             record->owner_generation < LEDGER_GENERATION_END - 1;
    assigns *record;
    ensures totals_same{Pre, Post}(record);
    ensures function_sound(record) && record->state == FUNCTION_STATE_CLAIMED;
    ensures record->owner == pid && record->former_owner == DEVICE_NOBODY;
    ensures record->generation == \old(record->generation);
    ensures record->owner_generation == \old(record->owner_generation) + 1;
    ensures record->low_next == \old(record->low_next);
    ensures record->high_next == \old(record->high_next);
    ensures record->group == \old(record->group); */
static void claim(struct ledger_function *record, uint64_t pid, uint32_t pool_limit,
                  uint64_t address_end)
{
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
}

/** The same in the ledger: then too all functions of its group that have an owner have one (L1). */
/*@ requires ledger_stored(ledger) && ledger_claimable(ledger, function, pid);
    requires function_sound(&ledger->functions[function]) && groups_sound(ledger);
    requires ledger->functions[function].pool_pages == 0;
    assigns ledger->functions[function];
    ensures totals_same{Pre, Post}(&ledger->functions[function]);
    ensures groups_sound(ledger);
    ensures function_sound(&ledger->functions[function]);
    ensures ledger->functions[function].owner == pid;
    ensures ledger->functions[function].generation == \old(ledger->functions[function].generation);
    ensures ledger->functions[function].owner_generation ==
            \old(ledger->functions[function].owner_generation) + 1;
    ensures ledger->functions[function].low_next == \old(ledger->functions[function].low_next);
    ensures ledger->functions[function].high_next == \old(ledger->functions[function].high_next); */
static void claim_function(struct ledger *ledger, uint32_t function, uint64_t pid,
                           uint32_t pool_limit, uint64_t address_end)
{
    claim(&ledger->functions[function], pid, pool_limit, address_end);
}

/** The two handles that a claim gives. */
/*@ requires \valid(mmio) && \valid(pool) && \valid_read(record);
    requires \separated(mmio, pool, record);
    assigns *mmio, *pool;
    ensures function_same{Pre, Post}(record);
    ensures handle_issued(mmio, DEVICE_PART_MMIO, function, 0, record, record->generation);
    ensures handle_issued(pool, DEVICE_PART_POOL, function, 0, record, record->generation); */
static void set_handles(struct device_handle *mmio, struct device_handle *pool,
                        const struct ledger_function *record, uint32_t function)
{
    ledger_handle_set(mmio, record, function, DEVICE_PART_MMIO, 0, record->generation);
    ledger_handle_set(pool, record, function, DEVICE_PART_POOL, 0, record->generation);
}

void ledger_claim_commit(struct ledger *ledger, uint32_t function, uint64_t pid,
                         uint32_t pool_limit, uint64_t address_end, struct device_handle *mmio,
                         struct device_handle *pool)
{
    struct ledger_function *record = &ledger->functions[function];

    /*@ assert \separated(mmio, pool, record); */
    claim_function(ledger, function, pid, pool_limit, address_end);
    set_handles(mmio, pool, record, function);
}

/**
 * Whether a handle names a part of its function that has lived on since a move, and not followed:
 * it is still the owner's whose generation the handle says.
 */
/*@ requires ledger_stored(ledger) && \valid_read(handle);
    requires ledger_has_function(ledger, handle->function);
    assigns \nothing;
    ensures \result ==> ledger_has_place(ledger, handle) && handle->part != DEVICE_PART_BUFFER; */
static bool part_is_of_owner(const struct ledger *ledger, const struct device_handle *handle)
{
    const struct ledger_function *record = &ledger->functions[handle->function];

    if (handle->part == DEVICE_PART_ROUTE) {
        if (handle->slot >= ledger->route_count) {
            return false;
        }
        const struct ledger_route *route = &ledger->routes[handle->slot];

        return route->use == LEDGER_LIVE && route->function == handle->function &&
               route->owner == handle->owner_generation &&
               route->generation == handle->part_generation;
    }
    if (handle->slot != 0 || handle->part_generation != record->generation) {
        return false;
    }
    if (handle->part == DEVICE_PART_MMIO) {
        return record->has_mmio && record->mmio_owner == handle->owner_generation;
    }
    return handle->part == DEVICE_PART_POOL && record->has_pool &&
           record->pool_owner == handle->owner_generation;
}

/** Whether a handle is of the claim that its former owner has handed on. */
/*@ requires ledger_stored(ledger) && \valid_read(handle);
    requires ledger_has_function(ledger, handle->function) ==>
             function_sound(&ledger->functions[handle->function]);
    assigns \nothing;
    ensures \result ==>
            ledger_has_place(ledger, handle) && handle->part != DEVICE_PART_BUFFER &&
            ledger->functions[handle->function].state == FUNCTION_STATE_CLAIMED &&
            ledger->functions[handle->function].former_owner == from &&
            handle->generation == ledger->functions[handle->function].generation &&
            handle->owner_generation + 1 ==
                ledger->functions[handle->function].owner_generation; */
static bool is_left_behind(const struct ledger *ledger, const struct device_handle *handle,
                           uint64_t from)
{
    if (handle->function >= ledger->function_count) {
        return false;
    }
    const struct ledger_function *record = &ledger->functions[handle->function];

    return record->state == FUNCTION_STATE_CLAIMED && record->former_owner == from &&
           from != DEVICE_NOBODY && handle->generation == record->generation &&
           handle->owner_generation == record->owner_generation - 1 &&
           part_is_of_owner(ledger, handle);
}

enum status ledger_move_check(const struct ledger *ledger, const struct device_handle *handle,
                              uint64_t from, uint64_t to)
{
    if (handle->part == DEVICE_PART_BUFFER || to == DEVICE_NOBODY) {
        return STATUS_DENIED;
    }
    if (is_left_behind(ledger, handle, from)) {
        return ledger->functions[handle->function].owner == to ? STATUS_OK : STATUS_DENIED;
    }
    const enum status status = ledger_check(ledger, handle, from);

    if (status != STATUS_OK) {
        return status;
    }
    const struct ledger_function *record = &ledger->functions[handle->function];

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
