/* SPDX-License-Identifier: MIT */
#include "apps/intxtest/intxtest.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

/* Long: on a busy host it is not the kernel's fault. Short: each is waited for in full. */
#define PATIENCE_MS 60000u
#define SHORT_MS    100u

static const struct {
    const char *name;
    void (*run)(void);
} deeds[] = {
    {"declare", do_declare}, {"refusals", do_refusals}, {"grant", do_grant},
    {"e1000", do_e1000},     {"clean", do_clean},       {"vectors", do_vectors},
    {"count", live_count},   {"cling", live_cling},     {"wait", live_wait},
};

struct device_under_test device;
int word_count;
char **words;

static unsigned check_count, failure_count;

bool check(bool as_specified, const char *what, const char *answer)
{
    check_count++;
    failure_count += !as_specified;
    rt_print("  %-6s %s: %s\n", as_specified ? "ok" : "FAILED", what, answer);
    return as_specified;
}

bool check_status(enum status seen, enum status expected, const char *what)
{
    return check(seen == expected, what, status_name(seen));
}

bool check_number(uint64_t seen, uint64_t expected, const char *what)
{
    char text[64];

    text_format(text, sizeof(text), seen == expected ? "%llu" : "%llu, not %llu",
                (unsigned long long)seen, (unsigned long long)expected);
    return check(seen == expected, what, text);
}

uint64_t soon(uint32_t milliseconds)
{
    uint64_t now = 0;

    if (rt_clock_now(&now) != STATUS_OK) {
        check(false, "the time", "there is no clock");
    }
    return now + milliseconds * RT_NS_PER_MS;
}

bool device_map(void)
{
    uint64_t address;

    if (rt_space_reserve(1, &address) != STATUS_OK ||
        !check_status(device_mmio_map(device.mmio, address, 0, 0, 1), STATUS_OK,
                      "mapping the registers")) {
        return false;
    }
    device.registers = (volatile uint8_t *)(uintptr_t)address;
    return true;
}

bool one_comes(const char *what)
{
    uint64_t count = 0;

    return check_status(interrupt_wait(device.interrupt, soon(PATIENCE_MS), &count), STATUS_OK,
                        what) &&
           check_number(count, 1, "and it is one");
}

void none_comes(const char *what)
{
    uint64_t count = 0;

    check_status(interrupt_wait(device.interrupt, soon(SHORT_MS), &count), STATUS_TIMED_OUT, what);
}

struct interrupt_state interrupt_now(void)
{
    struct interrupt_state state = {0};

    check_status(interrupt_info(device.interrupt, &state), STATUS_OK,
                 "information on the interrupt");
    return state;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";

    word_count = count;
    words = arguments;
    device.mmio = rt_capability("dev.mmio");
    device.interrupt = rt_capability("dev.interrupt");
    for (size_t i = 0; i < ARRAY_COUNT(deeds); i++) {
        if (strlen(deeds[i].name) == strlen(what) &&
            memcmp(deeds[i].name, what, strlen(what)) == 0) {
            deeds[i].run();
            rt_print("intxtest: %u checks, %u failed\n", check_count, failure_count);
            return failure_count == 0 && check_count != 0 ? 0 : 1;
        }
    }
    rt_print("intxtest: no such thing to do\n");
    return 2;
}
