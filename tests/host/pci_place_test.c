/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/place: a bridge and a device that take writes as hardware does, and a watcher that looks
 * after each write at what the bridge forwards: what it did before, nothing, or what it is to.
 */

#include "pci/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pci_space.h"
#include "random.h"

static struct pci_window before[PCI_WINDOW_COUNT];
static struct pci_window wanted;
static enum pci_window_kind kind;

static const struct pci_header bridge_header = {.layout = PCI_LAYOUT_BRIDGE};

static bool is_same(const struct pci_window *a, const struct pci_window *b)
{
    return a->is_open == b->is_open &&
           (!a->is_open || (a->first == b->first && a->last == b->last));
}

static void watch_windows(struct space *space, struct space_function *function)
{
    const struct pci_config config = space_config(space, function->address);
    struct pci_window now[PCI_WINDOW_COUNT];

    pci_windows_read(&config, &bridge_header, now);
    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        assert_true(is_same(&now[i], &before[i]) ||
                    (i == kind && (!now[i].is_open || is_same(&now[i], &wanted))));
    }
}

/* A bridge as in Bridge §3.2: which bits of its windows take a write. */
static struct pci_config make_bridge(struct space *space, bool has_io, bool has_prefetchable)
{
    uint8_t *writable;

    space_init(space);
    space_add_bridge(space, at(0, 1, 0), 1, 1);
    writable = space->functions[0].writable;
    put(writable, 0x20, 4, 0xfff0fff0);
    if (has_io) {
        put(writable, 0x1c, 2, 0xf0f0);
        put(writable, 0x30, 4, 0xffffffff);
        put(space->functions[0].bytes, 0x1c, 2, 0x0101);
    }
    if (has_prefetchable) {
        put(writable, 0x24, 4, 0xfff0fff0);
        put(writable, 0x28, 4, 0xffffffff);
        put(writable, 0x2c, 4, 0xffffffff);
        put(space->functions[0].bytes, 0x24, 4, 0x00010001);
    }
    return space_config(space, at(0, 1, 0));
}

static enum pci_error place(struct space *space, const struct pci_config *config,
                            enum pci_window_kind which, bool is_wide, uint64_t first, uint64_t last)
{
    struct pci_fault fault;

    pci_windows_read(config, &bridge_header, before);
    kind = which;
    wanted = (struct pci_window){.is_open = first <= last, .first = first, .last = last};
    space->watch = watch_windows;
    return pci_window_place(config, which, is_wide, first, last, &fault);
}

static void test_windows(void **state)
{
    struct space space;
    const struct pci_config config = make_bridge(&space, true, true);
    struct pci_window windows[PCI_WINDOW_COUNT];

    (void)state;
    random_seed();
    for (uint32_t round = 0; round < 2000; round++) {
        static const struct {
            uint32_t shift, bits;
        } kinds[PCI_WINDOW_COUNT] = {{12, 16}, {20, 12}, {20, 44}};
        const enum pci_window_kind which = (enum pci_window_kind)random_below(3);
        const uint64_t mask = (1ull << kinds[which].bits) - 1;
        const uint64_t a = random_next() & mask;
        const uint64_t b = random_below(4) == 0 ? a : random_next() & mask;
        const bool is_open = random_below(4) != 0 && a <= b;
        const uint64_t first = is_open ? a << kinds[which].shift : 1;
        const uint64_t last = is_open ? ((b + 1) << kinds[which].shift) - 1 : 0;

        assert_int_equal(place(&space, &config, which, which != PCI_WINDOW_MEMORY, first, last),
                         PCI_OK);
        pci_windows_read(&config, &bridge_header, windows);
        assert_true(windows[which].is_open == is_open);
        assert_true(!is_open || (windows[which].first == first && windows[which].last == last));
    }
    space_fini(&space);
}

static void test_windows_refused(void **state)
{
    struct space space;
    const struct pci_config config = make_bridge(&space, true, true);

    (void)state;
    put(space.functions[0].writable, 0x2c, 4, 0); /* it lied: no upper limit */
    assert_int_equal(
        place(&space, &config, PCI_WINDOW_PREFETCHABLE, true, 4ull << 32, (5ull << 32) - 1),
        PCI_BAR_NOT_RESTORED);
    put(space.functions[0].writable, 0x20, 4, 0);
    put(space.functions[0].bytes, 0x20, 4, 0x0000fff0);
    assert_int_equal(place(&space, &config, PCI_WINDOW_MEMORY, false, 0xc0000000, 0xc00fffff),
                     PCI_BAR_NOT_RESTORED);
    space_fini(&space);
}

