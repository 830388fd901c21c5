/* SPDX-License-Identifier: MIT */
/*
 * A first process, in init's place: nobody else holds the ProcessSpawner as its origin. It lends it
 * to a borrower, which has a large program loaded, and takes it back while that is under way.
 *
 *   with `bootPackage`, `power`     the first process; has the machine halt at the end if all went
 *                                   well
 *   with `begun`                    the borrower: exit code is what became of its request
 *   with neither                    the large program (tests/system/test_spawn.py makes it: this
 *                                   one with thousands of zeroed pages)
 */
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/message.h"
#include "rt/own_image.h"
#include "rt/print.h"
#include "rt/process.h"

#define LARGE_CODE   7 /* exit code of the large program */
#define LARGE_FRAMES 3000u
#define STRANGE_CODE 99
#define ROUNDS       4u
#define SETTLED      5u /* looks in a row that show the same */
#define PATIENCE_NS  (30 * RT_NS_PER_S)
#define LOOK_NS      (10 * RT_NS_PER_MS)

/* ---- The borrower --------------------------------------------------------------------------- */

static bool build_request(struct rt_exchange *exchange, const struct rt_image *image,
                          size_t *length)
{
    struct wire_build_struct params, request, budget;

    process_spawner_spawn_params_init_root(&exchange->builder, &params);
    process_spawner_spawn_params_init_request(&params, &request);
    spawn_request_set_name(&request, "large", 5);
    spawn_request_set_image(&request, image->memory);
    spawn_request_set_image_offset(&request, image->offset);
    spawn_request_set_image_length(&request, image->length);
    spawn_request_init_budget(&request, &budget);
    budget_set_frames(&budget, LARGE_FRAMES);
    budget_set_cap_slots(&budget, 8);
    budget_set_objects(&budget, 32);
    budget_set_threads(&budget, 1);
    return wire_build_finish(&exchange->builder, length) == WIRE_OK;
}

/** Have the large program loaded, say when that has begun, and see what becomes of it. */
static int borrow(void)
{
    struct rt_operation operation = {0};
    struct rt_exchange exchange;
    struct rt_image image;
    enum exit_reason reason;
    uint64_t code;
    size_t length;

    if (rt_image_find("large", &image) != STATUS_OK ||
        rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK ||
        !build_request(&exchange, &image, &length)) {
        return STRANGE_CODE;
    }
    const struct rt_call call = {.target = rt_capability("spawner"),
                                 .method = PROCESS_SPAWNER_SPAWN,
                                 .message_offset = exchange.offset,
                                 .message_length = (uint32_t)length,
                                 .answer_offset = exchange.offset,
                                 .answer_length = exchange.capacity};

    if (rt_ring_start_call(exchange.ring, &operation, &call) != STATUS_OK) {
        return STRANGE_CODE;
    }
    rt_ring_flush(exchange.ring);
    if (signaller_signal(rt_capability("begun"), 1) != STATUS_OK) {
        return STRANGE_CODE;
    }
    rt_ring_await(exchange.ring, &operation);
    if (rt_cqe_outcome(&operation.cqe) == STATUS_OK &&
        (process_wait(operation.cqe.payload[0], 0, &code, &reason) != STATUS_OK ||
         reason != EXIT_REASON_EXITED || code != LARGE_CODE)) {
        return STRANGE_CODE;
    }
    return (int)rt_cqe_outcome(&operation.cqe);
}

/* ---- Who lends ------------------------------------------------------------------------------ */

static bool good(enum status status, const char *what)
{
    if (status != STATUS_OK) {
        rt_print("takeback: %s: %s\n", what, status_name(status));
    }
    return status == STATUS_OK;
}

/** Lend the spawner for one program; what became of that must be `expected`. */
static bool lend(const struct rt_image *image, bool takes_back, enum status expected)
{
    uint64_t begun, borrower, bits, code = 0;
    enum exit_reason reason;
    struct rt_spawn spawn;

    if (!good(notification_create(&begun), "a notification")) {
        return false;
    }
    const struct rt_grant grants[] = {
        {"bootPackage", 11, image->memory, RING_TRANSFER_COPY},
        {"spawner", 7, rt_capability("spawner"), RING_TRANSFER_COPY},
        {"begun", 5, begun, RING_TRANSFER_COPY},
    };

    rt_spawn_prepare(&spawn, image, "borrower");
    spawn.grants = grants;
    spawn.grant_count = ARRAY_COUNT(grants);
    if (!good(process_spawn(rt_capability("spawner"), &spawn, &borrower), "a borrower") ||
        !good(notification_wait(begun, 0, &bits), "its request") ||
        (takes_back && !good(capability_revoke(rt_capability("spawner")), "revoke")) ||
        !good(process_wait(borrower, 0, &code, &reason), "its end")) {
        return false;
    }
    rt_print("takeback: %s: %s\n", takes_back ? "taken back" : "lent",
             reason == EXIT_REASON_EXITED && code < STATUS_COUNT ? status_name((enum status)code)
                                                                 : "strange");
    capability_release(borrower);
    capability_release(begun);
    return reason == EXIT_REASON_EXITED && code == (uint64_t)expected;
}

/** Frames that nobody has; 0 if nobody says. */
static uint64_t free_frames(void)
{
    struct wire_struct results, info;
    struct rt_exchange exchange;
    uint64_t count = 0;

    if (rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return 0;
    }
    if (rt_exchange_call_inline(&exchange, rt_capability("diagnostics"), DIAGNOSTICS_MEMORY,
                                (struct rt_words){{0}}, &results) == STATUS_OK &&
        diagnostics_memory_results_get_info(results, &info) == WIRE_OK) {
        count = memory_info_get_free(info);
    }
    rt_exchange_end(&exchange);
    return count;
}

/** Frames that nobody has once nothing is being taken apart any more, or there are `enough`. */
static uint64_t settled_frames(uint64_t enough)
{
    uint64_t last = 0, now_ns = 0, end_ns;

    (void)!rt_clock_now(&now_ns);
    end_ns = now_ns + PATIENCE_NS;
    for (uint32_t same = 0; same < SETTLED || (last < enough && now_ns < end_ns);) {
        const uint64_t count = free_frames();

        same = count == last ? same + 1 : 0;
        last = count;
        rt_sleep(LOOK_NS);
        (void)!rt_clock_now(&now_ns);
    }
    return last;
}

static bool take_back(void)
{
    struct rt_image image;
    uint64_t before, after;

    if (!good(rt_image_find("takeback", &image), "own image") || !lend(&image, false, STATUS_OK) ||
        !lend(&image, true, STATUS_STALE)) {
        return false;
    }
    before = settled_frames(0);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (!lend(&image, true, STATUS_STALE)) {
            return false;
        }
    }
    after = settled_frames(before);
    if (after < before) {
        rt_print("takeback: %u frames are lost\n", (unsigned)(before - after));
    }
    return after >= before && lend(&image, false, STATUS_OK);
}

int main(int count, char **arguments)
{
    (void)count;
    (void)arguments;
    if (rt_capability("begun") != 0) {
        return borrow();
    }
    if (rt_capability("power") == 0) {
        return LARGE_CODE;
    }
    const bool done = take_back();

    rt_print("takeback: %s\n", done ? "done" : "failed");
    rt_print_flush();
    return done && power_halt(rt_capability("power")) == STATUS_OK ? 0 : 1;
}
