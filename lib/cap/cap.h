/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Capability identity: how a handle is named, and when a name still means something.
 *
 * A process names a capability by a 64-bit CapId: slot index (20 bits) and slot generation
 * (44 bits). The slot's entry names the object by a place in the kernel's object table and the
 * generation that the object had when the capability was made. Two comparisons decide everything:
 *
 *   id's generation     == entry's generation    else released, or never given out   (stale)
 *   entry's object gen. == place's generation    else revoked, or the object is gone (stale)
 *
 * so revoking all capabilities of an object is one increment, whoever holds them, and no list of
 * holders exists. Generations start at 1, only grow, and never repeat: a slot whose generation is
 * used up is retired and never free again (L7).
 *
 * Pure logic: the kernel supplies the pages of entries and holds the lock.
 */

#include "base/compiler.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAP_INDEX_BITS       20u
#define CAP_INDEX_MAX        ((1u << CAP_INDEX_BITS) - 1)
#define CAP_GENERATION_MAX   ((1ull << (64 - CAP_INDEX_BITS)) - 1)
#define CAP_ENTRIES_PER_PAGE 128u
#define CAP_MAX_PAGES        64u
#define CAP_NO_INDEX         UINT32_MAX

static_assert(CAP_MAX_PAGES * CAP_ENTRIES_PER_PAGE - 1 <= CAP_INDEX_MAX, "an id names any slot");

struct object;

/** One place of the kernel's object table. */
struct cap_object_slot {
    struct object *object; /* NULL: no object lives here */
    uint64_t generation;   /* grows when the object is revoked or the place changes hands */
};

/** One slot of a process's capability table. */
struct cap_entry {
    uint64_t generation;           /* of this slot, CAP_GENERATION_MAX + 1 once retired */
    struct cap_object_slot *place; /* NULL: the slot is free */
    uint64_t object_generation;    /* of `place` when the capability was made */
    uint32_t next_free;            /* free: next free slot */
    uint32_t flags;                /* CAP_ORIGIN */
};

static_assert(sizeof(struct cap_entry) * CAP_ENTRIES_PER_PAGE == 4096, "entries fill a frame");

/** The holder of this capability made the object and may revoke all others. Moves, never copies. */
#define CAP_ORIGIN 1u

struct cap_table {
    struct cap_entry *pages[CAP_MAX_PAGES]; /* [0, page_count) are there */
    uint32_t page_count;
    uint32_t first_free; /* CAP_NO_INDEX: none, add a page */
    uint32_t free_count; /* slots on the list that begins there */
    uint32_t used;       /* slots that hold a capability; the rest are free or retired */
};

static inline uint64_t cap_id(uint32_t index, uint64_t generation)
{
    return generation << CAP_INDEX_BITS | index;
}

static inline uint32_t cap_id_index(uint64_t id)
{
    return (uint32_t)id & CAP_INDEX_MAX;
}

static inline uint64_t cap_id_generation(uint64_t id)
{
    return id >> CAP_INDEX_BITS;
}

/** An empty table without pages. */
void cap_table_init(struct cap_table *table);

/** Add a page of CAP_ENTRIES_PER_PAGE entries; false if the table is at its largest. */
MUST_CHECK bool cap_table_add_page(struct cap_table *table, struct cap_entry *page);

/** The entry at an index, or NULL if the table has no such slot. */
static inline struct cap_entry *cap_table_at(const struct cap_table *table, uint32_t index)
{
    if (UNLIKELY(index >= table->page_count * CAP_ENTRIES_PER_PAGE)) {
        return NULL;
    }
    return &table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE];
}

/**
 * The entry that `id` names right now, or NULL: no such slot, free, or another generation. The next
 * id of a free slot can be foretold; that the slot is free refuses it.
 */
static inline struct cap_entry *cap_table_find(const struct cap_table *table, uint64_t id)
{
    struct cap_entry *entry = cap_table_at(table, cap_id_index(id));

    if (UNLIKELY(entry == NULL || entry->generation != cap_id_generation(id) ||
                 entry->place == NULL)) {
        return NULL;
    }
    return entry;
}

/** The object behind an entry found in a table, or NULL if the capability has been revoked. */
static inline struct object *cap_entry_object(const struct cap_entry *entry)
{
    if (UNLIKELY(entry->object_generation != entry->place->generation)) {
        return NULL;
    }
    return entry->place->object;
}

/** How many capabilities can be inserted before a page is needed. */
static inline uint32_t cap_table_free_slots(const struct cap_table *table)
{
    return table->free_count;
}

/**
 * Put a capability for the object at `place`, as of now, into a free slot.
 * There must be one (`first_free`). Returns its id.
 */
uint64_t cap_table_insert(struct cap_table *table, struct cap_object_slot *place, uint32_t flags);

/** Empty a slot that holds a capability, revoked or not; its id is stale from here on. */
void cap_table_remove(struct cap_table *table, uint32_t index);
