/* SPDX-License-Identifier: MIT */

/*
 * lib/pci/header, capability and the capabilities one by one: what is accepted, and every refusal
 * with its place. Spaces are exact copies on the heap, so that ASan sees a read beyond them.
 */

#include "pci/bridge.h"
#include "pci/express.h"
#include "pci/extended.h"
#include "pci/image.h"
#include "pci/msi.h"
#include "pci/reset.h"
#include "pci/virtio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "pci_space.h"
#include "random.h"

/* One function as a dump of `length` bytes. */
struct dump {
    uint8_t *bytes;
    struct pci_image image;
    struct pci_config config;
    struct pci_header header;
};

static void dump_init(struct dump *dump, uint32_t length)
{
    dump->bytes = calloc(1, length + (length == 0));
    assert_non_null(dump->bytes);
    pci_image_init(&dump->image, dump->bytes, length);
    dump->config = pci_image_config(&dump->image, at(0, 0, 0));
    if (length >= PCI_HEADER_BYTES) {
        put(dump->bytes, PCI_VENDOR_ID, 4, 0x10411af4);
        put(dump->bytes, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
    }
}

static void dump_fini(struct dump *dump)
{
    free(dump->bytes);
}

static void dump_read(struct dump *dump)
{
    struct pci_fault fault;

    assert_int_equal(pci_header_read(&dump->config, &dump->header, &fault), PCI_OK);
    dump->config.bytes = pci_config_size(&dump->config, &dump->header);
}

static void check_error(enum pci_error got, struct pci_fault fault, enum pci_error error,
                        uint32_t offset)
{
    assert_string_equal(pci_error_name(got), pci_error_name(error));
    if (error != PCI_OK) {
        assert_int_equal(fault.error, error);
        assert_int_equal(fault.offset, offset);
    }
}

/* ------------------------------------------------------------------------------ header */

static void test_error_names(void **state)
{
    (void)state;
    for (int i = 0; i < PCI_ERROR_COUNT; i++) {
        assert_non_null(pci_error_name((enum pci_error)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(pci_error_name((enum pci_error)i),
                                    pci_error_name((enum pci_error)j));
        }
    }
    assert_string_equal(pci_error_name(PCI_ERROR_COUNT), "?");
}

static void test_headers(void **state)
{
    static const struct {
        uint32_t ids;
        uint8_t type;
        uint32_t class_code;
        uint32_t length;
        enum pci_error error;
        uint32_t offset;
        uint32_t bars, rom;
        bool mismatch;
    } cases[] = {
        {0x29c08086, 0x00, 0x060000, 256, PCI_OK, 0, 6, 0x30, false},
        {0x29c08086, 0x80, 0x010601, 64, PCI_OK, 0, 6, 0x30, false},
        {0x29c08086, 0x01, 0x060400, 4096, PCI_OK, 0, 2, 0x38, false},
        {0x29c08086, 0x02, 0x060700, 128, PCI_OK, 0, 1, 0, false},
        {0x29c08086, 0x02, 0x060700, 64, PCI_OK, 0, 1, 0, false},
        {0x29c08086, 0x00, 0x060400, 256, PCI_OK, 0, 6, 0x30, true},
        {0x29c08086, 0x02, 0x060400, 256, PCI_OK, 0, 1, 0, true},
        {0x1234ffff, 0x00, 0x060000, 256, PCI_OK, 0, 6, 0x30, false},
        {0xffffffff, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0x00000000, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0x0000ffff, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0xffff0000, 0x00, 0x060000, 256, PCI_ABSENT, 0, 0, 0, false},
        {0xffff0001, 0x00, 0x060000, 256, PCI_NOT_READY, 0, 0, 0, false},
        {0x29c08086, 0x03, 0x060000, 256, PCI_UNKNOWN_HEADER, 14, 0, 0, false},
        {0x29c08086, 0xff, 0x060000, 256, PCI_UNKNOWN_HEADER, 14, 0, 0, false},
        {0x29c08086, 0x00, 0x060000, 63, PCI_TRUNCATED, 63, 0, 0, false},
        {0x29c08086, 0x00, 0x060000, 0, PCI_TRUNCATED, 0, 0, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pci_fault fault = {.error = PCI_OK};
        enum pci_error error;
        struct dump dump;

        dump_init(&dump, cases[i].length);
        if (cases[i].length >= PCI_HEADER_BYTES) {
            put(dump.bytes, 0, 4, cases[i].ids);
            put(dump.bytes, 8, 4, cases[i].class_code << 8 | 7);
            dump.bytes[14] = cases[i].type;
            put(dump.bytes, 0x2c, 4, 0x11001af4);
        }
        error = pci_header_read(&dump.config, &dump.header, &fault);
        check_error(error, fault, cases[i].error, cases[i].offset);
        if (error == PCI_OK) {
            assert_int_equal(dump.header.vendor, cases[i].ids & 0xffff);
            assert_int_equal(dump.header.device, cases[i].ids >> 16);
            assert_int_equal(dump.header.class_code, cases[i].class_code);
            assert_int_equal(dump.header.revision, 7);
            assert_int_equal(dump.header.is_multifunction, cases[i].type >> 7);
            assert_int_equal(dump.header.bar_count, cases[i].bars);
            assert_int_equal(dump.header.rom_offset, cases[i].rom);
            assert_int_equal(dump.header.class_mismatch, cases[i].mismatch);
            assert_int_equal(dump.header.subsystem, (cases[i].type & 0x7f) == 0 ? 0x1100 : 0);
        }
        dump_fini(&dump);
    }
}

static void test_virtual(void **state)
{
    struct pci_fault fault;
    struct dump dump;

    (void)state;
    dump_init(&dump, 256);
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault, PCI_ABSENT, 0);
    put(dump.bytes, 0, 4, UINT32_MAX);
    assert_int_equal(pci_header_read_virtual(&dump.config, &dump.header, &fault), PCI_OK);
    assert_int_equal(dump.header.vendor, 0xffff);
    dump.bytes[14] = 1;
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault,
                PCI_UNKNOWN_HEADER, 14);
    memset(dump.bytes, 0xff, 256);
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault, PCI_ABSENT, 0);
    dump.config.bytes = 63;
    check_error(pci_header_read_virtual(&dump.config, &dump.header, &fault), fault, PCI_TRUNCATED,
                63);
    dump_fini(&dump);
}

