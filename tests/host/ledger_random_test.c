/* SPDX-License-Identifier: MIT */

/*
 * lib/ledger against a model: random operations, with handles that were given out (today or long
 * ago) and forged ones; after each the two agree in everything and the audit is sound. Then forged
 * handles alone, by the million. The seed is printed; CAPOS_SEED repeats a run.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MODEL_ISSUED 64
#include "ledger_apply.h"
#include "random.h"

enum { RUNS = 200, STEPS = 3000, FORGED = 3000000 };

static struct model model;
static struct ledger_function functions[MODEL_FUNCTIONS];
static struct ledger_route routes[MODEL_SLOTS];
static struct ledger_buffer buffers[MODEL_SLOTS];
static struct ledger ledger;

/** Generations of different runs begin far from the end or near it; addresses, too, are few. */
static void start(void)
{
    static const uint64_t ends[] = {1ull << 39, 1ull << 32, 0x100000 + 40 * 4096,
                                    0x100000000 + 20 * 4096};
    static const uint64_t lows[] = {0x100000, 0xfedf8000, 0xfeef0000, 0xfffe0000};

    memset(functions, 0, sizeof(functions));
    memset(routes, 0, sizeof(routes));
    memset(buffers, 0, sizeof(buffers));
    memset(&model, 0, sizeof(model));
    ledger = (struct ledger){functions, MODEL_FUNCTIONS, routes, MODEL_SLOTS, buffers, MODEL_SLOTS};
    ledger_init(&ledger);
    model.function_count = MODEL_FUNCTIONS;
    model.route_count = model.buffer_count = MODEL_SLOTS;
    model.pid_count = MODEL_PIDS;
    model.pool_limit = 12;
    model.address_end = ends[random_below(4)];
    model.keeps_all = true;
    for (uint32_t i = 0; i < MODEL_FUNCTIONS; i++) {
        functions[i].group = i / 2; /* 0 and 1 are one */
        functions[i].generation = random_below(2) == 0 ? 1 : UINT64_MAX - random_below(30) - 2;
        functions[i].owner_generation =
            random_below(2) == 0 ? 0 : UINT64_MAX - random_below(60) - 2;
        functions[i].low_next = lows[random_below(4)];
        model.functions[i] = (struct model_function){
            .group = functions[i].group,
            .epoch = functions[i].generation,
            .owner_epoch = functions[i].owner_generation,
            .given_low = functions[i].low_next,
            .given_high = functions[i].high_next,
        };
    }
    for (uint32_t i = 0; i < MODEL_SLOTS; i++) {
        routes[i].generation = random_below(2) == 0 ? 1 : UINT64_MAX - random_below(30) - 1;
        buffers[i].generation = random_below(2) == 0 ? 1 : UINT64_MAX - random_below(30) - 1;
        model.route_epoch[i] = routes[i].generation;
        model.buffer_epoch[i] = buffers[i].generation;
    }
}

/** A handle with fields of others, one more or less, or anything. */
static void forge(struct device_handle *handle)
{
    uint64_t *const wide[] = {&handle->generation, &handle->owner_generation,
                              &handle->part_generation};
    uint32_t *const narrow[] = {&handle->function, &handle->slot};

    for (uint32_t n = random_below(3) + 1; n-- > 0;) {
        switch (random_below(6)) {
        case 0:
            *wide[random_below(3)] += random_below(2) == 0 ? 1 : UINT64_MAX;
            break;
        case 1:
            *wide[random_below(3)] = random_next();
            break;
        case 2:
            *wide[random_below(3)] = random_below(2) == 0 ? random_below(4) : UINT64_MAX;
            break;
        case 3:
            *narrow[random_below(2)] = random_below(6);
            break;
        case 4:
            *narrow[random_below(2)] = (uint32_t)random_next();
            break;
        default:
            handle->part = (enum device_part)(random_below(8) == 0 ? (uint32_t)random_next()
                                                                   : random_below(5));
            break;
        }
    }
}

static void random_handle(struct device_handle *handle)
{
    memset(handle, 0, sizeof(*handle));
    if (model.issued_count != 0) {
        *handle = model.issued[random_below(model.issued_count)].handle;
    }
    if (model.issued_count == 0 || random_below(8) == 0) {
        forge(handle);
    }
}

