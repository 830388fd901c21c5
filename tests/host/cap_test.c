/* SPDX-License-Identifier: MIT */

/*
 * lib/cap: what a CapId resolves to, refusal by refusal (L3), that generations only grow and never
 * repeat (L7), and random inserts, releases and revocations against a naive model that remembers
 * every id ever given out. Then forged ids by the million: CAPOS_FORGERIES=100000000 is the long
 * campaign. The seed is printed; CAPOS_SEED repeats a run.
 */

#include "cap/cap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

#define PAGES 5u

/* Objects are only compared, never looked into. */
static struct object *object_at(uintptr_t number)
{
    return (struct object *)(0x1000 + number * 16);
}

/* Pages on the heap, each exactly as large as it has to be. */
static struct cap_entry *page_new(void)
{
    struct cap_entry *page = malloc(CAP_ENTRIES_PER_PAGE * sizeof(*page));

    assert_non_null(page);
    memset(page, 0xa5, CAP_ENTRIES_PER_PAGE * sizeof(*page));
    return page;
}

static void table_start(struct cap_table *table, uint32_t pages)
{
    cap_table_init(table);
    for (uint32_t i = 0; i < pages; i++) {
        assert_true(cap_table_add_page(table, page_new()));
    }
}

static void table_end(struct cap_table *table)
{
    for (uint32_t i = 0; i < table->page_count; i++) {
        free(table->pages[i]);
    }
}

static struct object *resolve(const struct cap_table *table, uint64_t id)
{
    const struct cap_entry *entry = cap_table_find(table, id);

    return entry == NULL ? NULL : cap_entry_object(entry);
}

/* ------------------------------------------------------------------------------------------ */

static void test_id(void **state)
{
    (void)state;
    assert_int_equal(cap_id(1, 1), 1u | 1u << 20);
    assert_int_equal(cap_id_index(cap_id(CAP_INDEX_MAX, CAP_GENERATION_MAX)), CAP_INDEX_MAX);
    assert_int_equal(cap_id_generation(cap_id(CAP_INDEX_MAX, CAP_GENERATION_MAX)),
                     CAP_GENERATION_MAX);
    assert_int_equal(cap_id(CAP_INDEX_MAX, CAP_GENERATION_MAX), UINT64_MAX);
    assert_int_equal(cap_id_index(cap_id(0, CAP_GENERATION_MAX)), 0);
    assert_true(CAP_MAX_PAGES * CAP_ENTRIES_PER_PAGE <= CAP_INDEX_MAX + 1);
}

static void test_refusals(void **state)
{
    struct cap_table table;
    struct cap_object_slot place = {.object = object_at(1), .generation = 7};
    struct cap_table empty;
    uint64_t id;
    (void)state;

    memset(&empty, 0xa5, sizeof(empty));
    cap_table_init(&empty);
    for (uint32_t i = 0; i < CAP_MAX_PAGES; i++) {
        assert_null(empty.pages[i]);
    }
    assert_null(cap_table_find(&empty, cap_id(1, 1)));
    assert_null(cap_table_find(&empty, 0));

    table_start(&table, 1);
    id = cap_table_insert(&table, &place, CAP_ORIGIN);
    assert_int_equal(id, cap_id(1, 1)); /* as the ABI promises: index 1 first */
    assert_ptr_equal(resolve(&table, id), place.object);
    assert_int_equal(cap_table_find(&table, id)->flags, CAP_ORIGIN);

    assert_null(cap_table_find(&table, 0));
    assert_null(cap_table_find(&table, cap_id(0, 1)));
    assert_null(cap_table_find(&table, cap_id(1, 0)));
    assert_null(cap_table_find(&table, cap_id(1, 2)));
    assert_null(cap_table_find(&table, cap_id(1, CAP_GENERATION_MAX)));
    assert_null(cap_table_find(&table, cap_id(2, 1))); /* free */
    assert_null(cap_table_find(&table, cap_id(CAP_ENTRIES_PER_PAGE, 1)));
    assert_null(cap_table_find(&table, cap_id(CAP_INDEX_MAX, 1)));
    assert_null(cap_table_find(&table, UINT64_MAX));
    for (uint32_t bit = 0; bit < 64; bit++) {
        assert_null(cap_table_find(&table, id ^ 1ull << bit));
    }

    /* Revoked: the slot still answers, the object does not. */
    place.generation++;
    assert_non_null(cap_table_find(&table, id));
    assert_null(resolve(&table, id));
    /* A capability made after that is good, and the old one stays stale. */
    assert_ptr_equal(resolve(&table, cap_table_insert(&table, &place, 0)), place.object);
    assert_null(resolve(&table, id));

    /* The place changes hands: what named the old object does not name the new one. */
    const uint64_t renewed = cap_table_insert(&table, &place, 0);

    place.object = NULL;
    place.generation++;
    assert_null(resolve(&table, renewed));
    place.object = object_at(2);
    assert_null(resolve(&table, renewed));
    assert_null(resolve(&table, id));
    assert_ptr_equal(resolve(&table, cap_table_insert(&table, &place, 0)), object_at(2));
    /* Generations of places are 64 bits wide, and all of them count. */
    place.generation += 1ull << 44;
    assert_null(resolve(&table, renewed));
    place.generation = UINT64_MAX;
    assert_ptr_equal(resolve(&table, cap_table_insert(&table, &place, 0)), object_at(2));

    /* Released: stale for good, also when the slot is used again. */
    cap_table_remove(&table, cap_id_index(id));
    assert_null(cap_table_find(&table, id));
    assert_null(cap_table_at(&table, 1)->place);
    assert_int_equal(cap_table_at(&table, 1)->flags, 0);
    assert_int_equal(cap_table_insert(&table, &place, 0), cap_id(1, 2));
    assert_null(cap_table_find(&table, id));
    assert_int_equal(cap_table_find(&table, cap_id(1, 2))->flags, 0);
    table_end(&table);
}

