/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An ordered set of records by a 64-bit key: timers by deadline, mappings by address.
 *
 * An AVL tree whose nodes live inside the records (CONTAINER_OF leads back), so that linking a
 * record allocates nothing and cannot fail. Keys may repeat; equal keys keep the order in which
 * they came. The first node is cached, because the timer code asks for it on every wake-up.
 * Nothing here recurses: depth, and so time, is bounded by 1.44 log2(n).
 *
 * Pure: no locks, no allocation. The owner of a tree serialises access to it. A zeroed root is an
 * empty tree and a zeroed node is not linked, so neither needs an init function.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Embedded in a record. The owner reads `key` only, and changes nothing while it is linked. */
struct tree_node {
    struct tree_node *left;   /* smaller keys, and older equal ones */
    struct tree_node *right;  /* larger keys, and newer equal ones */
    struct tree_node *parent; /* NULL at the root */
    uint64_t key;
    int8_t balance; /* height of right minus height of left: -1, 0 or 1 */
    bool linked;    /* in some tree */
};

struct tree_root {
    struct tree_node *root;
    struct tree_node *first; /* the leftmost node, NULL if the tree is empty */
};

/** Link `node`, which must not be linked, behind every node whose key is not larger. */
void tree_insert(struct tree_root *root, struct tree_node *node, uint64_t key);

/**
 * As tree_insert(), for a caller that knows the place: `before` is what
 * tree_find_at_or_below(root, key) returns, NULL included.
 */
void tree_insert_behind(struct tree_root *root, struct tree_node *before, struct tree_node *node,
                        uint64_t key);

/** Unlink `node`, which must be in this tree. Its key stays readable. */
void tree_remove(struct tree_root *root, struct tree_node *node);

/** The neighbours of a linked node in order, or NULL. */
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_prev(const struct tree_node *node);

/** The oldest node with exactly this key, or NULL. */
struct tree_node *tree_find(const struct tree_root *root, uint64_t key);

/** The last node in order whose key is `key` or smaller, or NULL. */
struct tree_node *tree_find_at_or_below(const struct tree_root *root, uint64_t key);

/** The first node in order whose key is `key` or larger, or NULL. */
struct tree_node *tree_find_at_or_above(const struct tree_root *root, uint64_t key);

static inline struct tree_node *tree_first(const struct tree_root *root)
{
    return root->first;
}

static inline bool tree_is_empty(const struct tree_root *root)
{
    return root->root == NULL;
}

static inline bool tree_node_is_linked(const struct tree_node *node)
{
    return node->linked;
}
