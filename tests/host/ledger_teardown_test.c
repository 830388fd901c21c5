/* SPDX-License-Identifier: MIT */

/*
 * lib/ledger: teardown. Revoke is idempotent and reaches all of a function and nothing else's; no
 * page is given back without evidence (L4); no function is finished before all of it is quiet;
 * quarantine is for good. And ledger_audit(): each of its flaws, seeded.
 */

#include "ledger/ledger_audit.h"
#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "ledger/ledger_teardown.h"

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "ledger_world.h"

/* ------------------------------------------------------------------------ revoke */

static void test_revoke_states(void **state)
{
    (void)state;
    for (enum function_state i = FUNCTION_STATE_DISCOVERED; i < FUNCTION_STATE_COUNT; i++) {
        struct world world;

        world_init(&world);
        world_bring(&world, 2, i);
        if (i != FUNCTION_STATE_CLAIMED && i != FUNCTION_STATE_ACTIVE) {
            assert_refused(&world, ledger_revoke(&world.ledger, 2), false);
            continue;
        }
        const uint64_t generation = world.functions[2].generation;
        assert_true(ledger_revoke(&world.ledger, 2));
        world_audit(&world);
        assert_int_equal(world.functions[2].state, FUNCTION_STATE_REVOKING);
        assert_int_equal(world.functions[2].generation, generation + 1);
        assert_int_equal(world.functions[2].owner, ANNA); /* nobody else's until it is finished */
        for (uint32_t n = 0; n < 3; n++) {
            assert_refused(&world, ledger_revoke(&world.ledger, 2), false);
        }
    }
}

static void test_revoke_reaches_all(void **state)
{
    struct world world;
    struct device_handle route, buffer, other_route, other_buffer;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    world_claim(&world, 3, BERT);
    const uint32_t slot = world_route(&world, 2, &route);
    world_buffer(&world, 2, 1, &buffer);
    const uint32_t other_slot = world_route(&world, 3, &other_route);
    world_buffer(&world, 3, 1, &other_buffer);
    assert_true(ledger_revoke(&world.ledger, 2));
    world_audit(&world);
    const struct device_handle gone[] = {world.mmio[2], world.pool[2], route, buffer};
    const struct device_handle kept[] = {world.mmio[3], world.pool[3], other_route, other_buffer};

    for (size_t n = 0; n < ARRAY_COUNT(gone); n++) {
        assert_int_equal(ledger_check(&world.ledger, &gone[n], ANNA), STATUS_STALE);
        assert_int_equal(ledger_check(&world.ledger, &kept[n], BERT), STATUS_OK);
    }
    assert_false(ledger_route_delivers(&world.ledger, slot, route.part_generation));
    assert_true(ledger_route_delivers(&world.ledger, other_slot, other_route.part_generation));
    assert_int_equal(world.functions[2].route_count, 1); /* still there, and counted */
    assert_int_equal(world.functions[2].buffer_count, 1);
    assert_int_equal(world.functions[2].pool_pages, 1);
}

/* ------------------------------------------------------------------------ evidence */

static void test_buffer_evidence(void **state)
{
    struct world world;
    struct device_handle first, second;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t one = world_buffer(&world, 2, 1, &first);
    const uint32_t two = world_buffer(&world, 2, 1, &second);

    assert_false(ledger_buffer_is_unreachable(&world.ledger, one, false));
    assert_false(ledger_buffer_is_unreachable(&world.ledger, one, true)); /* it is live */
    ledger_buffer_end(&world.ledger, one);
    assert_false(ledger_buffer_is_unreachable(&world.ledger, one, false));
    assert_true(ledger_buffer_is_unreachable(&world.ledger, one, true));
    ledger_buffer_ended(&world.ledger, one);
    assert_false(ledger_buffer_is_unreachable(&world.ledger, one, true)); /* nothing is there */
    assert_true(ledger_revoke(&world.ledger, 2));
    const struct world revoked = world;

    /* Every set of evidence; none is enough for what has not ended. */
    for (uint32_t i = 0; i < 32; i++) {
        world = revoked;
        for (uint32_t bit = 1; bit < 32; bit <<= 1) {
            if ((i & bit) != 0) {
                ledger_witness(&world.ledger, 2, bit);
            }
        }
        assert_int_equal(world.functions[2].evidence, i);
        assert_false(ledger_buffer_is_unreachable(&world.ledger, two, true));
        assert_refused(&world, (ledger_buffer_ended(&world.ledger, two), 0), 0);
        ledger_buffer_end(&world.ledger, two);
        world_audit(&world);
        assert_int_equal(ledger_buffer_is_unreachable(&world.ledger, two, false),
                         (i & LEDGER_STOPPED) != 0 && (i & LEDGER_DETACHED) != 0);
        assert_true(ledger_buffer_is_unreachable(&world.ledger, two, true));
        assert_false(ledger_is_released(&world.ledger, 2)); /* with a buffer, whatever was seen */
        ledger_buffer_ended(&world.ledger, two);
        assert_int_equal(ledger_is_released(&world.ledger, 2),
                         (i | LEDGER_RESET) == (LEDGER_QUIET | LEDGER_RESET));
    }
}