#define NOTE(number) ((uint32_t)(number) << CAP_NOTE_SHIFT)

static void test_recall(void **state)
{
    struct cap_table table, empty;
    struct cap_object_slot place = {.object = object_at(1), .generation = 7};
    uint64_t id;
    (void)state;

    cap_table_init(&empty);
    assert_null(cap_table_recall(&empty, cap_id(1, 1)));

    table_start(&table, 1);
    assert_null(cap_table_recall(&table, cap_id(1, 1))); /* that will be the first */
    assert_null(cap_table_recall(&table, cap_id(1, 0)));
    assert_null(cap_table_recall(&table, 0));
    id = cap_table_insert(&table, &place, CAP_ORIGIN | NOTE(5));
    assert_ptr_equal(cap_table_recall(&table, id), cap_table_at(&table, 1));
    assert_null(cap_table_recall(&table, cap_id(1, 0)));
    assert_null(cap_table_recall(&table, cap_id(1, 2)));
    assert_null(cap_table_recall(&table, cap_id(CAP_ENTRIES_PER_PAGE, 1)));
    assert_null(cap_table_recall(&table, UINT64_MAX));

    /* Revoked, and then the place is another object's: what was is still known. */
    place.generation++;
    place.object = object_at(2);
    assert_null(resolve(&table, id));
    assert_int_equal(cap_table_recall(&table, id)->flags, CAP_ORIGIN | NOTE(5));
    assert_int_equal(cap_table_recall(&table, id)->object_generation, 7);

    /* Given up: as long as nothing else is in the slot. It is nobody's origin then. */
    cap_table_remove(&table, 1);
    assert_int_equal(cap_table_recall(&table, id)->flags, NOTE(5));
    assert_int_equal(cap_table_recall(&table, id)->object_generation, 7);
    assert_null(cap_table_recall(&table, cap_id(1, 2)));
    assert_null(cap_table_recall(&table, cap_id(1, 3)));

    const uint64_t next = cap_table_insert(&table, &place, NOTE(6));

    assert_int_equal(next, cap_id(1, 2));
    assert_null(cap_table_recall(&table, id));
    assert_int_equal(cap_table_recall(&table, next)->flags, NOTE(6));

    /* Retired: its last id is known as well, and none before it or behind it. */
    cap_table_at(&table, 1)->generation = CAP_GENERATION_MAX;
    cap_table_remove(&table, 1);
    assert_ptr_equal(cap_table_recall(&table, cap_id(1, CAP_GENERATION_MAX)),
                     cap_table_at(&table, 1));
    assert_null(cap_table_recall(&table, cap_id(1, CAP_GENERATION_MAX - 1)));
    assert_null(cap_table_recall(&table, next));
    table_end(&table);
}

