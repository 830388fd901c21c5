/* SPDX-License-Identifier: MIT */

/*
 * lib/ledger: routes and buffers. Accepts and every refusal; slots whose generations run out (L7);
 * where buffers go: two regions, around the addresses that are interrupts, a page between them,
 * never twice (L4); interrupts of an old generation (L5).
 */

#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "ledger/ledger_teardown.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger_world.h"

#define PAGE LEDGER_PAGE_BYTES

/* ------------------------------------------------------------------------ identity */

static void test_identify(void **state)
{
    struct world world;
    struct device_identity now;
    struct device_handle route, buffer, forged;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    world_claim(&world, 3, BERT);
    world_route(&world, 2, &route);
    world_buffer(&world, 2, 3, &buffer);
    const struct device_handle good[] = {world.mmio[2], world.pool[2], route, buffer};

    for (size_t n = 0; n < ARRAY_COUNT(good); n++) {
        assert_int_equal(good[n].part, n);
        assert_true(ledger_identify(&world.ledger, &good[n], &now));
        assert_int_equal(now.function, 2);
        assert_int_equal(now.owner, ANNA);
        assert_true(now.is_live);
        assert_int_equal(ledger_check(&world.ledger, &good[n], ANNA), STATUS_OK);
        assert_int_equal(ledger_check(&world.ledger, &good[n], BERT), STATUS_DENIED);
        forged = good[n];
        forged.function = WORLD_FUNCTIONS;
        assert_false(ledger_identify(&world.ledger, &forged, &now));
        assert_int_equal(ledger_check(&world.ledger, &forged, ANNA), STATUS_STALE);
        forged.function = UINT32_MAX;
        assert_int_equal(ledger_check(&world.ledger, &forged, ANNA), STATUS_STALE);
        forged.function = 3; /* and its generations: a slot belongs to one function */
        forged.generation = world.functions[3].generation;
        forged.owner_generation = world.functions[3].owner_generation;
        assert_int_equal(ledger_check(&world.ledger, &forged, BERT),
                         n < 2 ? STATUS_OK : STATUS_STALE);
        forged = good[n];
        forged.part = DEVICE_PART_COUNT;
        assert_int_equal(ledger_check(&world.ledger, &forged, ANNA), STATUS_STALE);
        forged.part = (enum device_part)UINT32_MAX;
        assert_int_equal(ledger_check(&world.ledger, &forged, ANNA), STATUS_STALE);
        static const uint32_t slots[] = {1, 2, WORLD_ROUTES, WORLD_BUFFERS, UINT32_MAX};
        for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
            forged = good[n];
            forged.slot = slots[i];
            assert_int_equal(ledger_check(&world.ledger, &forged, ANNA), STATUS_STALE);
        }
    }
}

static void test_part_end(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const struct device_handle old_mmio = world.mmio[2];
    const struct device_handle old_pool = world.pool[2];

    ledger_part_end(&world.ledger, &old_mmio);
    assert_int_equal(ledger_check(&world.ledger, &old_mmio, ANNA), STATUS_STALE);
    assert_int_equal(ledger_check(&world.ledger, &old_pool, ANNA), STATUS_OK);
    ledger_part_end(&world.ledger, &old_pool);
    assert_int_equal(ledger_check(&world.ledger, &old_pool, ANNA), STATUS_STALE);
    assert_true(ledger_revoke(&world.ledger, 2));
    world_finish(&world, 2);
    world_claim(&world, 2, BERT);
    ledger_part_end(&world.ledger, &old_mmio); /* those of an earlier claim end nothing */
    ledger_part_end(&world.ledger, &old_pool);
    assert_int_equal(ledger_check(&world.ledger, &world.mmio[2], BERT), STATUS_OK);
    assert_int_equal(ledger_check(&world.ledger, &world.pool[2], BERT), STATUS_OK);
}

/* ------------------------------------------------------------------------ routes */

