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

#ifdef __FRAMAC__
#include "account/account_contracts.h"
#endif

/** A root account with the given limits. */
/*@ requires \valid(account) && limits_apart(account, limit);
    assigns *account;
    ensures account->parent == \null && account->id == id;
    ensures account_unused(account) && account_has_limits(account, limit);
    ensures account_sound(account); */
void account_init_root(struct account *account, uint32_t id,
                       const uint32_t limit[ACCOUNT_RESOURCE_COUNT]);

/**
 * Open a child account with the given limits, charged to `parent`.
 * False, and nothing has changed, if the parent cannot pay for all of them.
 */
/*@ requires \valid(child) && \valid(parent) && \separated(child, parent);
    requires limits_apart(child, limit) && limits_apart(parent, limit) && account_sound(parent);
    assigns *child, parent->used[0 .. ACCOUNT_RESOURCE_COUNT - 1];
    ensures account_sound(parent);
    behavior opened:
      assumes account_can_pay(parent, limit);
      ensures \result && child->parent == parent && child->id == id;
      ensures account_unused(child) && account_has_limits(child, limit) && account_sound(child);
      ensures \forall integer i; is_resource(i) ==>
          parent->used[i] == \old(parent->used[i]) + limit[i];
    behavior refused:
      assumes !account_can_pay(parent, limit);
      assigns \nothing;
      ensures !\result;
      ensures \forall integer i; is_resource(i) ==> parent->used[i] == \old(parent->used[i]);
    complete behaviors;
    disjoint behaviors; */
MUST_CHECK bool account_open(struct account *child, struct account *parent, uint32_t id,
                             const uint32_t limit[ACCOUNT_RESOURCE_COUNT]);

/** Give the limits of an account back to its parent. It holds nothing any more, see below. */
/*@ requires \valid(account) && (account->parent != \null ==> account_paid(account));
    assigns account->limit[0 .. ACCOUNT_RESOURCE_COUNT - 1],
            account->parent->used[0 .. ACCOUNT_RESOURCE_COUNT - 1];
    behavior child:
      assumes account->parent != \null;
      requires account_sound(account->parent);
      ensures account_sound(account->parent);
      ensures \forall integer i; is_resource(i) ==> account->limit[i] == 0 &&
          account->parent->used[i] ==
              \old(account->parent->used[i]) - \old(account->limit[i]);
    behavior root:
      assumes account->parent == \null;
      assigns \nothing;
    complete behaviors;
    disjoint behaviors; */
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
/*@ requires \valid_read(account);
    assigns \nothing;
    ensures \result <==> account_unused(account); */
bool account_is_empty(const struct account *account);

/** What can still be charged. */
/*@ requires \valid_read(account) && is_resource(resource);
    requires account->used[resource] <= account->limit[resource];
    assigns \nothing;
    ensures \result == account->limit[resource] - account->used[resource]; */
static inline uint32_t account_left(const struct account *account, enum account_resource resource)
{
    return account->limit[resource] - account->used[resource];
}

/** Charge `count`. False, and nothing has changed, if that is over the limit. */
/*@ requires \valid(account) && is_resource(resource) && account_sound(account);
    assigns account->used[resource];
    ensures account_sound(account);
    behavior charged:
      assumes account->used[resource] + count <= account->limit[resource];
      ensures \result && account->used[resource] == \old(account->used[resource]) + count;
    behavior refused:
      assumes account->used[resource] + count > account->limit[resource];
      assigns \nothing;
      ensures !\result && account->used[resource] == \old(account->used[resource]);
    complete behaviors;
    disjoint behaviors; */
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
/*@ requires \valid(account) && is_resource(resource) && account_sound(account);
    requires count <= account->used[resource];
    assigns account->used[resource];
    ensures account_sound(account);
    ensures account->used[resource] == \old(account->used[resource]) - count; */
static inline void account_refund(struct account *account, enum account_resource resource,
                                  uint32_t count)
{
    account->used[resource] -= count;
}
