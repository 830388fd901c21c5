/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The resource account of a process: what it may hold and what it holds.
 *
 * Accounts form a tree. A child's limits are taken out of its parent's account when the child is
 * created, so that a process can always get what its account still has: there is no overcommit.
 * Every charge is made before the effect it pays for, and given back on every path.
 *
 * Always, for every resource: used <= limit; and what an account has used is what it was charged
 * itself plus the limits of its open children.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum account_resource {
    ACCOUNT_FRAMES,    /* 4 KiB frames */
    ACCOUNT_CAP_SLOTS, /* entries of the capability table */
    ACCOUNT_OBJECTS,   /* kernel objects of every kind */
    ACCOUNT_THREADS,
    ACCOUNT_DMA_PAGES,  /* 4 KiB pages that devices can reach */
    ACCOUNT_MMIO_PAGES, /* 4 KiB pages of device registers mapped */
    ACCOUNT_INTERRUPTS, /* interrupt routes */
    ACCOUNT_RESOURCE_COUNT
};

struct account {
    struct account *parent; /* paid for our limits; NULL for the root */
    uint32_t id;            /* owner number in the frame table */
    uint32_t limit[ACCOUNT_RESOURCE_COUNT];
    uint32_t used[ACCOUNT_RESOURCE_COUNT];
};

/** A root account with the given limits. */
void account_init_root(struct account *account, uint32_t id,
                       const uint32_t limit[ACCOUNT_RESOURCE_COUNT]);

/**
 * Open a child account with the given limits, charged to `parent`.
 * False, and nothing has changed, if the parent cannot pay for all of them.
 */
MUST_CHECK bool account_open(struct account *child, struct account *parent, uint32_t id,
                             const uint32_t limit[ACCOUNT_RESOURCE_COUNT]);

/** Give the limits of an account back to its parent. It holds nothing any more, see below. */
void account_close(struct account *account);

/**
 * Move limits that `from` has not used up to another account of the same tree. What lies between
 * either of them and the root has so much less, or more, to give.
 */
void account_move_limit(struct account *from, struct account *to, enum account_resource resource,
                        uint32_t count);

/** Move a charge, and the limit that paid for it. */
void account_move(struct account *from, struct account *to, enum account_resource resource,
                  uint32_t count);

/** Whether nothing is charged. */
bool account_is_empty(const struct account *account);

/** What can still be charged. */
static inline uint32_t account_left(const struct account *account, enum account_resource resource)
{
    return account->limit[resource] - account->used[resource];
}

/** Charge `count`. False, and nothing has changed, if that is over the limit. */
static inline MUST_CHECK bool account_charge(struct account *account,
                                             enum account_resource resource, uint32_t count)
{
    if (UNLIKELY(account_left(account, resource) < count)) {
        return false;
    }
    account->used[resource] += count;
    return true;
}

/** Give back what account_charge() took, or a part of it. */
static inline void account_refund(struct account *account, enum account_resource resource,
                                  uint32_t count)
{
    account->used[resource] -= count;
}
