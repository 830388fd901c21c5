/* SPDX-License-Identifier: MIT */

/*
 * lib/account: every accept and every refusal by table, for each resource, and random opens,
 * closes, charges, refunds and moves in a tree of accounts against a model that adds up from the
 * leaves (L6). A refused operation changes nothing (L8): all accounts are compared before and
 * after. The seed is printed; CAPOS_SEED repeats a run.
 */

#include "account/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

static const uint32_t nothing[ACCOUNT_RESOURCE_COUNT];

/* ------------------------------------------------------------------------------------------
 * Tables
 * ------------------------------------------------------------------------------------------ */

static void test_init_root(void **state)
{
    const uint32_t limit[ACCOUNT_RESOURCE_COUNT] = {10, 0, UINT32_MAX, 7};
    struct account root;
    (void)state;

    memset(&root, 0xa5, sizeof(root));
    account_init_root(&root, 42, limit);
    assert_null(root.parent);
    assert_int_equal(root.id, 42);
    for (enum account_resource i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        assert_int_equal(root.limit[i], limit[i]);
        assert_int_equal(root.used[i], 0);
        assert_int_equal(account_left(&root, i), limit[i]);
    }
    assert_true(account_is_empty(&root));
}

static void test_charge(void **state)
{
    static const struct {
        uint32_t limit, used, count;
        bool accepted;
    } cases[] = {
        {0, 0, 0, true},
        {0, 0, 1, false},
        {0, 0, UINT32_MAX, false},
        {10, 0, 10, true},
        {10, 0, 11, false},
        {10, 9, 1, true},
        {10, 9, 2, false},
        {10, 10, 0, true},
        {10, 10, 1, false},
        {10, 5, UINT32_MAX, false},     /* a sum would wrap to 4 */
        {10, 5, UINT32_MAX - 4, false}, /* and to 0 */
        {UINT32_MAX, 0, UINT32_MAX, true},
        {UINT32_MAX, 1, UINT32_MAX, false},
        {UINT32_MAX, UINT32_MAX, 1, false}, /* and to 0 */
        {UINT32_MAX, UINT32_MAX - 1, 1, true},
    };
    (void)state;

    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        for (enum account_resource i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
            struct account account, before;
            uint32_t limit[ACCOUNT_RESOURCE_COUNT] = {3, 3, 3, 3};

            limit[i] = cases[n].limit;
            account_init_root(&account, 1, limit);
            assert_true(account_charge(&account, i, cases[n].used));
            before = account;
            assert_int_equal(account_charge(&account, i, cases[n].count), cases[n].accepted);
            if (cases[n].accepted) {
                assert_int_equal(account.used[i], cases[n].used + cases[n].count);
                assert_int_equal(account_is_empty(&account), account.used[i] == 0);
                account_refund(&account, i, cases[n].count);
            }
            assert_memory_equal(&account, &before, sizeof(account));
        }
    }
}

static void test_open(void **state)
{
    static const struct {
        uint32_t parent_limit, parent_used, limit;
        bool accepted;
    } cases[] = {
        {0, 0, 0, true},
        {0, 0, 1, false},
        {10, 0, 10, true},
        {10, 0, 11, false},
        {10, 4, 6, true},
        {10, 4, 7, false},
        {10, 10, 0, true},
        {10, 10, 1, false},
        {10, 5, UINT32_MAX, false},
        {UINT32_MAX, 0, UINT32_MAX, true},
        {UINT32_MAX, 1, UINT32_MAX, false},
    };
    (void)state;

    /* Each resource alone can refuse, also the last one, when the others would do. */
    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        for (enum account_resource i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
            uint32_t parent_limit[ACCOUNT_RESOURCE_COUNT] = {9, 9, 9, 9};
            uint32_t limit[ACCOUNT_RESOURCE_COUNT] = {1, 2, 3, 4};
            struct account parent, parent_before, child, child_before;

            parent_limit[i] = cases[n].parent_limit;
            limit[i] = cases[n].limit;
            account_init_root(&parent, 1, parent_limit);
            assert_true(account_charge(&parent, i, cases[n].parent_used));
            memset(&child, 0xa5, sizeof(child));
            parent_before = parent;
            child_before = child;
            assert_int_equal(account_open(&child, &parent, 2, limit), cases[n].accepted);
            if (cases[n].accepted) {
                assert_ptr_equal(child.parent, &parent);
                assert_int_equal(child.id, 2);
                assert_memory_equal(child.limit, limit, sizeof(limit));
                assert_memory_equal(child.used, nothing, sizeof(nothing));
                for (uint32_t j = 0; j < ACCOUNT_RESOURCE_COUNT; j++) {
                    assert_int_equal(parent.used[j], parent_before.used[j] + limit[j]);
                }
                account_close(&child);
                /* Closed: it can neither pay nor be closed for a second refund. */
                assert_memory_equal(child.limit, nothing, sizeof(nothing));
                assert_false(account_charge(&child, i, 1));
                account_close(&child);
            } else {
                assert_memory_equal(&child, &child_before, sizeof(child));
            }
            assert_memory_equal(&parent, &parent_before, sizeof(parent));
        }
    }
}

