/* SPDX-License-Identifier: MIT */

/*
 * lib/ledger at the ends of its storage: each array ends where a page that cannot be touched
 * begins, so that a step too far is seen by every build; and storage that was not clean before.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "ledger/ledger_audit.h"
#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "ledger/ledger_teardown.h"

#define PAGE  4096u
#define COUNT 3u
#define ANNA  7ull
#define BERT  8ull
#define END   (1ull << 39)

static struct ledger ledger;

/** Room for `bytes` at the end of a page, all of it 0xa5, and nothing behind. */
static void *at_end_of_page(size_t bytes)
{
    uint8_t *const pages =
        mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(pages != MAP_FAILED);
    assert_true(bytes <= PAGE);
    assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
    memset(pages, 0xa5, PAGE);
    return pages + PAGE - bytes;
}

static int prepare(void **state)
{
    (void)state;
    ledger = (struct ledger){
        .functions = at_end_of_page(COUNT * sizeof(struct ledger_function)),
        .function_count = COUNT,
        .routes = at_end_of_page(COUNT * sizeof(struct ledger_route)),
        .route_count = COUNT,
        .buffers = at_end_of_page(COUNT * sizeof(struct ledger_buffer)),
        .buffer_count = COUNT,
    };
    ledger_init(&ledger);
    return 0;
}

/** Nothing of what was in the storage is left. */
static void test_init_cleans_everything(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct ledger_function *function = &ledger.functions[i];
        const struct ledger_route *route = &ledger.routes[i];
        const struct ledger_buffer *buffer = &ledger.buffers[i];

        /* Flags as numbers: `!` of a bool that is neither 0 nor 1 may be anything. */
        assert_int_equal(function->state, FUNCTION_STATE_DISCOVERED);
        assert_int_equal(function->refusal, CLAIM_REFUSAL_NONE);
        assert_int_equal(function->group, i);
        assert_int_equal(function->generation, 1);
        assert_int_equal(function->owner, DEVICE_NOBODY);
        assert_int_equal(function->former_owner, DEVICE_NOBODY);
        assert_int_equal(function->owner_generation, 0);
        assert_int_equal(function->has_mmio, 0);
        assert_int_equal(function->has_pool, 0);
        assert_int_equal(function->mmio_owner, 0);
        assert_int_equal(function->pool_owner, 0);
        assert_int_equal(function->pool_limit, 0);
        assert_int_equal(function->pool_pages, 0);
        assert_int_equal(function->buffer_count, 0);
        assert_int_equal(function->route_count, 0);
        assert_int_equal(function->mmio_pages, 0);
        assert_int_equal(function->low_next, LEDGER_LOW_FIRST);
        assert_int_equal(function->high_next, LEDGER_HIGH_FIRST);
        assert_int_equal(function->address_end, 0);
        assert_int_equal(function->is_exhausted, 0);
        assert_int_equal(function->not_reset, 0);
        assert_int_equal(function->evidence, 0);

        assert_int_equal(route->use, LEDGER_UNUSED);
        assert_int_equal(route->function, 0);
        assert_int_equal(route->generation, 1);
        assert_int_equal(route->owner, 0);
        assert_false(route->is_retired);
        assert_int_equal(route->next_free, 0);

        assert_int_equal(buffer->use, LEDGER_UNUSED);
        assert_int_equal(buffer->function, 0);
        assert_int_equal(buffer->generation, 1);
        assert_false(buffer->is_retired);
        assert_int_equal(buffer->access, 0);
        assert_int_equal(buffer->iova, 0);
        assert_int_equal(buffer->page_count, 0);
        assert_int_equal(buffer->next_free, 0);
    }
}

static void claim(uint32_t function, uint64_t pid, struct device_handle *mmio,
                  struct device_handle *pool)
{
    assert_int_equal(
        ledger_claim_check(&ledger, function, ledger.functions[function].generation, pid),
        STATUS_OK);
    ledger_claim_commit(&ledger, function, pid, 16, END, mmio, pool);
}

