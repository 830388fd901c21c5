/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/capability: walks through the lists of capabilities, every refusal with its place, and
 * random lists against a naive walk.
 */

#include "pci/capability.h"
#include "pci/express.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pci_dump.h"
#include "random.h"

static void test_standard_lists(void **state)
{
    static const struct {
        const char *what;
        uint32_t length;
        uint8_t first;
        uint8_t entries[4][3]; /* offset, id, next */
        uint32_t count;
        enum pci_error error;
        uint32_t offset;
    } cases[] = {
        {"empty", 256, 0, {{0}}, 0, PCI_OK, 0},
        {"one", 256, 0x40, {{0x40, 5, 0}}, 1, PCI_OK, 0},
        {"reserved bits", 256, 0x43, {{0x40, 5, 0x81}, {0x80, 1, 3}}, 2, PCI_OK, 0},
        {"backwards", 256, 0xfc, {{0xfc, 5, 0x40}, {0x40, 0, 0}}, 2, PCI_OK, 0},
        {"into the header", 256, 0x3c, {{0}}, 0, PCI_CAPABILITY_BAD_POINTER, 0x34},
        {"into the header later",
         256,
         0x40,
         {{0x40, 5, 0x20}},
         1,
         PCI_CAPABILITY_BAD_POINTER,
         0x41},
        {"to itself", 256, 0x40, {{0x40, 5, 0x40}}, 1, PCI_CAPABILITY_LOOP, 0x41},
        {"a loop of two",
         256,
         0x40,
         {{0x40, 5, 0x80}, {0x80, 1, 0x40}},
         2,
         PCI_CAPABILITY_LOOP,
         0x81},
        {"all ones",
         256,
         0x40,
         {{0x40, 5, 0x80}, {0x80, 0xff, 0xff}},
         1,
         PCI_CAPABILITY_UNREADABLE,
         0x80},
        {"not dumped", 64, 0x40, {{0}}, 0, PCI_TRUNCATED, 0x40},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pci_capability capability;
        struct pci_walk walk;
        uint32_t count = 0;
        struct dump dump;

        dump_init(&dump, cases[i].length);
        dump.bytes[0x34] = cases[i].first;
        for (size_t j = 0; j < 4 && cases[i].entries[j][0] != 0; j++) {
            dump.bytes[cases[i].entries[j][0]] = cases[i].entries[j][1];
            dump.bytes[cases[i].entries[j][0] + 1] = cases[i].entries[j][2];
        }
        dump_read(&dump);
        pci_walk_standard(&walk, &dump.config, &dump.header);
        while (pci_walk_next(&walk, &capability)) {
            assert_int_equal(capability.offset, cases[i].entries[count][0]);
            assert_int_equal(capability.id, cases[i].entries[count][1]);
            count++;
        }
        assert_int_equal(count, cases[i].count);
        check_error(walk.fault.error, walk.fault, cases[i].error, cases[i].offset);
        assert_false(pci_walk_next(&walk, &capability));
        put(dump.bytes, PCI_STATUS, 2, 0); /* no list at all */
        dump_read(&dump);
        pci_walk_standard(&walk, &dump.config, &dump.header);
        assert_false(pci_walk_next(&walk, &capability));
        assert_int_equal(walk.fault.error, PCI_OK);
        dump_fini(&dump);
    }
}

static void test_extended_lists(void **state)
{
    static const struct {
        const char *what;
        uint32_t entries[3][3];
        uint32_t count;
        enum pci_error error;
        uint32_t offset;
    } cases[] = {
        {"none", {{0x100, 0, 0}}, 0, PCI_OK, 0},
        {"one", {{0x100, 1, 0}}, 1, PCI_OK, 0},
        {"two, up to the end", {{0x100, 1, 0xffc}, {0xffc, 3, 0}}, 2, PCI_OK, 0},
        {"reserved bits", {{0x100, 1, 0x203}, {0x200, 3, 0}}, 2, PCI_OK, 0},
        {"into the conventional space", {{0x100, 1, 0xfc}}, 1, PCI_CAPABILITY_BAD_POINTER, 0x102},
        {"loop", {{0x100, 1, 0x200}, {0x200, 3, 0x100}}, 2, PCI_CAPABILITY_LOOP, 0x202},
        {"all ones",
         {{0x100, 1, 0x200}, {0x200, 0xffff, 0xfff}},
         1,
         PCI_CAPABILITY_UNREADABLE,
         0x200},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pci_capability capability;
        struct pci_walk walk;
        uint32_t count = 0;
        struct dump dump;

        dump_init(&dump, 4096);
        make_express(dump.bytes, PCI_EXPRESS_ENDPOINT);
        for (size_t j = 0; j < 3 && cases[i].entries[j][0] != 0; j++) {
            if (cases[i].entries[j][1] == 0xffff) {
                put(dump.bytes, cases[i].entries[j][0], 4, UINT32_MAX);
            } else if (cases[i].entries[j][1] != 0) {
                put_extended(dump.bytes, cases[i].entries[j][0], cases[i].entries[j][1],
                             cases[i].entries[j][2]);
            }
        }
        dump_read(&dump);
        assert_int_equal(dump.config.bytes, 4096);
        pci_walk_extended(&walk, &dump.config);
        while (pci_walk_next(&walk, &capability)) {
            assert_int_equal(capability.offset, cases[i].entries[count][0]);
            assert_int_equal(capability.id, cases[i].entries[count][1]);
            assert_true(capability.is_extended);
            count++;
        }
        assert_int_equal(count, cases[i].count);
        check_error(walk.fault.error, walk.fault, cases[i].error, cases[i].offset);
        dump_fini(&dump);
    }
}

