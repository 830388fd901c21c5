/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/sizing and bar: a device that takes writes as hardware does, and a watcher that looks
 * after each write whether the function could answer at a place where it was not before.
 */

#include "pci/sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pci_space.h"
#include "random.h"

/* The header as it was, for the watcher. */
static uint8_t before[PCI_HEADER_BYTES];

/* The claim of pci/sizing.h: while a register is not as it was, its decoding is off. */
static void watch_decoding(struct space *space, struct space_function *function)
{
    const uint32_t command = get(function->bytes, PCI_COMMAND, 2);
    bool upper = false;

    (void)space;
    for (uint32_t i = 0; i < 6; i++) {
        const uint32_t offset = PCI_BAR_FIRST + 4 * i;
        const bool io = !upper && (before[offset] & 1) != 0;

        if (get(function->bytes, offset, 4) != get(before, offset, 4)) {
            assert_int_equal(command & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY), 0);
        }
        upper = !upper && (before[offset] & 7) == 4;
    }
    if ((get(function->bytes, 0x30, 4) & ~1u) != (get(before, 0x30, 4) & ~1u)) {
        assert_true((command & PCI_COMMAND_MEMORY) == 0 || (function->bytes[0x30] & 1) == 0);
    }
}

static void run(struct space *space, struct pci_sizing *sizing)
{
    const struct pci_config config = space_config(space, space->functions[0].address);
    struct pci_header header;
    struct pci_fault fault;

    memcpy(before, space->functions[0].bytes, sizeof(before));
    space->watch = watch_decoding;
    assert_int_equal(pci_header_read(&config, &header, &fault), PCI_OK);
    pci_sizing_run(sizing, &config, &header);
}

/* A register: its value, and which bits of it take a write. */
static void set_bar(struct space *space, uint32_t offset, uint32_t value, uint32_t writable)
{
    put(space->functions[0].bytes, offset, 4, value);
    put(space->functions[0].writable, offset, 4, writable);
}

static const struct bar_case {
    const char *what;
    uint32_t value[2], writable[2];
    struct pci_bar expected;
} bar_cases[] = {
    {"memory, 4 KiB",
     {0xfebf1000},
     {0xfffff000},
     {.kind = PCI_BAR_MEMORY, .address = 0xfebf1000, .size = 0x1000}},
    {"memory, 2 bytes, with its kind among them",
     {0xfebf1000},
     {0xfffffffe},
     {.kind = PCI_BAR_MEMORY, .address = 0xfebf1000, .size = 16}},
    {"memory, 16 bytes",
     {0xfebf1010},
     {0xfffffff0},
     {.kind = PCI_BAR_MEMORY, .address = 0xfebf1010, .size = 16}},
    {"memory, 2 GiB",
     {0x80000008},
     {0x80000000},
     {.kind = PCI_BAR_MEMORY, .is_prefetchable = true, .address = 0x80000000, .size = 0x80000000}},
    {"memory, unassigned", {0}, {0xfff00000}, {.kind = PCI_BAR_MEMORY, .size = 0x100000}},
    {"below 1 MiB, an old type: as 32 bits",
     {0x000c0002},
     {0xffff0000},
     {.kind = PCI_BAR_MEMORY, .address = 0xc0000, .size = 0x10000}},
    {"reserved type: as 32 bits",
     {0xc0000006},
     {0xffff0000},
     {.kind = PCI_BAR_MEMORY, .address = 0xc0000000, .size = 0x10000}},
    {"64 bits",
     {0x0000400c, 0x38},
     {0xffffc000, 0xffffffff},
     {.kind = PCI_BAR_MEMORY,
      .is_64 = true,
      .is_prefetchable = true,
      .address = 0x3800004000,
      .size = 0x4000}},
    {"64 bits, 8 GiB",
     {0x00000004, 0x10},
     {0, 0xfffffffe},
     {.kind = PCI_BAR_MEMORY, .is_64 = true, .address = 0x1000000000, .size = 0x200000000}},
    {"I/O, 32 ports", {0xc041}, {0xffffffe0}, {.kind = PCI_BAR_IO, .address = 0xc040, .size = 32}},
    {"I/O, upper half missing",
     {0xc001},
     {0xff00},
     {.kind = PCI_BAR_IO, .address = 0xc000, .size = 256}},
    {"I/O, unassigned", {1}, {0xfffc}, {.kind = PCI_BAR_IO, .size = 4}},
    {"no register", {0}, {0}, {.kind = PCI_BAR_NONE}},
    {"a value that cannot be changed", {0xfed00000}, {0}, {.kind = PCI_BAR_NONE}},
    {"I/O above 64 KiB alone", {1}, {0xffff0000}, {.kind = PCI_BAR_NONE}},
};