/* A charge goes from a grandchild to an account beside it, and its limit back to a third. */
static void test_move(void **state)
{
    const enum account_resource other = ACCOUNT_OBJECTS;
    const uint32_t plenty[ACCOUNT_RESOURCE_COUNT] = {100, 100, 100, 100, 100, 100, 100};
    const uint32_t some[ACCOUNT_RESOURCE_COUNT] = {60, 60, 60, 60, 60, 60, 60};
    const uint32_t few[ACCOUNT_RESOURCE_COUNT] = {30, 30, 30, 30, 30, 30, 30};
    struct account root, parent, child, keeper;
    (void)state;

    account_init_root(&root, 0, plenty);
    assert_true(account_open(&parent, &root, 1, some));
    assert_true(account_open(&child, &parent, 2, few));
    assert_true(account_open(&keeper, &root, 3, nothing));
    for (enum account_resource i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        assert_true(account_charge(&child, i, 20));
    }
    /* In two steps: the second finds something charged. */
    account_move(&child, &keeper, ACCOUNT_FRAMES, 12);
    account_move(&child, &keeper, ACCOUNT_FRAMES, 8);
    assert_int_equal(child.used[ACCOUNT_FRAMES], 0);
    assert_int_equal(child.limit[ACCOUNT_FRAMES], 10);
    assert_int_equal(parent.used[ACCOUNT_FRAMES], 10);
    assert_int_equal(parent.limit[ACCOUNT_FRAMES], 40);
    assert_int_equal(keeper.used[ACCOUNT_FRAMES], 20);
    assert_int_equal(keeper.limit[ACCOUNT_FRAMES], 20);
    assert_int_equal(root.used[ACCOUNT_FRAMES], 60);
    assert_int_equal(root.limit[ACCOUNT_FRAMES], 100);
    /* Of the others nothing has changed. */
    assert_int_equal(child.used[other], 20);
    assert_int_equal(child.limit[other], 30);
    assert_int_equal(keeper.limit[other], 0);
    /* The child's end gives its parent what is left of its limit. */
    account_close(&child);
    assert_int_equal(parent.used[ACCOUNT_FRAMES], 0);
    account_refund(&keeper, ACCOUNT_FRAMES, 15);
    account_move_limit(&keeper, &parent, ACCOUNT_FRAMES, 15);
    assert_int_equal(keeper.limit[ACCOUNT_FRAMES], 5);
    assert_int_equal(keeper.used[ACCOUNT_FRAMES], 5);
    assert_int_equal(parent.limit[ACCOUNT_FRAMES], 55);
    assert_int_equal(root.used[ACCOUNT_FRAMES], 60);
    account_move(&keeper, &keeper, ACCOUNT_FRAMES, 5);
    assert_int_equal(keeper.limit[ACCOUNT_FRAMES], 5);
    assert_int_equal(keeper.used[ACCOUNT_FRAMES], 5);
}