/* What one teardown has seen is no evidence for the next. */
static void test_evidence_is_of_one_teardown(void **state)
{
    struct world world;
    struct device_handle buffer;
    (void)state;

    world_init(&world);
    world_bring(&world, 2, FUNCTION_STATE_FREE);
    world_claim(&world, 2, BERT);
    const uint32_t slot = world_buffer(&world, 2, 1, &buffer);
    ledger_buffer_end(&world.ledger, slot);
    assert_false(ledger_buffer_is_unreachable(&world.ledger, slot, false));
    assert_true(ledger_revoke(&world.ledger, 2));
    assert_int_equal(world.functions[2].evidence, 0);
    assert_false(ledger_buffer_is_unreachable(&world.ledger, slot, false));
    assert_false(ledger_is_released(&world.ledger, 2));
}

static void test_released(void **state)
{
    struct world world;
    struct device_handle route, buffer;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t route_slot = world_route(&world, 2, &route);
    const uint32_t buffer_slot = world_buffer(&world, 2, 1, &buffer);
    ledger_mmio_mapped(&world.ledger, 2, 5);
    assert_true(ledger_revoke(&world.ledger, 2));
    ledger_buffer_end(&world.ledger, buffer_slot);
    ledger_witness(&world.ledger, 2, LEDGER_QUIET);
    /* Any one of the three that is still there is too much. */
    for (uint32_t i = 0; i < 8; i++) {
        struct world copy = world;

        copy.ledger.functions = copy.functions;
        copy.ledger.routes = copy.routes;
        copy.ledger.buffers = copy.buffers;
        if ((i & 1) != 0) {
            ledger_route_ended(&copy.ledger, route_slot);
        }
        if ((i & 2) != 0) {
            ledger_buffer_ended(&copy.ledger, buffer_slot);
        }
        if ((i & 4) != 0) {
            ledger_mmio_unmapped(&copy.ledger, 2, 5);
        }
        world_audit(&copy);
        assert_int_equal(ledger_is_released(&copy.ledger, 2), i == 7);
        if (i == 7) {
            copy.functions[2].evidence = LEDGER_QUIET; /* not reset, as edu */
            assert_int_equal(ledger_finish(&copy.ledger, 2), FUNCTION_STATE_FREE);
            assert_true(copy.functions[2].not_reset);
            assert_int_equal(copy.functions[2].owner, DEVICE_NOBODY);
            assert_int_equal(copy.functions[2].pool_limit, 0);
            world_audit(&copy);
        }
    }
}

static void test_not_reset(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    world_bring(&world, 2, FUNCTION_STATE_FREE);
    assert_false(world.functions[2].not_reset);
    world_claim(&world, 2, ANNA);
    assert_true(ledger_revoke(&world.ledger, 2));
    ledger_witness(&world.ledger, 2, LEDGER_QUIET);
    assert_true(ledger_is_released(&world.ledger, 2)); /* from revoking, too: nothing to reset */
    assert_int_equal(ledger_finish(&world.ledger, 2), FUNCTION_STATE_FREE);
    assert_true(world.functions[2].not_reset);
    world_claim(&world, 2, ANNA);
    assert_true(world.functions[2].not_reset); /* until it has been */
    assert_true(ledger_revoke(&world.ledger, 2));
    assert_int_equal(world_finish(&world, 2), FUNCTION_STATE_FREE);
    assert_false(world.functions[2].not_reset);
}

