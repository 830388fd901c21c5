/* SPDX-License-Identifier: MIT */

/*
 * The validator: a handle and an identity that agree in everything are accepted, and each single
 * difference is refused (L3), by table and for random values of the field that differs.
 */

#include "device_authority/device_authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"

static const struct device_handle handle_good = {
    .part = DEVICE_PART_ROUTE,
    .function = 3,
    .slot = 9,
    .generation = 100,
    .owner_generation = 200,
    .part_generation = 300,
};
static const struct device_identity identity_good = {
    .state = FUNCTION_STATE_CLAIMED,
    .function = 3,
    .generation = 100,
    .owner = 7,
    .owner_generation = 200,
    .is_live = true,
    .part_generation = 300,
};

static void test_states(void **state)
{
    static const struct {
        enum function_state state;
        bool is_owned;
    } cases[] = {
        {FUNCTION_STATE_DISCOVERED, false},  {FUNCTION_STATE_CLAIMED, true},
        {FUNCTION_STATE_ACTIVE, true},       {FUNCTION_STATE_REVOKING, false},
        {FUNCTION_STATE_RESETTING, false},   {FUNCTION_STATE_FREE, false},
        {FUNCTION_STATE_QUARANTINED, false}, {FUNCTION_STATE_RETIRED, false},
        {FUNCTION_STATE_COUNT, false},
    };
    (void)state;

    assert_int_equal(ARRAY_COUNT(cases), FUNCTION_STATE_COUNT + 1);
    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        struct device_identity now = identity_good;

        now.state = cases[n].state;
        assert_int_equal(device_state_is_owned(cases[n].state), cases[n].is_owned);
        assert_int_equal(device_authority_check(&handle_good, &now, 7),
                         cases[n].is_owned ? STATUS_OK : STATUS_STALE);
        assert_int_equal(device_authority_check(&handle_good, &now, 8),
                         cases[n].is_owned ? STATUS_DENIED : STATUS_STALE);
    }
}

static void test_owner(void **state)
{
    static const struct {
        uint64_t owner, pid;
        enum status status;
    } cases[] = {
        {7, 7, STATUS_OK},
        {7, 8, STATUS_DENIED},
        {7, 7 + (1ull << 32), STATUS_DENIED}, /* all 64 bits count */
        {UINT64_MAX, UINT64_MAX, STATUS_OK},
        {7, DEVICE_NOBODY, STATUS_DENIED},
        {DEVICE_NOBODY, 7, STATUS_DENIED},
        {DEVICE_NOBODY, DEVICE_NOBODY, STATUS_DENIED}, /* nobody is not an owner like others */
    };
    (void)state;

    for (size_t n = 0; n < ARRAY_COUNT(cases); n++) {
        struct device_identity now = identity_good;

        now.owner = cases[n].owner;
        assert_int_equal(device_authority_check(&handle_good, &now, cases[n].pid), cases[n].status);
    }
}

/* Every single difference, for the owner and for a stranger: stale comes before denied. */
static void check_stale(const struct device_handle *handle, const struct device_identity *now)
{
    assert_int_equal(device_authority_check(handle, now, 7), STATUS_STALE);
    assert_int_equal(device_authority_check(handle, now, 8), STATUS_STALE);
}

static void test_differences(void **state)
{
    static const uint64_t changes[] = {1, UINT64_MAX, 1ull << 31, 1ull << 32, 1ull << 63};
    struct device_identity dead = identity_good;
    (void)state;

    dead.is_live = false;
    check_stale(&handle_good, &dead);
    for (size_t n = 0; n < ARRAY_COUNT(changes); n++) {
        struct device_handle handle;

        handle = handle_good;
        handle.generation += changes[n];
        check_stale(&handle, &identity_good);
        handle = handle_good;
        handle.owner_generation += changes[n];
        check_stale(&handle, &identity_good);
        handle = handle_good;
        handle.part_generation += changes[n];
        check_stale(&handle, &identity_good);
        handle = handle_good;
        handle.function += (uint32_t)(changes[n] >> 32 ^ changes[n]);
        if (handle.function != handle_good.function) {
            check_stale(&handle, &identity_good);
        }
    }
}

/* Two random bits of the generations, flipped: refused unless it was the same bit twice. */
static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t n = 0; n < 1000000; n++) {
        struct device_handle handle = handle_good;
        uint64_t *const fields[] = {&handle.generation, &handle.owner_generation,
                                    &handle.part_generation};
        const uint32_t first = random_below(192);
        const uint32_t second = random_below(192);

        *fields[first / 64] ^= 1ull << first % 64;
        *fields[second / 64] ^= 1ull << second % 64;
        assert_int_equal(device_authority_check(&handle, &identity_good, 7),
                         first == second ? STATUS_OK : STATUS_STALE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
