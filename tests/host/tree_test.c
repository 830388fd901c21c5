/* SPDX-License-Identifier: MIT */

/*
 * lib/tree against a sorted array that does the same the slow way: after every operation the
 * order, the cached first node, the parent links and the AVL balance of the whole tree are
 * compared. The seed is printed; CAPOS_SEED repeats a run.
 */

#include "tree/tree.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

enum { RECORD_COUNT = 300 };

struct record {
    int number;
    struct tree_node node;
};

struct model {
    struct record records[RECORD_COUNT];
    struct tree_root root;
    struct tree_node *order[RECORD_COUNT];
    size_t count;
};

/* Height of the subtree, all AVL invariants checked on the way. */
static int check_subtree(const struct tree_node *node, const struct tree_node *parent)
{
    int left;
    int right;

    if (node == NULL) {
        return 0;
    }
    assert_ptr_equal(node->parent, parent);
    assert_true(tree_node_is_linked(node));
    left = check_subtree(node->left, node);
    right = check_subtree(node->right, node);
    assert_in_range(right - left + 1, 0, 2);
    assert_int_equal(node->balance, right - left);
    return 1 + (left > right ? left : right);
}

static void check_model(const struct model *model)
{
    const struct tree_node *node = tree_first(&model->root);

    check_subtree(model->root.root, NULL);
    assert_int_equal(tree_is_empty(&model->root), model->count == 0);
    for (size_t i = 0; i < model->count; i++) {
        assert_ptr_equal(node, model->order[i]);
        assert_ptr_equal(tree_prev(node), i == 0 ? NULL : model->order[i - 1]);
        node = tree_next(node);
    }
    assert_null(node);
}

static void model_insert(struct model *model, struct tree_node *node, uint64_t key)
{
    size_t place = 0;

    while (place < model->count && model->order[place]->key <= key) {
        place++;
    }
    memmove(&model->order[place + 1], &model->order[place],
            (model->count - place) * sizeof(model->order[0]));
    model->order[place] = node;
    model->count++;
    tree_insert(&model->root, node, key);
    assert_int_equal(node->key, key);
}

static void model_remove(struct model *model, struct tree_node *node)
{
    size_t place = 0;

    while (model->order[place] != node) {
        place++;
    }
    model->count--;
    memmove(&model->order[place], &model->order[place + 1],
            (model->count - place) * sizeof(model->order[0]));
    tree_remove(&model->root, node);
    assert_false(tree_node_is_linked(node));
}

static void check_find(const struct model *model, uint64_t key)
{
    struct tree_node *exact = NULL;
    struct tree_node *below = NULL;
    struct tree_node *above = NULL;

    for (size_t i = 0; i < model->count; i++) {
        struct tree_node *node = model->order[i];

        if (node->key <= key) {
            below = node;
        }
        if (node->key >= key && above == NULL) {
            above = node;
        }
        if (node->key == key && exact == NULL) {
            exact = node;
        }
    }
    assert_ptr_equal(tree_find(&model->root, key), exact);
    assert_ptr_equal(tree_find_at_or_below(&model->root, key), below);
    assert_ptr_equal(tree_find_at_or_above(&model->root, key), above);
}

static void random_operations(uint64_t key_range, int operations)
{
    struct model *model = calloc(1, sizeof(*model));
    bool growing = true;

    assert_non_null(model);
    check_model(model);
    for (int i = 0; i < operations; i++) {
        struct record *record = &model->records[random_next() % RECORD_COUNT];
        const bool linked = tree_node_is_linked(&record->node);

        /* Drift between empty and full, so that every size is seen often. */
        if (model->count == 0) {
            growing = true;
        } else if (model->count > RECORD_COUNT * 9 / 10) {
            growing = false;
        }
        if (linked && (!growing || random_next() % 4 == 0)) {
            model_remove(model, &record->node);
        } else if (!linked && (growing || random_next() % 4 == 0)) {
            model_insert(model, &record->node, random_next() % key_range);
        }
        check_model(model);
        check_find(model, random_next() % key_range);
    }
    free(model);
}

static void test_random_many_equal_keys(void **state)
{
    (void)state;
    random_operations(20, 6000);
}

static void test_random_sparse_keys(void **state)
{
    (void)state;
    random_operations(UINT64_MAX, 6000);
}

/* Every order of inserting and then removing seven nodes: all the rotations there are. */
static void test_all_permutations(void **state)
{
    enum { N = 7 };
    int order[N] = {0, 1, 2, 3, 4, 5, 6};

    (void)state;
    for (;;) {
        struct model model = {.count = 0};
        int i = N - 2;
        int j = N - 1;

        for (int k = 0; k < N; k++) {
            model_insert(&model, &model.records[order[k]].node, (uint64_t)order[k]);
            check_model(&model);
        }
        for (int k = 0; k < N; k++) {
            model_remove(&model, &model.records[(order[k] * 3) % N].node);
            check_model(&model);
        }
        /* The next permutation in lexical order. */
        while (i >= 0 && order[i] > order[i + 1]) {
            i--;
        }
        if (i < 0) {
            return;
        }
        while (order[j] < order[i]) {
            j--;
        }
        order[i] ^= order[j], order[j] ^= order[i], order[i] ^= order[j];
        for (int a = i + 1, b = N - 1; a < b; a++, b--) {
            const int swap = order[a];

            order[a] = order[b];
            order[b] = swap;
        }
    }
}

static void test_extreme_keys(void **state)
{
    struct model model = {.count = 0};

    (void)state;
    check_find(&model, 0);
    model_insert(&model, &model.records[0].node, UINT64_MAX);
    model_insert(&model, &model.records[1].node, 0);
    model_insert(&model, &model.records[2].node, UINT64_MAX);
    model_insert(&model, &model.records[3].node, 0);
    check_model(&model);
    check_find(&model, 0);
    check_find(&model, 1);
    check_find(&model, UINT64_MAX);
    assert_ptr_equal(tree_first(&model.root), &model.records[1].node);
    assert_ptr_equal(CONTAINER_OF(tree_first(&model.root), struct record, node), &model.records[1]);
}

/* A long ascending run is the worst case for an unbalanced tree. */
static void test_depth_is_logarithmic(void **state)
{
    enum { N = 1 << 16 };
    struct record *records = calloc(N, sizeof(*records));
    struct tree_root root = {0};

    (void)state;
    assert_non_null(records);
    for (uint64_t i = 0; i < N; i++) {
        tree_insert(&root, &records[i].node, i);
    }
    assert_in_range(check_subtree(root.root, NULL), 17, 23);
    while (tree_first(&root) != NULL) {
        tree_remove(&root, tree_first(&root));
    }
    assert_true(tree_is_empty(&root));
    free(records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_many_equal_keys), cmocka_unit_test(test_random_sparse_keys),
        cmocka_unit_test(test_all_permutations),       cmocka_unit_test(test_extreme_keys),
        cmocka_unit_test(test_depth_is_logarithmic),
    };

    random_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
