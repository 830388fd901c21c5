/* SPDX-License-Identifier: MIT */
#pragma once

/* Intrusive doubly linked lists with a sentinel. An unlinked node points to itself. */

#include "types.h"

struct list {
    struct list *next;
    struct list *previous;
};

#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

static inline void list_init(struct list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline bool list_is_linked(const struct list *node)
{
    return node->next != node;
}

static inline void list_append(struct list *list, struct list *node)
{
    node->next = list;
    node->previous = list->previous;
    list->previous->next = node;
    list->previous = node;
}

static inline void list_prepend(struct list *list, struct list *node)
{
    list_append(list->next, node);
}

/** Unlink a node; harmless if it is not linked. */
static inline void list_remove(struct list *node)
{
    node->next->previous = node->previous;
    node->previous->next = node->next;
    list_init(node);
}

/** Unlink a node and append it to another list. */
static inline void list_move(struct list *list, struct list *node)
{
    node->next->previous = node->previous;
    node->previous->next = node->next;
    list_append(list, node);
}

/** Append all nodes of another list, which is empty afterwards. */
static inline void list_splice(struct list *list, struct list *from)
{
    if (!list_is_empty(from)) {
        from->next->previous = list->previous;
        list->previous->next = from->next;
        from->previous->next = list;
        list->previous = from->previous;
        list_init(from);
    }
}

#define LIST_FIRST(list, type, member) CONTAINER_OF((list)->next, type, member)
#define LIST_FOR_EACH(node, head)                                                                  \
    for (struct list *node = (head)->next; node != (head); node = node->next)
