/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/assign: machines with one thing wrong each, and random ones of which the result is
 * checked by comparing everything with everything.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pci_assign_check.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

#define RESOURCES 600u
#define MIB       0x100000ull
#define GIB       0x40000000ull

struct world {
    struct pci_assignment assignment;
    struct pci_resource resources[RESOURCES];
    struct pci_resource before[RESOURCES];
    uint32_t order[RESOURCES];
    struct pci_root_window windows[4];
    struct pci_taken taken[4];
};

static const struct pci_above root = {.is_root = true};

/* A PC with 2 GiB of memory: windows from 0xc0000000 to 0xf0000000 and above 32 GiB, and ports. */
static struct world *world_create(void)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->windows[0] =
        (struct pci_root_window){.last_root = 255, .first = 0xc0000000, .last = 0xefffffff};
    world->windows[1] =
        (struct pci_root_window){.last_root = 255, .first = 32 * GIB, .last = 64 * GIB - 1};
    world->windows[2] = (struct pci_root_window){.is_io = true, .last_root = 255, .last = 0xffff};
    world->taken[0] = (struct pci_taken){.last = 2 * GIB - 1};
    world->taken[1] = (struct pci_taken){.is_io = true, .is_for_firmware = true, .last = 0xfff};
    world->taken[2] =
        (struct pci_taken){.is_for_firmware = true, .first = 0xc0000000, .last = 0xc00fffff};
    world->taken[3] = (struct pci_taken){.first = 1ull << 44, .last = UINT64_MAX};
    world->assignment = (struct pci_assignment){
        .resources = world->resources,
        .order = world->order,
        .capacity = RESOURCES,
        .windows = world->windows,
        .window_count = 3,
        .taken = world->taken,
        .taken_count = 4,
    };
    return world;
}

static uint32_t add_bar(struct world *world, const struct pci_above *above, uint64_t address,
                        uint64_t size, bool is_wide)
{
    const struct pci_bar bar = {.kind = PCI_BAR_MEMORY,
                                .is_64 = is_wide,
                                .is_prefetchable = is_wide,
                                .address = address,
                                .size = size};

    return pci_assign_bar(&world->assignment, above, world->assignment.count, 0, &bar);
}

static uint32_t add_ports(struct world *world, const struct pci_above *above, uint64_t address,
                          uint64_t size)
{
    const struct pci_bar bar = {.kind = PCI_BAR_IO, .address = address, .size = size};

    return pci_assign_bar(&world->assignment, above, world->assignment.count, 0, &bar);
}

/* A bridge with windows for memory (from `address`), 64-bit prefetchable memory and ports. */
static struct pci_above add_bridge(struct world *world, const struct pci_above *above,
                                   uint64_t address, uint64_t size)
{
    const struct pci_window open = {
        .is_open = size != 0, .first = address, .last = address + size - 1};
    const struct pci_window closed = {.is_wide = true};
    struct pci_above below = {.root = above->root};
    const uint32_t function = world->assignment.count;

    below.windows[PCI_WINDOW_IO] =
        pci_assign_window(&world->assignment, above, function, PCI_WINDOW_IO, &closed);
    below.windows[PCI_WINDOW_MEMORY] =
        pci_assign_window(&world->assignment, above, function, PCI_WINDOW_MEMORY, &open);
    below.windows[PCI_WINDOW_PREFETCHABLE] =
        pci_assign_window(&world->assignment, above, function, PCI_WINDOW_PREFETCHABLE, &closed);
    return below;
}

static void run(struct world *world)
{
    const char *wrong;

    memcpy(world->before, world->resources, sizeof(world->before));
    pci_assign_run(&world->assignment);
    wrong = assign_check(&world->assignment, world->before);
    if (wrong != NULL) {
        fail_msg("%s", wrong);
    }
}

static void expect(const struct world *world, uint32_t number, enum pci_placement placement,
                   enum pci_misplacement why, uint64_t address)
{
    assert_int_equal(world->resources[number].placement, placement);
    assert_int_equal(world->resources[number].why, why);
    if (address != 0) {
        assert_true(world->resources[number].address == address);
    }
}

static void expect_kept(const struct world *world, uint32_t number)
{
    expect(world, number, PCI_PLACEMENT_KEPT, PCI_PLACED_WELL, 0);
}

