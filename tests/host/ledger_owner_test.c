/* SPDX-License-Identifier: MIT */

/*
 * lib/ledger: owners. Claims and moves by table, every refusal, and after each refusal the whole
 * ledger byte for byte as it was (L8); isolation groups (L1); generations that run out (L7).
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

/* ------------------------------------------------------------------------ claims */

static void test_claim_states(void **state)
{
    static const struct {
        enum function_state state;
        enum status status;
    } cases[] = {
        {FUNCTION_STATE_DISCOVERED, STATUS_OK},
        {FUNCTION_STATE_CLAIMED, STATUS_BUSY},
        {FUNCTION_STATE_ACTIVE, STATUS_BUSY},
        {FUNCTION_STATE_REVOKING, STATUS_BUSY},
        {FUNCTION_STATE_RESETTING, STATUS_BUSY},
        {FUNCTION_STATE_FREE, STATUS_OK},
        {FUNCTION_STATE_QUARANTINED, STATUS_UNSUPPORTED},
        {FUNCTION_STATE_RETIRED, STATUS_RETIRED},
    };
    static const uint64_t pids[] = {ANNA, BERT}; /* the owner itself gets no other answer */
    (void)state;

    assert_int_equal(ARRAY_COUNT(cases), FUNCTION_STATE_COUNT);
    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        struct world world;

        world_init(&world);
        world_bring(&world, 2, cases[n].state);
        for (size_t i = 0; i < ARRAY_COUNT(pids); i++) {
            const uint64_t generation = world.functions[2].generation;

            assert_refused(&world, ledger_claim_check(&world.ledger, 2, generation, pids[i]),
                           cases[n].status);
            if (cases[n].status == STATUS_OK) {
                assert_refused(&world,
                               ledger_claim_check(&world.ledger, 2, generation - 1, pids[i]),
                               STATUS_STALE);
                assert_refused(&world,
                               ledger_claim_check(&world.ledger, 2, generation + 1, pids[i]),
                               STATUS_STALE);
            }
        }
    }
}

static void test_claim_place_and_refusal(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    assert_refused(&world, ledger_claim_check(&world.ledger, WORLD_FUNCTIONS, 1, ANNA),
                   STATUS_NOT_FOUND);
    assert_refused(&world, ledger_claim_check(&world.ledger, UINT32_MAX, 1, ANNA),
                   STATUS_NOT_FOUND);
    for (enum claim_refusal i = CLAIM_REFUSAL_NONE; i < CLAIM_REFUSAL_COUNT; i++) {
        world.functions[2].refusal = i;
        assert_refused(&world, ledger_claim_check(&world.ledger, 2, 1, ANNA),
                       i == CLAIM_REFUSAL_NONE ? STATUS_OK : STATUS_UNSUPPORTED);
    }
}

static void test_claim_gives(void **state)
{
    struct world world;
    struct device_handle mmio, pool;
    (void)state;

    world_init(&world);
    world_bring(&world, 2, FUNCTION_STATE_FREE);
    const struct world before = world;

    ledger_claim_commit(&world.ledger, 2, BERT, 77, 1ull << 30, &mmio, &pool);
    world_audit(&world);
    assert_int_equal(world.functions[2].state, FUNCTION_STATE_CLAIMED);
    assert_int_equal(world.functions[2].owner, BERT);
    assert_int_equal(world.functions[2].former_owner, DEVICE_NOBODY);
    assert_int_equal(world.functions[2].pool_limit, 77);
    assert_int_equal(world.functions[2].address_end, 1ull << 30);
    assert_int_equal(world.functions[2].generation, before.functions[2].generation);
    assert_int_equal(world.functions[2].owner_generation, before.functions[2].owner_generation + 1);
    assert_int_equal(world.functions[2].evidence, 0); /* the last owner's is not this one's */
    assert_int_equal(mmio.part, DEVICE_PART_MMIO);
    assert_int_equal(pool.part, DEVICE_PART_POOL);
    assert_int_equal(ledger_check(&world.ledger, &mmio, BERT), STATUS_OK);
    assert_int_equal(ledger_check(&world.ledger, &pool, BERT), STATUS_OK);
    assert_int_equal(ledger_check(&world.ledger, &mmio, ANNA), STATUS_DENIED);
    /* The last owner's handles mean nothing, whoever shows them. */
    assert_int_equal(ledger_check(&world.ledger, &world.mmio[2], BERT), STATUS_STALE);
    assert_int_equal(ledger_check(&world.ledger, &world.pool[2], ANNA), STATUS_STALE);
}

