/* SPDX-License-Identifier: MIT */

/*
 * A campaign of forged handles against the shipped validator and ledger: while functions change
 * owners and parts come and go, handles are made up, out of nothing, out of good ones, and out of
 * those that were good once. What is good this file knows by a list of its own. Anything else must
 * be refused, and no question may change the ledger (L3, L8).
 *
 * CAPOS_FORGERIES=n in the environment asks n times; `make forge` asks 10^8 times.
 */

#include "ledger/ledger_owner.h"
#include "ledger/ledger_parts.h"
#include "ledger/ledger_teardown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ledger_world.h"
#include "random.h"

enum {
    LIVE_MAX = 2 * WORLD_FUNCTIONS + WORLD_ROUTES + WORLD_BUFFERS,
    DEAD_MAX = 256,        /* the latest that have ended */
    ASKS_PER_CHANGE = 500, /* so long the ledger stays as it is */
};

struct issued {
    struct device_handle handle;
    uint64_t owner;
};

static struct world world;
static struct issued live[LIVE_MAX];
static uint32_t live_count;
static struct device_handle dead[DEAD_MAX];
static uint32_t dead_count;

static bool same(const struct device_handle *a, const struct device_handle *b)
{
    return a->part == b->part && a->function == b->function && a->slot == b->slot &&
           a->generation == b->generation && a->owner_generation == b->owner_generation &&
           a->part_generation == b->part_generation;
}

/* ---- The ledger's life ---------------------------------------------------------------------- */

static void issue(const struct device_handle *handle, uint64_t owner)
{
    live[live_count++] = (struct issued){*handle, owner};
}

static void forget(uint32_t index)
{
    dead[dead_count++ % DEAD_MAX] = live[index].handle;
    live[index] = live[--live_count];
}

static void forget_function(uint32_t function)
{
    for (uint32_t i = live_count; i-- > 0;) {
        if (live[i].handle.function == function) {
            forget(i);
        }
    }
}

static void claim(uint32_t function)
{
    const uint64_t pid = ANNA + random_below(3);

    if (ledger_claim_check(&world.ledger, function, world.functions[function].generation, pid) !=
        STATUS_OK) {
        return;
    }
    ledger_claim_commit(&world.ledger, function, pid, 1000, 1ull << 39, &world.mmio[function],
                        &world.pool[function]);
    issue(&world.mmio[function], pid);
    issue(&world.pool[function], pid);
}

static void add_part(uint32_t function)
{
    const uint64_t owner = world.functions[function].owner;
    struct device_handle handle;
    struct ledger_place place;
    const uint32_t slot = world_route_slot(&world);

    if (random_below(2) == 0) {
        if (ledger_route_check(&world.ledger, function, owner, slot) == STATUS_OK) {
            ledger_route_commit(&world.ledger, function, slot, &handle);
            issue(&handle, owner);
        }
    } else if (ledger_buffer_check(&world.ledger, &world.pool[function], owner,
                                   world_buffer_slot(&world), 1, &place) == STATUS_OK) {
        ledger_buffer_commit(&world.ledger, &world.pool[function], &place, 1,
                             DMA_ACCESS_DEVICE_WRITES, &handle);
        issue(&handle, owner);
    }
}

static void end_part(void)
{
    const uint32_t index = live_count == 0 ? 0 : random_below(live_count);
    const struct device_handle *handle = &live[index].handle;

    if (live_count == 0) {
        return;
    }
    if (handle->part == DEVICE_PART_MMIO || handle->part == DEVICE_PART_POOL) {
        ledger_part_end(&world.ledger, handle);
    } else if (handle->part == DEVICE_PART_ROUTE) {
        ledger_route_end(&world.ledger, handle->slot);
        ledger_route_ended(&world.ledger, handle->slot);
    } else {
        ledger_buffer_end(&world.ledger, handle->slot);
        if (ledger_buffer_is_unreachable(&world.ledger, handle->slot, true)) {
            ledger_buffer_ended(&world.ledger, handle->slot);
        }
    }
    forget(index);
}

static void revoke(uint32_t function)
{
    if (ledger_revoke(&world.ledger, function)) {
        forget_function(function);
        if (random_below(8) != 0) { /* else: some time in between */
            (void)world_finish(&world, function);
        }
    } else if (world.functions[function].state == FUNCTION_STATE_REVOKING) {
        (void)world_finish(&world, function);
    }
}

/** Some of what there is of a function goes to somebody else; what stays behind is of no use. */
static void move(uint32_t function)
{
    const uint64_t from = world.functions[function].owner, to = ANNA + random_below(3);
    struct device_handle parts[LIVE_MAX];
    uint32_t count = 0;

    if (from == DEVICE_NOBODY || from == to ||
        ledger_move_check(&world.ledger, &world.mmio[function], from, to) != STATUS_OK) {
        return;
    }
    for (uint32_t i = 0; i < live_count; i++) {
        if (live[i].handle.function == function && random_below(4) != 0) {
            parts[count++] = live[i].handle;
        }
    }
    if (count != 0) {
        forget_function(function);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (ledger_move_check(&world.ledger, &parts[i], from, to) == STATUS_OK) {
            ledger_move_commit(&world.ledger, &parts[i], to);
            issue(&parts[i], to);
            if (parts[i].part == DEVICE_PART_POOL) {
                world.pool[function] = parts[i];
            } else if (parts[i].part == DEVICE_PART_MMIO) {
                world.mmio[function] = parts[i];
            }
        }
    }
}