/** All operations that look through an array, with the arrays full: none looks further. */
static void test_nothing_beyond_the_end(void **state)
{
    struct device_handle mmio, pool, handle;
    struct ledger_place place;
    uint32_t where;

    (void)state;
    claim(COUNT - 1, ANNA, &mmio, &pool);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(ledger_route_check(&ledger, COUNT - 1, ANNA, i), STATUS_OK);
        ledger_route_commit(&ledger, COUNT - 1, i, &handle);
        assert_int_equal(ledger_buffer_check(&ledger, &pool, ANNA, i, 1, &place), STATUS_OK);
        assert_int_equal(place.slot, i);
        ledger_buffer_commit(&ledger, &pool, &place, 1, DMA_ACCESS_DEVICE_READS_WRITES, &handle);
        assert_int_equal(ledger.buffers[i].access, DMA_ACCESS_DEVICE_READS_WRITES);
    }
    for (uint32_t i = COUNT; i < COUNT + 3; i++) {
        assert_int_equal(ledger_route_check(&ledger, COUNT - 1, ANNA, i), STATUS_QUEUE_FULL);
        assert_int_equal(ledger_buffer_check(&ledger, &pool, ANNA, i, 1, &place),
                         STATUS_QUEUE_FULL);
    }
    assert_int_equal(ledger_audit(&ledger, &where), LEDGER_SOUND);
    assert_true(ledger_revoke(&ledger, COUNT - 1));
    assert_int_equal(ledger_audit(&ledger, &where), LEDGER_SOUND);
}

static void test_places_that_are_none(void **state)
{
    struct device_identity identity;
    struct device_handle mmio, pool;

    (void)state;
    claim(0, ANNA, &mmio, &pool);
    for (uint32_t part = 0; part <= DEVICE_PART_COUNT + 1; part++) {
        struct device_handle forged = mmio;

        forged.part = (enum device_part)part;
        forged.slot = COUNT;
        assert_false(ledger_identify(&ledger, &forged, &identity));
        assert_int_equal(ledger_check(&ledger, &forged, ANNA), STATUS_STALE);
        forged.slot = UINT32_MAX;
        assert_false(ledger_identify(&ledger, &forged, &identity));
        forged.slot = COUNT - 1;
        assert_int_equal(ledger_identify(&ledger, &forged, &identity),
                         part == DEVICE_PART_ROUTE || part == DEVICE_PART_BUFFER);
        forged.slot = 0;
        forged.function = COUNT;
        assert_false(ledger_identify(&ledger, &forged, &identity));
    }
}

/** A claim has moved on, and a handle of it names the slot of another function: it does not follow.
 */
static void test_move_of_another_functions_route(void **state)
{
    struct device_handle mmio, pool, other_mmio, other_pool, route;
    const uint32_t slot = 0;

    (void)state;
    claim(0, ANNA, &mmio, &pool);
    claim(1, ANNA, &other_mmio, &other_pool);
    assert_int_equal(ledger_route_check(&ledger, 1, ANNA, slot), STATUS_OK);
    ledger_route_commit(&ledger, 1, slot, &route);
    struct device_handle forged = route;
    forged.function = 0; /* whose generations are equal so far */
    assert_int_equal(ledger_move_check(&ledger, &mmio, ANNA, BERT), STATUS_OK);
    ledger_move_commit(&ledger, &mmio, BERT);
    assert_int_equal(ledger_move_check(&ledger, &pool, ANNA, BERT), STATUS_OK);
    assert_int_equal(ledger_move_check(&ledger, &forged, ANNA, BERT), STATUS_STALE);
}

/** A claim has moved on; of its other handles only the genuine one may follow. */
static void test_move_of_places_that_are_none(void **state)
{
    struct device_handle mmio, pool;

    (void)state;
    claim(0, ANNA, &mmio, &pool);
    ledger_move_commit(&ledger, &mmio, BERT);
    struct device_handle forged[7];

    for (uint32_t i = 0; i < 7; i++) {
        forged[i] = pool;
    }
    forged[0].function = COUNT;
    forged[1].part = DEVICE_PART_ROUTE;
    forged[1].slot = COUNT;
    forged[2].part = DEVICE_PART_ROUTE;
    forged[2].slot = UINT32_MAX;
    forged[3].part = DEVICE_PART_COUNT;
    forged[4].slot = 1;
    forged[5].part_generation++;
    forged[6].owner_generation--;
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(ledger_move_check(&ledger, &forged[i], ANNA, BERT), STATUS_STALE);
    }
    assert_int_equal(ledger_move_check(&ledger, &pool, ANNA, BERT), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_init_cleans_everything, prepare),
        cmocka_unit_test_setup(test_nothing_beyond_the_end, prepare),
        cmocka_unit_test_setup(test_places_that_are_none, prepare),
        cmocka_unit_test_setup(test_move_of_another_functions_route, prepare),
        cmocka_unit_test_setup(test_move_of_places_that_are_none, prepare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
