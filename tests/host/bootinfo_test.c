/* SPDX-License-Identifier: MIT */

/*
 * lib/bootinfo: a machine of 1 MiB whose memory a test fills in, read as PVH and as multiboot2.
 * The map is compared page by page with a naive one (most restrictive entry wins); every refusal
 * has a row in a table. The seed is printed; CAPOS_SEED repeats a run.
 */

#include "bootinfo/bootinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

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

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void random_seed(void)
{
    const char *given = getenv("CAPOS_SEED");

    random_state = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
    random_state |= 1;
    print_message("CAPOS_SEED=%llu\n", (unsigned long long)random_state);
}

static void put(struct machine *machine, uint64_t address, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        machine->memory[address + i] = (uint8_t)(value >> (8 * i));
    }
}

static int setup(void **state)
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

static int teardown(void **state)
{
    struct machine *machine = *state;

    free(machine->memory);
    free(machine);
    return 0;
}

/* ---------------------------------------------------------------------------------- PVH */

static void pvh_entry(struct machine *machine, uint32_t index, uint64_t start, uint64_t bytes,
                      uint32_t type)
{
    put(machine, MAP + index * 24, 8, start);
    put(machine, MAP + index * 24 + 8, 8, bytes);
    put(machine, MAP + index * 24 + 16, 4, type);
    put(machine, START + 48, 4, index + 1);
}

static void pvh_good(struct machine *machine)
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

static enum boot_error pvh_read(struct machine *machine, struct boot_info *info,
                                struct boot_fault *fault)
{
    memset(info, 0x55, sizeof(*info));
    return boot_info_from_pvh(&machine->window, START, info, fault);
}

static void check_range(const struct boot_info *info, uint32_t index, uint64_t start, uint64_t end,
                        enum boot_memory type)
{
    assert_in_range(index, 0, info->range_count - 1);
    assert_int_equal(info->ranges[index].start, start);
    assert_int_equal(info->ranges[index].end, end);
    assert_string_equal(boot_memory_name(info->ranges[index].type), boot_memory_name(type));
}

static void test_pvh_good(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault = {BOOT_OK, 0};
    struct boot_info info;

    pvh_good(machine);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.range_count, 5);
    check_range(&info, 0, 0, 0x9f000, BOOT_MEMORY_USABLE);
    check_range(&info, 1, 0x9f000, 0xa0000, BOOT_MEMORY_RESERVED);
    check_range(&info, 2, 0xf0000, 0x100000, BOOT_MEMORY_RESERVED);
    check_range(&info, 3, 0x100000, 0x7ee0000, BOOT_MEMORY_USABLE);
    check_range(&info, 4, 0x7ee0000, 0x7f00000, BOOT_MEMORY_ACPI);
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.modules[0].address, 0x3000000);
    assert_int_equal(info.modules[0].bytes, 0x12345);
    assert_string_equal(info.modules[0].name, "boot package");
    assert_string_equal(info.modules[1].name, "");
    assert_string_equal(info.command_line, "console=ttyS0 quiet");
    assert_int_equal(info.rsdp_address, 0xf5b20);
    assert_int_equal(info.loader_address, START);
    assert_int_equal(info.loader_bytes, 56);
    assert_int_equal(info.truncated, 0);
    assert_int_equal(info.ignored_entries, 0);

    assert_true(boot_info_is_usable(&info, 0, 0x9f000));
    assert_false(boot_info_is_usable(&info, 0, 0x9f001));
    assert_true(boot_info_is_usable(&info, 0x7edffff, 1));
    assert_false(boot_info_is_usable(&info, 0x7ee0000, 1));
    assert_false(boot_info_is_usable(&info, 0xa0000, 1));
    assert_false(boot_info_is_usable(&info, 0x100000, UINT64_MAX));
    assert_false(boot_info_is_usable(&info, UINT64_MAX, 1));
}

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

