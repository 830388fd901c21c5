/* SPDX-License-Identifier: MIT */
#include "account/account.h"

static void init(struct account *account, struct account *parent, uint32_t id,
                 const uint32_t limit[ACCOUNT_RESOURCE_COUNT])
{
    account->parent = parent;
    account->id = id;
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
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        if (account_left(parent, i) < limit[i]) {
            return false;
        }
    }
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
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        account->parent->used[i] -= account->limit[i];
        account->limit[i] = 0;
    }
}

void account_move_limit(struct account *from, struct account *to, enum account_resource resource,
                        uint32_t count)
{
    /* A child's limit is a charge of its parent's; the root's own never changes. */
    for (struct account *at = from; at->parent != NULL; at = at->parent) {
        at->limit[resource] -= count;
        at->parent->used[resource] -= count;
    }
    for (struct account *at = to; at->parent != NULL; at = at->parent) {
        at->limit[resource] += count;
        at->parent->used[resource] += count;
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
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        if (account->used[i] != 0) {
            return false;
        }
    }
    return true;
}