static void test_quarantine_keeps(void **state)
{
    struct world world;
    struct device_handle route, buffer;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t route_slot = world_route(&world, 2, &route);
    const uint32_t buffer_slot = world_buffer(&world, 2, 7, &buffer);
    assert_true(ledger_revoke(&world.ledger, 2));
    ledger_buffer_end(&world.ledger, buffer_slot);
    ledger_witness(&world.ledger, 2, LEDGER_STOPPED);
    ledger_quarantine(&world.ledger, 2);
    world_audit(&world);
    assert_int_equal(world.functions[2].owner, DEVICE_NOBODY);
    assert_int_equal(world.functions[2].pool_pages, 7);
    assert_int_equal(world.buffers[buffer_slot].use, LEDGER_ENDING);
    assert_int_equal(world.routes[route_slot].use, LEDGER_ENDING);
    assert_false(ledger_buffer_is_unreachable(&world.ledger, buffer_slot, false));
    assert_int_equal(ledger_check(&world.ledger, &buffer, ANNA), STATUS_STALE);
    assert_refused(&world, ledger_revoke(&world.ledger, 2), false);
    assert_refused(&world, ledger_route_check(&world.ledger, 2, ANNA, world_route_slot(&world)),
                   STATUS_STALE);
    /* The slots are not given to anybody else. */
    world_claim(&world, 3, BERT);
    assert_int_not_equal(world_buffer(&world, 3, 1, &buffer), buffer_slot);
    assert_int_not_equal(world_route(&world, 3, &route), route_slot);
}

/* Out of quarantine: only by a recovery, and only when nothing is left; nowhere else does it help.
 */
static void test_way_out_of_quarantine(void **state)
{
    struct world world;
    struct device_handle route, buffer;
    (void)state;

    world_init(&world);
    assert_refused(&world, (ledger_recover(&world.ledger, 2), 0), 0);
    assert_refused(&world, ledger_leave_quarantine(&world.ledger, 2), false);
    world_claim(&world, 2, CARL); /* who leaves it as it was */
    assert_true(ledger_revoke(&world.ledger, 2));
    ledger_witness(&world.ledger, 2, LEDGER_QUIET);
    assert_int_equal(ledger_finish(&world.ledger, 2), FUNCTION_STATE_FREE);
    assert_true(world.functions[2].not_reset);
    world_claim(&world, 2, ANNA);
    const uint32_t route_slot = world_route(&world, 2, &route);
    const uint32_t buffer_slot = world_buffer(&world, 2, 7, &buffer);
    assert_refused(&world, (ledger_recover(&world.ledger, 2), 0), 0);
    assert_true(ledger_revoke(&world.ledger, 2));
    assert_refused(&world, (ledger_recover(&world.ledger, 2), 0), 0);
    ledger_buffer_end(&world.ledger, buffer_slot);
    /* A reset that the teardown has seen is not enough: the IOMMU was to keep the device from
     * memory. */
    ledger_witness(&world.ledger, 2, LEDGER_STOPPED | LEDGER_RESET | LEDGER_MASKED);
    ledger_quarantine(&world.ledger, 2);
    assert_false(ledger_buffer_is_unreachable(&world.ledger, buffer_slot, false));
    assert_refused(&world, ledger_leave_quarantine(&world.ledger, 2), false);
    ledger_recover(&world.ledger, 2);
    assert_int_equal(world.functions[2].evidence,
                     LEDGER_STOPPED | LEDGER_RESET | LEDGER_MASKED | LEDGER_INERT);
    assert_true(ledger_buffer_is_unreachable(&world.ledger, buffer_slot, false));
    assert_refused(&world, ledger_leave_quarantine(&world.ledger, 2), false);
    ledger_buffer_ended(&world.ledger, buffer_slot);
    assert_refused(&world, ledger_leave_quarantine(&world.ledger, 2), false);
    ledger_route_ended(&world.ledger, route_slot);
    assert_true(ledger_leave_quarantine(&world.ledger, 2));
    world_audit(&world);
    assert_int_equal(world.functions[2].state, FUNCTION_STATE_FREE);
    assert_false(world.functions[2].not_reset);
    assert_int_equal(world.functions[2].pool_limit, 0);
    assert_int_equal(ledger_check(&world.ledger, &buffer, ANNA), STATUS_STALE);
    world_claim(&world, 2, BERT);
}