static void check_bar(const char *what, const struct pci_bar *got, const struct pci_bar *expected)
{
    if (got->kind != expected->kind || got->is_64 != expected->is_64 ||
        got->is_prefetchable != expected->is_prefetchable ||
        got->is_enabled != expected->is_enabled || got->address != expected->address ||
        got->size != expected->size) {
        fail_msg("%s: kind %d address %llx size %llx", what, got->kind,
                 (unsigned long long)got->address, (unsigned long long)got->size);
    }
}

static void test_bars(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bar_cases); i++) {
        const struct bar_case *c = &bar_cases[i];

        for (uint32_t command = 0; command < 8; command++) {
            struct pci_sizing sizing;
            struct pci_fault fault;
            struct space space;
            struct pci_bar bar;

            space_init(&space);
            put(space_add(&space, at(0, 3, 0)), PCI_COMMAND, 2, command);
            set_bar(&space, 0x10, c->value[0], c->writable[0]);
            set_bar(&space, 0x14, c->value[1], c->writable[1]);
            run(&space, &sizing);
            assert_memory_equal(before, space.functions[0].bytes, sizeof(before));
            assert_int_equal(pci_bar_decode(&sizing.values, &sizing.header, 0, &bar, &fault),
                             PCI_OK);
            check_bar(c->what, &bar, &c->expected);
            assert_int_equal(pci_bar_decode(&sizing.values, &sizing.header, 1, &bar, &fault),
                             PCI_OK);
            assert_int_equal(bar.kind, PCI_BAR_NONE);
            space_fini(&space);
        }
    }
}

static void test_rom(void **state)
{
    struct pci_sizing sizing;
    struct pci_fault fault;
    struct space space;
    struct pci_bar bar;

    (void)state;
    space_init(&space);
    put(space_add(&space, at(0, 3, 0)), PCI_COMMAND, 2, 7);
    set_bar(&space, 0x30, 0xfeb80001, 0xfffc0001);
    run(&space, &sizing);
    assert_memory_equal(before, space.functions[0].bytes, sizeof(before));
    assert_int_equal(pci_bar_decode(&sizing.values, &sizing.header, PCI_BAR_ROM, &bar, &fault),
                     PCI_OK);
    check_bar("rom", &bar,
              &(struct pci_bar){.kind = PCI_BAR_EXPANSION_ROM,
                                .is_enabled = true,
                                .address = 0xfeb80000,
                                .size = 0x40000});
    space_fini(&space);
}

static void expect(const struct pci_sizing *sizing, uint32_t index, enum pci_error error,
                   uint32_t offset)
{
    struct pci_fault fault = {.error = PCI_OK};
    struct pci_bar bar;

    assert_string_equal(
        pci_error_name(pci_bar_decode(&sizing->values, &sizing->header, index, &bar, &fault)),
        pci_error_name(error));
    if (error != PCI_OK) {
        assert_int_equal(fault.error, error);
        assert_int_equal(fault.offset, offset);
        assert_int_equal(bar.kind, PCI_BAR_NONE);
    }
}

static void test_refusals(void **state)
{
    struct pci_sizing sizing;
    struct space space;

    (void)state;
    space_init(&space);
    put(space_add(&space, at(0, 3, 0)), PCI_COMMAND, 2, 3);
    set_bar(&space, 0x10, 0xffffffff, 0);
    set_bar(&space, 0x24, 0x00000004, 0xffff0000);
    run(&space, &sizing);
    expect(&sizing, 0, PCI_BAR_UNREADABLE, 0x10);
    expect(&sizing, 5, PCI_BAR_CUT, 0x24);
    expect(&sizing, 1, PCI_OK, 0);
    assert_int_equal(get(space.functions[0].bytes, PCI_COMMAND, 2), 3);
    space_fini(&space);
}

