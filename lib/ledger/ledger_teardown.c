/* SPDX-License-Identifier: MIT */
/* How authority is taken back, and what has to be seen before a function has its next owner. */
#include "ledger/ledger_teardown.h"

#include "ledger/ledger_handle.h"

/** All routes of a function are ending. */
/*@ requires \valid(routes + (0 .. count - 1));
    requires \forall integer k; 0 <= k < count ==> route_sound(&routes[k]);
    assigns routes[0 .. count - 1];
    ensures \forall integer k; 0 <= k < count ==> route_sound(&routes[k]);
    ensures \forall integer k; 0 <= k < count ==>
                \old(routes[k].generation) <= routes[k].generation;
    ensures \forall integer k; 0 <= k < count && routes[k].function == function ==>
                routes[k].use != LEDGER_LIVE; */
static void end_routes(struct ledger_route *routes, uint32_t count, uint32_t function)
{
    /*@ loop invariant 0 <= i <= count;
        loop invariant \forall integer k; 0 <= k < count ==> route_sound(&routes[k]);
        loop invariant \forall integer k; 0 <= k < count ==>
                           \at(routes[k].generation, Pre) <= routes[k].generation;
        loop invariant \forall integer k; 0 <= k < i && routes[k].function == function ==>
                           routes[k].use != LEDGER_LIVE;
        loop assigns i, routes[0 .. count - 1];
        loop variant count - i; */
    for (uint32_t i = 0; i < count; i++) {
        if (routes[i].function == function) {
            ledger_end_route(&routes[i]);
        }
    }
}

bool ledger_revoke(struct ledger *ledger, uint32_t function)
{
    struct ledger_function *record = &ledger->functions[function];

    if (!device_state_is_owned(record->state)) {
        return false;
    }
    end_routes(ledger->routes, ledger->route_count, function);
    /*@ assert routes_sound(ledger); */
    /*@ assert routes_ended(ledger, function); */
    record->state = FUNCTION_STATE_REVOKING;
    record->generation++;
    record->has_mmio = false;
    record->has_pool = false;
    record->evidence = 0;
    return true;
}

/** Whether a teardown is under way: what is seen at other times is evidence of nothing. */
/*@ requires \valid_read(record);
    assigns \nothing;
    ensures \result <==> state_torn_down(record->state); */
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

/** Whether there can be no next owner: generations or addresses are used up (L7). */
/*@ requires \valid_read(record);
    assigns \nothing;
    ensures !\result ==> !record->is_exhausted &&
            record->generation < LEDGER_GENERATION_END - 1 &&
            record->owner_generation < LEDGER_GENERATION_END - 1; */
static bool is_used_up(const struct ledger_function *record)
{
    return record->is_exhausted || record->generation >= LEDGER_GENERATION_END - 1 ||
           record->owner_generation >= LEDGER_GENERATION_END - 1;
}

enum function_state ledger_finish(struct ledger *ledger, uint32_t function)
{
    struct ledger_function *record = &ledger->functions[function];

    record->not_reset = (record->evidence & LEDGER_RESET) == 0;
    record->owner = DEVICE_NOBODY;
    record->former_owner = DEVICE_NOBODY;
    record->pool_limit = 0;
    record->state = is_used_up(record) ? FUNCTION_STATE_RETIRED : FUNCTION_STATE_FREE;
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

void ledger_recover(struct ledger *ledger, uint32_t function)
{
    if (ledger->functions[function].state == FUNCTION_STATE_QUARANTINED) {
        ledger->functions[function].evidence |= LEDGER_INERT;
    }
}

bool ledger_leave_quarantine(struct ledger *ledger, uint32_t function)
{
    struct ledger_function *record = &ledger->functions[function];

    if (record->state != FUNCTION_STATE_QUARANTINED || (record->evidence & LEDGER_INERT) == 0 ||
        record->buffer_count != 0 || record->route_count != 0 || record->mmio_pages != 0) {
        return false;
    }
    record->pool_limit = 0;
    record->not_reset = false;
    record->state = is_used_up(record) ? FUNCTION_STATE_RETIRED : FUNCTION_STATE_FREE;
    return true;
}