/* A function that is disabled can be claimed by nobody; what it could not be for before, stays so.
 */
static void test_disable(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    assert_refused(&world, ledger_disable(&world.ledger, 2, false), false);
    assert_true(ledger_disable(&world.ledger, 2, true));
    assert_refused(&world, ledger_disable(&world.ledger, 2, true), false);
    assert_refused(&world, ledger_claim_check(&world.ledger, 2, 1, ANNA), STATUS_UNSUPPORTED);
    assert_true(ledger_disable(&world.ledger, 2, false));
    world_claim(&world, 2, ANNA);
    world.functions[3].refusal = CLAIM_REFUSAL_BAD_BAR;
    assert_refused(&world, ledger_disable(&world.ledger, 3, true), false);
    assert_refused(&world, ledger_disable(&world.ledger, 3, false), false);
}

/* ------------------------------------------------------------------------ audit */

static enum ledger_flaw flaw_of(const struct world *world)
{
    uint32_t place = 0;

    return ledger_audit(&world->ledger, &place);
}

/*
 * Two owners with all that there can be, then one field changed: the audit has to see it. Buffers
 * 0 and 1 and route 0 are Anna's, of function 2; buffer 2 is Bert's, of function 3.
 */
static void test_audit_sees(void **state)
{
    struct world world;
    struct device_handle handle;
    (void)state;

    world_init(&world);
    world_claim(&world, 0, ANNA);
    world_claim(&world, 1, ANNA);
    world_claim(&world, 2, ANNA);
    world_claim(&world, 3, BERT);
    world_buffer(&world, 2, 3, &handle);
    world_buffer(&world, 2, 2, &handle);
    world_buffer(&world, 3, 3, &handle);
    world_route(&world, 2, &handle);
    const struct world good = world;

#define SEED(change, flaw)                                                                         \
    do {                                                                                           \
        world = good;                                                                              \
        change;                                                                                    \
        assert_string_equal(ledger_flaw_name(flaw_of(&world)), ledger_flaw_name(flaw));            \
    } while (0)

    SEED((void)0, LEDGER_SOUND);
    SEED(world.functions[2].owner = DEVICE_NOBODY, LEDGER_FLAW_OWNER);
    SEED(world.functions[2].state = FUNCTION_STATE_FREE, LEDGER_FLAW_OWNER);
    SEED(world.functions[2].state = FUNCTION_STATE_QUARANTINED, LEDGER_FLAW_OWNER);
    SEED((world.functions[2].state = FUNCTION_STATE_REVOKING, world.functions[2].owner = 0),
         LEDGER_FLAW_OWNER);
    SEED((world.functions[2].state = FUNCTION_STATE_RESETTING, world.functions[2].owner = 0),
         LEDGER_FLAW_OWNER);
    SEED(world.functions[1].owner = BERT, LEDGER_FLAW_GROUP);
    SEED(world.functions[0].owner = BERT, LEDGER_FLAW_GROUP);
    SEED(world.functions[2].pool_pages++, LEDGER_FLAW_SUM);
    SEED(world.functions[2].pool_pages--, LEDGER_FLAW_SUM);
    SEED(world.functions[2].buffer_count--, LEDGER_FLAW_SUM);
    SEED(world.functions[2].route_count++, LEDGER_FLAW_SUM);
    SEED(world.buffers[0].function = 3, LEDGER_FLAW_SUM);
    SEED(world.buffers[0].use = LEDGER_UNUSED, LEDGER_FLAW_SUM);
    SEED(world.buffers[0].page_count++, LEDGER_FLAW_SUM);
    SEED(world.routes[0].use = LEDGER_UNUSED, LEDGER_FLAW_SUM);
    SEED(world.routes[0].function = 3, LEDGER_FLAW_SUM);
    SEED(world.functions[2].pool_limit = 4, LEDGER_FLAW_LIMIT);
    SEED(world.functions[2].pool_limit = 5, LEDGER_SOUND);
    SEED((world.functions[2].state = FUNCTION_STATE_FREE, world.functions[2].owner = 0),
         LEDGER_FLAW_UNOWNED);
    SEED((world.functions[1].state = FUNCTION_STATE_FREE, world.functions[1].owner = 0),
         LEDGER_FLAW_UNOWNED); /* has_mmio, has_pool */
    SEED((world.functions[1].state = FUNCTION_STATE_FREE, world.functions[1].owner = 0,
          world.functions[1].has_mmio = false),
         LEDGER_FLAW_UNOWNED);
    SEED((world.functions[1].state = FUNCTION_STATE_FREE, world.functions[1].owner = 0,
          world.functions[1].has_pool = false),
         LEDGER_FLAW_UNOWNED);
    SEED((world.functions[1].state = FUNCTION_STATE_FREE, world.functions[1].owner = 0,
          world.functions[1].has_mmio = world.functions[1].has_pool = false),
         LEDGER_SOUND);
    SEED((world.functions[1].state = FUNCTION_STATE_FREE, world.functions[1].owner = 0,
          world.functions[1].has_mmio = world.functions[1].has_pool = false,
          world.functions[1].mmio_pages = 1),
         LEDGER_FLAW_UNOWNED);
    SEED((world.functions[1].state = FUNCTION_STATE_REVOKING), LEDGER_FLAW_LIVE);
    SEED((world.functions[1].state = FUNCTION_STATE_REVOKING, world.functions[1].has_pool = false),
         LEDGER_FLAW_LIVE);
    SEED((world.functions[1].state = FUNCTION_STATE_REVOKING, world.functions[1].has_mmio = false),
         LEDGER_FLAW_LIVE);
    SEED(world.functions[2].state = FUNCTION_STATE_CLAIMED, LEDGER_FLAW_LIVE); /* live buffers */
    SEED((world.functions[2].state = FUNCTION_STATE_CLAIMED,
          world.buffers[0].use = world.buffers[1].use = LEDGER_ENDING),
         LEDGER_SOUND);
    SEED((world.functions[2].state = FUNCTION_STATE_REVOKING,
          world.functions[2].has_mmio = world.functions[2].has_pool = false,
          world.routes[0].use = LEDGER_ENDING),
         LEDGER_SOUND); /* its buffers' turn comes */
    SEED((world.functions[2].state = FUNCTION_STATE_REVOKING,
          world.functions[2].has_mmio = world.functions[2].has_pool = false,
          world.buffers[0].use = world.buffers[1].use = LEDGER_ENDING),
         LEDGER_FLAW_LIVE); /* the live route */
    SEED(world.buffers[0].iova = LEDGER_LOW_FIRST - LEDGER_PAGE_BYTES, LEDGER_FLAW_ADDRESS);
    SEED((world.buffers[0].iova = LEDGER_MSI_FIRST - 2 * LEDGER_PAGE_BYTES,
          world.functions[2].low_next = 0xfff00000),
         LEDGER_FLAW_ADDRESS);
    SEED((world.buffers[0].iova = LEDGER_MSI_FIRST - 3 * LEDGER_PAGE_BYTES,
          world.functions[2].low_next = 0xfff00000),
         LEDGER_SOUND);
    SEED((world.buffers[0].iova = LEDGER_MSI_END - LEDGER_PAGE_BYTES,
          world.functions[2].low_next = 0xfff00000),
         LEDGER_FLAW_ADDRESS);
    SEED((world.buffers[0].iova = LEDGER_MSI_END, world.functions[2].low_next = 0xfff00000),
         LEDGER_SOUND);
    SEED(world.buffers[1].iova += LEDGER_PAGE_BYTES, LEDGER_FLAW_ADDRESS); /* not given out */
    SEED(world.buffers[1].iova -= LEDGER_PAGE_BYTES, LEDGER_FLAW_ADDRESS); /* no page between */
    SEED(world.buffers[1].iova = world.buffers[0].iova, LEDGER_FLAW_ADDRESS);
    SEED(world.buffers[0].iova = world.buffers[1].iova - 3 * LEDGER_PAGE_BYTES,
         LEDGER_FLAW_ADDRESS);
    SEED(world.functions[2].address_end = LEDGER_HIGH_FIRST + 6 * LEDGER_PAGE_BYTES - 1,
         LEDGER_FLAW_ADDRESS);
    SEED(world.functions[2].high_next -= LEDGER_PAGE_BYTES, LEDGER_FLAW_ADDRESS);
#undef SEED
}