static void test_sizes(void **state)
{
    struct dump dump;

    (void)state;
    dump_init(&dump, 4096);
    dump_read(&dump);
    assert_int_equal(dump.config.bytes, 256); /* no capability says more */
    put(dump.bytes, 8, 4, 0x06000000);
    dump_read(&dump);
    assert_int_equal(dump.config.bytes, 4096); /* a host bridge */
    put(dump.bytes, 0x100, 4, UINT32_MAX);
    dump_read(&dump);
    assert_int_equal(dump.config.bytes, 256); /* nothing there */
    put(dump.bytes, 0x100, 4, 0);
    put(dump.bytes, 8, 4, 0);
    dump.bytes[0x34] = 0x40;
    put(dump.bytes, 0x40, 4, PCI_CAP_PCIX);
    dump_read(&dump);
    assert_int_equal(dump.config.bytes, 256);
    put(dump.bytes, 0x44, 4, 0x40000000); /* PCI-X 266 */
    dump_read(&dump);
    assert_int_equal(dump.config.bytes, 4096);
    dump_fini(&dump);
    dump_init(&dump, 64);
    dump_read(&dump);
    assert_int_equal(dump.config.bytes, 64);
    dump_fini(&dump);
}

/* Any bytes: the walk finds what a naive one finds, and ends where it ends. */
static void test_random_lists(void **state)
{
    (void)state;
    random_seed();
    for (uint32_t round = 0; round < 4000; round++) {
        const bool extended = round % 2 == 1;
        const uint32_t first = extended ? 256 : 64;
        bool seen[4096] = {false};
        struct pci_capability capability;
        struct pci_walk walk;
        uint32_t place;
        struct dump dump;

        dump_init(&dump, extended ? 4096 : 256);
        make_express(dump.bytes, PCI_EXPRESS_ENDPOINT);
        for (uint32_t i = 64; i < (extended ? 4096u : 256u); i += 4) {
            const uint32_t next = (uint32_t)random_next() & (extended ? 0xfff : 0xff);
            const uint32_t id = random_below(100) == 0 ? 0xff : random_below(30);

            put(dump.bytes, i, 4,
                extended && i >= 256 ? next << 20 | 1 << 16 | id : next << 8 | id);
        }
        if (extended) {
            make_express(dump.bytes, PCI_EXPRESS_ENDPOINT);
        } else {
            dump.bytes[0x34] = (uint8_t)random_next();
        }
        dump_read(&dump);
        if (extended) {
            pci_walk_extended(&walk, &dump.config);
            place = 256;
        } else {
            pci_walk_standard(&walk, &dump.config, &dump.header);
            place = dump.bytes[0x34] & 0xfc;
        }
        while (place >= first && !seen[place] && (extended || dump.bytes[place] != 0xff)) {
            assert_true(pci_walk_next(&walk, &capability));
            assert_int_equal(capability.offset, place);
            seen[place] = true;
            place = extended ? get(dump.bytes, place, 4) >> 20 & 0xffc
                             : (dump.bytes[place + 1] & 0xfcu);
        }
        assert_false(pci_walk_next(&walk, &capability));
        assert_int_equal(walk.fault.error, place == 0      ? PCI_OK
                                           : place < first ? PCI_CAPABILITY_BAD_POINTER
                                           : seen[place]   ? PCI_CAPABILITY_LOOP
                                                           : PCI_CAPABILITY_UNREADABLE);
        dump_fini(&dump);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_lists),
        cmocka_unit_test(test_extended_lists),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_random_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
