/* SPDX-License-Identifier: MIT */
#pragma once

/* Who owns a function: claims, and the claim that is handed on. */

#include "ledger/ledger.h"

/**
 * May `pid` become the owner of a function, as it is since `generation`?
 *
 * Returns: STATUS_OK; STATUS_NOT_FOUND; STATUS_STALE; STATUS_DENIED for nobody; STATUS_UNSUPPORTED
 * if it has a refusal, or it or one of its group is in quarantine; STATUS_RETIRED; STATUS_BUSY if
 * it or one of its group has an owner (L1: that owner may be `pid` for the others of the group).
 */
/*@ requires ledger_stored(ledger);
    requires ledger_has_function(ledger, function) ==>
             function_sound(&ledger->functions[function]);
    assigns \nothing;
    ensures \result == STATUS_OK <==>
            ledger_claimable(ledger, function, pid) &&
            ledger->functions[function].generation == generation; */
MUST_CHECK enum status ledger_claim_check(const struct ledger *ledger, uint32_t function,
                                          uint64_t generation, uint64_t pid);

/**
 * Let nobody claim a function, or everybody again. One that nobody can claim for another reason
 * stays as it is. Who owns it goes on to: that is for the caller to take back.
 *
 * Returns: whether anything has changed.
 */
/*@ requires ledger_stored(ledger) && ledger_has_function(ledger, function);
    assigns ledger->functions[function].refusal;
    ensures !\result ==>
            ledger->functions[function].refusal == \old(ledger->functions[function].refusal);
    ensures \result && is_disabled ==>
            ledger->functions[function].refusal == CLAIM_REFUSAL_DISABLED;
    ensures \result && !is_disabled ==>
            ledger->functions[function].refusal == CLAIM_REFUSAL_NONE; */
bool ledger_disable(struct ledger *ledger, uint32_t function, bool is_disabled);

/** The claim, with registers and a pool. `address_end` is one past the highest address. */
/*@ requires ledger_stored(ledger) && ledger_claimable(ledger, function, pid);
    requires function_sound(&ledger->functions[function]);
    requires ledger->functions[function].pool_pages == 0 && groups_sound(ledger);
    requires \valid(mmio) && \valid(pool) && \separated(mmio, pool);
    requires ledger_apart(ledger, mmio) && ledger_apart(ledger, pool);
    assigns ledger->functions[function], *mmio, *pool;
    ensures totals_same{Pre, Post}(&ledger->functions[function]);
    ensures function_sound(&ledger->functions[function]);
    ensures ledger->functions[function].generation ==
            \old(ledger->functions[function].generation);
    ensures ledger->functions[function].low_next == \old(ledger->functions[function].low_next);
    ensures ledger->functions[function].high_next == \old(ledger->functions[function].high_next);
    ensures handle_issued(mmio, DEVICE_PART_MMIO, function, 0, &ledger->functions[function],
                          ledger->functions[function].generation);
    ensures handle_issued(pool, DEVICE_PART_POOL, function, 0, &ledger->functions[function],
                          ledger->functions[function].generation);
    ensures ledger->functions[function].owner == pid;
    ensures ledger->functions[function].owner_generation ==
            \old(ledger->functions[function].owner_generation) + 1; */
void ledger_claim_commit(struct ledger *ledger, uint32_t function, uint64_t pid,
                         uint32_t pool_limit, uint64_t address_end, struct device_handle *mmio,
                         struct device_handle *pool);

/**
 * May `from` hand the handle on to `to`? With the first handle of a claim the claim goes, and the
 * others may only follow. Only while nothing is mapped, unmasked or bound: state claimed.
 *
 * Returns: STATUS_OK; those of ledger_check(); STATUS_BUSY if the claim is in use, or others of its
 * group would stay behind, with `from` or in quarantine; STATUS_DENIED for a buffer, which moves
 * nowhere, or if `to` is nobody, or somebody else than the one whom the claim went to.
 */
/*@ requires ledger_stored(ledger) && \valid_read(handle);
    requires ledger_has_function(ledger, handle->function) ==>
             function_sound(&ledger->functions[handle->function]);
    assigns \nothing;
    ensures \result == STATUS_OK ==> to != DEVICE_NOBODY && ledger_has_place(ledger, handle);
    ensures \result == STATUS_OK ==>
            ledger->functions[handle->function].state == FUNCTION_STATE_CLAIMED &&
            ledger->functions[handle->function].generation == handle->generation;
    ensures \result == STATUS_OK && ledger_resolves(ledger, handle) ==>
            ledger->functions[handle->function].owner == from &&
            ledger->functions[handle->function].mmio_pages == 0 &&
            ledger->functions[handle->function].owner_generation < LEDGER_GENERATION_END - 1 &&
            (to == from || group_open(ledger, handle->function, to));
    ensures \result == STATUS_OK && !ledger_resolves(ledger, handle) ==>
            ledger->functions[handle->function].former_owner == from &&
            ledger->functions[handle->function].owner == to &&
            handle->owner_generation + 1 ==
                ledger->functions[handle->function].owner_generation; */
MUST_CHECK enum status ledger_move_check(const struct ledger *ledger,
                                         const struct device_handle *handle, uint64_t from,
                                         uint64_t to);

/** The move, as checked. Renews the handle. */
/*@ requires ledger_stored(ledger) && \valid(handle) && ledger_apart(ledger, handle);
    requires ledger_has_place(ledger, handle) && to != DEVICE_NOBODY;
    requires function_sound(&ledger->functions[handle->function]);
    requires ledger->functions[handle->function].state == FUNCTION_STATE_CLAIMED;
    requires ledger->functions[handle->function].owner_generation < LEDGER_GENERATION_END - 1 ||
             handle->owner_generation != ledger->functions[handle->function].owner_generation;
    assigns ledger->functions[handle->function], ledger->routes[handle->slot].owner, *handle;
    ensures totals_same{Pre, Post}(&ledger->functions[handle->function]);
    ensures function_sound(&ledger->functions[handle->function]);
    ensures ledger->functions[handle->function].owner_generation >=
            \old(ledger->functions[handle->function].owner_generation);
    ensures handle->owner_generation == ledger->functions[handle->function].owner_generation;
    ensures \old(handle->owner_generation ==
                 ledger->functions[handle->function].owner_generation) ==>
            ledger->functions[handle->function].owner == to &&
            handle->owner_generation == \old(handle->owner_generation) + 1; */
void ledger_move_commit(struct ledger *ledger, struct device_handle *handle, uint64_t to);