static void test_pages(void **state)
{
    struct cap_table table;
    struct cap_object_slot place = {.object = object_at(1), .generation = 1};
    uint8_t *seen = calloc(CAP_MAX_PAGES * CAP_ENTRIES_PER_PAGE, 1);
    uint32_t count = 0;
    struct cap_entry *too_many = page_new();
    (void)state;

    assert_non_null(seen);
    cap_table_init(&table);
    assert_int_equal(cap_table_free_slots(&table), 0);
    assert_int_equal(table.first_free, CAP_NO_INDEX);
    for (uint32_t page = 0; page < CAP_MAX_PAGES; page++) {
        assert_true(cap_table_add_page(&table, page_new()));
        assert_int_equal(cap_table_free_slots(&table), (page + 1) * CAP_ENTRIES_PER_PAGE - 1);
    }
    assert_false(cap_table_add_page(&table, too_many));
    free(too_many);
    assert_null(cap_table_at(&table, CAP_MAX_PAGES * CAP_ENTRIES_PER_PAGE));
    assert_null(cap_table_find(&table, cap_id(CAP_MAX_PAGES * CAP_ENTRIES_PER_PAGE, 1)));

    /* Every slot but 0 can be had, once. */
    while (table.first_free != CAP_NO_INDEX) {
        const uint64_t id = cap_table_insert(&table, &place, 0);
        const uint32_t index = cap_id_index(id);

        assert_in_range(index, 1, CAP_MAX_PAGES * CAP_ENTRIES_PER_PAGE - 1);
        assert_int_equal(seen[index], 0);
        seen[index] = 1;
        count++;
        assert_int_equal(table.used, count);
    }
    assert_int_equal(count, CAP_MAX_PAGES * CAP_ENTRIES_PER_PAGE - 1);
    assert_int_equal(cap_table_free_slots(&table), 0);

    for (uint32_t n = 0; n < 70; n++) {
        cap_table_remove(&table, 1 + n);
        assert_int_equal(cap_table_free_slots(&table), n + 1);
    }
    free(seen);
    table_end(&table);
}

/* A page added while slots are still free keeps those. */
static void test_page_added_early(void **state)
{
    struct cap_table table;
    struct cap_object_slot place = {.object = object_at(1), .generation = 1};
    uint32_t count = 0;
    (void)state;

    table_start(&table, 1);
    (void)cap_table_insert(&table, &place, 0);
    assert_true(cap_table_add_page(&table, page_new()));
    for (; table.first_free != CAP_NO_INDEX; count++) {
        const uint64_t id = cap_table_insert(&table, &place, 0);

        assert_ptr_equal(resolve(&table, id), place.object);
    }
    assert_int_equal(count, 2 * CAP_ENTRIES_PER_PAGE - 2);
    table_end(&table);
}

static void test_retirement(void **state)
{
    struct cap_table table;
    struct cap_object_slot place = {.object = object_at(1), .generation = 1};
    uint64_t id;
    (void)state;

    table_start(&table, 1);
    cap_table_at(&table, 1)->generation = CAP_GENERATION_MAX - 1;
    id = cap_table_insert(&table, &place, 0);
    assert_int_equal(id, cap_id(1, CAP_GENERATION_MAX - 1));
    cap_table_remove(&table, 1);
    id = cap_table_insert(&table, &place, 0);
    assert_int_equal(id, cap_id(1, CAP_GENERATION_MAX));
    assert_ptr_equal(resolve(&table, id), place.object);
    cap_table_remove(&table, 1);

    /* Used up: no id finds it, no insert gives it out. */
    assert_null(cap_table_find(&table, id));
    assert_null(cap_table_find(&table, cap_id(1, 0)));
    assert_null(cap_table_find(&table, cap_id(1, 1)));
    assert_int_equal(table.used, 0);
    assert_int_equal(cap_table_free_slots(&table), CAP_ENTRIES_PER_PAGE - 2);
    while (table.first_free != CAP_NO_INDEX) {
        assert_int_not_equal(cap_id_index(cap_table_insert(&table, &place, 0)), 1);
    }
    assert_int_equal(table.used, CAP_ENTRIES_PER_PAGE - 2);
    assert_int_equal(cap_table_free_slots(&table), 0);
    table_end(&table);
}