static void change(void)
{
    const uint32_t function = random_below(WORLD_FUNCTIONS);

    switch (random_below(8)) {
    case 0:
    case 1:
        claim(function);
        break;
    case 2:
        revoke(function);
        break;
    case 3:
        move(function);
        break;
    case 4:
        end_part();
        break;
    default:
        if (device_state_is_owned(world.functions[function].state)) {
            add_part(function);
        }
    }
}

/* ---- Forging -------------------------------------------------------------------------------- */

static struct device_handle some_handle(void)
{
    const uint32_t ended = dead_count < DEAD_MAX ? dead_count : DEAD_MAX;
    const uint32_t pick = random_below(live_count + ended + 1);

    return pick < live_count           ? live[pick].handle
           : pick < live_count + ended ? dead[pick - live_count]
                                       : (struct device_handle){.part = DEVICE_PART_MMIO};
}

/** One field as in another handle. */
static void mix(struct device_handle *handle, const struct device_handle *other)
{
    switch (random_below(6)) {
    case 0:
        handle->part = other->part;
        break;
    case 1:
        handle->function = other->function;
        break;
    case 2:
        handle->slot = other->slot;
        break;
    case 3:
        handle->generation = other->generation;
        break;
    case 4:
        handle->owner_generation = other->owner_generation;
        break;
    default:
        handle->part_generation = other->part_generation;
    }
}

static uint64_t near(uint64_t value)
{
    return random_below(2) == 0 ? value + random_below(5) - 2 : value ^ 1ull << random_below(64);
}

/** One field changed a little. */
static void bend(struct device_handle *handle)
{
    switch (random_below(6)) {
    case 0:
        handle->part = (enum device_part)random_below(DEVICE_PART_COUNT + 2);
        break;
    case 1:
        handle->function = (uint32_t)near(handle->function);
        break;
    case 2:
        handle->slot = (uint32_t)near(handle->slot);
        break;
    case 3:
        handle->generation = near(handle->generation);
        break;
    case 4:
        handle->owner_generation = near(handle->owner_generation);
        break;
    default:
        handle->part_generation = near(handle->part_generation);
    }
}

static struct device_handle forge(void)
{
    struct device_handle handle = some_handle();
    struct device_handle other;

    switch (random_below(5)) {
    case 0: /* as it was given out, perhaps long ago */
        break;
    case 1:
        bend(&handle);
        break;
    case 2:
        bend(&handle);
        bend(&handle);
        break;
    case 3:
        other = some_handle();
        mix(&handle, &other);
        break;
    default:
        handle = (struct device_handle){
            .part = (enum device_part)random_below(DEVICE_PART_COUNT),
            .function = random_below(WORLD_FUNCTIONS + 1),
            .slot = random_below(WORLD_BUFFERS + 1),
            .generation = random_next() >> random_below(64),
            .owner_generation = random_next() >> random_below(64),
            .part_generation = random_next() >> random_below(64),
        };
    }
    return handle;
}

/** The answer by this file's own list. */
static enum status truth(const struct device_handle *handle, uint64_t pid)
{
    for (uint32_t i = 0; i < live_count; i++) {
        if (same(&live[i].handle, handle)) {
            return live[i].owner == pid ? STATUS_OK : STATUS_DENIED;
        }
    }
    return STATUS_STALE;
}

static void test_forged_handles(void **state)
{
    const char *wanted = getenv("CAPOS_FORGERIES");
    const uint64_t count = wanted != NULL ? strtoull(wanted, NULL, 0) : 1000000;
    static struct world before;
    uint64_t seen[STATUS_COUNT] = {0};
    (void)state;

    random_seed();
    world_init(&world);
    for (uint64_t n = 0; n < count; n++) {
        if (n % ASKS_PER_CHANGE == 0) {
            assert_memory_equal(&before, n == 0 ? &before : &world, sizeof(world));
            change();
            before = world;
        }
        const struct device_handle handle = forge();
        const uint64_t pid = random_below(16) == 0 ? random_next() : ANNA - 1 + random_below(5);
        const enum status status = ledger_check(&world.ledger, &handle, pid);
        const enum status wanted_status = truth(&handle, pid);

        if (status != wanted_status) {
            fail_msg("part %u of function %u, slot %u, generations %llu %llu %llu, pid %llu: %u, "
                     "not %u",
                     handle.part, handle.function, handle.slot,
                     (unsigned long long)handle.generation,
                     (unsigned long long)handle.owner_generation,
                     (unsigned long long)handle.part_generation, (unsigned long long)pid, status,
                     wanted_status);
        }
        seen[status]++;
    }
    world_audit(&world);
    print_message("%llu handles: %llu good, %llu of others, %llu forged\n",
                  (unsigned long long)count, (unsigned long long)seen[STATUS_OK],
                  (unsigned long long)seen[STATUS_DENIED], (unsigned long long)seen[STATUS_STALE]);
    assert_true(count < 100000 || (seen[STATUS_OK] > 0 && seen[STATUS_DENIED] > 0));
    assert_true(seen[STATUS_STALE] >= count / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forged_handles)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
