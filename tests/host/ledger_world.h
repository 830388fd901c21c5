/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A small ledger for host tests, in one piece of memory so that all of it can be compared byte for
 * byte (L8). Include after cmocka.h.
 */

#include "ledger/ledger_audit.h"
#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "ledger/ledger_teardown.h"

#include <string.h>

enum {
    WORLD_FUNCTIONS = 4, /* 0 and 1 are one isolation group, 2 and 3 stand alone */
    WORLD_ROUTES = 3,
    WORLD_BUFFERS = 4,
};

/** Pids. */
enum { ANNA = 11, BERT = 12, CARL = 13 };

struct world {
    struct ledger ledger;
    struct ledger_function functions[WORLD_FUNCTIONS];
    struct ledger_route routes[WORLD_ROUTES];
    struct ledger_buffer buffers[WORLD_BUFFERS];
    struct device_handle mmio[WORLD_FUNCTIONS];
    struct device_handle pool[WORLD_FUNCTIONS];
};

static inline void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->ledger = (struct ledger){
        .functions = world->functions,
        .function_count = WORLD_FUNCTIONS,
        .routes = world->routes,
        .route_count = WORLD_ROUTES,
        .buffers = world->buffers,
        .buffer_count = WORLD_BUFFERS,
    };
    ledger_init(&world->ledger);
    world->functions[1].group = 0;
}

static inline void world_audit(const struct world *world)
{
    uint32_t place = 0;

    assert_string_equal(ledger_flaw_name(ledger_audit(&world->ledger, &place)), "sound");
}

static inline void world_claim(struct world *world, uint32_t function, uint64_t pid)
{
    assert_int_equal(
        ledger_claim_check(&world->ledger, function, world->functions[function].generation, pid),
        STATUS_OK);
    ledger_claim_commit(&world->ledger, function, pid, 1000, 1ull << 39, &world->mmio[function],
                        &world->pool[function]);
    world_audit(world);
}

/** The lowest slot that is open; LEDGER_NONE if none is. */
static inline uint32_t world_route_slot(const struct world *world)
{
    for (uint32_t i = 0; i < WORLD_ROUTES; i++) {
        if (world->routes[i].use == LEDGER_UNUSED && !world->routes[i].is_retired) {
            return i;
        }
    }
    return LEDGER_NONE;
}

static inline uint32_t world_buffer_slot(const struct world *world)
{
    for (uint32_t i = 0; i < WORLD_BUFFERS; i++) {
        if (world->buffers[i].use == LEDGER_UNUSED && !world->buffers[i].is_retired) {
            return i;
        }
    }
    return LEDGER_NONE;
}

static inline uint32_t world_buffer(struct world *world, uint32_t function, uint32_t page_count,
                                    struct device_handle *handle)
{
    struct ledger_place place;

    assert_int_equal(ledger_buffer_check(&world->ledger, &world->pool[function],
                                         world->functions[function].owner, world_buffer_slot(world),
                                         page_count, &place),
                     STATUS_OK);
    ledger_buffer_commit(&world->ledger, &world->pool[function], &place, page_count,
                         DMA_ACCESS_DEVICE_READS, handle);
    world_audit(world);
    return place.slot;
}

static inline uint32_t world_route(struct world *world, uint32_t function,
                                   struct device_handle *handle)
{
    const uint32_t slot = world_route_slot(world);

    assert_int_equal(
        ledger_route_check(&world->ledger, function, world->functions[function].owner, slot),
        STATUS_OK);
    ledger_route_commit(&world->ledger, function, slot, handle);
    world_audit(world);
    return slot;
}

/** Everything of a function that is being torn down is seen gone, and it is finished. */
static inline enum function_state world_finish(struct world *world, uint32_t function)
{
    ledger_witness(&world->ledger, function, LEDGER_QUIET | LEDGER_RESET);
    for (uint32_t i = 0; i < WORLD_ROUTES; i++) {
        if (world->routes[i].use == LEDGER_ENDING && world->routes[i].function == function) {
            ledger_route_ended(&world->ledger, i);
        }
    }
    for (uint32_t i = 0; i < WORLD_BUFFERS; i++) {
        if (world->buffers[i].use != LEDGER_UNUSED && world->buffers[i].function == function) {
            ledger_buffer_end(&world->ledger, i);
            assert_true(ledger_buffer_is_unreachable(&world->ledger, i, false));
            ledger_buffer_ended(&world->ledger, i);
        }
    }
    ledger_mmio_unmapped(&world->ledger, function, world->functions[function].mmio_pages);
    ledger_reset_begin(&world->ledger, function);
    assert_true(ledger_is_released(&world->ledger, function));
    const enum function_state state = ledger_finish(&world->ledger, function);
    world_audit(world);
    return state;
}

/** Put a function into a state by the shortest way there is. */
static inline void world_bring(struct world *world, uint32_t function, enum function_state state)
{
    struct device_handle buffer;

    switch (state) {
    case FUNCTION_STATE_DISCOVERED:
    case FUNCTION_STATE_COUNT:
        return;
    case FUNCTION_STATE_CLAIMED:
        world_claim(world, function, ANNA);
        return;
    case FUNCTION_STATE_ACTIVE:
        world_claim(world, function, ANNA);
        world_buffer(world, function, 1, &buffer);
        return;
    case FUNCTION_STATE_REVOKING:
    case FUNCTION_STATE_RESETTING:
    case FUNCTION_STATE_QUARANTINED:
        world_bring(world, function, FUNCTION_STATE_ACTIVE);
        assert_true(ledger_revoke(&world->ledger, function));
        if (state != FUNCTION_STATE_REVOKING) {
            ledger_reset_begin(&world->ledger, function);
        }
        if (state == FUNCTION_STATE_QUARANTINED) {
            ledger_quarantine(&world->ledger, function);
        }
        world_audit(world);
        return;
    case FUNCTION_STATE_FREE:
    case FUNCTION_STATE_RETIRED:
        world_bring(world, function, FUNCTION_STATE_REVOKING);
        if (state == FUNCTION_STATE_RETIRED) {
            ledger_exhausted(&world->ledger, function);
        }
        assert_int_equal(world_finish(world, function), state);
        return;
    }
}

/** Run an expression that must give `expected` and change not one byte of the world. */
#define assert_refused(at, expression, expected)                                                   \
    do {                                                                                           \
        struct world before_;                                                                      \
        memcpy(&before_, at, sizeof(before_));                                                     \
        assert_int_equal(expression, expected);                                                    \
        assert_memory_equal(&before_, at, sizeof(before_));                                        \
    } while (0)