static void test_route_refusals(void **state)
{
    struct device_handle handle;
    struct world world;
    (void)state;

    for (enum function_state i = FUNCTION_STATE_DISCOVERED; i < FUNCTION_STATE_COUNT; i++) {
        const bool is_owned = i == FUNCTION_STATE_CLAIMED || i == FUNCTION_STATE_ACTIVE;

        world_init(&world);
        world_bring(&world, 2, i);
        assert_refused(&world, ledger_route_check(&world.ledger, 2, BERT, 0),
                       is_owned ? STATUS_DENIED : STATUS_STALE);
        assert_refused(&world, ledger_route_check(&world.ledger, 2, DEVICE_NOBODY, 0),
                       is_owned ? STATUS_DENIED : STATUS_STALE);
        assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, 0),
                       is_owned ? STATUS_OK : STATUS_STALE);
    }
    world_init(&world);
    world_claim(&world, 2, ANNA);
    assert_refused(&world, ledger_route_check(&world.ledger, WORLD_FUNCTIONS, ANNA, 0),
                   STATUS_NOT_FOUND);
    for (uint32_t i = 0; i < WORLD_ROUTES; i++) {
        world_route(&world, 2, &handle);
    }
    for (uint32_t i = 0; i <= WORLD_ROUTES; i++) { /* taken, or none at all */
        assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, i), STATUS_QUEUE_FULL);
    }
    assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, LEDGER_NONE),
                   STATUS_QUEUE_FULL);
    ledger_route_end(&world.ledger, 1);
    assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, 1),
                   STATUS_QUEUE_FULL); /* not before it was seen gone */
    ledger_route_ended(&world.ledger, 1);
    assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, 1), STATUS_OK);
    assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, 0), STATUS_QUEUE_FULL);
}

static void test_route_delivery(void **state)
{
    struct world world;
    struct device_handle first, second;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t slot = world_route(&world, 2, &first);
    assert_int_equal(world.functions[2].state, FUNCTION_STATE_CLAIMED);
    ledger_route_armed(&world.ledger, slot);
    assert_int_equal(world.functions[2].state, FUNCTION_STATE_ACTIVE);
    assert_true(ledger_route_delivers(&world.ledger, slot, first.part_generation));
    assert_false(ledger_route_delivers(&world.ledger, slot, first.part_generation + 1));
    assert_false(ledger_route_delivers(&world.ledger, slot, first.part_generation - 1));
    ledger_route_end(&world.ledger, slot);
    assert_false(ledger_route_delivers(&world.ledger, slot, first.part_generation));
    assert_false(ledger_route_delivers(&world.ledger, slot, world.routes[slot].generation));
    assert_refused(&world, (ledger_route_end(&world.ledger, slot), 0), 0); /* once is enough */
    ledger_route_ended(&world.ledger, slot);
    assert_false(ledger_route_delivers(&world.ledger, slot, world.routes[slot].generation));
    world_claim(&world, 3, BERT);
    assert_int_equal(world_route(&world, 3, &second), slot);
    assert_true(second.part_generation > first.part_generation);
    assert_false(ledger_route_delivers(&world.ledger, slot, first.part_generation));
    assert_true(ledger_route_delivers(&world.ledger, slot, second.part_generation));
    assert_int_equal(ledger_check(&world.ledger, &first, ANNA), STATUS_STALE);
}

static void test_route_generation_ends(void **state)
{
    struct world world;
    struct device_handle handle;
    uint64_t last = LEDGER_GENERATION_END - 3;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    world.routes[0].generation = last;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(world_route(&world, 2, &handle), 0);
        assert_int_equal(handle.part_generation, last);
        ledger_route_end(&world.ledger, 0);
        ledger_route_ended(&world.ledger, 0);
        assert_true(world.routes[0].generation > last);
        last = world.routes[0].generation;
    }
    assert_int_equal(world_route(&world, 2, &handle), 1);
    assert_int_equal(world_route(&world, 2, &handle), 2);
    assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, 0),
                   STATUS_QUEUE_FULL); /* free, and retired */
}

/* ------------------------------------------------------------------------ buffers */

