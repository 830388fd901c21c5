/* SPDX-License-Identifier: MIT */
/* How authority is taken back, and what has to be seen before a function has its next owner. */
#include "ledger/ledger.h"

/** All routes of a function are ending. */
/*@ requires ledger_stored(ledger) && routes_sound(ledger);
    assigns ledger->routes[0 .. ledger->route_count - 1];
    ensures routes_sound(ledger) && routes_grown{Pre, Post}(ledger);
    ensures \forall integer k; ledger_has_route(ledger, k) &&
                ledger->routes[k].function == function ==> ledger->routes[k].use != LEDGER_LIVE; */
static void end_routes(struct ledger *ledger, uint32_t function)
{
    /*@ loop invariant 0 <= i <= ledger->route_count;
        loop invariant routes_sound(ledger) && routes_grown{Pre, Here}(ledger);
        loop invariant \forall integer k; 0 <= k < i && ledger->routes[k].function == function ==>
                           ledger->routes[k].use != LEDGER_LIVE;
        loop assigns i, ledger->routes[0 .. ledger->route_count - 1];
        loop variant ledger->route_count - i; */
    for (uint32_t i = 0; i < ledger->route_count; i++) {
        if (ledger->routes[i].use == LEDGER_LIVE && ledger->routes[i].function == function) {
            ledger_route_end(ledger, i);
        }
    }
}

/** All its buffers as well. */
/*@ requires ledger_stored(ledger) && buffers_sound(ledger);
    assigns ledger->buffers[0 .. ledger->buffer_count - 1];
    ensures buffers_sound(ledger) && buffers_grown{Pre, Post}(ledger);
    ensures \forall integer k; ledger_has_buffer(ledger, k) &&
                ledger->buffers[k].function == function ==> ledger->buffers[k].use != LEDGER_LIVE;
 */
static void end_buffers(struct ledger *ledger, uint32_t function)
{
    /*@ loop invariant 0 <= i <= ledger->buffer_count;
        loop invariant buffers_sound(ledger) && buffers_grown{Pre, Here}(ledger);
        loop invariant \forall integer k; 0 <= k < i && ledger->buffers[k].function == function ==>
                           ledger->buffers[k].use != LEDGER_LIVE;
        loop assigns i, ledger->buffers[0 .. ledger->buffer_count - 1];
        loop variant ledger->buffer_count - i; */
    for (uint32_t i = 0; i < ledger->buffer_count; i++) {
        if (ledger->buffers[i].use == LEDGER_LIVE && ledger->buffers[i].function == function) {
            ledger_buffer_end(ledger, i);
        }
    }
}

bool ledger_revoke(struct ledger *ledger, uint32_t function)
{
    struct ledger_function *record = &ledger->functions[function];

    if (!device_state_is_owned(record->state)) {
        return false;
    }
    end_routes(ledger, function);
    end_buffers(ledger, function);
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
