/* SPDX-License-Identifier: MIT */
#include "account/account.h"

/*@ requires \valid(account) && limits_apart(account, limit);
    assigns *account;
    ensures account->parent == parent && account->id == id;
    ensures account_unused(account) && account_has_limits(account, limit); */
static void init(struct account *account, struct account *parent, uint32_t id,
                 const uint32_t limit[ACCOUNT_RESOURCE_COUNT])
{
    account->parent = parent;
    account->id = id;
    /*@ loop invariant 0 <= i <= ACCOUNT_RESOURCE_COUNT;
        loop invariant \forall integer k; 0 <= k < i ==> account->used[k] == 0;
        loop invariant \forall integer k; 0 <= k < i ==> account->limit[k] == limit[k];
        loop assigns i, account->limit[0 .. ACCOUNT_RESOURCE_COUNT - 1],
                     account->used[0 .. ACCOUNT_RESOURCE_COUNT - 1];
        loop variant ACCOUNT_RESOURCE_COUNT - i; */
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        account->limit[i] = limit[i];
        account->used[i] = 0;
    }
}

void account_init_root(struct account *account, uint32_t id,
                       const uint32_t limit[ACCOUNT_RESOURCE_COUNT])
{
    init(account, NULL, id, limit);
}

bool account_open(struct account *child, struct account *parent, uint32_t id,
                  const uint32_t limit[ACCOUNT_RESOURCE_COUNT])
{
    /*@ loop invariant 0 <= i <= ACCOUNT_RESOURCE_COUNT;
        loop invariant \forall integer k; 0 <= k < i ==>
            parent->used[k] + limit[k] <= parent->limit[k];
        loop assigns i;
        loop variant ACCOUNT_RESOURCE_COUNT - i; */
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        if (account_left(parent, i) < limit[i]) {
            return false;
        }
    }
    /*@ loop invariant 0 <= i <= ACCOUNT_RESOURCE_COUNT;
        loop invariant \forall integer k; 0 <= k < i ==>
            parent->used[k] == \at(parent->used[k], Pre) + limit[k];
        loop invariant \forall integer k; i <= k < ACCOUNT_RESOURCE_COUNT ==>
            parent->used[k] == \at(parent->used[k], Pre);
        loop assigns i, parent->used[0 .. ACCOUNT_RESOURCE_COUNT - 1];
        loop variant ACCOUNT_RESOURCE_COUNT - i; */
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        parent->used[i] += limit[i];
    }
    init(child, parent, id, limit);
    return true;
}

void account_close(struct account *account)
{
    if (account->parent == NULL) {
        return;
    }
    /*@ loop invariant 0 <= i <= ACCOUNT_RESOURCE_COUNT;
        loop invariant \forall integer k; 0 <= k < i ==> account->limit[k] == 0 &&
            account->parent->used[k] ==
                \at(account->parent->used[k], Pre) - \at(account->limit[k], Pre);
        loop invariant \forall integer k; i <= k < ACCOUNT_RESOURCE_COUNT ==>
            account->limit[k] == \at(account->limit[k], Pre) &&
            account->parent->used[k] == \at(account->parent->used[k], Pre);
        loop assigns i, account->limit[0 .. ACCOUNT_RESOURCE_COUNT - 1],
                     account->parent->used[0 .. ACCOUNT_RESOURCE_COUNT - 1];
        loop variant ACCOUNT_RESOURCE_COUNT - i; */
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        account->parent->used[i] -= account->limit[i];
        account->limit[i] = 0;
    }
}

/** A child has `count` of its limit less, which it has not used, and its parent so much more. */
/*@ requires account_paid(child) && is_resource(resource);
    requires account_sound(child) && account_sound(child->parent);
    requires child->used[resource] + count <= child->limit[resource];
    assigns child->limit[resource], child->parent->used[resource];
    ensures account_paid(child) && account_sound(child) && account_sound(child->parent);
    ensures child->limit[resource] == \old(child->limit[resource]) - count;
    ensures child->parent->used[resource] == \old(child->parent->used[resource]) - count; */
static void give_back(struct account *child, enum account_resource resource, uint32_t count)
{
    child->limit[resource] -= count;
    child->parent->used[resource] -= count;
}

/** The other way round, out of what its parent has left. */
/*@ requires account_paid(child) && is_resource(resource);
    requires account_sound(child) && account_sound(child->parent);
    requires child->parent->used[resource] + count <= child->parent->limit[resource];
    assigns child->limit[resource], child->parent->used[resource];
    ensures account_paid(child) && account_sound(child) && account_sound(child->parent);
    ensures child->limit[resource] == \old(child->limit[resource]) + count;
    ensures child->parent->used[resource] == \old(child->parent->used[resource]) + count; */
static void pass_on(struct account *child, enum account_resource resource, uint32_t count)
{
    child->limit[resource] += count;
    child->parent->used[resource] += count;
}

void account_move_limit(struct account *from, struct account *to, enum account_resource resource,
                        uint32_t count)
{
    /* A child's limit is a charge of its parent's; the root's own never changes. */
    for (struct account *at = from; at->parent != NULL; at = at->parent) {
        give_back(at, resource, count);
    }
    for (struct account *at = to; at->parent != NULL; at = at->parent) {
        pass_on(at, resource, count);
    }
}

void account_move(struct account *from, struct account *to, enum account_resource resource,
                  uint32_t count)
{
    from->used[resource] -= count;
    account_move_limit(from, to, resource, count);
    to->used[resource] += count;
}

bool account_is_empty(const struct account *account)
{
    /*@ loop invariant 0 <= i <= ACCOUNT_RESOURCE_COUNT;
        loop invariant \forall integer k; 0 <= k < i ==> account->used[k] == 0;
        loop assigns i;
        loop variant ACCOUNT_RESOURCE_COUNT - i; */
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        if (account->used[i] != 0) {
            return false;
        }
    }
    return true;
}
