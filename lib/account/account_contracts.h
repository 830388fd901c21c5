/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The words that the contracts of accounts are written in. No compiler reads this; Frama-C does,
 * and whoever wants to know what is proven: docs/verification.md.
 *
 * Sums are of integers without end here: what is said of them says too that nothing wraps.
 */

/*@ predicate is_resource(integer resource) = 0 <= resource < ACCOUNT_RESOURCE_COUNT;

    // Never above the limit (L6).
    predicate account_sound(struct account *account) =
        \forall integer i; is_resource(i) ==> account->used[i] <= account->limit[i];

    predicate account_unused(struct account *account) =
        \forall integer i; is_resource(i) ==> account->used[i] == 0;

    // Limits that the caller asks for: there, and no account that is written.
    predicate limits_apart(struct account *account, uint32_t *limit) =
        \valid_read(limit + (0 .. ACCOUNT_RESOURCE_COUNT - 1)) &&
        \separated(account, limit + (0 .. ACCOUNT_RESOURCE_COUNT - 1));

    predicate account_has_limits(struct account *account, uint32_t *limit) =
        \forall integer i; is_resource(i) ==> account->limit[i] == limit[i];

    predicate account_can_pay(struct account *account, uint32_t *limit) =
        \forall integer i; is_resource(i) ==>
            account->used[i] + limit[i] <= account->limit[i];

    // A child, whose parent was charged its limits.
    predicate account_paid(struct account *child) =
        \valid(child) && \valid(child->parent) && \separated(child, child->parent) &&
        (\forall integer i; is_resource(i) ==> child->limit[i] <= child->parent->used[i]); */
