/* SPDX-License-Identifier: MIT */
#pragma once

/* How the ledger makes handles. For its own files: nobody else makes any. */

#include "ledger/ledger.h"

/** A handle of a function's part, as of now. */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns \nothing;
    ensures \result.part == part && \result.function == function && \result.slot == slot;
    ensures \result.generation == ledger->functions[function].generation;
    ensures \result.owner_generation == ledger->functions[function].owner_generation;
    ensures \result.part_generation == part_generation; */
static inline struct device_handle ledger_handle_of(const struct ledger *ledger, uint32_t function,
                                                    enum device_part part, uint32_t slot,
                                                    uint64_t part_generation)
{
    const struct ledger_function *record = &ledger->functions[function];

    return (struct device_handle){
        .part = part,
        .function = function,
        .slot = slot,
        .generation = record->generation,
        .owner_generation = record->owner_generation,
        .part_generation = part_generation,
    };
}
