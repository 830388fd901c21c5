/* SPDX-License-Identifier: MIT */
#pragma once

/* How authority is taken back, and what has to be seen before a function has its next owner. */

#include "ledger/ledger.h"

/* ------------------------------------------------------------------------ teardown */

/**
 * Raise the epoch: no handle resolves from here on. All routes are ending. Buffers, of which there
 * can be ten thousand, stay as they are: the teardown ends them one after the other, and there is
 * no next owner before it has (ledger_is_released()).
 *
 * Returns: true if this call did it; false if a teardown is under way or there is no owner.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    requires routes_sound(ledger);
    behavior revoked:
      assumes device_state_owned(ledger->functions[function].state);
      assigns ledger->functions[function], ledger->routes[0 .. ledger->route_count - 1];
      ensures totals_same{Pre, Post}(&ledger->functions[function]);
      ensures \result && ledger->functions[function].state == FUNCTION_STATE_REVOKING;
      // Whatever it says, no handle of the function is current now...
      ensures \forall integer part, slot, generation, owner, part_generation;
                  !ledger_current(ledger, part, function, slot, generation, owner,
                                  part_generation);
      // ... and none of those that there were will ever be again (L7).
      ensures ledger->functions[function].generation ==
              \old(ledger->functions[function].generation) + 1;
      ensures ledger->functions[function].evidence == 0;
      ensures function_sound(&ledger->functions[function]);
    behavior refused:
      assumes !device_state_owned(ledger->functions[function].state);
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
MUST_CHECK bool ledger_revoke(struct ledger *ledger, uint32_t function);

/** The teardown has seen something done: enum ledger_evidence. Ignored while there is none. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].evidence;
    ensures function_sound(&ledger->functions[function]);
    behavior noted:
      assumes state_torn_down(ledger->functions[function].state);
      ensures ledger->functions[function].evidence ==
              (uint32_t)(\old(ledger->functions[function].evidence) | evidence);
    behavior refused:
      assumes !state_torn_down(ledger->functions[function].state);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_witness(struct ledger *ledger, uint32_t function, uint32_t evidence);

/** Its device is being reset. Ignored while there is no teardown. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].state;
    ensures function_sound(&ledger->functions[function]);
    behavior begun:
      assumes state_torn_down(ledger->functions[function].state);
      ensures ledger->functions[function].state == FUNCTION_STATE_RESETTING;
    behavior refused:
      assumes !state_torn_down(ledger->functions[function].state);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_reset_begin(struct ledger *ledger, uint32_t function);

/**
 * Whether a teardown is under way and nothing of the owner is left, so that ledger_finish() may be
 * called. Never in quarantine.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns \nothing;
    ensures \result <==> function_released(&ledger->functions[function]); */
MUST_CHECK bool ledger_is_released(const struct ledger *ledger, uint32_t function);

/**
 * The end of a teardown: free, or retired if generations or addresses are used up.
 * Only after ledger_is_released() and with all of LEDGER_QUIET witnessed.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    requires function_released(&ledger->functions[function]);
    requires ledger->functions[function].pool_pages == 0;
    assigns ledger->functions[function];
    ensures totals_same{Pre, Post}(&ledger->functions[function]);
    ensures function_sound(&ledger->functions[function]);
    ensures ledger->functions[function].generation ==
            \old(ledger->functions[function].generation);
    ensures \result == ledger->functions[function].state;
    ensures \result == FUNCTION_STATE_FREE || \result == FUNCTION_STATE_RETIRED;
    ensures ledger->functions[function].owner == DEVICE_NOBODY;
    // L7: whoever is claimed again has generations left for a claim and a revoke.
    ensures \result == FUNCTION_STATE_FREE ==>
            !ledger->functions[function].is_exhausted &&
            ledger->functions[function].generation < LEDGER_GENERATION_END - 1 &&
            ledger->functions[function].owner_generation < LEDGER_GENERATION_END - 1; */
enum function_state ledger_finish(struct ledger *ledger, uint32_t function);

/**
 * The other end: it was not seen to come to rest. What it could reach stays its own, routes and
 * buffers included, until it is recovered. Ignored while it is owned: it is revoked first.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].state, ledger->functions[function].owner,
            ledger->functions[function].former_owner;
    ensures function_sound(&ledger->functions[function]);
    behavior quarantined:
      assumes !device_state_owned(ledger->functions[function].state);
      ensures ledger->functions[function].state == FUNCTION_STATE_QUARANTINED;
      ensures ledger->functions[function].owner == DEVICE_NOBODY;
    behavior refused:
      assumes device_state_owned(ledger->functions[function].state);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_quarantine(struct ledger *ledger, uint32_t function);

/* ------------------------------------------------------------------------ quarantine */

/**
 * The way out of quarantine: the whole function, not only what its class's registers reach, was
 * reset by the kernel and seen to be; it masters no bus, no transaction of it is pending, no vector
 * of it can arrive. So it reaches nothing, whatever the IOMMU does. Ignored in other states.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    assigns ledger->functions[function].evidence;
    ensures function_sound(&ledger->functions[function]);
    behavior noted:
      assumes ledger->functions[function].state == FUNCTION_STATE_QUARANTINED;
      ensures ledger->functions[function].evidence ==
              (uint32_t)(\old(ledger->functions[function].evidence) | LEDGER_INERT);
    behavior refused:
      assumes ledger->functions[function].state != FUNCTION_STATE_QUARANTINED;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_recover(struct ledger *ledger, uint32_t function);

/**
 * An inert function in quarantine, of which nothing is left, becomes free, or retired as in
 * ledger_finish(). Returns: whether it did.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    requires function_sound(&ledger->functions[function]);
    requires ledger->functions[function].buffer_count == 0 ==>
             ledger->functions[function].pool_pages == 0;
    behavior left:
      assumes function_recovered(&ledger->functions[function]);
      assigns ledger->functions[function];
      ensures totals_same{Pre, Post}(&ledger->functions[function]);
      ensures \result && function_sound(&ledger->functions[function]);
      ensures ledger->functions[function].state == FUNCTION_STATE_FREE ||
              ledger->functions[function].state == FUNCTION_STATE_RETIRED;
      ensures ledger->functions[function].generation ==
              \old(ledger->functions[function].generation);
    behavior refused:
      assumes !function_recovered(&ledger->functions[function]);
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
bool ledger_leave_quarantine(struct ledger *ledger, uint32_t function);
