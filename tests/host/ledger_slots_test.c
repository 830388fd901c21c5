/* SPDX-License-Identifier: MIT */

/*
 * lib/ledger/ledger_slots: what is offered is open, all that is open is offered once, what is
 * retired never again, and storage can grow.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/ledger_parts.h"
#include "ledger/ledger_slots.h"

#include "ledger_world.h"

static struct ledger_slots routes, buffers;

static void start(struct world *world)
{
    world_init(world);
    world_claim(world, 2, ANNA);
    routes.first = buffers.first = LEDGER_NONE;
    for (uint32_t i = WORLD_ROUTES; i-- > 0;) {
        ledger_route_slot_give(&world->ledger, &routes, i);
    }
    world->ledger.buffer_count = 0;
    ledger_buffer_slots_add(&world->ledger, &buffers, WORLD_BUFFERS);
}

/** Take the first slot for a buffer; its number. */
static uint32_t take_buffer(struct world *world)
{
    const uint32_t slot = buffers.first;
    struct ledger_place place;
    struct device_handle handle;

    assert_int_equal(ledger_buffer_check(&world->ledger, &world->pool[2], ANNA, slot, 1, &place),
                     STATUS_OK);
    ledger_buffer_commit(&world->ledger, &world->pool[2], &place, 1, DMA_ACCESS_DEVICE_READS,
                         &handle);
    ledger_buffer_slot_take(&world->ledger, &buffers);
    return slot;
}

static uint32_t take_route(struct world *world)
{
    const uint32_t slot = routes.first;
    struct device_handle handle;

    assert_int_equal(ledger_route_check(&world->ledger, 2, ANNA, slot), STATUS_OK);
    ledger_route_commit(&world->ledger, 2, slot, &handle);
    ledger_route_slot_take(&world->ledger, &routes);
    return slot;
}

static void test_lowest_first(void **state)
{
    struct world world;
    (void)state;

    start(&world);
    for (uint32_t i = 0; i < WORLD_ROUTES; i++) {
        assert_int_equal(take_route(&world), i);
    }
    assert_int_equal(routes.first, LEDGER_NONE);
    for (uint32_t i = 0; i < WORLD_BUFFERS; i++) {
        assert_int_equal(take_buffer(&world), i);
    }
    assert_int_equal(buffers.first, LEDGER_NONE);
    world_audit(&world);
}

/* Live, ending, none at all: whatever is not open does not get on the list. */
static void test_only_what_is_open(void **state)
{
    struct world world;
    (void)state;

    start(&world);
    const uint32_t route = take_route(&world), buffer = take_buffer(&world);
    const uint32_t next_route = routes.first, next_buffer = buffers.first;

    for (uint32_t i = 0; i < 2; i++) {
        ledger_route_slot_give(&world.ledger, &routes, route);
        ledger_buffer_slot_give(&world.ledger, &buffers, buffer);
        ledger_route_slot_give(&world.ledger, &routes, WORLD_ROUTES);
        ledger_buffer_slot_give(&world.ledger, &buffers, LEDGER_NONE);
        assert_int_equal(routes.first, next_route);
        assert_int_equal(buffers.first, next_buffer);
        ledger_route_end(&world.ledger, route);
        ledger_buffer_end(&world.ledger, buffer);
    }
    ledger_route_ended(&world.ledger, route);
    ledger_buffer_ended(&world.ledger, buffer);
    ledger_route_slot_give(&world.ledger, &routes, route);
    ledger_buffer_slot_give(&world.ledger, &buffers, buffer);
    assert_int_equal(take_route(&world), route); /* the last one given is the first one taken */
    assert_int_equal(take_buffer(&world), buffer);
    assert_int_equal(routes.first, next_route);
    assert_int_equal(buffers.first, next_buffer);
}

static void test_retired_never_again(void **state)
{
    struct world world;
    (void)state;

    start(&world);
    world.routes[0].generation = world.buffers[0].generation = LEDGER_GENERATION_END - 1;
    const uint32_t route = take_route(&world), buffer = take_buffer(&world);
    ledger_route_end(&world.ledger, route);
    ledger_buffer_end(&world.ledger, buffer);
    ledger_route_ended(&world.ledger, route);
    ledger_buffer_ended(&world.ledger, buffer);
    ledger_route_slot_give(&world.ledger, &routes, route);
    ledger_buffer_slot_give(&world.ledger, &buffers, buffer);
    assert_int_equal(take_route(&world), 1);
    assert_int_equal(take_buffer(&world), 1);
}

/* Storage that was not clean before; what there was stays as it is. */
static void test_grow(void **state)
{
    struct world world;
    (void)state;

    start(&world);
    world.ledger.buffer_count = 0;
    buffers.first = LEDGER_NONE;
    ledger_buffer_slots_add(&world.ledger, &buffers, 2);
    assert_int_equal(world.ledger.buffer_count, 2);
    assert_int_equal(take_buffer(&world), 0);
    const struct ledger_buffer before = world.buffers[0];
    memset(&world.buffers[2], 0xa5, 2 * sizeof(world.buffers[2]));
    ledger_buffer_slots_add(&world.ledger, &buffers, 2);
    assert_int_equal(world.ledger.buffer_count, 4);
    assert_memory_equal(&before, &world.buffers[0], sizeof(before));
    assert_int_equal(take_buffer(&world), 2);
    assert_int_equal(world.buffers[2].generation, 1);
    assert_int_equal(take_buffer(&world), 3);
    assert_int_equal(take_buffer(&world), 1);
    assert_int_equal(buffers.first, LEDGER_NONE);
    world_audit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lowest_first),
        cmocka_unit_test(test_only_what_is_open),
        cmocka_unit_test(test_retired_never_again),
        cmocka_unit_test(test_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