static void test_close_root(void **state)
{
    const uint32_t limit[ACCOUNT_RESOURCE_COUNT] = {1, 2, 3, 4};
    struct account root, before;
    (void)state;

    account_init_root(&root, 0, limit);
    before = root;
    account_close(&root); /* there is nobody to give anything back to */
    assert_memory_equal(&root, &before, sizeof(root));
}

/* ------------------------------------------------------------------------------------------
 * Random operations against a model
 * ------------------------------------------------------------------------------------------ */

enum { ACCOUNTS = 24, STEPS = 60000, ROOT_LIMIT = 1000 };

/* The model knows what each account was charged itself, and nothing of sums. */
struct model {
    bool open;
    int parent; /* -1: the root's */
    uint32_t limit[ACCOUNT_RESOURCE_COUNT];
    uint32_t own[ACCOUNT_RESOURCE_COUNT];
};

static struct account accounts[ACCOUNTS];
static struct model models[ACCOUNTS];

static uint32_t model_used(int account, uint32_t resource)
{
    uint32_t used = models[account].own[resource];

    for (int i = 0; i < ACCOUNTS; i++) {
        if (models[i].open && models[i].parent == account) {
            used += models[i].limit[resource];
        }
    }
    return used;
}

static bool model_is_empty(int account)
{
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        if (model_used(account, i) != 0) {
            return false;
        }
    }
    return true;
}

static void check_all(void)
{
    uint32_t total[ACCOUNT_RESOURCE_COUNT] = {0};

    for (int a = 0; a < ACCOUNTS; a++) {
        if (!models[a].open) {
            continue;
        }
        assert_int_equal(accounts[a].id, a);
        assert_ptr_equal(accounts[a].parent, a == 0 ? NULL : &accounts[models[a].parent]);
        for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
            assert_int_equal(accounts[a].limit[i], models[a].limit[i]);
            assert_int_equal(accounts[a].used[i], model_used(a, i));
            assert_true(accounts[a].used[i] <= accounts[a].limit[i]);
            total[i] += models[a].own[i];
        }
        assert_int_equal(account_is_empty(&accounts[a]), model_is_empty(a));
    }
    /* No overcommit: all that everybody holds fits what the root has. */
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        assert_true(total[i] <= accounts[0].used[i]);
        assert_true(accounts[0].used[i] <= ROOT_LIMIT);
    }
}

static int pick_open(void)
{
    int a;

    do {
        a = (int)random_below(ACCOUNTS);
    } while (!models[a].open);
    return a;
}

/** A count that is often just what is left, or one more. */
static uint32_t pick_count(int account, uint32_t resource)
{
    const uint32_t left = models[account].limit[resource] - model_used(account, resource);

    switch (random_below(6)) {
    case 0:
        return left;
    case 1:
        return left + 1;
    case 2:
        return (uint32_t)random_next();
    default:
        return random_below(left / 2 + 2);
    }
}

static bool step_open(void)
{
    const int child = (int)random_below(ACCOUNTS);
    const int parent = pick_open();
    uint32_t limit[ACCOUNT_RESOURCE_COUNT];
    /* One of them often too much: if all were, hardly an account would be opened. */
    const uint32_t daring = random_below(ACCOUNT_RESOURCE_COUNT);
    bool affordable = true;

    if (models[child].open) {
        return false;
    }
    for (uint32_t i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
        const uint32_t left = models[parent].limit[i] - model_used(parent, i);

        limit[i] = i == daring ? pick_count(parent, i) : random_below(left / 2 + 1);
        affordable = affordable && limit[i] <= models[parent].limit[i] - model_used(parent, i);
    }
    assert_int_equal(account_open(&accounts[child], &accounts[parent], (uint32_t)child, limit),
                     affordable);
    if (affordable) {
        models[child] = (struct model){.open = true, .parent = parent};
        memcpy(models[child].limit, limit, sizeof(limit));
    }
    return affordable;
}

static bool step_close(void)
{
    const int a = pick_open();

    if (a == 0 || !model_is_empty(a)) {
        return false;
    }
    /* A child without a limit is no charge, and could be given one when its parent is gone. */
    for (int child = 0; child < ACCOUNTS; child++) {
        if (models[child].open && models[child].parent == a) {
            return false;
        }
    }
    account_close(&accounts[a]);
    models[a].open = false;
    return true;
}

