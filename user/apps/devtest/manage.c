/* SPDX-License-Identifier: MIT */
/*
 * The other side: a program that holds the DeviceManager and takes functions back from whoever has
 * them. The manifest grants it as `deviceManager`; main.c comes here if it is there.
 *
 *      manage revoke|reset|disable|enable FUNCTION      once; FUNCTION is an index of the ledger
 *      manage claim FUNCTION                            without looking at its state
 *      manage strange FUNCTION                          with numbers that cannot be
 *      manage harass FUNCTION                           again and again, whenever it has an owner
 *      manage flood FUNCTION                            1,200 times with such a generation
 *      manage churn FUNCTION                            1,200 changes, of a function nobody has
 *      manage malformed FUNCTION                        refused.c
 *      manage stale FUNCTION                            with generations that are not the
 *                                                       function's
 *      manage pin|slots|dying FUNCTION                  rogue.c
 *      manage hand FUNCTION                             early.c
 *      manage monkeys FUNCTION FUNCTION MILLISECONDS    monkey.c
 */
#include "apps/devtest/devtest.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "rt/clock.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define HARASS_ROUNDS 60u
#define HARASS_TIMES  6u /* that it takes something back, however slow the others are */
#define PATIENCE_MS   120000u
#define FLOOD_CALLS   1200u
#define HARASS_NS     (5 * RT_NS_PER_MS)

/** What of a FunctionInfo matters here. */
struct function_now {
    uint64_t generation;
    uint64_t owner;
    enum function_state state;
};

static uint64_t manager;

static bool look(uint32_t index, struct function_now *now)
{
    const struct device_manager_functions_params params = {.from_index = index};
    struct rt_exchange exchange;
    struct wire_struct results, info;
    struct wire_list list;
    bool found = false;

    if (rt_exchange_begin(&exchange, 2 * RT_EXCHANGE_BYTES) != STATUS_OK) {
        return false;
    }
    if (rt_exchange_call_inline(&exchange, manager, DEVICE_MANAGER_FUNCTIONS, RT_WORDS(params),
                                &results) == STATUS_OK &&
        device_manager_functions_results_get_functions(results, &list) == WIRE_OK &&
        list.count != 0 && wire_list_get_struct(&list, 0, &info) == WIRE_OK) {
        now->generation = function_info_get_generation(info);
        now->state = (enum function_state)function_info_get_state(info);
        now->owner = function_info_get_owner_pid(info);
        found = function_info_get_index(info) == index;
    }
    rt_exchange_end(&exchange);
    return found;
}

static enum status act(uint16_t method, uint32_t index, uint64_t generation,
                       enum function_state *state)
{
    /* Revoke and reset begin with the same two words; disable and enable with the first. */
    const struct device_manager_revoke_params params = {.function = index,
                                                        .generation = generation};
    const struct device_manager_disable_params one = {.function = index};
    uint64_t word = 0;
    const enum status status = method == DEVICE_MANAGER_REVOKE || method == DEVICE_MANAGER_RESET
                                   ? rt_kernel_call_word(manager, method, RT_WORDS(params), &word)
                                   : rt_kernel_call_word(manager, method, RT_WORDS(one), &word);

    *state = (enum function_state)(uint16_t)word;
    return status;
}

static int once(uint16_t method, uint32_t index)
{
    struct function_now now;
    enum function_state state;

    if (!look(index, &now)) {
        rt_print("manage: there is no such function\n");
        return 1;
    }
    const enum status status = act(method, index, now.generation, &state);

    rt_print("manage: %s, %s\n", status_name(status),
             status == STATUS_OK ? function_state_name(state) : "-");
    return status == STATUS_OK ? 0 : 1;
}

/** Take the function back from two of three owners that it gets meanwhile; the third is left to
 * others. */