static void test_good_stays(void **state)
{
    struct world *world = world_create();
    const struct pci_above below = add_bridge(world, &root, 0xd0000000, 2 * MIB);

    (void)state;
    add_bar(world, &below, 0xd0000000, 0x1000, false);
    add_bar(world, &below, 0xd0100000, MIB, false);
    add_bar(world, &root, 0xc0000000, 0x1000, false); /* where only firmware puts something */
    add_bar(world, &root, 0xfed00000, 0x1000, false); /* outside of all windows: firmware's word */
    add_bar(world, &root, 33 * GIB, GIB, true);
    add_ports(world, &root, 0x600, 0x20);
    run(world);
    for (uint32_t i = 3; i < world->assignment.count; i++) {
        expect_kept(world, i);
    }
    expect(world, below.windows[PCI_WINDOW_IO], PCI_PLACEMENT_NONE, PCI_PLACED_WELL, 0);
    expect_kept(world, below.windows[PCI_WINDOW_MEMORY]);
    assert_int_equal(world->assignment.moved_count + world->assignment.refused_count, 0);
    free(world);
}

static void test_nothing_assigned(void **state)
{
    struct world *world = world_create();
    const struct pci_above outer = add_bridge(world, &root, 0, 0);
    const struct pci_above inner = add_bridge(world, &outer, 0, 0);
    const uint32_t small = add_bar(world, &inner, 0, 0x1000, false);
    const uint32_t large = add_bar(world, &inner, 0, 16 * MIB, false);
    const uint32_t wide = add_bar(world, &inner, 0, 4 * GIB, true);
    const uint32_t ports = add_ports(world, &inner, 0, 0x20);
    const uint32_t alone = add_bar(world, &root, 0, 0x4000, false);

    (void)state;
    run(world);
    /* The firmware's megabyte is left out; windows are as large as they must be. */
    expect(world, large, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0xc1000000);
    expect(world, small, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0xc2000000);
    expect(world, alone, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0xc0100000);
    expect(world, wide, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 32 * GIB);
    expect(world, ports, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0x1000);
    assert_true(world->resources[outer.windows[PCI_WINDOW_MEMORY]].size == 17 * MIB);
    assert_true(world->resources[outer.windows[PCI_WINDOW_PREFETCHABLE]].size == 4 * GIB);
    assert_true(world->resources[outer.windows[PCI_WINDOW_IO]].size == 0x1000);
    assert_int_equal(world->assignment.moved_count, 5);
    free(world);
}

static void test_each_misplacement(void **state)
{
    static const struct {
        uint64_t address;
        uint64_t size;
        enum pci_misplacement why;
    } cases[] = {
        {0, 0x1000, PCI_PLACED_NOWHERE},
        {0xd0001000, 0x4000, PCI_PLACED_MISALIGNED},
        {0x10000000, 0x1000, PCI_PLACED_ON_OTHERS},         /* memory */
        {0xd0000000, 0x1000, PCI_PLACED_TWICE},             /* the first that is there */
        {0xd0000000, 0x10000, PCI_PLACED_TWICE},            /* around it */
        {0xd0200000, 0x1000, PCI_PLACED_TWICE},             /* a bridge's window */
        {0xffffffffffffe000, 0x2000, PCI_PLACED_ON_OTHERS}, /* more than the machine has */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct world *world = world_create();
        const uint32_t first = add_bar(world, &root, 0xd0000000, 0x2000, false);
        const uint32_t wrong = add_bar(world, &root, cases[i].address, cases[i].size, true);
        const struct pci_above below = add_bridge(world, &root, 0xd0200000, MIB);
        const uint32_t behind = add_bar(world, &below, 0xd0200000, 0x1000, false);
        const uint32_t last = add_bar(world, &root, 0xd0004000, 0x1000, false);
        const bool hits_last = cases[i].size > 0x4000;

        run(world);
        expect_kept(world, first);
        expect_kept(world, behind);
        expect_kept(world, last);
        expect(world, wrong, PCI_PLACEMENT_MOVED, cases[i].why, 0);
        assert_int_equal(world->assignment.moved_count, 1);
        assert_true(!hits_last || world->resources[wrong].address != 0xd0000000);
        free(world);
    }
}

