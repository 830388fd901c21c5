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
#define CAP_MAX_PAGES        128u
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
    uint32_t flags; /* CAP_ORIGIN, CAP_NOTE_SHIFT; the latter stays when it is free */
};

static_assert(sizeof(struct cap_entry) * CAP_ENTRIES_PER_PAGE == 4096, "entries fill a frame");

/** The holder of this capability made the object and may revoke all others. Moves, never copies. */
#define CAP_ORIGIN 1u

/** The other flags are the kernel's, to know a slot's object by when that is gone. */
#define CAP_NOTE_SHIFT 1u

struct cap_table {
    struct cap_entry *pages[CAP_MAX_PAGES]; /* [0, page_count) are there */
    uint32_t page_count;
    uint32_t first_free; /* CAP_NO_INDEX: none, add a page */
    uint32_t free_count; /* slots on the list that begins there */
    uint32_t used;       /* slots that hold a capability; the rest are free or retired */
};

/*@ logic integer cap_index_of(uint64_t id) = (uint32_t)id & CAP_INDEX_MAX;
    logic integer cap_generation_of(uint64_t id) = id >> CAP_INDEX_BITS; */

/*@ requires index <= CAP_INDEX_MAX && generation <= CAP_GENERATION_MAX;
    assigns \nothing;
    ensures \result == (uint64_t)((uint64_t)(generation << CAP_INDEX_BITS) | index); */
static inline uint64_t cap_id(uint32_t index, uint64_t generation)
{
    return generation << CAP_INDEX_BITS | index;
}

/*@ assigns \nothing;
    ensures \result == cap_index_of(id); */
static inline uint32_t cap_id_index(uint64_t id)
{
    return (uint32_t)id & CAP_INDEX_MAX;
}

/*@ assigns \nothing;
    ensures \result == cap_generation_of(id);
    ensures \result <= CAP_GENERATION_MAX; */
static inline uint64_t cap_id_generation(uint64_t id)
{
    return id >> CAP_INDEX_BITS;
}

/*@ // Entries are written through pages, and nothing else is in their way.
    predicate cap_table_sound(struct cap_table *table) =
        \valid(table) && table->page_count <= CAP_MAX_PAGES &&
        (\forall integer p; 0 <= p < table->page_count ==>
             \valid(table->pages[p] + (0 .. CAP_ENTRIES_PER_PAGE - 1)) &&
             \separated(table, table->pages[p] + (0 .. CAP_ENTRIES_PER_PAGE - 1))) &&
        (\forall integer p, q; 0 <= p < q < table->page_count ==>
             \separated(table->pages[p] + (0 .. CAP_ENTRIES_PER_PAGE - 1),
                        table->pages[q] + (0 .. CAP_ENTRIES_PER_PAGE - 1)));

    predicate cap_slot_exists(struct cap_table *table, integer index) =
        0 <= index < table->page_count * CAP_ENTRIES_PER_PAGE;

    logic struct cap_entry *cap_slot(struct cap_table *table, integer index) =
        &table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE];

    // What an id has to be to name anything.
    predicate cap_names(struct cap_table *table, uint64_t id) =
        cap_slot_exists(table, cap_index_of(id)) &&
        cap_slot(table, cap_index_of(id))->generation == cap_generation_of(id) &&
        cap_slot(table, cap_index_of(id))->place != NULL; */

/** An empty table without pages. */
/*@ requires \valid(table);
    assigns *table;
    ensures cap_table_sound(table);
    ensures table->page_count == 0 && table->used == 0 && table->free_count == 0;
    ensures table->first_free == CAP_NO_INDEX;
    ensures \forall uint64_t id; !cap_names(table, id); */
void cap_table_init(struct cap_table *table);

/** Add a page of CAP_ENTRIES_PER_PAGE entries; false if the table is at its largest. */
/*@ requires cap_table_sound(table) && \valid(page + (0 .. CAP_ENTRIES_PER_PAGE - 1));
    requires \separated(table, page + (0 .. CAP_ENTRIES_PER_PAGE - 1));
    requires \forall integer p; 0 <= p < table->page_count ==>
                 \separated(table->pages[p] + (0 .. CAP_ENTRIES_PER_PAGE - 1),
                            page + (0 .. CAP_ENTRIES_PER_PAGE - 1));
    behavior added:
      assumes table->page_count < CAP_MAX_PAGES;
      assigns table->pages[table->page_count], table->page_count, table->first_free,
              table->free_count, page[0 .. CAP_ENTRIES_PER_PAGE - 1];
      ensures \result && cap_table_sound(table);
      ensures table->page_count == \old(table->page_count) + 1;
      ensures table->pages[\old(table->page_count)] == page;
      ensures cap_slot_exists(table, table->first_free) && table->first_free != 0;
      ensures \forall integer i; 0 <= i < CAP_ENTRIES_PER_PAGE ==>
                  page[i].generation == 1 && page[i].place == NULL;
    behavior refused:
      assumes table->page_count >= CAP_MAX_PAGES;
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
MUST_CHECK bool cap_table_add_page(struct cap_table *table, struct cap_entry *page);

/** The entry at an index, or NULL if the table has no such slot. */
/*@ requires cap_table_sound(table);
    assigns \nothing;
    behavior exists:
      assumes cap_slot_exists(table, index);
      ensures \result == cap_slot(table, index) && \valid(\result);
    behavior refused:
      assumes !cap_slot_exists(table, index);
      ensures \result == NULL;
    complete behaviors;
    disjoint behaviors; */
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
/*@ requires cap_table_sound(table);
    assigns \nothing;
    behavior named:
      assumes cap_names(table, id);
      ensures \result == cap_slot(table, cap_index_of(id)) && \valid(\result);
    behavior refused:
      assumes !cap_names(table, id);
      ensures \result == NULL;
    complete behaviors;
    disjoint behaviors; */