static void test_probe(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        struct space space;
        const bool has_io = (i & 1) != 0;
        const bool has_prefetchable = (i & 2) != 0;
        const struct pci_config config = make_bridge(&space, has_io, has_prefetchable);
        struct pci_window windows[PCI_WINDOW_COUNT];
        bool exists[PCI_WINDOW_COUNT];
        uint8_t bytes[PCI_HEADER_BYTES];

        if ((i & 4) != 0) { /* registers of 16 and 32 bits, that are 0 after a reset */
            put(space.functions[0].bytes, 0x1c, 2, 0);
            put(space.functions[0].bytes, 0x24, 4, 0);
        }
        memcpy(bytes, space.functions[0].bytes, sizeof(bytes));
        pci_windows_read(&config, &bridge_header, windows);
        memcpy(before, windows, sizeof(before));
        kind = PCI_WINDOW_COUNT;
        space.watch = NULL;
        pci_windows_probe(&config, &bridge_header, windows, exists);
        assert_true(exists[PCI_WINDOW_MEMORY]);
        assert_true(exists[PCI_WINDOW_IO] == has_io);
        assert_true(exists[PCI_WINDOW_PREFETCHABLE] == has_prefetchable);
        assert_true(windows[PCI_WINDOW_PREFETCHABLE].is_wide == (has_prefetchable && (i & 4) == 0));
        assert_memory_equal(bytes, space.functions[0].bytes, sizeof(bytes));
        space_fini(&space);
    }
}

static void test_probe_device(void **state)
{
    const struct pci_header header = {.layout = PCI_LAYOUT_DEVICE};
    struct pci_window windows[PCI_WINDOW_COUNT];
    bool exists[PCI_WINDOW_COUNT];
    struct pci_config config;
    struct space space;

    (void)state;
    space_init(&space);
    space_add(&space, at(0, 1, 0));
    config = space_config(&space, at(0, 1, 0));
    pci_windows_probe(&config, &header, windows, exists);
    assert_false(exists[0] || exists[1] || exists[2]);
    assert_int_equal(space.writes, 0); /* these are BARs of a device */
    space_fini(&space);
}

static void test_bars(void **state)
{
    static const struct {
        struct pci_bar bar;
        uint32_t value[2], writable[2];
        uint64_t address;
        enum pci_error error;
    } cases[] = {
        {{.kind = PCI_BAR_MEMORY}, {0x8}, {0xfffff000}, 0xc0001000, PCI_OK},
        {{.kind = PCI_BAR_MEMORY, .is_64 = true},
         {0xc},
         {0xfffff000, 0xffffffff},
         0x8c0001000,
         PCI_OK},
        {{.kind = PCI_BAR_MEMORY, .is_64 = true},
         {0xc},
         {0xfffff000, 0xf},
         0xc0c0001000,
         PCI_BAR_NOT_RESTORED},
        {{.kind = PCI_BAR_IO}, {0x1}, {0xffe0}, 0xc020, PCI_OK},
        {{.kind = PCI_BAR_MEMORY}, {0}, {0xfff00000}, 0xc0001000, PCI_BAR_NOT_RESTORED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct space space;
        struct pci_config config;
        struct pci_header header;
        struct pci_fault fault;

        space_init(&space);
        space_add(&space, at(0, 1, 0));
        config = space_config(&space, at(0, 1, 0));
        for (uint32_t j = 0; j < 2; j++) {
            put(space.functions[0].bytes, 0x10 + 4 * j, 4, cases[i].value[j]);
            put(space.functions[0].writable, 0x10 + 4 * j, 4, cases[i].writable[j]);
        }
        assert_int_equal(pci_header_read(&config, &header, &fault), PCI_OK);
        assert_int_equal(
            pci_bar_place(&config, &header, 0, &cases[i].bar, cases[i].address, &fault),
            cases[i].error);
        if (cases[i].error == PCI_OK) {
            assert_int_equal(get(space.functions[0].bytes, 0x10, 4),
                             (uint32_t)cases[i].address | cases[i].value[0]);
            assert_int_equal(get(space.functions[0].bytes, 0x14, 4), cases[i].address >> 32);
        }
        space_fini(&space);
    }
}

static void test_stop(void **state)
{
    struct pci_config config;
    struct pci_fault fault;
    struct space space;
    uint16_t command;

    (void)state;
    space_init(&space);
    space_add(&space, at(0, 1, 0));
    config = space_config(&space, at(0, 1, 0));
    put(space.functions[0].bytes, PCI_COMMAND, 2, 0x0407);
    assert_int_equal(pci_decode_stop(&config, &command, &fault), PCI_OK);
    assert_int_equal(command, 0x0407);
    assert_int_equal(get(space.functions[0].bytes, PCI_COMMAND, 2), 0x0404);
    put(space.functions[0].writable, PCI_COMMAND, 2, 0x0001); /* wired to decode memory */
    put(space.functions[0].bytes, PCI_COMMAND, 2, 0x0403);
    assert_int_equal(pci_decode_stop(&config, &command, &fault), PCI_BAR_DECODING);
    assert_int_equal(get(space.functions[0].bytes, PCI_COMMAND, 2), 0x0403);
    space_fini(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows), cmocka_unit_test(test_windows_refused),
        cmocka_unit_test(test_probe),   cmocka_unit_test(test_probe_device),
        cmocka_unit_test(test_bars),    cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