/* A page of which every slot is used up is lost; the next page is not. */
static void test_retirement_of_all(void **state)
{
    struct cap_table table;
    struct cap_object_slot place = {.object = object_at(1), .generation = 1};
    (void)state;

    table_start(&table, 1);
    for (uint32_t index = 1; index < CAP_ENTRIES_PER_PAGE; index++) {
        cap_table_at(&table, index)->generation = CAP_GENERATION_MAX;
    }
    for (uint32_t index = 1; index < CAP_ENTRIES_PER_PAGE; index++) {
        cap_table_remove(&table, cap_id_index(cap_table_insert(&table, &place, 0)));
    }
    assert_int_equal(table.first_free, CAP_NO_INDEX);
    assert_int_equal(table.used, 0);
    assert_int_equal(cap_table_free_slots(&table), 0);
    assert_true(cap_table_add_page(&table, page_new()));
    assert_int_equal(cap_table_insert(&table, &place, 0), cap_id(CAP_ENTRIES_PER_PAGE, 1));
    table_end(&table);
}

/* ------------------------------------------------------------------------------------------
 * Random operations against a model that keeps every id ever given out
 * ------------------------------------------------------------------------------------------ */

enum { GIVEN_MAX = 6000, PLACES = 12 };

struct given {
    uint64_t id;
    uint32_t place;
    uint64_t object_generation;
    bool released;
};

/* Some slots are about to be used up. */
static void age_page(struct cap_table *table)
{
    const uint32_t base = (table->page_count - 1) * CAP_ENTRIES_PER_PAGE;

    for (uint32_t i = 0; i < CAP_ENTRIES_PER_PAGE; i++) {
        if (random_below(8) == 0) {
            cap_table_at(table, base + i)->generation = CAP_GENERATION_MAX - random_below(4);
        }
    }
}

static void check_given(const struct cap_table *table, const struct cap_object_slot *places,
                        const struct given *given)
{
    const struct cap_object_slot *place = &places[given->place];
    const bool live = !given->released && given->object_generation == place->generation;

    assert_int_equal(cap_table_find(table, given->id) != NULL, !given->released);
    assert_ptr_equal(resolve(table, given->id), live ? place->object : NULL);
}

static void test_random(void **state)
{
    struct given *given = calloc(GIVEN_MAX, sizeof(*given));
    struct cap_object_slot places[PLACES];
    struct cap_table table;
    uint32_t count = 0;
    uint32_t used = 0;
    uint32_t retired = 0;
    (void)state;

    random_seed();
    assert_non_null(given);
    for (uint32_t i = 0; i < PLACES; i++) {
        places[i] = (struct cap_object_slot){.object = object_at(i), .generation = 1};
    }
    cap_table_init(&table);
    while (count < GIVEN_MAX) {
        const uint64_t dice = random_next() % 16;

        if (dice < 8) {
            const uint32_t place = (uint32_t)(random_next() % PLACES);

            if (table.first_free == CAP_NO_INDEX) {
                if (table.page_count == PAGES || !cap_table_add_page(&table, page_new())) {
                    continue;
                }
                age_page(&table);
            }
            given[count] = (struct given){
                .id = cap_table_insert(&table, &places[place], 0),
                .place = place,
                .object_generation = places[place].generation,
            };
            /* Never one that was given out before (L7). */
            for (uint32_t i = 0; i < count; i++) {
                assert_int_not_equal(given[i].id, given[count].id);
            }
            count++;
            used++;
        } else if (dice < 15 && count != 0) {
            struct given *one = &given[random_next() % count];

            if (!one->released) {
                cap_table_remove(&table, cap_id_index(one->id));
                one->released = true;
                used--;
                retired += cap_id_generation(one->id) == CAP_GENERATION_MAX ? 1 : 0;
            }
        } else {
            places[random_next() % PLACES].generation++; /* revoke */
        }
        assert_int_equal(table.used, used);
        /* All slots but number 0 are used, free or retired. */
        assert_int_equal(cap_table_free_slots(&table) + used + retired,
                         table.page_count == 0 ? 0 : table.page_count * CAP_ENTRIES_PER_PAGE - 1);
        if (count != 0) {
            check_given(&table, places, &given[random_next() % count]);
        }
        if (count % 500 == 0) {
            for (uint32_t i = 0; i < count; i++) {
                check_given(&table, places, &given[i]);
            }
        }
    }
    assert_true(retired > 0);
    free(given);
    table_end(&table);
}