static inline struct cap_entry *cap_table_find(const struct cap_table *table, uint64_t id)
{
    struct cap_entry *entry = cap_table_at(table, cap_id_index(id));

    if (UNLIKELY(entry == NULL || entry->generation != cap_id_generation(id) ||
                 entry->place == NULL)) {
        return NULL;
    }
    return entry;
}

/**
 * The entry whose note and object generation are those of what `id` names or, given up, named last:
 * NULL if nothing was ever given out under it, or its slot has held something else since. For those
 * who tell of refusals; it is no way to an object.
 */
/*@ requires cap_table_sound(table);
    assigns \nothing;
    behavior exists:
      assumes cap_slot_exists(table, cap_index_of(id));
      ensures \result == NULL || \result == cap_slot(table, cap_index_of(id));
      ensures cap_names(table, id) ==> \result == cap_slot(table, cap_index_of(id));
      ensures \result != NULL && !cap_names(table, id) ==>
              \result->place == NULL && \result->generation == cap_generation_of(id) + 1;
    behavior refused:
      assumes !cap_slot_exists(table, cap_index_of(id));
      ensures \result == NULL;
    complete behaviors;
    disjoint behaviors; */
const struct cap_entry *cap_table_recall(const struct cap_table *table, uint64_t id);

/** The object behind an entry found in a table, or NULL if the capability has been revoked. */
/*@ requires \valid_read(entry) && \valid_read(entry->place);
    assigns \nothing;
    ensures entry->object_generation != entry->place->generation ==> \result == NULL;
    ensures entry->object_generation == entry->place->generation ==>
            \result == entry->place->object; */
static inline struct object *cap_entry_object(const struct cap_entry *entry)
{
    if (UNLIKELY(entry->object_generation != entry->place->generation)) {
        return NULL;
    }
    return entry->place->object;
}

/** How many capabilities can be inserted before a page is needed. */
/*@ requires \valid_read(table);
    assigns \nothing;
    ensures \result == table->free_count; */
static inline uint32_t cap_table_free_slots(const struct cap_table *table)
{
    return table->free_count;
}

/**
 * Put a capability for the object at `place`, as of now, into a free slot.
 * There must be one (`first_free`). Returns its id.
 */
/*@ requires cap_table_sound(table) && cap_slot_exists(table, table->first_free);
    requires cap_slot(table, table->first_free)->place == NULL;
    requires cap_slot(table, table->first_free)->generation <= CAP_GENERATION_MAX;
    requires \valid_read(place);
    requires \separated(place, cap_slot(table, table->first_free), table);
    assigns table->first_free, table->free_count, table->used,
            cap_slot(table, table->first_free)->place,
            cap_slot(table, table->first_free)->object_generation,
            cap_slot(table, table->first_free)->flags;
    ensures cap_table_sound(table);
    ensures \result == (uint64_t)((uint64_t)(\old(cap_slot(table, table->first_free)->generation)
                                             << CAP_INDEX_BITS) |
                                  \old(table->first_free));
    ensures cap_slot(table, \old(table->first_free))->place == place;
    ensures cap_slot(table, \old(table->first_free))->object_generation == place->generation;
    ensures cap_slot(table, \old(table->first_free))->flags == flags;
    ensures table->first_free == \old(cap_slot(table, table->first_free)->next_free); */
uint64_t cap_table_insert(struct cap_table *table, struct cap_object_slot *place, uint32_t flags);

/** Empty a slot that holds a capability, revoked or not; its id is stale from here on. */
/*@ requires cap_table_sound(table) && cap_slot_exists(table, index);
    requires cap_slot(table, index)->generation <= CAP_GENERATION_MAX;
    assigns *cap_slot(table, index), table->used, table->first_free, table->free_count;
    ensures cap_table_sound(table);
    ensures \forall uint64_t id; cap_index_of(id) == index ==> !cap_names(table, id);
    // L7: the slot's generation has grown, and a retired slot is not on the free list again.
    ensures cap_slot(table, index)->generation == \old(cap_slot(table, index)->generation) + 1;
    ensures cap_slot(table, index)->generation <= CAP_GENERATION_MAX ==>
            table->first_free == index;
    ensures cap_slot(table, index)->generation > CAP_GENERATION_MAX ==>
            table->first_free == \old(table->first_free) &&
            table->free_count == \old(table->free_count); */
void cap_table_remove(struct cap_table *table, uint32_t index);
