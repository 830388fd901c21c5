/* SPDX-License-Identifier: MIT */

/*
 * lib/bootinfo: the memory map, compared page by page with a naive one (most restrictive entry
 * wins), full, and at the ends of what there can be.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bootinfo_machine.h"
#include "random.h"

enum { PAGES = 2048 };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_random_maps),
        TEST(test_random_maps_truncated),
        TEST(test_map_full),
        TEST(test_map_extremes),
    };

    random_seed();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