static void test_buffer_refusals(void **state)
{
    struct world world;
    struct ledger_place place = {.slot = 99, .iova = 99};
    struct device_handle buffer;
    (void)state;

    for (enum function_state i = FUNCTION_STATE_CLAIMED; i < FUNCTION_STATE_COUNT; i++) {
        const bool is_owned = i == FUNCTION_STATE_CLAIMED || i == FUNCTION_STATE_ACTIVE;

        world_init(&world);
        world_bring(&world, 2, i);
        assert_refused(&world,
                       ledger_buffer_check(&world.ledger, &world.pool[2], BERT,
                                           world_buffer_slot(&world), 1, &place),
                       is_owned ? STATUS_DENIED : STATUS_STALE);
        assert_int_equal(place.iova, 99);
        assert_refused(&world,
                       ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                           world_buffer_slot(&world), 1, &place),
                       is_owned ? STATUS_OK : STATUS_STALE);
        place.iova = 99;
    }
    world_init(&world);
    world_claim(&world, 2, ANNA);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 1000, &place),
                   STATUS_OK);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 1001, &place),
                   STATUS_OVER_BUDGET);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), UINT32_MAX, &place),
                   STATUS_OVER_BUDGET);
    for (uint32_t i = 0; i < WORLD_BUFFERS; i++) {
        world_buffer(&world, 2, 100, &buffer);
    }
    assert_refused(&world, ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, 0, 601, &place),
                   STATUS_OVER_BUDGET);
    for (uint32_t i = 0; i <= WORLD_BUFFERS; i++) { /* taken, or none at all */
        assert_refused(&world,
                       ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, i, 600, &place),
                       STATUS_QUEUE_FULL);
    }
    assert_refused(
        &world, ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, LEDGER_NONE, 600, &place),
        STATUS_QUEUE_FULL);
    ledger_buffer_end(&world.ledger, 2);
    assert_refused(&world, ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, 2, 601, &place),
                   STATUS_OVER_BUDGET); /* its pages stay counted */
    assert_refused(&world, ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, 2, 600, &place),
                   STATUS_QUEUE_FULL);
    ledger_buffer_ended(&world.ledger, 2);
    assert_refused(&world, ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, 1, 700, &place),
                   STATUS_QUEUE_FULL);
    assert_refused(&world, ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, 2, 700, &place),
                   STATUS_OK);
    assert_int_equal(place.slot, 2);
    assert_true(place.iova > world.buffers[3].iova); /* the slot again, the addresses not */
}

static void test_buffer_generation_ends(void **state)
{
    struct world world;
    struct device_handle handle;
    uint64_t last = LEDGER_GENERATION_END - 3;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    world.buffers[0].generation = last;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(world_buffer(&world, 2, 1, &handle), 0);
        assert_int_equal(handle.part_generation, last);
        assert_int_equal(ledger_check(&world.ledger, &handle, ANNA), STATUS_OK);
        ledger_buffer_end(&world.ledger, 0);
        assert_int_equal(ledger_check(&world.ledger, &handle, ANNA), STATUS_STALE);
        assert_refused(&world, (ledger_buffer_end(&world.ledger, 0), 0), 0);
        ledger_buffer_ended(&world.ledger, 0);
        assert_true(world.buffers[0].generation > last);
        last = world.buffers[0].generation;
    }
    struct ledger_place place;
    assert_refused(&world, ledger_buffer_check(&world.ledger, &world.pool[2], ANNA, 0, 1, &place),
                   STATUS_QUEUE_FULL); /* free, and retired */
    assert_int_equal(world_buffer(&world, 2, 1, &handle), 1);
}

