/* SPDX-License-Identifier: MIT */
#include "apps/devtest/devtest.h"

#include "base/compiler.h"
#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/own_image.h"
#include "rt/print.h"
#include "rt/process.h"
#include "rt/spawn.h"
#include "text/text.h"

#define PATIENCE_MS      60000u
#define CHILD_DMA_PAGES  64u
#define CHILD_MMIO_PAGES 16u

static const struct {
    const char *name;
    void (*run)(void);
} trials[] = {
    {"window", try_window},       {"table", try_table},
    {"small", try_small},         {"config", try_config},
    {"pool", try_pool},           {"buffer", try_buffer},
    {"interrupt", try_interrupt}, {"owner", try_owner},
    {"hand", try_hand},           {"part", try_part},
    {"release", try_release},     {"poor", try_poor},
    {"nvme-strange", try_nvme},   {"ats", try_ats},
    {"hasty", try_hasty},         {"stormy", try_stormy},
    {"marks", try_marks},         {"charge", try_charge},
    {"malformed", try_malformed}, {"malformed-rest", try_malformed_rest},
};

static const struct {
    const char *name;
    int (*run)(void);
} lives[] = {
    {"hold", life_hold},          {"load", life_load},           {"crash", life_crash},
    {"leave", life_leave},        {"next", life_next},           {"keep", life_keep},
    {"touch", life_touch},        {"quiet", life_quiet},         {"cling", life_cling},
    {"late", life_late},          {"wait", life_wait},           {"stale", life_stale},
    {"listen", life_listen},      {"deaf", life_deaf},           {"heir", life_heir},
    {"nvme", life_nvme},          {"hoard", life_hoard},         {"child-uses", child_uses},
    {"child-holds", child_holds}, {"child-keeps", child_keeps},  {"parted", life_parted},
    {"takes", life_takes},        {"gone", life_gone},           {"flood", life_flood},
    {"lots", life_lots},          {"donor", life_donor},         {"child-lots", child_lots},
    {"silent", life_silent},      {"misplaced", life_misplaced}, {"child-given-up", child_given_up},
    {"behind", life_behind},
};

struct device_under_test device;

static unsigned check_count, failure_count;

static bool same(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && memcmp(a, b, strlen(a)) == 0;
}

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

bool check_refused(enum status seen, const char *what)
{
    return check(seen != STATUS_OK, what, status_name(seen));
}