static void random_operation(struct model_operation *op)
{
    memset(op, 0, sizeof(*op));
    op->kind = (enum model_kind)random_below(MODEL_KINDS);
    /* Ends of whole functions are rarer, or nothing ever grows. */
    if ((op->kind == MODEL_REVOKE || op->kind == MODEL_QUARANTINE) &&
        random_below(op->kind == MODEL_REVOKE ? 4 : 200) != 0) {
        op->kind = random_below(2) == 0 ? MODEL_BUFFER : MODEL_CLAIM;
    }
    op->pid = random_below(10) == 0 ? 0 : random_below(MODEL_PIDS) + 1;
    op->to = random_below(10) == 0 ? 0 : random_below(MODEL_PIDS) + 1;
    random_handle(&op->handle);
    op->place = random_below(MODEL_FUNCTIONS);
    if (op->kind == MODEL_CLAIM) {
        op->value = model.functions[op->place].epoch + (random_below(8) == 0);
    } else if (op->kind == MODEL_WITNESS) {
        op->value = 1u << random_below(5);
    } else if (op->kind == MODEL_BUFFER) {
        op->value = random_below(20) == 0 ? random_next() : random_below(8);
        op->place = random_below(8) == 0
                        ? random_below(MODEL_SLOTS + 2)
                        : model_offer(model.buffers, model.buffer_epoch, MODEL_SLOTS);
    } else if (op->kind == MODEL_ROUTE) {
        op->value = random_below(8) == 0
                        ? random_below(MODEL_SLOTS + 2)
                        : model_offer(model.routes, model.route_epoch, MODEL_SLOTS);
    }
    if ((op->kind == MODEL_CLAIM || op->kind == MODEL_ROUTE) && random_below(20) == 0) {
        op->place += MODEL_FUNCTIONS;
    } else if (op->kind >= MODEL_ARM && op->kind <= MODEL_GIVE_BACK) {
        op->place = random_below(MODEL_SLOTS);
    }
}

static void test_random_operations(void **state)
{
    uint32_t done[MODEL_KINDS] = {0};
    uint32_t retired = 0, quarantined = 0; /* steps that saw one */
    (void)state;

    random_seed();
    for (uint32_t run = 0; run < RUNS; run++) {
        start();
        for (uint32_t step = 0; step < STEPS; step++) {
            struct model_operation op;

            random_operation(&op);
            const char *flaw = model_apply(&model, &ledger, &op);
            if (flaw != NULL) {
                fail_msg("run %u, step %u, %s: %s", run, step, model_kind_names[op.kind], flaw);
            }
            done[op.kind]++;
            for (uint32_t i = 0; i < MODEL_FUNCTIONS; i++) {
                retired += model.functions[i].phase == MODEL_RETIRED;
                quarantined += model.functions[i].phase == MODEL_QUARANTINED;
            }
        }
    }
    for (uint32_t i = 0; i < MODEL_KINDS; i++) {
        assert_true(done[i] > 10);
    }
    assert_true(retired > 0 && quarantined > 0);
}

/* A ledger after 300 operations. One in which nothing was ever claimed has no handle to forge. */
static void grow(void)
{
    do {
        start();
        for (uint32_t step = 0; step < 300; step++) {
            struct model_operation op;

            random_operation(&op);
            assert_null(model_apply(&model, &ledger, &op));
        }
    } while (model.issued_count == 0);
}

/* Against a ledger with something of everything in it. */
static void test_forged_handles(void **state)
{
    uint32_t resolved = 0, denied = 0;
    (void)state;

    random_seed();
    for (uint32_t n = 0; n < FORGED; n++) {
        struct device_handle handle;

        if (n % 100000 == 0) {
            grow();
        }
        handle = model.issued[random_below(model.issued_count)].handle;
        forge(&handle);
        const uint64_t pid = random_below(MODEL_PIDS + 1);
        const enum status status = ledger_check(&ledger, &handle, pid);
        if (status != model_resolve(&model, &handle, pid)) {
            fail_msg("forged handle %u: status %u", n, status);
        }
        resolved += status == STATUS_OK;
        denied += status == STATUS_DENIED;
    }
    print_message("%u forged handles: %u were current ones of the asker, %u of another\n", FORGED,
                  resolved, denied);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_forged_handles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