/* Where a buffer of `pages` goes, by what was given out before and what the device can address. */
static void test_places(void **state)
{
    static const struct {
        uint64_t low, high, end;
        uint32_t pages;
        uint64_t iova; /* 0: the addresses are used up */
    } cases[] = {
        /* High first, low for devices and buffers that do not reach there. */
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, 1ull << 39, 1, LEDGER_HIGH_FIRST},
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, 1ull << 32, 1, LEDGER_LOW_FIRST},
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, 1ull << 24, 1, LEDGER_LOW_FIRST},
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, LEDGER_HIGH_FIRST + 2 * PAGE, 2, LEDGER_HIGH_FIRST},
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, LEDGER_HIGH_FIRST + 2 * PAGE, 3, LEDGER_LOW_FIRST},
        /* The end: up to it, and not one page more. */
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, LEDGER_LOW_FIRST + 4 * PAGE, 4, LEDGER_LOW_FIRST},
        {LEDGER_LOW_FIRST + PAGE, LEDGER_HIGH_FIRST, LEDGER_LOW_FIRST + 4 * PAGE, 4, 0},
        {LEDGER_LOW_FIRST + 5 * PAGE, LEDGER_HIGH_FIRST, LEDGER_LOW_FIRST + 4 * PAGE, 1, 0},
        {LEDGER_LOW_FIRST, 0x7ffffff000, 1ull << 39, 1, 0x7ffffff000},
        {LEDGER_LOW_FIRST, 0x8000001000, 1ull << 39, 1, LEDGER_LOW_FIRST},
        {0xfff00000, 0x8000000000, 1ull << 39, 0x100, 0},
        /* Around the addresses that are interrupts, 0xfee00000 to 0xfeefffff. */
        {0xfedff000, LEDGER_HIGH_FIRST, 1ull << 32, 1, 0xfedff000},
        {0xfedff000, LEDGER_HIGH_FIRST, 1ull << 32, 2, 0xfef00000},
        {0xfee00000, LEDGER_HIGH_FIRST, 1ull << 32, 1, 0xfef00000},
        {0xfee01000, LEDGER_HIGH_FIRST, 1ull << 32, 1, 0xfef00000},
        {0xfeeff000, LEDGER_HIGH_FIRST, 1ull << 32, 1, 0xfef00000},
        {0xfef00000, LEDGER_HIGH_FIRST, 1ull << 32, 1, 0xfef00000},
        {0xfef01000, LEDGER_HIGH_FIRST, 1ull << 32, 1, 0xfef01000},
        {0xfe000000, LEDGER_HIGH_FIRST, 1ull << 32, 0xe00, 0xfe000000},
        {0xfe000000, LEDGER_HIGH_FIRST, 1ull << 32, 0xe01, 0xfef00000},
        {0xfee00000, LEDGER_HIGH_FIRST, 0xfee80000, 1, 0},
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, 1ull << 32, 0xfee00 - 0x100, LEDGER_LOW_FIRST},
        /* As many as a count can say. */
        {LEDGER_LOW_FIRST, LEDGER_HIGH_FIRST, 1ull << 48, UINT32_MAX, LEDGER_HIGH_FIRST},
    };
    (void)state;

    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        struct world world;
        struct ledger_place place;
        struct device_handle buffer;

        world_init(&world);
        world_claim(&world, 2, ANNA);
        world.functions[2].pool_limit = UINT32_MAX;
        world.functions[2].low_next = cases[n].low;
        world.functions[2].high_next = cases[n].high;
        world.functions[2].address_end = cases[n].end;
        if (cases[n].iova == 0) {
            assert_refused(&world,
                           ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                               world_buffer_slot(&world), cases[n].pages, &place),
                           STATUS_RETIRED);
            continue;
        }
        assert_int_equal(world.buffers[world_buffer(&world, 2, cases[n].pages, &buffer)].iova,
                         cases[n].iova);
        /* And nothing of it, nor the page behind it, is ever given out again. */
        const uint64_t end = cases[n].iova + (cases[n].pages + 1ull) * PAGE;
        assert_int_equal(cases[n].iova >= LEDGER_HIGH_FIRST ? world.functions[2].high_next
                                                            : world.functions[2].low_next,
                         end);
    }
}

/* Across claims, whatever the next owner's device can address. */
static void test_addresses_grow_across_claims(void **state)
{
    static const uint64_t ends[] = {1ull << 39, 1ull << 32, 1ull << 48, 1ull << 24};
    uint64_t given[2] = {0, 0};
    struct world world;
    struct device_handle buffer;
    (void)state;

    world_init(&world);
    for (uint32_t n = 0; n < 40; n++) {
        ledger_claim_commit(&world.ledger, 2, n % 2 == 0 ? ANNA : BERT, 10, ends[n % 4],
                            &world.mmio[2], &world.pool[2]);
        for (uint32_t i = 0; i < 3; i++) {
            const uint64_t iova = world.buffers[world_buffer(&world, 2, i + 1, &buffer)].iova;
            uint64_t *const past = &given[iova >= LEDGER_HIGH_FIRST];

            assert_true(*past == 0 || iova > *past);
            *past = iova + i * PAGE + PAGE;
        }
        assert_true(ledger_revoke(&world.ledger, 2));
        assert_int_equal(world_finish(&world, 2), FUNCTION_STATE_FREE);
    }
}