/* ------------------------------------------------------------------------------------------
 * Forged ids
 * ------------------------------------------------------------------------------------------ */

enum { SLOTS = PAGES * CAP_ENTRIES_PER_PAGE };

/* Of each slot, the one id that may find it; 0: none. */
static uint64_t only_id[SLOTS];

/** A table in the middle of its life: live, free, revoked, often used and retired slots. */
static void fill_table(struct cap_table *table, struct cap_object_slot *places)
{
    memset(only_id, 0, sizeof(only_id));
    table_start(table, PAGES);
    for (uint32_t i = 0; i < PLACES; i++) {
        places[i] = (struct cap_object_slot){.object = object_at(i), .generation = 1};
    }
    for (uint32_t index = 1; index < SLOTS; index++) {
        const uint64_t high = CAP_GENERATION_MAX - random_below(3);
        const uint64_t low = 1 + random_below(1000);

        cap_table_at(table, index)->generation = random_below(4) == 0 ? high : low;
    }
    for (uint32_t n = 0; n < 20 * SLOTS; n++) {
        const uint32_t index = 1 + random_below(SLOTS - 1);

        if (only_id[index] != 0) {
            cap_table_remove(table, index);
            only_id[index] = 0;
        } else if (table->first_free != CAP_NO_INDEX) {
            const uint64_t id = cap_table_insert(table, &places[random_below(PLACES)], 0);

            assert_int_equal(only_id[cap_id_index(id)], 0);
            only_id[cap_id_index(id)] = id;
        }
    }
    for (uint32_t i = 0; i < PLACES; i += 3) {
        places[i].generation++;
    }
}

/** What somebody would try who knows how ids are made. */
static uint64_t forge(const struct cap_table *table)
{
    const uint32_t index = random_below(SLOTS);
    const uint64_t generation = cap_table_at(table, index)->generation;
    uint32_t first, second;

    switch (random_below(6)) {
    case 0:
        return random_next();
    case 1: /* numbers of all sizes */
        first = random_below(64);
        return random_next() >> first;
    case 2: /* any generation of a slot */
        return cap_id(index, random_next() >> CAP_INDEX_BITS);
    case 3: /* the generations around the slot's own */
        return cap_id(index, (generation + random_below(8) - 4) & CAP_GENERATION_MAX);
    case 4: /* an id in which a bit or two are changed, or none */
        first = random_below(64);
        second = random_below(64);
        return only_id[index] ^ (first & 1ull) << second ^ (second & 1ull) << first;
    default: /* a good generation at another index */
        return cap_id(random_below(2 * SLOTS), generation & CAP_GENERATION_MAX);
    }
}

static void test_forgeries(void **state)
{
    const char *wanted = getenv("CAPOS_FORGERIES");
    const uint64_t count = wanted != NULL ? strtoull(wanted, NULL, 0) : 1000000;
    struct cap_object_slot places[PLACES];
    struct cap_table table;
    uint64_t found = 0;
    (void)state;

    random_seed();
    fill_table(&table, places);
    for (uint64_t n = 0; n < count; n++) {
        const uint64_t id = forge(&table);
        const uint32_t index = cap_id_index(id);
        const bool honest = id != 0 && index < SLOTS && only_id[index] == id;
        const struct cap_entry *entry = cap_table_find(&table, id);

        /* cmocka's assertions are too slow to ask each time. */
        if ((entry != NULL) != honest || (honest && entry != cap_table_at(&table, index))) {
            fail_msg("id 0x%016llx: found %p, given out: %d", (unsigned long long)id,
                     (const void *)entry, honest);
        }
        if (entry != NULL) {
            const bool revoked = (entry->place - places) % 3 == 0;

            found++;
            if (cap_entry_object(entry) != (revoked ? NULL : entry->place->object)) {
                fail_msg("id 0x%016llx: the wrong object", (unsigned long long)id);
            }
        }
    }
    print_message("%llu ids, %llu of them good\n", (unsigned long long)count,
                  (unsigned long long)found);
    assert_true(count < 1000 || (found > 0 && found < count / 2));
    table_end(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_recall),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_page_added_early),
        cmocka_unit_test(test_retirement),
        cmocka_unit_test(test_retirement_of_all),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_forgeries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