static void test_group_claim(void **state)
{
    static const struct {
        enum function_state state; /* of function 0, which was Anna's */
        enum status anna, bert;    /* function 1, of the same group */
    } cases[] = {
        {FUNCTION_STATE_DISCOVERED, STATUS_OK, STATUS_OK},
        {FUNCTION_STATE_CLAIMED, STATUS_OK, STATUS_BUSY},
        {FUNCTION_STATE_ACTIVE, STATUS_OK, STATUS_BUSY},
        {FUNCTION_STATE_REVOKING, STATUS_OK, STATUS_BUSY},
        {FUNCTION_STATE_RESETTING, STATUS_OK, STATUS_BUSY},
        {FUNCTION_STATE_FREE, STATUS_OK, STATUS_OK},
        {FUNCTION_STATE_RETIRED, STATUS_OK, STATUS_OK},
    };
    (void)state;

    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        struct world world;

        world_init(&world);
        world_bring(&world, 0, cases[n].state);
        assert_refused(&world, ledger_claim_check(&world.ledger, 1, 1, ANNA), cases[n].anna);
        assert_refused(&world, ledger_claim_check(&world.ledger, 1, 1, BERT), cases[n].bert);
        assert_refused(&world, ledger_claim_check(&world.ledger, 2, 1, BERT), STATUS_OK);
    }
}

/* ------------------------------------------------------------------------ moves */

static void test_move_takes_the_claim(void **state)
{
    struct world world;
    struct device_handle route;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t slot = world_route(&world, 2, &route);
    struct device_handle *const handles[] = {&world.mmio[2], &world.pool[2], &route};
    const uint64_t generation = world.functions[2].owner_generation;

    for (size_t n = 0; n < ARRAY_COUNT(handles); n++) {
        const struct device_handle old = *handles[n];

        assert_int_equal(ledger_move_check(&world.ledger, handles[n], ANNA, BERT), STATUS_OK);
        ledger_move_commit(&world.ledger, handles[n], BERT);
        world_audit(&world);
        assert_int_equal(world.functions[2].owner, BERT);
        assert_int_equal(world.functions[2].owner_generation, generation + 1); /* once */
        assert_int_equal(ledger_check(&world.ledger, handles[n], BERT), STATUS_OK);
        assert_int_equal(ledger_check(&world.ledger, handles[n], ANNA), STATUS_DENIED);
        assert_int_equal(ledger_check(&world.ledger, &old, ANNA), STATUS_STALE);
        assert_int_equal(ledger_check(&world.ledger, &old, BERT), STATUS_STALE);
        for (size_t i = n + 1; i < ARRAY_COUNT(handles); i++) {
            /* Those left behind serve nobody, and may go to the new owner alone. */
            assert_int_equal(ledger_check(&world.ledger, handles[i], ANNA), STATUS_STALE);
            assert_int_equal(ledger_check(&world.ledger, handles[i], BERT), STATUS_STALE);
            assert_refused(&world, ledger_move_check(&world.ledger, handles[i], ANNA, CARL),
                           STATUS_DENIED);
            assert_refused(&world, ledger_move_check(&world.ledger, handles[i], ANNA, ANNA),
                           STATUS_DENIED);
            assert_refused(&world, ledger_move_check(&world.ledger, handles[i], CARL, BERT),
                           STATUS_STALE);
            assert_refused(&world, ledger_move_check(&world.ledger, handles[i], BERT, BERT),
                           STATUS_STALE);
        }
    }
    assert_true(ledger_route_delivers(&world.ledger, slot, route.part_generation));
}

static void test_move_refusals(void **state)
{
    struct world world;
    struct device_handle buffer, route, forged;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], BERT, CARL),
                   STATUS_DENIED);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], BERT, BERT),
                   STATUS_DENIED);
    forged = world.mmio[2];
    forged.owner_generation--;
    assert_refused(&world, ledger_move_check(&world.ledger, &forged, ANNA, BERT), STATUS_STALE);
    assert_refused(&world, ledger_move_check(&world.ledger, &forged, DEVICE_NOBODY, ANNA),
                   STATUS_STALE);
    forged = world.mmio[2];
    forged.slot = 1;
    assert_refused(&world, ledger_move_check(&world.ledger, &forged, ANNA, BERT), STATUS_STALE);
    forged.part = DEVICE_PART_COUNT;
    assert_refused(&world, ledger_move_check(&world.ledger, &forged, ANNA, BERT), STATUS_STALE);
    forged = world.mmio[2];
    forged.function = WORLD_FUNCTIONS;
    assert_refused(&world, ledger_move_check(&world.ledger, &forged, ANNA, BERT), STATUS_STALE);

    ledger_mmio_mapped(&world.ledger, 2, 1);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], ANNA, BERT),
                   STATUS_BUSY);
    ledger_mmio_unmapped(&world.ledger, 2, 1);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], ANNA, BERT), STATUS_OK);

    /* An armed route and a buffer make it active, even if they have ended since. */
    const struct world claimed = world;
    uint32_t slot = world_route(&world, 2, &route);
    ledger_route_armed(&world.ledger, slot);
    ledger_route_end(&world.ledger, slot);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], ANNA, BERT),
                   STATUS_BUSY);
    assert_refused(&world, ledger_move_check(&world.ledger, &route, ANNA, BERT), STATUS_STALE);
    world = claimed;
    world_buffer(&world, 2, 1, &buffer);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.pool[2], ANNA, BERT),
                   STATUS_BUSY);
    assert_refused(&world, ledger_move_check(&world.ledger, &buffer, ANNA, BERT), STATUS_DENIED);

    assert_true(ledger_revoke(&world.ledger, 2));
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], ANNA, BERT),
                   STATUS_STALE);
}