static int harass(uint32_t index)
{
    const uint64_t end = soon(PATIENCE_MS);
    uint64_t seen = 0;
    uint32_t count = 0, owners = 0;

    rt_print("manage: harassing\n");
    rt_print_flush();
    for (uint32_t round = 0; (round < HARASS_ROUNDS || count < HARASS_TIMES) && soon(0) < end;
         round++) {
        struct function_now now;
        enum function_state state;
        const bool is_owned = look(index, &now) && now.owner != 0;

        if (is_owned && now.generation != seen) {
            seen = now.generation;
            owners++;
        }
        if (is_owned && owners % 3 != 0) {
            const enum status status = act(DEVICE_MANAGER_REVOKE, index, now.generation, &state);

            if (status != STATUS_OK && status != STATUS_STALE) {
                rt_print("manage: %s\n", status_name(status));
                return 1;
            }
            count += status == STATUS_OK;
        }
        rt_sleep(HARASS_NS);
    }
    rt_print("manage: taken back %u times\n", count);
    return 0;
}

/** Generations that were, and that will be: refused, and nothing happens to the owner. */
static int stale(uint32_t index)
{
    struct function_now now;
    enum function_state state;
    unsigned wrong = 0;

    if (!look(index, &now) || now.owner == 0) {
        rt_print("manage: nobody has it\n");
        return 1;
    }
    const uint64_t generations[] = {0, now.generation - 1, now.generation + 1, UINT64_MAX};

    for (size_t i = 0; i < ARRAY_COUNT(generations); i++) {
        wrong += act(DEVICE_MANAGER_REVOKE, index, generations[i], &state) != STATUS_STALE;
        wrong += act(DEVICE_MANAGER_RESET, index, generations[i], &state) != STATUS_STALE;
    }
    for (uint16_t method = DEVICE_MANAGER_REVOKE; method < DEVICE_MANAGER_METHOD_COUNT; method++) {
        wrong += act(method, UINT32_MAX, 1, &state) != STATUS_NOT_FOUND;
    }
    rt_print("manage: %u of what is stale was done\n", wrong);
    return wrong == 0 ? 0 : 1;
}

/** A claim, whatever the list says of the function; given up at once if it succeeds. */
static int claim(uint32_t index)
{
    struct device_manager_claim_results results;
    struct function_now now;

    if (!look(index, &now)) {
        return 1;
    }
    const struct device_manager_claim_params params = {
        .function = index, .pool_pages = 1, .generation = now.generation};
    const enum status status = device_manager_claim(manager, &params, &results);

    rt_print("manage: claim: %s\n", status_name(status));
    return 0;
}

/** What rogue.c does with a function that nobody has. */
static int go_rogue(int (*act)(uint64_t with, const struct device_manager_claim_params *claim),
                    uint32_t index)
{
    struct function_now now;

    if (!look(index, &now)) {
        return 1;
    }
    const struct device_manager_claim_params params = {
        .function = index, .pool_pages = 1, .generation = now.generation};

    return act(manager, &params);
}

/** Whether nobody has a function, and its generation. */
static bool is_free(uint32_t index, uint64_t *generation)
{
    struct function_now now;

    if (!look(index, &now) ||
        (now.state != FUNCTION_STATE_FREE && now.state != FUNCTION_STATE_DISCOVERED)) {
        return false;
    }
    *generation = now.generation;
    return true;
}

/** What early.c does with a function that nobody has. */
static int hand(uint32_t index)
{
    struct function_now now;

    if (!look(index, &now)) {
        return 1;
    }
    const struct device_manager_claim_params params = {
        .function = index, .pool_pages = 1, .generation = now.generation};

    return early_hand(manager, &params, is_free);
}

/** What monkey.c does, with two functions that nobody has. */
static int let_monkeys_in(char **arguments)
{
    struct device_manager_claim_params functions[2] = {{0}};
    struct function_now now;
    uint64_t numbers[3];

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (text_parse_u64(arguments[i], strlen(arguments[i]), &numbers[i]) != TEXT_OK ||
            numbers[i] > UINT32_MAX) {
            return 2;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
        if (!look((uint32_t)numbers[i], &now)) {
            return 1;
        }
        functions[i].function = (uint32_t)numbers[i];
        functions[i].generation = now.generation;
    }
    return monkeys(manager, functions, (uint32_t)numbers[2]);
}