static void test_windows_grow(void **state)
{
    struct world *world = world_create();
    const struct pci_above outer = add_bridge(world, &root, 0xd0000000, 4 * MIB);
    const struct pci_above inner = add_bridge(world, &outer, 0xd0200000, MIB);
    const uint32_t fits = add_bar(world, &inner, 0, 0x1000, false);
    const uint32_t kept = add_bar(world, &inner, 0xd0200000, 0x8000, false);
    const uint32_t sibling = add_bar(world, &outer, 0xd0000000, MIB, false);
    const uint32_t beside = add_bar(world, &root, 0xd0400000, MIB, false);
    uint32_t large;

    (void)state;
    run(world);
    expect(world, fits, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0xd0208000);
    expect_kept(world, kept);
    free(world);

    world = world_create();
    (void)add_bridge(world, &root, 0xd0000000, 4 * MIB);
    (void)add_bridge(world, &outer, 0xd0200000, MIB);
    large = add_bar(world, &inner, 0, 2 * MIB, false); /* more than the inner window has */
    (void)add_bar(world, &inner, 0xd0200000, 0x8000, false);
    (void)add_bar(world, &outer, 0xd0000000, MIB, false);
    (void)add_bar(world, &root, 0xd0400000, MIB, false);
    run(world);
    /* Three megabytes and one do not go into four: both windows move, with all that is in them. */
    expect(world, large, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0);
    expect(world, kept, PCI_PLACEMENT_MOVED, PCI_PLACED_TIGHT, 0);
    expect(world, inner.windows[PCI_WINDOW_MEMORY], PCI_PLACEMENT_MOVED, PCI_PLACED_TIGHT, 0);
    assert_true(world->resources[inner.windows[PCI_WINDOW_MEMORY]].size == 3 * MIB);
    assert_true(world->resources[outer.windows[PCI_WINDOW_MEMORY]].size == 4 * MIB);
    (void)sibling;
    expect_kept(world, beside);
    free(world);
}

static void test_no_room(void **state)
{
    struct world *world = world_create();
    const uint32_t huge = add_bar(world, &root, 0, GIB, false); /* 32 bits: nowhere */
    const uint32_t good = add_bar(world, &root, 0, 256 * MIB, false);
    const struct pci_above below = add_bridge(world, &root, 0, 0);
    const uint32_t behind = add_bar(world, &below, 0, GIB, false);
    const uint32_t ports = add_ports(world, &root, 0, 0x100);
    const struct pci_above card_bus = {
        .windows = {PCI_NO_RESOURCE, PCI_NO_RESOURCE, PCI_NO_RESOURCE}};
    const uint32_t nowhere = add_bar(world, &card_bus, 0xd0000000, 0x1000, false);

    (void)state;
    world->assignment.window_count = 2; /* a machine without ports */
    run(world);
    expect(world, huge, PCI_PLACEMENT_REFUSED, PCI_PLACED_NOWHERE, 0);
    expect(world, good, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0);
    expect(world, behind, PCI_PLACEMENT_REFUSED, PCI_PLACED_NOWHERE, 0);
    expect(world, below.windows[PCI_WINDOW_MEMORY], PCI_PLACEMENT_REFUSED, PCI_PLACED_NOWHERE, 0);
    expect(world, ports, PCI_PLACEMENT_REFUSED, PCI_PLACED_NOWHERE, 0);
    expect(world, nowhere, PCI_PLACEMENT_REFUSED, PCI_PLACED_OUTSIDE, 0);
    assert_int_equal(world->assignment.refused_count, 4);
    free(world);
}

/* Roots do not share windows, unless the windows say so. */
static void test_two_roots(void **state)
{
    struct world *world = world_create();
    const struct pci_above second = {.is_root = true, .root = 0x80};
    const uint32_t here = add_bar(world, &root, 0, 0x1000, false);
    const uint32_t there = add_bar(world, &second, 0, 0x1000, false);

    (void)state;
    world->windows[0].last_root = 0x7f;
    world->windows[1] = (struct pci_root_window){
        .first_root = 0x80, .last_root = 0xff, .first = 0xf0000000, .last = 0xf0000fff};
    run(world);
    expect(world, here, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0xc0100000);
    expect(world, there, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0xf0000000);
    free(world);
}

/* What firmware set aside for hot plug behind a bridge that has to move goes along. */
static void test_reserve_moves_along(void **state)
{
    struct world *world = world_create();
    const struct pci_above outer = add_bridge(world, &root, 0xd0000000, 2 * MIB);
    const struct pci_above slot = add_bridge(world, &outer, 0xd0100000, MIB);

    (void)state;
    (void)add_bar(world, &outer, 0, 2 * MIB, false);
    run(world);
    expect(world, slot.windows[PCI_WINDOW_MEMORY], PCI_PLACEMENT_MOVED, PCI_PLACED_TIGHT, 0);
    assert_true(world->resources[slot.windows[PCI_WINDOW_MEMORY]].size == MIB);
    assert_true(world->resources[outer.windows[PCI_WINDOW_MEMORY]].size == 3 * MIB);
    free(world);
}

