/* SPDX-License-Identifier: MIT */
#include "tree/tree.h"

/* Make whatever points down to `old` (its parent, or the root) point to `new` instead. */
static inline void replace_child(struct tree_root *root, struct tree_node *parent,
                                 const struct tree_node *old, struct tree_node *new)
{
    if (parent == NULL) {
        root->root = new;
    } else if (parent->left == old) {
        parent->left = new;
    } else {
        parent->right = new;
    }
}

/* The right child of `node` takes its place, `node` becomes that child's left child. */
static struct tree_node *rotate_left(struct tree_root *root, struct tree_node *node)
{
    struct tree_node *up = node->right;

    node->right = up->left;
    if (node->right != NULL) {
        node->right->parent = node;
    }
    up->parent = node->parent;
    replace_child(root, node->parent, node, up);
    up->left = node;
    node->parent = up;
    return up;
}

static struct tree_node *rotate_right(struct tree_root *root, struct tree_node *node)
{
    struct tree_node *up = node->left;

    node->left = up->right;
    if (node->left != NULL) {
        node->left->parent = node;
    }
    up->parent = node->parent;
    replace_child(root, node->parent, node, up);
    up->right = node;
    node->parent = up;
    return up;
}

/*
 * Restore |balance| <= 1 at `node`, whose balance is -2 or 2. Returns the top of the subtree
 * afterwards; its balance is 0 exactly if the subtree has become one level lower.
 */
static struct tree_node *rebalance(struct tree_root *root, struct tree_node *node)
{
    struct tree_node *top;

    if (node->balance > 0) {
        struct tree_node *side = node->right;

        if (side->balance >= 0) {
            top = rotate_left(root, node);
            node->balance = (int8_t)(1 - side->balance);
            side->balance = (int8_t)(side->balance - 1);
            return top;
        }
        rotate_right(root, side);
        top = rotate_left(root, node);
        node->balance = top->balance > 0 ? -1 : 0;
        side->balance = top->balance < 0 ? 1 : 0;
    } else {
        struct tree_node *side = node->left;

        if (side->balance <= 0) {
            top = rotate_right(root, node);
            node->balance = (int8_t)(-1 - side->balance);
            side->balance = (int8_t)(side->balance + 1);
            return top;
        }
        rotate_left(root, side);
        top = rotate_right(root, node);
        node->balance = top->balance < 0 ? 1 : 0;
        side->balance = top->balance > 0 ? -1 : 0;
    }
    top->balance = 0;
    return top;
}

/* Hang `node` as a leaf below `parent` (NULL: as the root), where `link` is, and restore balance.
 */
static inline void attach(struct tree_root *root, struct tree_node *parent, struct tree_node **link,
                          struct tree_node *node, uint64_t key)
{
    *link = node;
    node->left = NULL;
    node->right = NULL;
    node->parent = parent;
    node->key = key;
    node->balance = 0;
    node->linked = true;

    /* Every ancestor on the way up has grown on one side, until one that was lower there. */
    for (; parent != NULL; node = parent, parent = node->parent) {
        parent->balance = (int8_t)(parent->balance + (node == parent->left ? -1 : 1));
        if (parent->balance == 0) {
            return;
        }
        if (parent->balance < -1 || parent->balance > 1) {
            rebalance(root, parent);
            return;
        }
    }
}

void tree_insert(struct tree_root *root, struct tree_node *node, uint64_t key)
{
    struct tree_node **link = &root->root;
    struct tree_node *parent = NULL;
    bool leftmost = true;

    while (*link != NULL) {
        parent = *link;
        if (key < parent->key) {
            link = &parent->left;
        } else {
            link = &parent->right;
            leftmost = false;
        }
    }
    if (leftmost) {
        root->first = node;
    }
    attach(root, parent, link, node, key);
}

void tree_insert_behind(struct tree_root *root, struct tree_node *before, struct tree_node *node,
                        uint64_t key)
{
    struct tree_node *parent = before;

    if (before == NULL) {
        parent = root->first;
        root->first = node;
        attach(root, parent, parent == NULL ? &root->root : &parent->left, node, key);
        return;
    }
    if (before->right == NULL) {
        attach(root, before, &before->right, node, key);
        return;
    }
    for (parent = before->right; parent->left != NULL; parent = parent->left) {
    }
    attach(root, parent, &parent->left, node, key);
}

/*
 * The left (or right) side of `node` has become one level lower: walk up, restoring balance,
 * until a subtree has kept its height.
 */
static void shrink(struct tree_root *root, struct tree_node *node, bool left)
{
    while (node != NULL) {
        const struct tree_node *below;

        node->balance = (int8_t)(node->balance + (left ? 1 : -1));
        if (node->balance < -1 || node->balance > 1) {
            node = rebalance(root, node);
        }
        if (node->balance != 0) {
            return;
        }
        below = node;
        node = node->parent;
        left = node != NULL && node->left == below;
    }
}

void tree_remove(struct tree_root *root, struct tree_node *node)
{
    struct tree_node *parent = node->parent; /* where the tree has become lower */
    bool left = parent != NULL && parent->left == node;

    if (root->first == node) {
        root->first = tree_next(node);
    }
    if (node->left != NULL && node->right != NULL) {
        /* The successor, which has no left child, takes the node's place. */
        struct tree_node *heir = node->right;

        while (heir->left != NULL) {
            heir = heir->left;
        }
        if (heir == node->right) {
            parent = heir;
            left = false;
        } else {
            parent = heir->parent;
            left = true;
            parent->left = heir->right;
            if (heir->right != NULL) {
                heir->right->parent = parent;
            }
            heir->right = node->right;
            heir->right->parent = heir;
        }
        heir->left = node->left;
        heir->left->parent = heir;
        heir->parent = node->parent;
        heir->balance = node->balance;
        replace_child(root, node->parent, node, heir);
    } else {
        struct tree_node *child = node->left != NULL ? node->left : node->right;

        replace_child(root, parent, node, child);
        if (child != NULL) {
            child->parent = parent;
        }
    }
    node->left = NULL;
    node->right = NULL;
    node->parent = NULL;
    node->linked = false;
    shrink(root, parent, left);
}

struct tree_node *tree_next(const struct tree_node *node)
{
    struct tree_node *next = node->right;

    if (next != NULL) {
        while (next->left != NULL) {
            next = next->left;
        }
        return next;
    }
    for (next = node->parent; next != NULL && next->right == node; next = node->parent) {
        node = next;
    }
    return next;
}

struct tree_node *tree_prev(const struct tree_node *node)
{
    struct tree_node *prev = node->left;

    if (prev != NULL) {
        while (prev->right != NULL) {
            prev = prev->right;
        }
        return prev;
    }
    for (prev = node->parent; prev != NULL && prev->left == node; prev = node->parent) {
        node = prev;
    }
    return prev;
}

struct tree_node *tree_find_at_or_below(const struct tree_root *root, uint64_t key)
{
    struct tree_node *best = NULL;

    for (struct tree_node *node = root->root; node != NULL;) {
        if (node->key <= key) {
            best = node;
            node = node->right;
        } else {
            node = node->left;
        }
    }
    return best;
}

struct tree_node *tree_find_at_or_above(const struct tree_root *root, uint64_t key)
{
    struct tree_node *best = NULL;

    for (struct tree_node *node = root->root; node != NULL;) {
        if (node->key >= key) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}

struct tree_node *tree_find(const struct tree_root *root, uint64_t key)
{
    struct tree_node *node = tree_find_at_or_above(root, key);

    return node != NULL && node->key == key ? node : NULL;
}