/* Left behind twice is lost: the claim has gone on, and the handle is of neither owner. */
static void test_move_on(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    ledger_move_commit(&world.ledger, &world.mmio[2], BERT);
    assert_int_equal(ledger_move_check(&world.ledger, &world.mmio[2], BERT, CARL), STATUS_OK);
    ledger_move_commit(&world.ledger, &world.mmio[2], CARL);
    world_audit(&world);
    for (uint64_t to = ANNA; to <= CARL; to++) {
        assert_refused(&world, ledger_move_check(&world.ledger, &world.pool[2], ANNA, to),
                       STATUS_STALE);
        assert_refused(&world, ledger_move_check(&world.ledger, &world.pool[2], BERT, to),
                       STATUS_STALE);
    }
    assert_int_equal(ledger_check(&world.ledger, &world.mmio[2], CARL), STATUS_OK);
}

/* What was left behind may not follow once the new owner uses the function. */
static void test_move_too_late(void **state)
{
    struct world world;
    struct device_handle buffer;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    ledger_move_commit(&world.ledger, &world.pool[2], BERT);
    world_buffer(&world, 2, 1, &buffer);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], ANNA, BERT),
                   STATUS_STALE);
}

/* What has ended does not follow either, nor does what is of an earlier claim. */
static void test_move_of_ended(void **state)
{
    struct world world;
    struct device_handle route, route2;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    const uint32_t slot = world_route(&world, 2, &route);
    world_route(&world, 2, &route2);
    ledger_move_commit(&world.ledger, &world.mmio[2], BERT);
    ledger_part_end(&world.ledger, &world.pool[2]);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.pool[2], ANNA, BERT),
                   STATUS_STALE);
    ledger_route_end(&world.ledger, slot);
    assert_refused(&world, ledger_move_check(&world.ledger, &route, ANNA, BERT), STATUS_STALE);
    /* A slot of another function. */
    route2.function = 3;
    assert_refused(&world, ledger_move_check(&world.ledger, &route2, ANNA, BERT), STATUS_STALE);
    route2.function = 2;
    assert_refused(&world, ledger_move_check(&world.ledger, &route2, ANNA, BERT), STATUS_OK);
    const struct device_handle left = route2;
    assert_true(ledger_revoke(&world.ledger, 2));
    world_finish(&world, 2);
    world_claim(&world, 2, ANNA);
    ledger_move_commit(&world.ledger, &world.mmio[2], BERT);
    assert_refused(&world, ledger_move_check(&world.ledger, &left, ANNA, BERT), STATUS_STALE);
}

static void test_group_move(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    world_claim(&world, 0, ANNA);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[0], ANNA, BERT), STATUS_OK);
    world_claim(&world, 1, ANNA);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[0], ANNA, BERT),
                   STATUS_BUSY); /* function 1 would stay behind */
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[0], ANNA, ANNA), STATUS_OK);
    assert_true(ledger_revoke(&world.ledger, 1));
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[0], ANNA, BERT),
                   STATUS_BUSY); /* it is still Anna's until it is finished */
    world_finish(&world, 1);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[0], ANNA, BERT), STATUS_OK);
}

/* ------------------------------------------------------------------------ generations run out */

static void test_function_generation_ends(void **state)
{
    struct world world;
    uint64_t last = LEDGER_GENERATION_END - 5;
    uint32_t claims = 0;
    (void)state;

    world_init(&world);
    world.functions[2].generation = last;
    for (;;) {
        world_claim(&world, 2, ANNA);
        claims++;
        assert_true(ledger_revoke(&world.ledger, 2));
        assert_true(world.functions[2].generation > last); /* never wraps */
        last = world.functions[2].generation;
        if (world_finish(&world, 2) == FUNCTION_STATE_RETIRED) {
            break;
        }
        assert_in_range(claims, 1, 5);
    }
    assert_in_range(claims, 3, 5);
    assert_refused(&world, ledger_claim_check(&world.ledger, 2, last, ANNA), STATUS_RETIRED);
    assert_false(ledger_revoke(&world.ledger, 2));
}