static void test_flaw_names(void **state)
{
    (void)state;
    for (enum ledger_flaw i = LEDGER_SOUND; i < LEDGER_FLAW_COUNT; i++) {
        assert_non_null(ledger_flaw_name(i));
        assert_string_not_equal(ledger_flaw_name(i), "?");
    }
    assert_string_equal(ledger_flaw_name(LEDGER_FLAW_COUNT), "?");
}

/* What is witnessed while nothing is torn down, or after the end, lets nobody go. */
static void test_evidence_outside(void **state)
{
    (void)state;
    for (enum function_state i = FUNCTION_STATE_DISCOVERED; i < FUNCTION_STATE_COUNT; i++) {
        const bool is_teardown = i == FUNCTION_STATE_REVOKING || i == FUNCTION_STATE_RESETTING;
        struct world world;

        world_init(&world);
        world_bring(&world, 2, i);
        for (uint32_t n = 0; n < WORLD_BUFFERS; n++) {
            ledger_buffer_end(&world.ledger, n);
        }
        ledger_witness(&world.ledger, 2, LEDGER_QUIET);
        assert_int_equal(ledger_buffer_is_unreachable(&world.ledger, 0, false), is_teardown);
        if (world.buffers[0].use == LEDGER_ENDING) {
            ledger_buffer_ended(&world.ledger, 0);
        }
        assert_int_equal(ledger_is_released(&world.ledger, 2), is_teardown);
    }
}