bool check_number(uint64_t seen, uint64_t expected, const char *what)
{
    char text[64];

    text_format(text, sizeof(text), seen == expected ? "0x%llx" : "0x%llx, not 0x%llx",
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

/* ------------------------------------------------------------------------------------------
 * The device
 * ------------------------------------------------------------------------------------------ */

bool device_map(void)
{
    uint64_t address;

    if (device.registers != NULL) {
        return true;
    }
    if (rt_space_reserve(1, &address) != STATUS_OK ||
        !check_status(device_mmio_map(device.mmio, address, 0, 0, 1), STATUS_OK,
                      "mapping the registers")) {
        return false;
    }
    device.registers = (volatile uint8_t *)(uintptr_t)address;
    return true;
}

void edu_begin(uint64_t iova, uint32_t bytes, uint32_t flags)
{
    const bool to_memory = (flags & EDU_TO_MEMORY) != 0;

    device_write64(EDU_SOURCE, to_memory ? EDU_BUFFER : iova);
    device_write64(EDU_DESTINATION, to_memory ? iova : EDU_BUFFER);
    device_write64(EDU_COUNT, bytes);
    device_write64(EDU_COMMAND, EDU_START | flags);
}

bool edu_wait(void)
{
    const uint64_t end = soon(PATIENCE_MS);

    while ((device_read64(EDU_COMMAND) & EDU_START) != 0) {
        if (soon(0) > end) {
            return check(false, "the end of a transfer", "it runs on");
        }
        rt_sleep(5 * RT_NS_PER_MS);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------
 * Memory
 * ------------------------------------------------------------------------------------------ */

bool pages_make(struct pages *pages, uint32_t count)
{
    void *address = NULL;
    enum status status = memory_create(count, &pages->memory);

    if (status == STATUS_OK) {
        status = rt_space_map(pages->memory, 0, count, ACCESS_READ_WRITE, &address);
    }
    pages->bytes = address;
    pages->count = count;
    return status == STATUS_OK || check_status(status, STATUS_OK, "making memory");
}

void pages_give(struct pages *pages)
{
    rt_space_unmap(pages->bytes, pages->count);
    capability_release(pages->memory);
}

static uint8_t pattern(uint8_t seed, size_t place)
{
    return (uint8_t)(seed + place * 7 + place / PAGE);
}

void pages_fill(const struct pages *pages, uint8_t seed)
{
    for (size_t i = 0; i < (size_t)pages->count * PAGE; i++) {
        pages->bytes[i] = pattern(seed, i);
    }
}

bool pages_hold(const struct pages *pages, uint8_t seed)
{
    for (size_t i = 0; i < (size_t)pages->count * PAGE; i++) {
        if (((volatile uint8_t *)pages->bytes)[i] != pattern(seed, i)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------------------
 * Children
 * ------------------------------------------------------------------------------------------ */

uint64_t child_start_with(const char *what, const struct rt_grant *grants, uint32_t grant_count,
                          const struct child_budget *budget)
{
    const struct rt_text arguments[] = {{"devtest", 7}, {what, strlen(what)}};
    struct rt_image image;
    struct rt_spawn spawn;
    uint64_t process = 0;
    enum status status = rt_image_find("devtest", &image);

    if (status == STATUS_OK) {
        rt_spawn_prepare(&spawn, &image, "devtest-child");
        spawn.arguments = arguments;
        spawn.argument_count = ARRAY_COUNT(arguments);
        spawn.grants = grants;
        spawn.grant_count = grant_count;
        spawn.frames = budget->frames != 0 ? budget->frames : spawn.frames;
        spawn.cap_slots = budget->slots != 0 ? budget->slots : spawn.cap_slots;
        spawn.objects = budget->slots != 0 ? budget->slots : spawn.objects;
        spawn.dma_pages = budget->dma_pages;
        spawn.mmio_pages = CHILD_MMIO_PAGES;
        spawn.interrupts = 1;
        status = process_spawn(rt_capability("spawner"), &spawn, &process);
    }
    return status == STATUS_OK ? process : 0;
}

uint64_t child_start(const char *what, const struct rt_grant *grants, uint32_t grant_count)
{
    const struct child_budget modest = {.dma_pages = CHILD_DMA_PAGES};

    return child_start_with(what, grants, grant_count, &modest);
}

uint64_t child_wait(uint64_t process)
{
    enum exit_reason reason;
    uint64_t code = UINT64_MAX;
    const enum status status = process_wait(process, soon(PATIENCE_MS), &code, &reason);

    if (status != STATUS_OK) {
        check_status(status, STATUS_OK, "waiting for a child");
        (void)!process_kill(process);
    }
    capability_release(process);
    return status == STATUS_OK && reason == EXIT_REASON_EXITED ? code : UINT64_MAX;
}

/* ------------------------------------------------------------------------------------------ */

static void usage(void)
{
    rt_print("usage: devtest TEST... or devtest LIFE; tests:");
    for (size_t i = 0; i < ARRAY_COUNT(trials); i++) {
        rt_print(" %s", trials[i].name);
    }
    rt_print("; lives:");
    for (size_t i = 0; i < ARRAY_COUNT(lives); i++) {
        rt_print(" %s", lives[i].name);
    }
    rt_print("\n");
}

static void run_test(size_t index)
{
    const unsigned checks_before = check_count, failures_before = failure_count;

    rt_print("devtest: %s\n", trials[index].name);
    trials[index].run();
    rt_print("devtest: %s: %u checks, %u failed\n", trials[index].name, check_count - checks_before,
             failure_count - failures_before);
}

int main(int count, char **arguments)
{
    if (rt_capability("deviceManager") != 0) {
        const int code = manage(count, arguments);

        return failure_count == 0 ? code : 1;
    }
    device.mmio = rt_capability("dev.mmio");
    device.pool = rt_capability("dev.pool");
    device.interrupt = rt_capability("dev.interrupt");
    for (size_t i = 0; count == 2 && i < ARRAY_COUNT(lives); i++) {
        if (same(arguments[1], lives[i].name)) {
            const int code = lives[i].run();

            return failure_count == 0 ? code : 1;
        }
    }
    for (int a = 1; a < count; a++) {
        bool known = false;

        for (size_t i = 0; i < ARRAY_COUNT(trials); i++) {
            if (same(arguments[a], trials[i].name)) {
                run_test(i);
                known = true;
            }
        }
        if (!known) {
            usage();
            return 2;
        }
    }
    if (count < 2) {
        usage();
        return 2;
    }
    rt_print("devtest: %u checks, %u failed\n", check_count, failure_count);
    return failure_count == 0 ? 0 : 1;
}