static bool step_charge(void)
{
    const int a = pick_open();
    const enum account_resource resource = random_below(ACCOUNT_RESOURCE_COUNT);
    const uint32_t count = pick_count(a, resource);
    const bool affordable = count <= models[a].limit[resource] - model_used(a, resource);

    assert_int_equal(account_charge(&accounts[a], resource, count), affordable);
    models[a].own[resource] += affordable ? count : 0;
    return affordable;
}

static bool step_refund(void)
{
    const int a = pick_open();
    const enum account_resource resource = random_below(ACCOUNT_RESOURCE_COUNT);
    const uint32_t own = models[a].own[resource];
    const uint32_t count = random_below(2) == 0 ? own : random_below(own + 1);

    account_refund(&accounts[a], resource, count);
    models[a].own[resource] -= count;
    return count != 0;
}

static bool model_is_within(int account, int ancestor)
{
    while (account != ancestor && account != -1) {
        account = models[account].parent;
    }
    return account == ancestor;
}

/** A limit that is not used goes to another account, or with the charge that it pays for. */
static bool step_move(void)
{
    const int from = pick_open();
    const int to = pick_open();
    const enum account_resource resource = random_below(ACCOUNT_RESOURCE_COUNT);
    const bool is_charged = random_below(2) == 0;
    const uint32_t most = is_charged ? models[from].own[resource]
                                     : models[from].limit[resource] - model_used(from, resource);
    const uint32_t count = random_below(most + 1);

    /* Seldom: where limits are everywhere hardly an account is ever closed. */
    if (random_below(16) != 0) {
        return false;
    }
    if (is_charged) {
        account_move(&accounts[from], &accounts[to], resource, count);
        models[from].own[resource] -= count;
        models[to].own[resource] += count;
    } else {
        account_move_limit(&accounts[from], &accounts[to], resource, count);
    }
    for (int a = 1; a < ACCOUNTS; a++) {
        models[a].limit[resource] -= models[a].open && model_is_within(from, a) ? count : 0;
        models[a].limit[resource] += models[a].open && model_is_within(to, a) ? count : 0;
    }
    return count != 0 && from != to;
}

static void test_random(void **state)
{
    static bool (*const steps[])(void) = {
        step_open, step_close, step_charge, step_refund, step_move,
    };
    static struct account before[ACCOUNTS];
    uint32_t taken[ARRAY_COUNT(steps)] = {0};
    (void)state;

    random_seed();
    models[0] = (struct model){
        .open = true,
        .parent = -1,
    };
    for (uint32_t r = 0; r < ACCOUNT_RESOURCE_COUNT; r++) {
        models[0].limit[r] = ROOT_LIMIT;
    }
    account_init_root(&accounts[0], 0, models[0].limit);
    for (uint32_t n = 0; n < STEPS; n++) {
        const uint32_t which = random_below(ARRAY_COUNT(steps));

        memcpy(before, accounts, sizeof(before));
        if (steps[which]()) {
            taken[which]++;
        } else {
            assert_memory_equal(before, accounts, sizeof(before)); /* L8 */
        }
        check_all();
    }
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        assert_true(taken[i] > STEPS / 1000); /* a test of refusals alone would be none */
    }

    /* Everything comes back: leaves first. */
    for (bool busy = true; busy;) {
        busy = false;
        for (int a = 1; a < ACCOUNTS; a++) {
            if (models[a].open) {
                for (enum account_resource i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
                    account_refund(&accounts[a], i, models[a].own[i]);
                    models[a].own[i] = 0;
                }
                if (account_is_empty(&accounts[a])) {
                    account_close(&accounts[a]);
                    models[a].open = false;
                }
                busy = true;
            }
        }
        check_all();
    }
    assert_memory_equal(accounts[0].used, models[0].own, sizeof(models[0].own));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_root), cmocka_unit_test(test_charge),
        cmocka_unit_test(test_open),      cmocka_unit_test(test_close_root),
        cmocka_unit_test(test_move),      cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
