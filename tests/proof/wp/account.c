/* SPDX-License-Identifier: MIT */

/*
 * What the contracts of accounts say together: sequences of calls that must leave everything as it
 * was, or a sum. Nothing here is shipped; what it calls is.
 */
#include "account/account.c"

/** A charge and its refund: all is as it was, whether there was enough or not. */
/*@ requires \valid(account) && is_resource(resource) && account_sound(account);
    assigns account->used[resource];
    ensures account->used[resource] == \old(account->used[resource]); */
static void proof_charge_and_refund(struct account *account, enum account_resource resource,
                                    uint32_t count)
{
    if (account_charge(account, resource, count)) {
        account_refund(account, resource, count);
    }
}

/** A child that comes and goes: its parent has what it had. */
/*@ requires \valid(child) && \valid(parent) && \separated(child, parent);
    requires limits_apart(child, limit) && limits_apart(parent, limit) && account_sound(parent);
    assigns *child, parent->used[0 .. ACCOUNT_RESOURCE_COUNT - 1];
    ensures \forall integer i; is_resource(i) ==> parent->used[i] == \old(parent->used[i]); */
static void proof_open_and_close(struct account *child, struct account *parent, uint32_t id,
                                 const uint32_t *limit)
{
    if (account_open(child, parent, id, limit)) {
        account_close(child);
    }
}

/** A limit that goes from one child to another: their sum, and all that their parent has, stay. */
/*@ requires account_paid(from) && account_paid(to) && from->parent == to->parent;
    requires \separated(from, to, to->parent) && is_resource(resource);
    requires account_sound(from) && account_sound(to) && account_sound(to->parent);
    requires from->limit[resource] + to->limit[resource] <= to->parent->used[resource];
    requires from->used[resource] + count <= from->limit[resource];
    assigns from->limit[resource], to->limit[resource], to->parent->used[resource];
    ensures account_sound(from) && account_sound(to) && account_sound(to->parent);
    ensures to->parent->used[resource] == \old(to->parent->used[resource]);
    ensures from->limit[resource] + to->limit[resource] ==
            \old(from->limit[resource]) + \old(to->limit[resource]); */
static void proof_give_back_and_pass_on(struct account *from, struct account *to,
                                        enum account_resource resource, uint32_t count)
{
    give_back(from, resource, count);
    pass_on(to, resource, count);
}