/** Claims with numbers that cannot be, and one more interrupt of a claim that was: refused. */
static int strange(uint32_t index)
{
    static const struct {
        uint8_t address_bits, by_pin;
    } wrong[] = {{1, 0}, {20, 0}, {65, 0}, {255, 0}, {0, 2}, {64, 255}};
    struct device_manager_claim_results results;
    struct function_now now;
    uint64_t interrupt;
    unsigned done = 0;

    if (!look(index, &now)) {
        return 1;
    }
    struct device_manager_claim_params params = {
        .function = index, .pool_pages = 1, .generation = now.generation};

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        params.address_bits = wrong[i].address_bits;
        params.by_pin = wrong[i].by_pin;
        done += device_manager_claim(manager, &params, &results) != STATUS_BAD_RANGE;
    }
    params.address_bits = params.by_pin = 0;
    done += device_manager_claim(manager, &params, &results) != STATUS_OK;
    done +=
        device_manager_interrupt(manager, index, now.generation - 1, &interrupt) != STATUS_STALE;
    done += device_manager_interrupt(manager, index, UINT64_MAX, &interrupt) != STATUS_STALE;
    rt_print("manage: %u of what is strange was done\n", done);
    return done == 0 ? 0 : 1;
}

/** More refusals than the audit log keeps records. */
static int flood(uint32_t index)
{
    enum function_state state;
    unsigned done = 0;

    for (unsigned i = 0; i < FLOOD_CALLS; i++) {
        done += act(DEVICE_MANAGER_REVOKE, index, UINT64_MAX, &state) == STATUS_STALE;
    }
    rt_print("manage: %u refusals\n", done);
    return done == FLOOD_CALLS ? 0 : 1;
}

/** More changes than the audit log keeps. */
static int churn(uint32_t index)
{
    enum function_state state;
    unsigned done = 0;

    for (unsigned i = 0; i < FLOOD_CALLS; i++) {
        const uint16_t method = i % 2 == 0 ? DEVICE_MANAGER_DISABLE : DEVICE_MANAGER_ENABLE;

        done += act(method, index, 0, &state) == STATUS_OK;
    }
    rt_print("manage: %u changes\n", done);
    return done == FLOOD_CALLS ? 0 : 1;
}

static const struct {
    const char *name;
    uint16_t method;
} actions[] = {
    {"revoke", DEVICE_MANAGER_REVOKE},
    {"reset", DEVICE_MANAGER_RESET},
    {"disable", DEVICE_MANAGER_DISABLE},
    {"enable", DEVICE_MANAGER_ENABLE},
};

static const struct {
    const char *name;
    int (*act)(uint64_t with, const struct device_manager_claim_params *claim);
} rogues[] = {{"pin", rogue_pin}, {"slots", rogue_slots}, {"dying", rogue_dying}};

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

int manage(int count, char **arguments)
{
    uint64_t index;

    manager = rt_capability("deviceManager");
    if (count == 5 && same(arguments[1], "monkeys")) {
        return let_monkeys_in(&arguments[2]);
    }
    if (count == 3 && text_parse_u64(arguments[2], strlen(arguments[2]), &index) == TEXT_OK &&
        index <= UINT32_MAX) {
        for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
            if (same(arguments[1], actions[i].name)) {
                return once(actions[i].method, (uint32_t)index);
            }
        }
        for (size_t i = 0; i < ARRAY_COUNT(rogues); i++) {
            if (same(arguments[1], rogues[i].name)) {
                return go_rogue(rogues[i].act, (uint32_t)index);
            }
        }
        if (same(arguments[1], "harass")) {
            return harass((uint32_t)index);
        }
        if (same(arguments[1], "claim")) {
            return claim((uint32_t)index);
        }
        if (same(arguments[1], "hand")) {
            return hand((uint32_t)index);
        }
        if (same(arguments[1], "strange")) {
            return strange((uint32_t)index);
        }
        if (same(arguments[1], "flood")) {
            return flood((uint32_t)index);
        }
        if (same(arguments[1], "churn")) {
            return churn((uint32_t)index);
        }
        if (same(arguments[1], "malformed")) {
            return manage_malformed(manager);
        }
        if (same(arguments[1], "stale")) {
            return stale((uint32_t)index);
        }
    }
    rt_print("usage: manage revoke|reset|disable|enable|claim|strange|harass|stale|flood|churn|"
             "malformed|pin|slots|dying|hand FUNCTION\n");
    return 2;
}
