/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/own_image.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define CHILD_PATIENCE_NS (120 * RT_NS_PER_S)

static const struct {
    const char *name;
    void (*run)(void);
} attacks[] = {
    {"forge", attack_forge},         {"sqe", attack_sqe},     {"indices", attack_indices},
    {"pointers", attack_pointers},   {"flood", attack_flood}, {"messages", attack_messages},
    {"spawn", attack_spawn},         {"die", attack_die},     {"faults", attack_faults},
    {"lifetimes", attack_lifetimes}, {"ends", attack_ends},   {"stale", attack_stale},
    {"race", attack_race},           {"ticks", attack_ticks}, {"cycles", attack_cycles},
};

static const struct {
    const char *name;
    int (*run)(const char *detail);
} children[] = {
    {"sqe", child_sqe},           {"indices", child_indices},
    {"pointers", child_pointers}, {"messages", child_messages},
    {"caller", child_caller},     {"server", child_server},
    {"fault", child_fault},       {"race", child_race},
    {"exit", child_exit},         {"lifetimes", child_lifetimes},
    {"receiver", child_receiver}, {"minter", child_minter},
    {"lender", child_lender},
};

uint64_t cycle_count = 200;
uint32_t child_budget_us, child_period_us;

static unsigned attack_count, breach_count;
static struct rt_image image; /* of this program */

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

bool attack_check(bool as_specified, const char *what, const char *answer)
{
    attack_count++;
    if (!as_specified) {
        breach_count++;
    }
    rt_print("  %-6s %s: %s\n", as_specified ? "ok" : "BREACH", what, answer);
    return as_specified;
}

bool attack_status(enum status seen, enum status expected, const char *what)
{
    return attack_check(seen == expected, what, status_name(seen));
}

bool attack_refused(enum status seen, const char *what)
{
    return attack_check(seen != STATUS_OK, what, status_name(seen));
}

uint64_t random_next(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15ull;

    /* xorshift64* (S. Vigna, 2016). */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dull;
}

uint64_t child_start(const char *what, const char *detail, const struct rt_grant *grants,
                     uint32_t grant_count)
{
    const struct rt_text arguments[] = {
        {"hostile", 7}, {"child", 5}, {what, strlen(what)}, {detail, strlen(detail)}};
    struct rt_spawn spawn;
    uint64_t process = 0;
    enum status status;

    rt_spawn_prepare(&spawn, &image, "hostile-child");
    spawn.arguments = arguments;
    spawn.argument_count = ARRAY_COUNT(arguments);
    spawn.grants = grants;
    spawn.grant_count = grant_count;
    spawn.cpu_budget_us = child_budget_us;
    spawn.cpu_period_us = child_period_us;
    status = process_spawn(rt_capability("spawner"), &spawn, &process);
    if (status != STATUS_OK) {
        attack_check(false, "starting a child", status_name(status));
    }
    return process;
}

bool child_wait(uint64_t process, uint64_t *code, enum exit_reason *reason)
{
    uint64_t now;
    enum status status = rt_clock_now(&now);

    if (status == STATUS_OK) {
        status = process_wait(process, now + CHILD_PATIENCE_NS, code, reason);
    }
    if (status != STATUS_OK) {
        attack_check(false, "waiting for a child", status_name(status));
        (void)!process_kill(process);
    }
    capability_release(process);
    return status == STATUS_OK;
}

bool child_check(const char *what, const char *detail, enum exit_reason reason, uint64_t code)
{
    const uint64_t process = child_start(what, detail, NULL, 0);
    enum exit_reason seen_reason;
    uint64_t seen_code;
    char name[64], answer[64];

    if (process == 0 || !child_wait(process, &seen_code, &seen_reason)) {
        return false;
    }
    text_format(name, sizeof(name), "%s %s", what, detail);
    text_format(answer, sizeof(answer), "%s, code %llu", exit_reason_name(seen_reason),
                (unsigned long long)seen_code);
    return attack_check((reason == EXIT_REASON_COUNT || seen_reason == reason) &&
                            (code == UINT64_MAX || code == seen_code),
                        name, answer);
}

static int run_child(const char *what, const char *detail)
{
    for (size_t i = 0; i < ARRAY_COUNT(children); i++) {
        if (same(what, children[i].name)) {
            return children[i].run(detail);
        }
    }
    return CHILD_GIVEN_UP;
}

static void usage(void)
{
    rt_print("usage: hostile [ATTACK]... [CYCLES]; attacks:");
    for (size_t i = 0; i < ARRAY_COUNT(attacks); i++) {
        rt_print(" %s", attacks[i].name);
    }
    rt_print("\n");
}

/** Make one attack and say how it went. */
static void run_attack(size_t index)
{
    const unsigned attacks_before = attack_count, breaches_before = breach_count;

    rt_print("hostile: %s\n", attacks[index].name);
    attacks[index].run();
    rt_print("hostile: %s: %u attacks, %u breaches\n", attacks[index].name,
             attack_count - attacks_before, breach_count - breaches_before);
}

int main(int count, char **arguments)
{
    bool any = false;
    enum status status;

    if (count == 4 && same(arguments[1], "child")) {
        return run_child(arguments[2], arguments[3]);
    }
    status = rt_image_find("hostile", &image);
    if (status != STATUS_OK) {
        rt_print("hostile: own image: %s\n", status_name(status));
        return 2;
    }
    for (int a = 1; a < count; a++) {
        bool known = text_parse_u64(arguments[a], strlen(arguments[a]), &cycle_count) == TEXT_OK;

        for (size_t i = 0; i < ARRAY_COUNT(attacks); i++) {
            known |= same(arguments[a], attacks[i].name);
        }
        if (!known) {
            usage();
            return 2;
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(attacks); i++) {
        for (int a = 1; a < count; a++) {
            if (same(arguments[a], attacks[i].name)) {
                run_attack(i);
                any = true;
            }
        }
    }
    for (size_t i = 0; !any && i < ARRAY_COUNT(attacks); i++) {
        run_attack(i);
    }
    rt_print("hostile: %u attacks, %u breaches\n", attack_count, breach_count);
    return breach_count == 0 ? 0 : 1;
}