static void test_exhausted_is_retired(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    ledger_exhausted(&world.ledger, 2);
    assert_int_equal(ledger_check(&world.ledger, &world.mmio[2], ANNA), STATUS_OK);
    assert_true(ledger_revoke(&world.ledger, 2));
    assert_int_equal(world_finish(&world, 2), FUNCTION_STATE_RETIRED);
}

/* What cannot be isolated from a device that was not seen to come to rest gets no other owner. */
static void test_group_of_quarantined(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    world_bring(&world, 0, FUNCTION_STATE_QUARANTINED);
    assert_refused(&world, ledger_claim_check(&world.ledger, 1, 1, BERT), STATUS_UNSUPPORTED);
    assert_refused(&world, ledger_claim_check(&world.ledger, 1, 1, ANNA), STATUS_UNSUPPORTED);
    assert_refused(&world, ledger_claim_check(&world.ledger, 2, 1, BERT), STATUS_OK);

    /* Who had it before keeps it, and cannot hand it on. */
    world_init(&world);
    world_claim(&world, 1, ANNA);
    world_bring(&world, 0, FUNCTION_STATE_QUARANTINED);
    assert_int_equal(ledger_check(&world.ledger, &world.mmio[1], ANNA), STATUS_OK);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[1], ANNA, BERT),
                   STATUS_BUSY);
}

/* Moves use up generations of the owner without any of the function: never wraps either. */
static void test_owner_generation_ends(void **state)
{
    struct world world;
    uint64_t last = LEDGER_GENERATION_END - 6;
    uint32_t claims = 0;
    (void)state;

    world_init(&world);
    world.functions[2].owner_generation = last;
    for (;;) {
        uint64_t owner = ANNA;

        world_claim(&world, 2, owner);
        claims++;
        assert_true(world.functions[2].owner_generation > last);
        last = world.functions[2].owner_generation;
        while (ledger_move_check(&world.ledger, &world.mmio[2], owner, owner ^ 1) == STATUS_OK) {
            owner ^= 1;
            ledger_move_commit(&world.ledger, &world.mmio[2], owner);
            assert_true(world.functions[2].owner_generation > last);
            last = world.functions[2].owner_generation;
        }
        assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], owner, owner ^ 1),
                       STATUS_BUSY);
        assert_true(ledger_revoke(&world.ledger, 2));
        if (world_finish(&world, 2) == FUNCTION_STATE_RETIRED) {
            break;
        }
        assert_in_range(claims, 1, 6);
    }
    assert_true(world.functions[2].owner_generation < LEDGER_GENERATION_END);
}

/* Nobody owns nothing. */
static void test_nobody(void **state)
{
    struct world world;
    (void)state;

    world_init(&world);
    assert_refused(&world, ledger_claim_check(&world.ledger, 2, 1, DEVICE_NOBODY), STATUS_DENIED);
    world_claim(&world, 2, ANNA);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], ANNA, DEVICE_NOBODY),
                   STATUS_DENIED);
    assert_refused(&world, ledger_move_check(&world.ledger, &world.mmio[2], DEVICE_NOBODY, BERT),
                   STATUS_DENIED);
}

/* A part has one handle at a time: not that of before its move, nor that of after it too early. */
static void test_move_once(void **state)
{
    struct world world;
    struct device_handle route;
    (void)state;

    world_init(&world);
    world_claim(&world, 2, ANNA);
    world_route(&world, 2, &route);
    struct device_handle *const handles[] = {&route, &world.pool[2], &world.mmio[2]};

    for (size_t n = 0; n < ARRAY_COUNT(handles); n++) {
        const struct device_handle old = *handles[n];
        struct device_handle early = old;

        early.owner_generation++;
        assert_int_equal(ledger_check(&world.ledger, &early, BERT), STATUS_STALE);
        assert_int_equal(ledger_move_check(&world.ledger, handles[n], ANNA, BERT), STATUS_OK);
        ledger_move_commit(&world.ledger, handles[n], BERT);
        assert_int_equal(ledger_check(&world.ledger, &early, BERT), STATUS_OK);
        assert_refused(&world, ledger_move_check(&world.ledger, &old, ANNA, BERT), STATUS_STALE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_states),
        cmocka_unit_test(test_claim_place_and_refusal),
        cmocka_unit_test(test_claim_gives),
        cmocka_unit_test(test_group_claim),
        cmocka_unit_test(test_move_takes_the_claim),
        cmocka_unit_test(test_move_refusals),
        cmocka_unit_test(test_move_on),
        cmocka_unit_test(test_move_too_late),
        cmocka_unit_test(test_move_of_ended),
        cmocka_unit_test(test_group_move),
        cmocka_unit_test(test_function_generation_ends),
        cmocka_unit_test(test_exhausted_is_retired),
        cmocka_unit_test(test_group_of_quarantined),
        cmocka_unit_test(test_owner_generation_ends),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_move_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