/* The end of a route or buffer that was not ending changes nothing, live or gone. */
static void test_ended_twice(void **state)
{
    struct world world;
    struct device_handle handle;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t route = world_route(&world, 2, &handle);
    const uint32_t buffer = world_buffer(&world, 2, 3, &handle);

    for (uint32_t i = 0; i < 2; i++) {
        assert_refused(&world, (ledger_route_ended(&world.ledger, route), 0), 0);
        assert_refused(&world, (ledger_buffer_ended(&world.ledger, buffer), 0), 0);
        ledger_route_end(&world.ledger, route);
        ledger_buffer_end(&world.ledger, buffer);
        ledger_route_ended(&world.ledger, route);
        ledger_buffer_ended(&world.ledger, buffer);
        world_audit(&world);
    }
    assert_int_equal(world.functions[2].pool_pages, 0);
    assert_int_equal(world.functions[2].buffer_count, 0);
    assert_int_equal(world.functions[2].route_count, 0);
}

/* An entry that was armed too late, and a reset that nobody tears down for, change nothing. */
static void test_late_effects(void **state)
{
    struct world world;
    struct device_handle handle;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t slot = world_route(&world, 2, &handle);
    assert_refused(&world, (ledger_reset_begin(&world.ledger, 2), 0), 0);
    assert_refused(&world, (ledger_quarantine(&world.ledger, 2), 0), 0);
    ledger_route_end(&world.ledger, slot);
    assert_refused(&world, (ledger_route_armed(&world.ledger, slot), 0), 0);
    ledger_route_ended(&world.ledger, slot);
    assert_refused(&world, (ledger_route_armed(&world.ledger, slot), 0), 0);
    world_route(&world, 2, &handle);
    assert_true(ledger_revoke(&world.ledger, 2));
    assert_refused(&world, (ledger_route_armed(&world.ledger, slot), 0), 0);
    assert_int_equal(world.functions[2].state, FUNCTION_STATE_REVOKING);
    assert_int_equal(world_finish(&world, 2), FUNCTION_STATE_FREE);
    assert_refused(&world, (ledger_route_armed(&world.ledger, slot), 0), 0);
    assert_refused(&world, (ledger_reset_begin(&world.ledger, 2), 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revoke_states),    cmocka_unit_test(test_revoke_reaches_all),
        cmocka_unit_test(test_buffer_evidence),  cmocka_unit_test(test_evidence_is_of_one_teardown),
        cmocka_unit_test(test_released),         cmocka_unit_test(test_not_reset),
        cmocka_unit_test(test_quarantine_keeps), cmocka_unit_test(test_way_out_of_quarantine),
        cmocka_unit_test(test_disable),          cmocka_unit_test(test_audit_sees),
        cmocka_unit_test(test_flaw_names),       cmocka_unit_test(test_evidence_outside),
        cmocka_unit_test(test_ended_twice),      cmocka_unit_test(test_late_effects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