/* A BAR whose size the window's address is no multiple of: it must be aligned where it gets to. */
static void test_alignment_inside(void **state)
{
    struct world *world = world_create();
    const struct pci_above outer = add_bridge(world, &root, 0xd0f00000, 17 * MIB);
    const struct pci_above inner = add_bridge(world, &outer, 0xd0f00000, 17 * MIB);
    const uint32_t large = add_bar(world, &inner, 0xd1000000, 16 * MIB, false);
    const uint32_t more = add_bar(world, &outer, 0, MIB, false);

    (void)state;
    run(world);
    expect(world, large, PCI_PLACEMENT_MOVED, PCI_PLACED_TIGHT, 0);
    expect(world, more, PCI_PLACEMENT_MOVED, PCI_PLACED_NOWHERE, 0);
    free(world);
}

/* Firmware puts prefetchable BARs of 32 bits into wide windows, too: these must not get above 4
 * GiB. */
static void test_narrow_in_wide_window(void **state)
{
    struct world *world = world_create();
    const struct pci_window wide = {
        .is_open = true, .is_wide = true, .first = 0xd0000000, .last = 0xd01fffff};
    struct pci_above below = {.windows = {PCI_NO_RESOURCE, PCI_NO_RESOURCE, PCI_NO_RESOURCE}};
    uint32_t narrow;

    (void)state;
    (void)add_bridge(world, &root, 0xd0000000, MIB); /* in the way */
    below.windows[PCI_WINDOW_PREFETCHABLE] =
        pci_assign_window(&world->assignment, &root, 100, PCI_WINDOW_PREFETCHABLE, &wide);
    narrow = add_bar(world, &below, 0xd0100000, MIB, false);
    (void)add_bar(world, &below, 0xd0000000, MIB, true);
    run(world);
    expect(world, narrow, PCI_PLACEMENT_MOVED, PCI_PLACED_TWICE, 0);
    assert_true(world->resources[narrow].address < 1ull << 32);
    free(world);
}

/* Storage that is just large enough, and storage that is not. */
static void test_capacity(void **state)
{
    struct world *world = world_create();

    (void)state;
    world->assignment.capacity = 3;
    assert_int_equal(add_bar(world, &root, 0xd0000000, 0x1000, false), 0);
    assert_int_equal(add_bar(world, &root, 0, 0x1000, false), 1);
    assert_int_equal(add_bar(world, &root, 0, 0x2000, false), 2);
    assert_int_equal(add_bar(world, &root, 0, 0x1000, false), PCI_NO_RESOURCE);
    assert_int_equal(add_bar(world, &root, 0xd0000000, 0, false), PCI_NO_RESOURCE);
    run(world);
    assert_int_equal(world->assignment.moved_count, 2);
    free(world);
}

static uint64_t random_address(uint64_t size)
{
    switch (random_below(8)) {
    case 0:
        return 0;
    case 1:
        return random_next();
    case 2:
        return random_below(0x1000) << 20;
    default:
        return 0xc0000000 + random_below(0x400) * size % 0x30000000;
    }
}

static void random_world(struct world *world, uint32_t functions)
{
    static struct pci_above below[RESOURCES];
    uint32_t bridges = 0;

    for (uint32_t i = 0; i < functions; i++) {
        const uint32_t parent = random_below(bridges + 2u);
        const struct pci_above *above = parent < bridges ? &below[parent] : &root;

        if (random_below(3) == 0) {
            below[bridges++] =
                add_bridge(world, above, random_address(MIB) & ~(MIB - 1), random_below(4) * MIB);
        } else if (random_below(4) == 0) {
            (void)add_ports(world, above, random_below(0x4000) * 4, 4ull << random_below(7));
        } else {
            const uint64_t size = 16ull << random_below(24);

            (void)add_bar(world, above, random_address(size), size, random_below(2) == 0);
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t round = 0; round < 3000; round++) {
        struct world *world = world_create();
        struct world *again = world_create();

        random_world(world, random_below(60));
        run(world);
        /* What has been placed well stays where it is. */
        for (uint32_t i = 0; i < world->assignment.count; i++) {
            struct pci_resource *resource = &again->resources[i];

            *resource = world->before[i];
            if (assign_is_placed(&world->resources[i])) {
                resource->address = world->resources[i].address;
                resource->size = world->resources[i].size;
            } else {
                resource->address = 0;
                resource->size = 0;
            }
        }
        again->assignment.count = world->assignment.count;
        run(again);
        assert_int_equal(again->assignment.moved_count, 0);
        assert_int_equal(again->assignment.refused_count, 0);
        free(world);
        free(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_stays),
        cmocka_unit_test(test_nothing_assigned),
        cmocka_unit_test(test_each_misplacement),
        cmocka_unit_test(test_windows_grow),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_two_roots),
        cmocka_unit_test(test_reserve_moves_along),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_alignment_inside),
        cmocka_unit_test(test_narrow_in_wide_window),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