static void check_refusals(struct machine *machine, const struct refusal *cases, size_t count,
                           void (*good)(struct machine *),
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

static void test_pvh_table(void **state)
{
    static const struct refusal cases[] = {
        {"as it is", {{0}}, BOOT_OK, 0},
        {"a later version", {{START + 4, 4, 7}}, BOOT_OK, 0},
        {"no modules, so no list", {{START + 12, 4, 0}, {START + 16, 8, UINT64_MAX}}, BOOT_OK, 0},
        {"no command line", {{START + 24, 8, 0}}, BOOT_OK, 0},
        {"string in the last byte", {{START + 24, 8, MEMORY_BYTES - 1}}, BOOT_OK, 0},
        {"magic", {{START, 4, 0x336ec579}}, BOOT_BAD_MAGIC, START},
        {"version 0 has no map", {{START + 4, 4, 0}}, BOOT_NO_MEMORY_MAP, START},
        {"empty map", {{START + 48, 4, 0}}, BOOT_NO_MEMORY_MAP, START},
        {"map without memory", {{START + 48, 4, 1}, {MAP + 8, 8, 0}}, BOOT_NO_MEMORY_MAP, START},
        {"command line outside", {{START + 24, 8, MEMORY_BYTES}}, BOOT_OUTSIDE_WINDOW, START + 24},
        {"command line far outside",
         {{START + 24, 8, UINT64_MAX}},
         BOOT_OUTSIDE_WINDOW,
         START + 24},
        {"module list at 0", {{START + 16, 8, 0}}, BOOT_OUTSIDE_WINDOW, START + 16},
        {"module list leaves the window",
         {{START + 16, 8, MEMORY_BYTES - 63}},
         BOOT_OUTSIDE_WINDOW,
         START + 16},
        {"2^32 - 1 modules", {{START + 12, 4, UINT32_MAX}}, BOOT_OUTSIDE_WINDOW, START + 16},
        {"module list wraps", {{START + 16, 8, UINT64_MAX - 8}}, BOOT_OUTSIDE_WINDOW, START + 16},
        {"module name outside",
         {{MODULES + 48, 8, MEMORY_BYTES}},
         BOOT_OUTSIDE_WINDOW,
         MODULES + 48},
        {"module size wraps", {{MODULES + 40, 8, UINT64_MAX - 100}}, BOOT_BAD_MODULE, MODULES + 40},
        {"module beyond physical memory",
         {{MODULES, 8, ((uint64_t)1 << 52) - 0x12344}},
         BOOT_BAD_MODULE,
         MODULES + 8},
        {"map at 0", {{START + 40, 8, 0}}, BOOT_OUTSIDE_WINDOW, START + 40},
        {"map leaves the window",
         {{START + 40, 8, MEMORY_BYTES - 5 * 24 + 1}},
         BOOT_OUTSIDE_WINDOW,
         START + 40},
        {"map wraps", {{START + 40, 8, UINT64_MAX}}, BOOT_OUTSIDE_WINDOW, START + 40},
        {"too many entries",
         {{START + 48, 4, BOOT_MAP_ENTRIES_MAX + 1}},
         BOOT_TOO_MANY_ENTRIES,
         START + 48},
    };

    check_refusals(*state, cases, ARRAY_COUNT(cases), pvh_good, pvh_read);
}

/* The structure itself at the end of the window and beyond. */
static void test_pvh_place(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    memmove(machine->memory + MEMORY_BYTES - 56, machine->memory + START, 56);
    assert_int_equal(boot_info_from_pvh(&machine->window, MEMORY_BYTES - 56, &info, &fault),
                     BOOT_OK);
    memmove(machine->memory + MEMORY_BYTES - 55, machine->memory + START, 55);
    assert_int_equal(boot_info_from_pvh(&machine->window, MEMORY_BYTES - 55, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
    assert_int_equal(fault.address, MEMORY_BYTES - 55 + 40);
    assert_int_equal(boot_info_from_pvh(&machine->window, MEMORY_BYTES - 39, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
    assert_int_equal(fault.address, MEMORY_BYTES - 39);
    assert_int_equal(boot_info_from_pvh(&machine->window, UINT64_MAX - 3, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
}

/* Strings: none at all, and one that the window ends. */
static void test_pvh_strings(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    put(machine, START + 24, 8, 0);
    machine->memory[0] = 'x';
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_string_equal(info.command_line, "");

    put(machine, START + 24, 8, MEMORY_BYTES - 3);
    memcpy(machine->memory + MEMORY_BYTES - 3, "end", 3);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_string_equal(info.command_line, "end");
}

static void test_truncation(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    memset(machine->memory + LINE, 'x', BOOT_COMMAND_LINE_BYTES - 1);
    memset(machine->memory + NAME, 'y', BOOT_MODULE_NAME_BYTES - 1);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.truncated, 0);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_BYTES - 1);

    machine->memory[LINE + BOOT_COMMAND_LINE_BYTES - 1] = 'x';
    machine->memory[NAME + BOOT_MODULE_NAME_BYTES - 1] = 'y';
    for (uint32_t i = 0; i < BOOT_MODULES_MAX; i++) {
        put(machine, MODULES + 32 * (uint64_t)i, 8, 0x100000 + i);
    }
    put(machine, START + 12, 4, BOOT_MODULES_MAX);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.truncated, BOOT_TRUNCATED_COMMAND_LINE | BOOT_TRUNCATED_MODULE_NAME);
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE_BYTES - 1);
    assert_int_equal(strlen(info.modules[0].name), BOOT_MODULE_NAME_BYTES - 1);
    assert_int_equal(info.module_count, BOOT_MODULES_MAX);

    put(machine, START + 12, 4, 300);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.truncated, BOOT_TRUNCATED_COMMAND_LINE | BOOT_TRUNCATED_MODULE_NAME |
                                         BOOT_TRUNCATED_MODULES);
    assert_int_equal(info.module_count, BOOT_MODULES_MAX);
}

/* ---------------------------------------------------------------------------- memory map */

enum { PAGES = 2048 };

/* Whether the map keeps B1 and B2. */
static void check_map_shape(const struct boot_info *info)
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
static int page_type(const struct boot_info *info, uint64_t page)
{
    const uint64_t address = page * BOOT_PAGE_BYTES;

    for (uint32_t i = 0; i < info->range_count; i++) {
        if (address >= info->ranges[i].start && address < info->ranges[i].end) {
            return (int)info->ranges[i].type;
        }
    }
    return -1;
}

static void random_maps(struct machine *machine, uint32_t entries, uint64_t longest)
{
    static const int8_t meaning[] = {
        BOOT_MEMORY_RESERVED, BOOT_MEMORY_USABLE, BOOT_MEMORY_RESERVED, BOOT_MEMORY_ACPI,
        BOOT_MEMORY_NVS,      BOOT_MEMORY_BAD,    BOOT_MEMORY_RESERVED, BOOT_MEMORY_RESERVED};
    static int8_t model[PAGES];
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    memset(model, -1, sizeof(model));
    for (uint32_t i = 0; i < entries; i++) {
        const uint64_t start = random_next() % (PAGES * BOOT_PAGE_BYTES - longest);
        const uint64_t bytes = random_next() % longest;
        const uint32_t type = random_next() % 2 == 0 ? 1 : (uint32_t)(random_next() % 8);
        const int8_t means = meaning[type];
        uint64_t first = start / BOOT_PAGE_BYTES;
        uint64_t last = (start + bytes + BOOT_PAGE_BYTES - 1) / BOOT_PAGE_BYTES;

        pvh_entry(machine, i, start, bytes, type);
        if (means == BOOT_MEMORY_USABLE) {
            first = (start + BOOT_PAGE_BYTES - 1) / BOOT_PAGE_BYTES;
            last = (start + bytes) / BOOT_PAGE_BYTES;
        } else if (bytes == 0) {
            continue;
        }
        for (uint64_t page = first; page < last; page++) {
            model[page] = means > model[page] ? means : model[page];
        }
    }
    pvh_entry(machine, entries, (uint64_t)PAGES * BOOT_PAGE_BYTES + 0x10000, 0x1000, 1);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    check_map_shape(&info);
    for (uint64_t page = 0; page < PAGES; page++) {
        const int type = page_type(&info, page);

        if (info.truncated == 0) {
            assert_int_equal(type, model[page]);
        } else if (type == BOOT_MEMORY_USABLE) {
            assert_int_equal(model[page], BOOT_MEMORY_USABLE); /* B5 */
        }
    }
}

static void test_random_maps(void **state)
{
    for (int i = 0; i < 300; i++) {
        random_maps(*state, 1 + (uint32_t)(random_next() % 60), 0x100000);
        random_maps(*state, 1 + (uint32_t)(random_next() % 60), 0x3000);
    }
}

static void test_random_maps_truncated(void **state)
{
    for (int i = 0; i < 40; i++) {
        random_maps(*state, 1500, 0x2800);
        random_maps(*state, 1500, 0x8000);
    }
}

/* One usable range and holes in it, more than fit: nothing usable is left where a hole was. */
static void test_map_full(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    pvh_good(machine);
    pvh_entry(machine, 0, 0, 0x1000000, 1);
    for (uint32_t i = 0; i < 300; i++) {
        pvh_entry(machine, 1 + i, 0x2000 * (uint64_t)(i + 1), 0x1000, 2);
    }
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    check_map_shape(&info);
    assert_int_equal(info.truncated, BOOT_TRUNCATED_RANGES);
    for (uint64_t i = 0; i < 300; i++) {
        assert_int_equal(page_type(&info, 2 * (i + 1)), BOOT_MEMORY_RESERVED);
    }
    assert_int_equal(page_type(&info, 0), BOOT_MEMORY_USABLE);

    /* 256 ranges, a reserved one that finds no room, then usable memory over all of it. */
    for (uint32_t i = 0; i < 256; i++) {
        pvh_entry(machine, i, 0x2000 * (uint64_t)i, 0x1000, i % 2 == 0 ? 1 : 3);
    }
    pvh_entry(machine, 256, 0x3000000, 0x1000, 2);
    pvh_entry(machine, 257, 0, 0x1000000, 5);
    pvh_entry(machine, 258, 0x2000000, 0x2000000, 1);
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    check_map_shape(&info);
    assert_int_equal(info.truncated, BOOT_TRUNCATED_RANGES);
    assert_int_equal(page_type(&info, 0x3000), -1);
    assert_int_equal(page_type(&info, 0), BOOT_MEMORY_BAD);
}

static void test_map_extremes(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;
    const uint64_t top = (uint64_t)1 << 52;

    pvh_good(machine);
    pvh_entry(machine, 0, 0x1000, UINT64_MAX, 1);      /* ignored: a lie about memory */
    pvh_entry(machine, 1, top - 0x1000, 0x1000, 1);    /* the last page there can be */
    pvh_entry(machine, 2, top - 0x800, UINT64_MAX, 2); /* clipped, and wins */
    pvh_entry(machine, 3, UINT64_MAX - 5, 3, 2);       /* nowhere */
    pvh_entry(machine, 4, 0x5800, 0x7ff, 1);           /* no whole page */
    pvh_entry(machine, 5, 0x6fff, 1, 2);               /* a byte takes a page */
    pvh_entry(machine, 6, 0x4000, 0x4000, 1);
    pvh_entry(machine, 7, 0x5800, 0, 2);        /* nothing at all */
    pvh_entry(machine, 8, top << 4, 0x1000, 1); /* ignored: beyond physical memory */
    assert_int_equal(pvh_read(machine, &info, &fault), BOOT_OK);
    check_map_shape(&info);
    assert_int_equal(info.ignored_entries, 2);
    assert_int_equal(info.range_count, 4);
    check_range(&info, 0, 0x4000, 0x6000, BOOT_MEMORY_USABLE);
    check_range(&info, 1, 0x6000, 0x7000, BOOT_MEMORY_RESERVED);
    check_range(&info, 2, 0x7000, 0x8000, BOOT_MEMORY_USABLE);
    check_range(&info, 3, top - 0x1000, top, BOOT_MEMORY_RESERVED);
}

/* ---------------------------------------------------------------------------- multiboot2 */

/* Append a tag; returns its physical address. The total size follows. */
static uint64_t tag(struct machine *machine, uint32_t type, const void *body, uint32_t bytes)
{
    const uint64_t place = START + machine->at;

    put(machine, place, 4, type);
    put(machine, place + 4, 4, 8 + bytes);
    if (bytes != 0) {
        memcpy(machine->memory + place + 8, body, bytes);
    }
    machine->at += (8 + bytes + 7) & ~7u;
    put(machine, START, 4, machine->at);
    return place;
}

struct acpi_entry {
    uint64_t base;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};

struct efi_entry {
    uint32_t type;
    uint32_t padding;
    uint64_t start;
    uint64_t virtual_start;
    uint64_t pages;
    uint64_t attribute;
    uint64_t later; /* descriptors grow: 48 bytes is what firmware makes today */
};

static void acpi_map(struct machine *machine, const struct acpi_entry *entries, uint32_t count)
{
    uint8_t body[8 + 16 * sizeof(*entries)] = {24, 0, 0, 0, 0, 0, 0, 0};

    memcpy(body + 8, entries, count * sizeof(*entries));
    tag(machine, 6, body, 8 + count * (uint32_t)sizeof(*entries));
}

static void efi_map(struct machine *machine, const struct efi_entry *entries, uint32_t count)
{
    uint8_t body[8 + 16 * sizeof(*entries)] = {48, 0, 0, 0, 1, 0, 0, 0};

    memcpy(body + 8, entries, count * sizeof(*entries));
    tag(machine, 17, body, 8 + count * (uint32_t)sizeof(*entries));
}

enum {
    MB_LINE = START + 8,
    MB_MODULE = MB_LINE + 24,
    MB_FRAMEBUFFER = MB_MODULE + 24,
    MB_MAP = MB_FRAMEBUFFER + 40,
    MB_RSDP = MB_MAP + 16 + 3 * 24,
    MB_END = MB_RSDP + 32,
};

static void mb_good(struct machine *machine)
{
    static const struct acpi_entry map[] = {
        {0, 0x9fc00, 1, 0}, {0x100000, 0x7f00000, 1, 0}, {0xfffc0000, 0x40000, 2, 0}};
    uint8_t module[16] = {0, 0x30, 0, 0, 0x34, 0x32, 0, 0, 'p', 'k', 'g', 0};
    uint8_t framebuffer[32] = {0};
    uint8_t rsdp[20] = "RSD PTR ";

    machine->at = 8;
    assert_int_equal(tag(machine, 1, "root=/dev/sda", 14), MB_LINE);
    assert_int_equal(tag(machine, 3, module, 12), MB_MODULE);
    assert_int_equal(tag(machine, 8, framebuffer, 31), MB_FRAMEBUFFER);
    acpi_map(machine, map, 3);
    assert_int_equal(tag(machine, 14, rsdp, 20), MB_RSDP);
    assert_int_equal(tag(machine, 0, NULL, 0), MB_END);
}

static enum boot_error mb_read(struct machine *machine, struct boot_info *info,
                               struct boot_fault *fault)
{
    memset(info, 0x55, sizeof(*info));
    return boot_info_from_multiboot2(&machine->window, START, info, fault);
}

static void test_multiboot2_good(void **state)
{
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    mb_good(machine);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.range_count, 3);
    check_range(&info, 0, 0, 0x9f000, BOOT_MEMORY_USABLE);
    check_range(&info, 1, 0x100000, 0x8000000, BOOT_MEMORY_USABLE);
    check_range(&info, 2, 0xfffc0000, 0x100000000, BOOT_MEMORY_RESERVED);
    assert_int_equal(info.module_count, 1);
    assert_int_equal(info.modules[0].address, 0x3000);
    assert_int_equal(info.modules[0].bytes, 0x234);
    assert_string_equal(info.modules[0].name, "pkg");
    assert_string_equal(info.command_line, "root=/dev/sda");
    assert_int_equal(info.rsdp_address, MB_RSDP + 8);
    assert_int_equal(info.loader_address, START);
    assert_int_equal(info.loader_bytes, MB_END + 8 - START);
    assert_int_equal(info.truncated, 0);
}

static void test_multiboot2_table(void **state)
{
    static const struct refusal cases[] = {
        {"as it is", {{0}}, BOOT_OK, 0},
        {"an unknown tag", {{MB_RSDP, 4, 4711}}, BOOT_OK, 0},
        {"a string without its zero byte", {{MB_LINE + 8 + 13, 1, '!'}}, BOOT_OK, 0},
        {"an entry cut short is ignored", {{MB_MAP + 4, 4, 16 + 3 * 24 - 1}}, BOOT_OK, 0},
        {"total size of 7", {{START, 4, 7}}, BOOT_BAD_SIZE, START},
        {"total size leaves the window",
         {{START, 4, MEMORY_BYTES - START + 1}},
         BOOT_OUTSIDE_WINDOW,
         START},
        {"no tags", {{START, 4, 8}}, BOOT_NO_END_TAG, START + 8},
        {"no end tag", {{START, 4, MB_END - START}}, BOOT_NO_END_TAG, MB_END},
        {"half an end tag", {{START, 4, MB_END + 7 - START}}, BOOT_NO_END_TAG, MB_END},
        {"total ends in a tag's padding",
         {{START, 4, MB_MODULE - 2 - START}},
         BOOT_NO_END_TAG,
         MB_MODULE},
        {"tag of size 0", {{MB_MODULE + 4, 4, 0}}, BOOT_BAD_SIZE, MB_MODULE + 4},
        {"tag of size 7", {{MB_FRAMEBUFFER + 4, 4, 7}}, BOOT_BAD_SIZE, MB_FRAMEBUFFER + 4},
        {"tag leaves the structure",
         {{MB_RSDP + 4, 4, MB_END + 8 - MB_RSDP + 1}},
         BOOT_BAD_SIZE,
         MB_RSDP + 4},
        {"tag of 4 GiB", {{MB_RSDP + 4, 4, UINT32_MAX}}, BOOT_BAD_SIZE, MB_RSDP + 4},
        {"end tag of size 0", {{MB_END + 4, 4, 0}}, BOOT_BAD_SIZE, MB_END + 4},
        {"module tag too short",
         {{MB_MODULE + 4, 4, 15}, {MB_MODULE + 16, 4, 99}, {MB_MODULE + 20, 4, 8}},
         BOOT_BAD_SIZE,
         MB_MODULE + 4},
        {"module ends before it starts",
         {{MB_MODULE + 12, 4, 0x2fff}},
         BOOT_BAD_MODULE,
         MB_MODULE + 12},
        {"map tag too short",
         {{MB_MAP + 4, 4, 15}, {MB_MAP + 16, 4, 99}, {MB_MAP + 20, 4, 72}},
         BOOT_BAD_SIZE,
         MB_MAP + 4},
        {"map entries of 0 bytes", {{MB_MAP + 8, 4, 0}}, BOOT_BAD_ENTRY_SIZE, MB_MAP + 8},
        {"map entries of 23 bytes", {{MB_MAP + 8, 4, 23}}, BOOT_BAD_ENTRY_SIZE, MB_MAP + 8},
        {"map entries larger than the tag",
         {{MB_MAP + 8, 4, UINT32_MAX}},
         BOOT_NO_MEMORY_MAP,
         START},
        {"EFI descriptors of 24 bytes", {{MB_MAP, 4, 17}}, BOOT_BAD_ENTRY_SIZE, MB_MAP + 8},
        {"old RSDP too short", {{MB_RSDP + 4, 4, 27}}, BOOT_BAD_SIZE, MB_RSDP + 4},
        {"new RSDP too short", {{MB_RSDP, 4, 15}}, BOOT_BAD_SIZE, MB_RSDP + 4},
        {"no map", {{MB_MAP, 4, 8}}, BOOT_NO_MEMORY_MAP, START},
    };
    struct machine *machine = *state;
    struct boot_fault fault;
    struct boot_info info;

    check_refusals(machine, cases, ARRAY_COUNT(cases), mb_good, mb_read);
    assert_int_equal(boot_info_from_multiboot2(&machine->window, START + 4, &info, &fault),
                     BOOT_BAD_MAGIC);
    assert_int_equal(boot_info_from_multiboot2(&machine->window, MEMORY_BYTES - 4, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
    assert_int_equal(boot_info_from_multiboot2(&machine->window, UINT64_MAX, &info, &fault),
                     BOOT_OUTSIDE_WINDOW);
}

/* Entries of all tags together are limited. */
static void test_multiboot2_too_many_entries(void **state)
{
    struct machine *machine = *state;
    const uint32_t half = (BOOT_MAP_ENTRIES_MAX / 2 + 1) * 24;
    uint8_t *body = calloc(1, 8 + half);
    struct boot_fault fault;
    struct boot_info info;
    uint64_t second;

    assert_non_null(body);
    body[0] = 24;
    mb_good(machine);
    machine->at -= 8;
    tag(machine, 6, body, 8 + half - 5 * 24);
    tag(machine, 6, body, 8 + half);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    mb_good(machine);
    machine->at -= 8;
    tag(machine, 6, body, 8 + half - 4 * 24);
    second = tag(machine, 6, body, 8 + half);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_TOO_MANY_ENTRIES);
    assert_int_equal(fault.address, second + 4);
    free(body);
}

static void test_efi_map(void **state)
{
    struct machine *machine = *state;
    static const enum boot_memory expected[] = {
        BOOT_MEMORY_RESERVED, BOOT_MEMORY_USABLE,   BOOT_MEMORY_USABLE,   BOOT_MEMORY_USABLE,
        BOOT_MEMORY_USABLE,   BOOT_MEMORY_RESERVED, BOOT_MEMORY_RESERVED, BOOT_MEMORY_USABLE,
        BOOT_MEMORY_BAD,      BOOT_MEMORY_ACPI,     BOOT_MEMORY_NVS,      BOOT_MEMORY_RESERVED,
        BOOT_MEMORY_RESERVED, BOOT_MEMORY_RESERVED, BOOT_MEMORY_RESERVED, BOOT_MEMORY_RESERVED,
    };
    struct efi_entry map[16] = {0};
    struct boot_fault fault;
    struct boot_info info;

    /* One page of every type, and a hole behind it. */
    for (uint32_t i = 0; i < 16; i++) {
        map[i].type = i;
        map[i].start = (uint64_t)i * 0x2000;
        map[i].pages = 1;
        map[i].attribute = 0xf;
    }
    machine->at = 8;
    efi_map(machine, map, 16);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    for (uint64_t i = 0; i < 16; i++) {
        assert_int_equal(page_type(&info, 2 * i), expected[i]);
        assert_int_equal(page_type(&info, 2 * i + 1), -1);
    }

    /* The same while boot services run, which the loader says behind the map. */
    machine->at -= 8;
    tag(machine, 18, NULL, 0);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    for (uint64_t i = 0; i < 16; i++) {
        assert_int_equal(page_type(&info, 2 * i),
                         i == 3 || i == 4 ? BOOT_MEMORY_RESERVED : expected[i]);
    }

    /* Memory set aside for a purpose; page counts that overflow; both maps over each other. */
    map[0] = (struct efi_entry){.type = 7, .start = 0x10000, .pages = 4, .attribute = 0x40000};
    map[1] = (struct efi_entry){.type = 7, .start = 0x20000, .pages = UINT64_MAX};
    map[2] = (struct efi_entry){.type = 7, .start = 0x20000, .pages = (uint64_t)1 << 52};
    map[3] = (struct efi_entry){.type = 7, .start = 0x100000, .pages = 0x200};
    map[4] = (struct efi_entry){.type = 6, .start = 0x180000, .pages = 1};
    machine->at = 8;
    efi_map(machine, map, 5);
    acpi_map(machine, &(struct acpi_entry){.base = 0x100000, .bytes = 0x100000, .type = 1}, 1);
    acpi_map(machine, &(struct acpi_entry){.base = 0x1f0000, .bytes = 0x20000, .type = 4}, 1);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    check_map_shape(&info);
    assert_int_equal(info.ignored_entries, 2);
    assert_int_equal(info.range_count, 6);
    check_range(&info, 0, 0x10000, 0x14000, BOOT_MEMORY_RESERVED);
    check_range(&info, 1, 0x100000, 0x180000, BOOT_MEMORY_USABLE);
    check_range(&info, 2, 0x180000, 0x181000, BOOT_MEMORY_RESERVED);
    check_range(&info, 3, 0x181000, 0x1f0000, BOOT_MEMORY_USABLE);
    check_range(&info, 4, 0x1f0000, 0x210000, BOOT_MEMORY_NVS);
    check_range(&info, 5, 0x210000, 0x300000, BOOT_MEMORY_USABLE);
}

static void test_rsdp_and_command_line_choice(void **state)
{
    struct machine *machine = *state;
    static const struct acpi_entry map = {0, 0x10000, 1, 0};
    static const uint8_t rsdp[36];
    struct boot_fault fault;
    struct boot_info info;
    uint64_t new;

    machine->at = 8;
    acpi_map(machine, &map, 1);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.rsdp_address, 0);
    assert_string_equal(info.command_line, "");

    machine->at -= 8;
    new = tag(machine, 15, rsdp, 36);
    tag(machine, 14, rsdp, 20);
    tag(machine, 1, "first", 6);
    tag(machine, 1, "second", 7);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.rsdp_address, new + 8);
    assert_string_equal(info.command_line, "first");

    machine->at = 8;
    acpi_map(machine, &map, 1);
    tag(machine, 14, rsdp, 20);
    new = tag(machine, 15, rsdp, 36);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.rsdp_address, new + 8);
}