/* ------------------------------------------------------------------------------ lists */

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

/* ------------------------------------------------------------------------------ capabilities */

/* A space with one capability of 32-bit words at an offset, found by its walk. */
static struct pci_capability place_capability(struct dump *dump, uint32_t offset,
                                              const uint32_t *words, size_t count)
{
    struct pci_capability capability = {.offset = (uint16_t)offset, .is_extended = offset >= 256};

    dump_init(dump, 4096);
    for (size_t i = 0; i < count && offset + 4 * i < 4096; i++) {
        put(dump->bytes, offset + 4 * (uint32_t)i, 4, words[i]);
    }
    capability.id = (uint16_t)get(dump->bytes, offset, 2) & (offset >= 256 ? 0xffff : 0xff);
    dump_read(dump);
    dump->config.bytes = 4096;
    return capability;
}

#define PLACE(dump, offset, ...)                                                                   \
    place_capability(dump, offset, (const uint32_t[]){__VA_ARGS__},                                \
                     sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void test_msi(void **state)
{
    static const struct {
        uint32_t offset, word;
        enum pci_error error;
        uint32_t place;
        struct pci_msi msi;
    } cases[] = {
        {0x50, 0x00000005, PCI_OK, 0, {.count = 1, .enabled_count = 1, .data_offset = 0x58}},
        {0x50,
         0x01bb0005,
         PCI_OK,
         0,
         {.count = 32,
          .enabled_count = 8,
          .is_enabled = true,
          .is_64 = true,
          .can_mask = true,
          .data_offset = 0x5c,
          .mask_offset = 0x60,
          .pending_offset = 0x64}},
        {0xe8,
         0x01800005,
         PCI_OK,
         0,
         {.count = 1,
          .enabled_count = 1,
          .is_64 = true,
          .can_mask = true,
          .data_offset = 0xf4,
          .mask_offset = 0xf8,
          .pending_offset = 0xfc}},
        {0xec, 0x01800005, PCI_CAPABILITY_CUT, 0xec, {0}},
        {0xfc, 0x00000005, PCI_CAPABILITY_CUT, 0xfc, {0}},
        {0x50, 0x000c0005, PCI_MSI_BAD_COUNT, 0x52, {0}},
        {0x50, 0x00e00005, PCI_MSI_BAD_COUNT, 0x52, {0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pci_msi msi = {.count = 0};
        struct pci_fault fault;
        struct dump dump;
        const struct pci_capability capability = PLACE(&dump, cases[i].offset, cases[i].word);

        check_error(pci_msi_read(&dump.config, &capability, &msi, &fault), fault, cases[i].error,
                    cases[i].place);
        assert_int_equal(msi.count, cases[i].msi.count);
        assert_int_equal(msi.enabled_count, cases[i].msi.enabled_count);
        assert_int_equal(msi.is_enabled, cases[i].msi.is_enabled);
        assert_int_equal(msi.is_64, cases[i].msi.is_64);
        assert_int_equal(msi.can_mask, cases[i].msi.can_mask);
        assert_int_equal(msi.data_offset, cases[i].msi.data_offset);
        assert_int_equal(msi.mask_offset, cases[i].msi.mask_offset);
        assert_int_equal(msi.pending_offset, cases[i].msi.pending_offset);
        dump_fini(&dump);
    }
}

static void test_msix(void **state)
{
    static const struct {
        uint32_t offset, words[3];
        enum pci_error error;
        uint32_t place;
    } cases[] = {
        {0x98, {0xc0030011, 0x00000001, 0x00000801}, PCI_OK, 0},
        {0x98, {0x07ff0011, 0x00001000, 0x00000003}, PCI_OK, 0},
        {0x98, {0x00030011, 0x00000001, 0x00000041}, PCI_OK, 0},
        {0x98, {0x00030011, 0x00000001, 0x00000039}, PCI_MSIX_OVERLAP, 0xa0},
        {0x98, {0x00030011, 0x00000041, 0x00000041}, PCI_MSIX_OVERLAP, 0xa0},
        {0x98, {0x00030011, 0xfffffff9, 0xfffffff9}, PCI_MSIX_OVERLAP, 0xa0},
        {0x98, {0x00030011, 0x00000006, 0x00000801}, PCI_BAD_BAR, 0x9c},
        {0x98, {0x00030011, 0x00000001, 0x00000807}, PCI_BAD_BAR, 0xa0},
        {0xf8, {0x00030011, 0x00000001, 0}, PCI_CAPABILITY_CUT, 0xf8},
    };
    struct pci_capability capability;
    struct pci_bar_values values = {.is_sized = true};
    struct pci_fault fault;
    struct pci_msix msix;
    struct dump dump;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        capability = place_capability(&dump, cases[i].offset, cases[i].words, 3);
        check_error(pci_msix_read(&dump.config, &dump.header, &capability, &msix, &fault), fault,
                    cases[i].error, cases[i].place);
        dump_fini(&dump);
    }
    capability = place_capability(&dump, 0x98, cases[0].words, 3);
    assert_int_equal(pci_msix_read(&dump.config, &dump.header, &capability, &msix, &fault), PCI_OK);
    assert_int_equal(msix.count, 4);
    assert_true(msix.is_enabled);
    assert_true(msix.is_masked);
    assert_int_equal(msix.table_bar, 1);
    assert_int_equal(msix.table_offset, 0);
    assert_int_equal(msix.table_bytes, 64);
    assert_int_equal(msix.pending_offset, 0x800);
    assert_int_equal(msix.pending_bytes, 8);
    values.value[1] = 0xfebf0000;
    values.mask[1] = 0xfffff000;
    check_error(pci_msix_check(&msix, &dump.header, &values, &fault), fault, PCI_OK, 0);
    values.mask[1] = 0xfffff800;
    check_error(pci_msix_check(&msix, &dump.header, &values, &fault), fault, PCI_OUTSIDE_BAR, 0xa0);
    values.mask[1] = 0xfffffff0;
    check_error(pci_msix_check(&msix, &dump.header, &values, &fault), fault, PCI_OUTSIDE_BAR, 0x9c);
    values.mask[1] = 0xffffffe1;
    values.value[1] = 1;
    check_error(pci_msix_check(&msix, &dump.header, &values, &fault), fault, PCI_BAD_BAR, 0x9c);
    dump.header.bar_count = 1;
    check_error(pci_msix_read(&dump.config, &dump.header, &capability, &msix, &fault), fault,
                PCI_BAD_BAR, 0x9c);
    dump_fini(&dump);
}

static void test_reset(void **state)
{
    struct pci_capability capability;
    struct pci_fault fault;
    struct dump dump;
    struct pci_pm pm;
    struct pci_af af;

    (void)state;
    capability = PLACE(&dump, 0x40, 0xfe030001, 0x0000000b);
    check_error(pci_pm_read(&dump.config, &capability, &pm, &fault), fault, PCI_OK, 0);
    assert_int_equal(pm.version, 3);
    assert_int_equal(pm.state, 3);
    assert_true(pm.has_d1 && pm.has_d2 && pm.keeps_state);
    assert_int_equal(pm.pme_states, 0x1f);
    dump_fini(&dump);
    capability = PLACE(&dump, 0xfc, 0xfe030001);
    check_error(pci_pm_read(&dump.config, &capability, &pm, &fault), fault, PCI_CAPABILITY_CUT,
                0xfc);
    dump_fini(&dump);
    capability = PLACE(&dump, 0x40, 0x03060013);
    check_error(pci_af_read(&dump.config, &capability, &af, &fault), fault, PCI_OK, 0);
    assert_true(af.has_flr && af.has_pending);
    dump_fini(&dump);
    capability = PLACE(&dump, 0x40, 0x03050013);
    check_error(pci_af_read(&dump.config, &capability, &af, &fault), fault, PCI_CAPABILITY_SHORT,
                0x42);
    dump_fini(&dump);
    capability = PLACE(&dump, 0xfc, 0x03060013);
    check_error(pci_af_read(&dump.config, &capability, &af, &fault), fault, PCI_CAPABILITY_CUT,
                0xfc);
    dump_fini(&dump);
}

static void test_express(void **state)
{
    struct pci_capability capability;
    struct pci_express express;
    struct pci_fault fault;
    struct dump dump;

    (void)state;
    capability = PLACE(&dump, 0x40, 0x01420010, 0x10000002, 0x00200000, 0x00000041, 0x00110000,
                       0x00080060, 0, 0, 0, 0x00000020, 0x00000020);
    check_error(pci_express_read(&dump.config, &capability, &express, &fault), fault, PCI_OK, 0);
    assert_int_equal(express.type, PCI_EXPRESS_ROOT_PORT);
    assert_string_equal(pci_express_type_name(express.type), "rootPort");
    assert_true(express.has_flr && express.is_pending && express.can_forward_ari &&
                express.forwards_ari && express.has_slot && express.can_hotplug &&
                express.can_surprise);
    assert_int_equal(express.slot, 1);
    assert_int_equal(express.payload_bytes, 512);
    assert_int_equal(express.link_width, 4);
    assert_int_equal(express.current_width, 1);
    assert_int_equal(express.current_speed, 1);
    put(dump.bytes, 0x42, 2, 0x0141); /* the first version has no second half */
    check_error(pci_express_read(&dump.config, &capability, &express, &fault), fault, PCI_OK, 0);
    assert_false(express.can_forward_ari || express.forwards_ari);
    put(dump.bytes, 0x42, 2, 0x0102); /* an endpoint has neither slot nor ARI to forward */
    check_error(pci_express_read(&dump.config, &capability, &express, &fault), fault, PCI_OK, 0);
    assert_false(express.has_slot || express.forwards_ari);
    put(dump.bytes, 0x42, 2, 0x0092); /* inside the root complex there is no link */
    check_error(pci_express_read(&dump.config, &capability, &express, &fault), fault, PCI_OK, 0);
    assert_int_equal(express.link_width, 0);
    for (uint32_t type = 0; type < 16; type++) {
        const bool good = type <= 1 || (type >= 4 && type <= 10);

        put(dump.bytes, 0x42, 2, type << 4 | 2);
        check_error(pci_express_read(&dump.config, &capability, &express, &fault), fault,
                    good ? PCI_OK : PCI_EXPRESS_BAD_TYPE, 0x42);
        assert_int_equal(strcmp(pci_express_type_name((enum pci_express_type)type), "?") != 0,
                         good);
    }
    dump_fini(&dump);
    capability = PLACE(&dump, 0xf8, 0x00020010);
    check_error(pci_express_read(&dump.config, &capability, &express, &fault), fault,
                PCI_CAPABILITY_CUT, 0xf8);
    dump_fini(&dump);
    capability = PLACE(&dump, 0xf4, 0x00420010, 0x10000000);
    check_error(pci_express_read(&dump.config, &capability, &express, &fault), fault, PCI_OK, 0);
    assert_int_equal(express.link_width, 0);
    dump_fini(&dump);
}

static void test_virtio(void **state)
{
    static const struct {
        uint32_t offset, words[6];
        enum pci_error error;
        uint32_t place;
        uint64_t at, length;
    } cases[] = {
        {0x40, {0x01100009, 4, 0x1000, 0x38}, PCI_OK, 0, 0x1000, 0x38},
        {0x40, {0x02140009, 4, 0x3000, 0x1000, 4}, PCI_OK, 0, 0x3000, 0x1000},
        {0x40, {0x08180009, 2, 0x1000, 0x38, 1, 2}, PCI_OK, 0, 0x100001000, 0x200000038},
        {0x40, {0x09080009, 0xff}, PCI_OK, 0, 0, 0},
        {0x40, {0x77100009, 4, 0x1000, 0x38}, PCI_OK, 0, 0x1000, 0x38},
        {0x40, {0x01100009, 6, 0x1000, 0x38}, PCI_BAD_BAR, 0x44, 0, 0},
        {0x40, {0x010f0009, 4, 0x1000, 0x38}, PCI_CAPABILITY_SHORT, 0x42, 0, 0},
        {0x40, {0x02100009, 4, 0x1000, 0x38}, PCI_CAPABILITY_SHORT, 0x42, 0, 0},
        {0x40, {0x08140009, 4, 0x1000, 0x38}, PCI_CAPABILITY_SHORT, 0x42, 0, 0},
        {0xf4, {0x01100009, 4, 0x1000}, PCI_CAPABILITY_CUT, 0xf4, 0, 0},
    };
    struct pci_bar_values values = {.is_sized = true};
    struct pci_capability capability;
    struct pci_virtio virtio;
    struct pci_fault fault;
    struct dump dump;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        capability = place_capability(&dump, cases[i].offset, cases[i].words, 6);
        assert_true(pci_virtio_is(&dump.header));
        virtio.at = virtio.length = 0;
        check_error(pci_virtio_read(&dump.config, &capability, &virtio, &fault), fault,
                    cases[i].error, cases[i].place);
        assert_int_equal(virtio.at, cases[i].at);
        assert_int_equal(virtio.length, cases[i].length);
        dump_fini(&dump);
    }
    capability = place_capability(&dump, 0x40, cases[0].words, 6);
    assert_int_equal(pci_virtio_read(&dump.config, &capability, &virtio, &fault), PCI_OK);
    check_error(pci_virtio_check(&virtio, &dump.header, &values, &fault), fault, PCI_BAD_BAR, 0x44);
    values.value[4] = 0xc;
    values.mask[4] = 0xffffc00c;
    values.mask[5] = UINT32_MAX;
    check_error(pci_virtio_check(&virtio, &dump.header, &values, &fault), fault, PCI_OK, 0);
    virtio.length = 0x3001;
    check_error(pci_virtio_check(&virtio, &dump.header, &values, &fault), fault, PCI_OUTSIDE_BAR,
                0x48);
    virtio.at = 0x4001;
    virtio.length = 0;
    check_error(pci_virtio_check(&virtio, &dump.header, &values, &fault), fault, PCI_OUTSIDE_BAR,
                0x48);
    virtio.kind = PCI_VIRTIO_CONFIG;
    check_error(pci_virtio_check(&virtio, &dump.header, &values, &fault), fault, PCI_OK, 0);
    assert_string_equal(pci_virtio_kind_name(1), "common");
    assert_string_equal(pci_virtio_kind_name(6), "?");
    assert_string_equal(pci_virtio_kind_name(200), "?");
    dump.header.device = 0x1080;
    assert_false(pci_virtio_is(&dump.header));
    dump_fini(&dump);
}

static void test_extended(void **state)
{
    struct pci_capability capability;
    struct pci_fault fault;
    struct pci_acs acs;
    struct pci_ari ari;
    struct pci_ats ats;
    struct pci_aer aer;
    struct dump dump;
    uint64_t serial;

    (void)state;
    capability = PLACE(&dump, 0x140, 0x0001000d, 0x001d005f);
    check_error(pci_acs_read(&dump.config, &capability, &acs, &fault), fault, PCI_OK, 0);
    assert_int_equal(acs.supported, 0x5f);
    assert_int_equal(acs.enabled, 0x1d);
    dump_fini(&dump);
    capability = PLACE(&dump, 0x140, 0x0001000e, 0x00000c00);
    check_error(pci_ari_read(&dump.config, &capability, &ari, &fault), fault, PCI_OK, 0);
    assert_int_equal(ari.next_function, 12);
    dump_fini(&dump);
    capability = PLACE(&dump, 0x140, 0x0001000f, 0x80000020);
    check_error(pci_ats_read(&dump.config, &capability, &ats, &fault), fault, PCI_OK, 0);
    assert_int_equal(ats.queue_depth, 32);
    assert_true(ats.is_page_aligned && ats.is_enabled);
    dump_fini(&dump);
    capability = PLACE(&dump, 0x140, 0x00010001, 1, 2, 3, 4, 5);
    check_error(pci_aer_read(&dump.config, &capability, &aer, &fault), fault, PCI_OK, 0);
    assert_true(aer.uncorrectable == 1 && aer.uncorrectable_mask == 2 && aer.severity == 3 &&
                aer.correctable == 4 && aer.correctable_mask == 5);
    dump_fini(&dump);
    capability = PLACE(&dump, 0x140, 0x00010003, 0x89abcdef, 0x01234567);
    check_error(pci_serial_read(&dump.config, &capability, &serial, &fault), fault, PCI_OK, 0);
    assert_true(serial == 0x0123456789abcdef);
    dump_fini(&dump);

    capability = PLACE(&dump, 0xffc, 0x0001000d);
    check_error(pci_acs_read(&dump.config, &capability, &acs, &fault), fault, PCI_CAPABILITY_CUT,
                0xffc);
    check_error(pci_ari_read(&dump.config, &capability, &ari, &fault), fault, PCI_CAPABILITY_CUT,
                0xffc);
    check_error(pci_ats_read(&dump.config, &capability, &ats, &fault), fault, PCI_CAPABILITY_CUT,
                0xffc);
    check_error(pci_aer_read(&dump.config, &capability, &aer, &fault), fault, PCI_CAPABILITY_CUT,
                0xffc);
    check_error(pci_serial_read(&dump.config, &capability, &serial, &fault), fault,
                PCI_CAPABILITY_CUT, 0xffc);
    dump_fini(&dump);
}

static void test_sriov(void **state)
{
    static const struct {
        uint32_t offset;
        uint16_t control, total, count, first, stride;
        enum pci_error error;
    } cases[] = {
        {0x160, 0x0019, 8, 8, 4, 2, PCI_OK},
        {0x160, 0x0000, 8, 0, 0, 0, PCI_OK},
        {0x160, 0x0001, 8, 1, 4, 0, PCI_OK},
        {0x160, 0x0001, 1000, 1000, 0xfc18, 1, PCI_OK},
        {0x160, 0x0001, 1000, 1000, 0xfc19, 1, PCI_SRIOV_BAD_COUNT},
        {0x160, 0x0000, 8, 9, 4, 2, PCI_SRIOV_BAD_COUNT},
        {0x160, 0x0001, 8, 2, 4, 0, PCI_SRIOV_BAD_COUNT},
        {0x160, 0x0001, 8, 2, 0, 1, PCI_SRIOV_BAD_COUNT},
        {0x160, 0x0001, 0xffff, 0xffff, 0xffff, 0xffff, PCI_SRIOV_BAD_COUNT},
        {0xfc4, 0x0000, 0, 0, 0, 0, PCI_CAPABILITY_CUT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const uint32_t at_offset = cases[i].offset;
        struct pci_sriov sriov;
        struct pci_fault fault;
        struct dump dump;
        const struct pci_capability capability = PLACE(
            &dump, at_offset, 0x00010010, 0, cases[i].control, (uint32_t)cases[i].total << 16 | 8,
            cases[i].count, (uint32_t)cases[i].stride << 16 | cases[i].first, 0x10ca0000, 0x553, 1);

        check_error(pci_sriov_read(&dump.config, &capability, &sriov, &fault), fault,
                    cases[i].error,
                    cases[i].error == PCI_CAPABILITY_CUT ? at_offset : at_offset + 0x10);
        if (i == 0) {
            assert_true(sriov.is_enabled && sriov.is_decoding && sriov.ari_hierarchy);
            assert_int_equal(sriov.initial, 8);
            assert_int_equal(sriov.device, 0x10ca);
            assert_int_equal(sriov.page_sizes, 0x553);
        }
        dump_fini(&dump);
    }
}

/* ------------------------------------------------------------------------------ bridges */

static void test_windows(void **state)
{
    struct pci_window windows[PCI_WINDOW_COUNT];
    struct dump dump;

    (void)state;
    dump_init(&dump, 256);
    dump.bytes[14] = 1;
    put(dump.bytes, 0x1c, 2, 0xd1c1);
    put(dump.bytes, 0x30, 4, 0x00010001);
    put(dump.bytes, 0x20, 4, 0xfe80fe60);
    put(dump.bytes, 0x24, 4, 0x00110001);
    put(dump.bytes, 0x28, 4, 0x38);
    put(dump.bytes, 0x2c, 4, 0x39);
    dump_read(&dump);
    pci_windows_read(&dump.config, &dump.header, windows);
    assert_true(windows[0].is_open && windows[0].is_wide);
    assert_true(windows[0].first == 0x1c000 && windows[0].last == 0x1dfff);
    assert_true(windows[1].is_open && !windows[1].is_wide);
    assert_true(windows[1].first == 0xfe600000 && windows[1].last == 0xfe8fffff);
    assert_true(windows[2].is_open && windows[2].is_wide);
    assert_true(windows[2].first == 0x3800000000 && windows[2].last == 0x39001fffff);
    put(dump.bytes, 0x1c, 2, 0x00f0); /* closed, as firmware closes them */
    put(dump.bytes, 0x20, 4, 0x0000fff0);
    put(dump.bytes, 0x24, 4, 0x0001fff1);
    put(dump.bytes, 0x2c, 4, 0x38);
    pci_windows_read(&dump.config, &dump.header, windows);
    assert_false(windows[0].is_open || windows[1].is_open || windows[2].is_open);
    dump.header.layout = PCI_LAYOUT_DEVICE;
    pci_windows_read(&dump.config, &dump.header, windows);
    assert_false(windows[0].is_open || windows[1].is_open || windows[2].is_open);
    assert_string_equal(pci_window_name(PCI_WINDOW_IO), "io");
    assert_string_equal(pci_window_name(PCI_WINDOW_COUNT), "?");
    dump_fini(&dump);
}

static void test_buses(void **state)
{
    static const struct {
        struct pci_buses buses;
        enum pci_error error;
        uint32_t place;
    } cases[] = {
        {{5, 6, 9}, PCI_OK, 0},
        {{0, 6, 6}, PCI_OK, 0}, /* primary bus wired to 0 */
        {{0, 0, 0}, PCI_BUS_UNASSIGNED, 0x19},
        {{5, 0, 0}, PCI_BUS_UNASSIGNED, 0x19},
        {{4, 6, 9}, PCI_BUS_MISMATCH, 0x18},
        {{5, 5, 9}, PCI_BUS_BACKWARDS, 0x19},
        {{5, 1, 9}, PCI_BUS_BACKWARDS, 0x19},
        {{5, 0, 9}, PCI_BUS_BACKWARDS, 0x19},
        {{5, 7, 6}, PCI_BUS_REVERSED, 0x1a},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct pci_fault fault = {.error = PCI_OK};

        check_error(pci_buses_check(&cases[i].buses, 5, &fault), fault, cases[i].error,
                    cases[i].place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_names),    cmocka_unit_test(test_headers),
        cmocka_unit_test(test_virtual),        cmocka_unit_test(test_standard_lists),
        cmocka_unit_test(test_extended_lists), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_random_lists),   cmocka_unit_test(test_msi),
        cmocka_unit_test(test_msix),           cmocka_unit_test(test_reset),
        cmocka_unit_test(test_express),        cmocka_unit_test(test_virtio),
        cmocka_unit_test(test_extended),       cmocka_unit_test(test_sriov),
        cmocka_unit_test(test_windows),        cmocka_unit_test(test_buses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