/* A current handle of another part is no pool, whoever holds it. */
static void test_buffer_wants_a_pool(void **state)
{
    struct world world;
    struct ledger_place place;
    struct device_handle route, buffer;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    world_route(&world, 2, &route);
    world_buffer(&world, 2, 1, &buffer);
    const struct device_handle others[] = {world.mmio[2], route, buffer};

    for (size_t n = 0; n < ARRAY_COUNT(others); n++) {
        assert_int_equal(ledger_check(&world.ledger, &others[n], ANNA), STATUS_OK);
        assert_refused(&world,
                       ledger_buffer_check(&world.ledger, &others[n], ANNA,
                                           world_buffer_slot(&world), 1, &place),
                       STATUS_WRONG_TYPE);
    }
}

/* The last page below 4 GiB is never given out: behind it would come the high region's first. */
static void test_page_between_regions(void **state)
{
    struct world world;
    struct device_handle buffer;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    world.functions[2].pool_limit = UINT32_MAX;
    world.functions[2].address_end = LEDGER_HIGH_FIRST + 16 * PAGE;
    world.functions[2].low_next = LEDGER_HIGH_FIRST - 101 * PAGE;
    world_buffer(&world, 2, 100, &buffer); /* too large for the high region */
    assert_int_equal(world.buffers[0].iova, LEDGER_HIGH_FIRST - 101 * PAGE);
    world_buffer(&world, 2, 16, &buffer);
    assert_int_equal(world.buffers[1].iova, LEDGER_HIGH_FIRST);

    struct ledger_place place;
    world.functions[2].low_next = LEDGER_HIGH_FIRST - 16 * PAGE;
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 16, &place),
                   STATUS_RETIRED);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 15, &place),
                   STATUS_OK);
}

/* No sum wraps, however many address bits a claim speaks of. */
static void test_addresses_do_not_wrap(void **state)
{
    struct world world;
    struct ledger_place place;
    struct device_handle buffer;
    (void)state;

    world_init(&world);
    ledger_claim_commit(&world.ledger, 2, ANNA, UINT32_MAX, UINT64_MAX, &world.mmio[2],
                        &world.pool[2]);
    assert_int_equal(world.functions[2].address_end, LEDGER_ADDRESS_END);
    world.functions[2].low_next = LEDGER_HIGH_FIRST;
    world.functions[2].high_next = LEDGER_ADDRESS_END - 2 * PAGE;
    world_buffer(&world, 2, 2, &buffer);
    assert_true(world.functions[2].high_next > LEDGER_ADDRESS_END);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 1, &place),
                   STATUS_RETIRED);
}

/* A buffer that no space could take uses up none: one wish too large must not cost the function. */
static void test_too_large_for_the_device(void **state)
{
    struct world world;
    struct ledger_place place = {.slot = 99, .iova = 99};
    (void)state;

    world_init(&world);
    ledger_claim_commit(&world.ledger, 2, ANNA, UINT32_MAX, LEDGER_LOW_FIRST + 8 * PAGE,
                        &world.mmio[2], &world.pool[2]);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 9, &place),
                   STATUS_BAD_RANGE);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 0, &place),
                   STATUS_BAD_RANGE);
    assert_int_equal(place.slot, 99); /* results are written only on success */
    assert_int_equal(place.iova, 99);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 8, &place),
                   STATUS_OK);
    place.slot = 99;
    world.functions[2].low_next += PAGE;
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 8, &place),
                   STATUS_RETIRED);
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 9, &place),
                   STATUS_BAD_RANGE);
    assert_int_equal(place.slot, 99);
    /* Nothing at all below where addresses begin. */
    world.functions[2].address_end = LEDGER_LOW_FIRST;
    assert_refused(&world,
                   ledger_buffer_check(&world.ledger, &world.pool[2], ANNA,
                                       world_buffer_slot(&world), 1, &place),
                   STATUS_BAD_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identify),
        cmocka_unit_test(test_part_end),
        cmocka_unit_test(test_route_refusals),
        cmocka_unit_test(test_route_delivery),
        cmocka_unit_test(test_route_generation_ends),
        cmocka_unit_test(test_buffer_refusals),
        cmocka_unit_test(test_buffer_generation_ends),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_addresses_grow_across_claims),
        cmocka_unit_test(test_buffer_wants_a_pool),
        cmocka_unit_test(test_page_between_regions),
        cmocka_unit_test(test_addresses_do_not_wrap),
        cmocka_unit_test(test_too_large_for_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