/** A system table of UEFI with configuration tables, at these places. */
enum { EFI_SYSTEM = 0x3000, EFI_TABLES = 0x3100 };

static const uint8_t acpi_20[16] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                    0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
static const uint8_t acpi_10[16] = {0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11,
                                    0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d};

static void efi_table(struct machine *machine, uint32_t index, const uint8_t guid[16],
                      uint64_t address)
{
    memcpy(machine->memory + EFI_TABLES + index * 24, guid, 16);
    put(machine, EFI_TABLES + index * 24 + 16, 8, address);
}

static uint64_t efi_rsdp(struct machine *machine)
{
    static const struct acpi_entry map = {0, 0x10000, 1, 0};
    uint8_t pointer[8] = {EFI_SYSTEM & 0xff, EFI_SYSTEM >> 8};
    struct boot_fault fault;
    struct boot_info info;

    machine->at = 8;
    acpi_map(machine, &map, 1);
    tag(machine, 12, pointer, 8);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    return info.rsdp_address;
}

/** The RSDP of UEFI's configuration tables; whatever is wrong there keeps nobody from booting. */
static void test_rsdp_from_efi(void **state)
{
    struct machine *machine = *state;
    static const uint8_t other[16] = {1, 2, 3};
    static const struct acpi_entry map = {0, 0x10000, 1, 0};
    struct boot_fault fault;
    struct boot_info info;
    uint64_t old;

    assert_int_equal(efi_rsdp(machine), 0); /* no signature */
    memcpy(machine->memory + EFI_SYSTEM, "IBI SYST", 8);
    assert_int_equal(efi_rsdp(machine), 0); /* no tables */
    put(machine, EFI_SYSTEM + 104, 8, 3);
    put(machine, EFI_SYSTEM + 112, 8, EFI_TABLES);
    efi_table(machine, 0, other, 0x1111);
    assert_int_equal(efi_rsdp(machine), 0);
    efi_table(machine, 1, acpi_10, 0x2222);
    assert_int_equal(efi_rsdp(machine), 0x2222);
    efi_table(machine, 2, acpi_20, 0x123456789);
    assert_int_equal(efi_rsdp(machine), 0x123456789);
    put(machine, EFI_SYSTEM + 104, 8, 2); /* the third one does not count */
    assert_int_equal(efi_rsdp(machine), 0x2222);
    put(machine, EFI_SYSTEM + 104, 8, UINT64_MAX); /* up to the end of the window */
    assert_int_equal(efi_rsdp(machine), 0x123456789);
    put(machine, EFI_SYSTEM + 112, 8, MEMORY_BYTES - 40); /* one, and a part of another */
    assert_int_equal(efi_rsdp(machine), 0);
    put(machine, EFI_SYSTEM + 112, 8, UINT64_MAX - 8);
    assert_int_equal(efi_rsdp(machine), 0);

    /* A copy of the RSDP in a tag is better, and a tag that is too short is refused. */
    put(machine, EFI_SYSTEM + 112, 8, EFI_TABLES);
    machine->at = 8;
    acpi_map(machine, &map, 1);
    tag(machine, 12, "\0\x30\0\0\0\0\0", 8);
    old = tag(machine, 14, "RSD PTR ............", 20);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_OK);
    assert_int_equal(info.rsdp_address, old + 8);
    machine->at = 8;
    acpi_map(machine, &map, 1);
    tag(machine, 12, "\0\x30\0\0", 4);
    tag(machine, 0, NULL, 0);
    assert_int_equal(mb_read(machine, &info, &fault), BOOT_BAD_SIZE);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = BOOT_OK; i <= BOOT_NO_MEMORY_MAP; i++) {
        assert_string_not_equal(boot_error_name((enum boot_error)i), "?");
    }
    assert_string_equal(boot_error_name((enum boot_error)(BOOT_NO_MEMORY_MAP + 1)), "?");
    assert_string_equal(boot_memory_name((enum boot_memory)(BOOT_MEMORY_BAD + 1)), "?");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pvh_good),
        TEST(test_pvh_table),
        TEST(test_pvh_place),
        TEST(test_pvh_strings),
        TEST(test_truncation),
        TEST(test_random_maps),
        TEST(test_random_maps_truncated),
        TEST(test_map_full),
        TEST(test_map_extremes),
        TEST(test_multiboot2_good),
        TEST(test_multiboot2_table),
        TEST(test_multiboot2_too_many_entries),
        TEST(test_efi_map),
        TEST(test_rsdp_and_command_line_choice),
        TEST(test_rsdp_from_efi),
        TEST(test_names),
    };

    random_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
