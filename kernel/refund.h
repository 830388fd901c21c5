/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the kernel gives back to accounts. lib/account subtracts what it is told; giving back more
 * than was charged would let the account's owner have more than its limit, so debug builds look.
 */

#include "account/account.h"
#include "types.h"

/** Give back what account_charge() took, or a part of it. */
static inline void refund(struct account *account, enum account_resource resource, uint32_t count)
{
    KASSERT(account->used[resource] >= count);
    account_refund(account, resource, count);
}
