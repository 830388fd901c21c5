/* SPDX-License-Identifier: MIT */
#include "ledger/ledger_slots.h"

#include "ledger/ledger_handle.h"
#include "ledger/ledger_parts.h"

void ledger_route_slot_give(struct ledger *ledger, struct ledger_slots *slots, uint32_t slot)
{
    if (ledger_route_slot_is_open(ledger, slot)) {
        ledger->routes[slot].next_free = slots->first;
        slots->first = slot;
    }
}

void ledger_buffer_slot_give(struct ledger *ledger, struct ledger_slots *slots, uint32_t slot)
{
    if (ledger_buffer_slot_is_open(ledger, slot)) {
        ledger->buffers[slot].next_free = slots->first;
        slots->first = slot;
    }
}

void ledger_buffer_slots_add(struct ledger *ledger, struct ledger_slots *slots, uint32_t count)
{
    const uint32_t first = ledger->buffer_count;

    ledger->buffer_count += count;
    for (uint32_t slot = ledger->buffer_count; slot-- > first;) {
        ledger_buffer_init(&ledger->buffers[slot]);
        ledger_buffer_slot_give(ledger, slots, slot);
    }
}
