/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which slots of the ledger to offer: lists of those that are free, through their records. The
 * ledger itself does not rely on them: it refuses a slot that is not open.
 *
 * The caller takes a slot when the ledger has committed it, and gives it back when it has ended;
 * one that is retired never comes back (L7).
 */

#include "ledger/ledger.h"

struct ledger_slots {
    uint32_t first; /* LEDGER_NONE: there is none */
};

/** The first slot was committed: it is offered no more. */
/*@ requires ledger_stored(ledger) && \valid(slots) && \separated(slots, ledger);
    requires \separated(slots, ledger->routes + (0 .. ledger->route_count - 1));
    requires ledger_has_route(ledger, slots->first);
    assigns slots->first;
    ensures slots->first == ledger->routes[\old(slots->first)].next_free; */
static inline void ledger_route_slot_take(const struct ledger *ledger, struct ledger_slots *slots)
{
    slots->first = ledger->routes[slots->first].next_free;
}

/** A slot can be offered again: nothing happens unless it is open. */
/*@ requires ledger_stored(ledger) && \valid(slots) && \separated(slots, ledger);
    requires \separated(slots, ledger->routes + (0 .. ledger->route_count - 1));
    assigns slots->first, ledger->routes[slot].next_free;
    behavior given:
      assumes route_slot_open(ledger, slot);
      ensures slots->first == slot;
      ensures ledger->routes[slot].next_free == \old(slots->first);
    behavior refused:
      assumes !route_slot_open(ledger, slot);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_route_slot_give(struct ledger *ledger, struct ledger_slots *slots, uint32_t slot);

/** The same for buffers. */
/*@ requires ledger_stored(ledger) && \valid(slots) && \separated(slots, ledger);
    requires \separated(slots, ledger->buffers + (0 .. ledger->buffer_count - 1));
    requires ledger_has_buffer(ledger, slots->first);
    assigns slots->first;
    ensures slots->first == ledger->buffers[\old(slots->first)].next_free; */
static inline void ledger_buffer_slot_take(const struct ledger *ledger, struct ledger_slots *slots)
{
    slots->first = ledger->buffers[slots->first].next_free;
}

/*@ requires ledger_stored(ledger) && \valid(slots) && \separated(slots, ledger);
    requires \separated(slots, ledger->buffers + (0 .. ledger->buffer_count - 1));
    assigns slots->first, ledger->buffers[slot].next_free;
    behavior given:
      assumes buffer_slot_open(ledger, slot);
      ensures slots->first == slot;
      ensures ledger->buffers[slot].next_free == \old(slots->first);
    behavior refused:
      assumes !buffer_slot_open(ledger, slot);
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
void ledger_buffer_slot_give(struct ledger *ledger, struct ledger_slots *slots, uint32_t slot);

/** The storage behind the last buffer's has room for `count` more: they are free. */
void ledger_buffer_slots_add(struct ledger *ledger, struct ledger_slots *slots, uint32_t count);
