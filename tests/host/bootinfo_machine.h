/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For tests of lib/bootinfo: a machine of 1 MiB whose memory a test fills in, a good start info of
 * PVH in it, and what is checked of a map. Include after cmocka.h.
 */

#include "bootinfo/bootinfo.h"

#include <stdlib.h>
#include <string.h>

enum {
    MEMORY_BYTES = 1 << 20,
    START = 0x1000,    /* hvm_start_info or multiboot2 information */
    MAP = 0x2000,      /* PVH memory map */
    MODULES = 0x80000, /* PVH module list */
    LINE = 0x81000,
    NAME = 0x82000,
};

struct machine {
    uint8_t *memory; /* exactly window.limit bytes on the heap: ASan sees what is beyond */
    struct boot_window window;
    uint32_t at; /* where the next multiboot2 tag goes */
};

static inline void put(struct machine *machine, uint64_t address, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        machine->memory[address + i] = (uint8_t)(value >> (8 * i));
    }
}

static inline int setup(void **state)
{
    struct machine *machine = calloc(1, sizeof(*machine));

    assert_non_null(machine);
    machine->memory = calloc(1, MEMORY_BYTES);
    assert_non_null(machine->memory);
    machine->window.base = machine->memory;
    machine->window.limit = MEMORY_BYTES;
    *state = machine;
    return 0;
}

static inline int teardown(void **state)
{
    struct machine *machine = *state;

    free(machine->memory);
    free(machine);
    return 0;
}

/* ------------------------------------------------------------------------------ PVH */

static inline void pvh_entry(struct machine *machine, uint32_t index, uint64_t start,
                             uint64_t bytes, uint32_t type)
{
    put(machine, MAP + index * 24, 8, start);
    put(machine, MAP + index * 24 + 8, 8, bytes);
    put(machine, MAP + index * 24 + 16, 4, type);
    put(machine, START + 48, 4, index + 1);
}

static inline void pvh_good(struct machine *machine)
{
    put(machine, START, 4, 0x336ec578);
    put(machine, START + 4, 4, 1);
    put(machine, START + 12, 4, 2);
    put(machine, START + 16, 8, MODULES);
    put(machine, START + 24, 8, LINE);
    put(machine, START + 32, 8, 0xf5b20);
    put(machine, START + 40, 8, MAP);
    strcpy((char *)machine->memory + LINE, "console=ttyS0 quiet");
    put(machine, MODULES, 8, 0x3000000);
    put(machine, MODULES + 8, 8, 0x12345);
    put(machine, MODULES + 16, 8, NAME);
    strcpy((char *)machine->memory + NAME, "boot package");
    put(machine, MODULES + 32, 8, 0x4000000);
    put(machine, MODULES + 40, 8, 1);
    pvh_entry(machine, 0, 0, 0x9fc00, 1);
    pvh_entry(machine, 1, 0x9fc00, 0x400, 2);
    pvh_entry(machine, 2, 0xf0000, 0x10000, 2);
    pvh_entry(machine, 3, 0x100000, 0x7ee0000 - 0x100000, 1);
    pvh_entry(machine, 4, 0x7ee0000, 0x20000, 3);
}

static inline enum boot_error pvh_read(struct machine *machine, struct boot_info *info,
                                       struct boot_fault *fault)
{
    memset(info, 0x55, sizeof(*info));
    return boot_info_from_pvh(&machine->window, START, info, fault);
}

/* ------------------------------------------------------------------------------ refusals */

/** What one row of a table writes over something good. */
struct patch {
    uint64_t address;
    size_t width;
    uint64_t value;
};

struct refusal {
    const char *what;
    struct patch patches[3];
    enum boot_error error;
    uint64_t fault_address;
};

static inline void check_refusals(struct machine *machine, const struct refusal *cases,
                                  size_t count, void (*good)(struct machine *),
                                  enum boot_error (*read)(struct machine *, struct boot_info *,
                                                          struct boot_fault *))
{
    for (size_t i = 0; i < count; i++) {
        struct boot_fault fault = {BOOT_OK, 0};
        struct boot_info info;

        memset(machine->memory, 0, MEMORY_BYTES);
        good(machine);
        for (size_t k = 0; k < ARRAY_COUNT(cases[i].patches) && cases[i].patches[k].width; k++) {
            put(machine, cases[i].patches[k].address, cases[i].patches[k].width,
                cases[i].patches[k].value);
        }
        read(machine, &info, &fault);
        if (fault.error != cases[i].error || fault.address != cases[i].fault_address) {
            fail_msg("%s: %s at %#llx", cases[i].what, boot_error_name(fault.error),
                     (unsigned long long)fault.address);
        }
    }
}

/* ------------------------------------------------------------------------------ maps */

static inline void check_range(const struct boot_info *info, uint32_t index, uint64_t start,
                               uint64_t end, enum boot_memory type)
{
    assert_in_range(index, 0, info->range_count - 1);
    assert_int_equal(info->ranges[index].start, start);
    assert_int_equal(info->ranges[index].end, end);
    assert_string_equal(boot_memory_name(info->ranges[index].type), boot_memory_name(type));
}

/* Whether the map keeps B1 and B2. */
static inline void check_map_shape(const struct boot_info *info)
{
    assert_in_range(info->range_count, 1, BOOT_RANGES_MAX);
    for (uint32_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];

        assert_int_equal((range->start | range->end) % BOOT_PAGE_BYTES, 0);
        assert_true(range->start < range->end);
        assert_true(range->end <= (uint64_t)1 << 52);
        if (i > 0) {
            assert_true(range[-1].end <= range->start);
            assert_false(range[-1].end == range->start && range[-1].type == range->type);
        }
    }
}

/* The type of a page in the map, -1 if it is in none. */
static inline int page_type(const struct boot_info *info, uint64_t page)
{
    const uint64_t address = page * BOOT_PAGE_BYTES;

    for (uint32_t i = 0; i < info->range_count; i++) {
        if (address >= info->ranges[i].start && address < info->ranges[i].end) {
            return (int)info->ranges[i].type;
        }
    }
    return -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
