/* SPDX-License-Identifier: MIT */
#include "cap/cap.h"

void cap_table_init(struct cap_table *table)
{
    /*@ loop invariant 0 <= i <= CAP_MAX_PAGES;
        loop assigns i, table->pages[0 .. CAP_MAX_PAGES - 1];
        loop variant CAP_MAX_PAGES - i; */
    for (uint32_t i = 0; i < CAP_MAX_PAGES; i++) {
        table->pages[i] = NULL;
    }
    table->page_count = 0;
    table->first_free = CAP_NO_INDEX;
    table->free_count = 0;
    table->used = 0;
}

bool cap_table_add_page(struct cap_table *table, struct cap_entry *page)
{
    if (table->page_count == CAP_MAX_PAGES) {
        return false;
    }

    const uint32_t base = table->page_count * CAP_ENTRIES_PER_PAGE;
    /* Slot 0 of the first page is never given out: CapId 0 names nothing. */
    const uint32_t first = base == 0 ? 1 : 0;

    /*@ loop invariant 0 <= i <= CAP_ENTRIES_PER_PAGE;
        loop invariant \forall integer k; 0 <= k < i ==>
                           page[k].generation == 1 && page[k].place == NULL;
        loop assigns i, page[0 .. CAP_ENTRIES_PER_PAGE - 1];
        loop variant CAP_ENTRIES_PER_PAGE - i; */
    for (uint32_t i = 0; i < CAP_ENTRIES_PER_PAGE; i++) {
        const bool is_last = i + 1 == CAP_ENTRIES_PER_PAGE;

        page[i] = (struct cap_entry){
            .generation = 1,
            .next_free = is_last ? table->first_free : base + i + 1,
        };
    }
    table->pages[table->page_count++] = page;
    table->first_free = base + first;
    table->free_count += CAP_ENTRIES_PER_PAGE - first;
    return true;
}

uint64_t cap_table_insert(struct cap_table *table, struct cap_object_slot *place, uint32_t flags)
{
    const uint32_t index = table->first_free;
    struct cap_entry *entry = cap_table_at(table, index);

    table->first_free = entry->next_free;
    table->free_count--;
    table->used++;
    entry->place = place;
    entry->object_generation = place->generation;
    entry->flags = flags;
    return cap_id(index, entry->generation);
}

void cap_table_remove(struct cap_table *table, uint32_t index)
{
    struct cap_entry *entry = cap_table_at(table, index);

    entry->place = NULL;
    entry->flags &= ~CAP_ORIGIN;
    entry->generation++;
    table->used--;
    if (entry->generation > CAP_GENERATION_MAX) {
        return; /* retired: not on the free list, and no id can name it */
    }
    entry->next_free = table->first_free;
    table->first_free = index;
    table->free_count++;
}

const struct cap_entry *cap_table_recall(const struct cap_table *table, uint64_t id)
{
    const struct cap_entry *entry = cap_table_at(table, cap_id_index(id));
    const uint64_t generation = cap_id_generation(id);

    if (entry == NULL) {
        return NULL;
    }
    if (entry->place != NULL) {
        return entry->generation == generation ? entry : NULL;
    }
    /* Its generation grew when it was emptied; at first it was 1, and nothing was in it. */
    return generation != 0 && entry->generation == generation + 1 ? entry : NULL;
}
