/* SPDX-License-Identifier: MIT */

/*
 * lib/pci: the capabilities one by one (MSI, MSI-X, resets, PCI Express, virtio's, the extended
 * ones): what is accepted, and every refusal with its place.
 */

#include "pci/express.h"
#include "pci/extended.h"
#include "pci/msi.h"
#include "pci/reset.h"
#include "pci/virtio.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pci_dump.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msi),    cmocka_unit_test(test_msix),
        cmocka_unit_test(test_reset),  cmocka_unit_test(test_express),
        cmocka_unit_test(test_virtio), cmocka_unit_test(test_extended),
        cmocka_unit_test(test_sriov),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