/* Decoding that is wired on: nothing that may be in use is touched, what cannot be is sized. */
static void test_wired_decoding(void **state)
{
    struct pci_sizing sizing;
    struct pci_fault fault;
    struct pci_bar bar;
    struct space space;

    (void)state;
    space_init(&space);
    put(space_add(&space, at(0, 3, 0)), PCI_COMMAND, 2, 7);
    put(space.functions[0].writable, PCI_COMMAND, 2, 0x0505); /* memory stays on */
    set_bar(&space, 0x10, 0xfebf1000, 0xfffff000);
    set_bar(&space, 0x14, 0xc041, 0xffffffe0);
    set_bar(&space, 0x18, 0x0000000c, 0xffffc000);
    set_bar(&space, 0x1c, 0x38, 0xffffffff);
    set_bar(&space, 0x20, 0, 0xfffff000);
    set_bar(&space, 0x30, 0xfeb80000, 0xfffc0001);
    run(&space, &sizing);
    assert_memory_equal(before, space.functions[0].bytes, sizeof(before));
    expect(&sizing, 0, PCI_BAR_DECODING, 0x10);
    expect(&sizing, 1, PCI_OK, 0);
    expect(&sizing, 2, PCI_BAR_DECODING, 0x18);
    expect(&sizing, 4, PCI_OK, 0);
    assert_int_equal(pci_bar_decode(&sizing.values, &sizing.header, 1, &bar, &fault), PCI_OK);
    assert_int_equal(bar.size, 32);
    assert_int_equal(pci_bar_decode(&sizing.values, &sizing.header, 4, &bar, &fault), PCI_OK);
    assert_int_equal(bar.kind, PCI_BAR_NONE);
    assert_int_equal(pci_bar_decode(&sizing.values, &sizing.header, PCI_BAR_ROM, &bar, &fault),
                     PCI_OK);
    assert_int_equal(bar.size, 0x40000);
    put(space.functions[0].writable, PCI_COMMAND, 2, 0x0502); /* I/O stays on */
    put(space.functions[0].bytes, 0x30, 1, 1);
    run(&space, &sizing);
    assert_memory_equal(before, space.functions[0].bytes, sizeof(before));
    expect(&sizing, 0, PCI_OK, 0);
    expect(&sizing, 1, PCI_BAR_DECODING, 0x14);
    put(space.functions[0].writable, PCI_COMMAND, 2, 0);
    run(&space, &sizing);
    assert_memory_equal(before, space.functions[0].bytes, sizeof(before));
    expect(&sizing, PCI_BAR_ROM, PCI_BAR_DECODING, 0x30);
    space_fini(&space);
}

static void test_not_restored(void **state)
{
    struct pci_sizing sizing;
    struct space space;

    (void)state;
    space_init(&space);
    put(space_add(&space, at(0, 3, 0)), PCI_COMMAND, 2, 7);
    space.functions[0].bars_stick = true;
    set_bar(&space, 0x10, 0xfebf1000, 0xfffff000);
    run(&space, &sizing);
    expect(&sizing, 0, PCI_BAR_NOT_RESTORED, 0x10);
    assert_int_equal(get(space.functions[0].bytes, PCI_COMMAND, 2), 4);
    space_fini(&space);
}

/* Any registers, any wiring: the watcher is content, and all is as before. */
static void test_random(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t round = 0; round < 3000; round++) {
        struct pci_sizing sizing;
        struct space space;

        space_init(&space);
        space_add(&space, at(0, 3, 0));
        put(space.functions[0].bytes, PCI_COMMAND, 2, random_next());
        put(space.functions[0].writable, PCI_COMMAND, 2, random_next());
        for (uint32_t i = 0; i < 7; i++) {
            const uint32_t flags = (uint32_t)random_next() & 0xf;
            const uint32_t kept = (uint32_t)(0xfffffff0ull << random_below(29));
            const uint32_t value = random_below(4) == 0 ? 0 : ((uint32_t)random_next() & kept);

            /* Bits of a BAR that tell its kind are wired; a ROM's lowest is not. */
            set_bar(&space, i == 6 ? 0x30 : 0x10 + 4 * i,
                    value | (i == 6       ? flags & 1
                             : value == 0 ? 0
                                          : flags),
                    i == 6 ? kept | 1 : kept);
        }
        run(&space, &sizing);
        assert_memory_equal(before, space.functions[0].bytes, sizeof(before));
        for (uint32_t i = 0; i < 7; i++) {
            struct pci_fault fault;
            struct pci_bar bar;

            if (pci_bar_decode(&sizing.values, &sizing.header, i, &bar, &fault) == PCI_OK) {
                assert_int_equal(bar.size & (bar.size - 1), 0);
            }
        }
        space_fini(&space);
    }
}

static void test_legacy(void **state)
{
    struct pci_header header = {.class_code = 0x010180};
    struct pci_bar bar;

    (void)state;
    assert_true(pci_bar_legacy(&header, 0, &bar));
    check_bar("first", &bar, &(struct pci_bar){.kind = PCI_BAR_IO, .address = 0x1f0, .size = 8});
    assert_true(pci_bar_legacy(&header, 3, &bar));
    check_bar("fourth", &bar, &(struct pci_bar){.kind = PCI_BAR_IO, .address = 0x376, .size = 1});
    assert_false(pci_bar_legacy(&header, 4, &bar));
    header.class_code = 0x010185;
    assert_false(pci_bar_legacy(&header, 0, &bar));
    assert_false(pci_bar_legacy(&header, 2, &bar));
    header.class_code = 0x010601;
    assert_false(pci_bar_legacy(&header, 0, &bar));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars),         cmocka_unit_test(test_rom),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_wired_decoding),
        cmocka_unit_test(test_not_restored), cmocka_unit_test(test_random),
        cmocka_unit_test(test_legacy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
