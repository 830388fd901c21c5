/* SPDX-License-Identifier: MIT */

/* lib/vtd: each field of each encoding, one at a time, against the bits of the specification. */

#include "vtd/entries.h"
#include "vtd/fault.h"
#include "vtd/interrupt.h"
#include "vtd/invalidate.h"
#include "vtd/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ALL_64 UINT64_MAX

static void check(struct vtd_descriptor got, uint64_t low, uint64_t high)
{
    assert_int_equal(got.low, low);
    assert_int_equal(got.high, high);
}

static void test_descriptors(void **state)
{
    (void)state;
    check(vtd_invalidate_contexts(), 0x11, 0);
    check(vtd_invalidate_domain_contexts(0xabcd), 0xabcd0021, 0);
    check(vtd_invalidate_iotlb(0), 0x12, 0);
    check(vtd_invalidate_iotlb(VTD_IOTLB_DRAIN_READ | VTD_IOTLB_DRAIN_WRITE), 0xd2, 0);
    check(vtd_invalidate_domain(0x8001, VTD_IOTLB_DRAIN_WRITE), 0x80010062, 0);
    check(vtd_invalidate_pages(0xffff, 0xfffffffff000, 0, VTD_IOTLB_DRAIN_READ), 0xffff00b2,
          0xfffffffff000);
    check(vtd_invalidate_pages(1, 0x200000, 9, 0), 0x10032, 0x200009);
    check(vtd_invalidate_interrupts(), 0x04, 0);
    check(vtd_invalidate_interrupt(0xfedc), 0xfedc00000014, 0);
    check(vtd_wait(0xdeadbeef, 0x123456789ac), 0xdeadbeef00000065, 0x123456789ac);
}

/* The block holds the range, is aligned, and half of it would not do. */
static void test_page_order(void **state)
{
    (void)state;
    assert_int_equal(vtd_page_order(7, 1), 0);
    assert_int_equal(vtd_page_order(8, 8), 3);
    assert_int_equal(vtd_page_order(7, 2), 4); /* across 8: 0 to 15 */
    assert_int_equal(vtd_page_order(0x1ff, 2), 10);
    for (uint64_t first = 0; first < 70; first++) {
        for (uint64_t count = 1; count < 70; count++) {
            const uint32_t order = vtd_page_order(first, count);

            assert_true(first >> order == (first + count - 1) >> order);
            assert_true(order == 0 || first >> (order - 1) != (first + count - 1) >> (order - 1));
        }
    }
}

static void test_entries(void **state)
{
    const struct vtd_entry root = vtd_root_entry(0x1234567000);
    const struct vtd_entry three = vtd_context_entry(0xabcde000, 3, 1);
    const struct vtd_entry four = vtd_context_entry(0xffffffffff000, 4, 0xffff);

    (void)state;
    assert_int_equal(root.low, 0x1234567001);
    assert_int_equal(root.high, 0);
    assert_int_equal(three.low, 0xabcde001); /* translation type 00, faults recorded */
    assert_int_equal(three.high, 0x101);
    assert_int_equal(four.low, 0xffffffffff001);
    assert_int_equal(four.high, 0xffff02);
    assert_int_equal(vtd_table_entry(0x7000), 0x7003);
    assert_int_equal(vtd_table_index(0x0000ffffffffffff, 3), 0x1ff);
    assert_int_equal(vtd_table_index(0x0000008000000000, 3), 1);
    assert_int_equal(vtd_table_index(0x0000007fc0000000, 2), 0x1ff);
    assert_int_equal(vtd_table_index(0x0000000000200000, 1), 1);
    assert_int_equal(vtd_table_index(0x00000000001ff000, 0), 0x1ff);
}

static void test_interrupt_entries(void **state)
{
    struct vtd_interrupt interrupt = {.source = 0xbeef, .vector = 0x51, .apic_id = 0x7f};
    struct vtd_entry entry = vtd_interrupt_entry(&interrupt, false);

    (void)state;
    assert_int_equal(entry.low, 0x00007f0000510001);
    assert_int_equal(entry.high, 0x4beef); /* SVT 1, SQ 0 */
    assert_int_equal(vtd_interrupt_source(&entry), 0xbeef);
    interrupt.is_level = true;
    interrupt.apic_id = 0xfe;
    entry = vtd_interrupt_entry(&interrupt, false);
    assert_int_equal(entry.low, 0x0000fe0000510011);
    /* Extended mode: QEMU's TCG cannot run it. */
    entry = vtd_interrupt_entry(&interrupt, true);
    assert_int_equal(entry.low, 0x000000fe00510011);
    interrupt.apic_id = 0x12345678;
    entry = vtd_interrupt_entry(&interrupt, true);
    assert_int_equal(entry.low, 0x1234567800510011);
    assert_int_equal(vtd_interrupt_table_address(0x40000, 10, false), 0x40009);
    assert_int_equal(vtd_interrupt_table_address(0x40000, 16, true), 0x4080f);
    assert_int_equal(vtd_queue_address(0x5000, 0), 0x5000);
    assert_int_equal(vtd_queue_address(0x5000, 7), 0x5007);
}

static void test_messages(void **state)
{
    (void)state;
    assert_int_equal(vtd_message_address(0), 0xfee00010);
    assert_int_equal(vtd_message_address(1), 0xfee00030);
    assert_int_equal(vtd_message_address(0x7fff), 0xfeeffff0);
    assert_int_equal(vtd_message_address(0x8000), 0xfee00014);
    assert_int_equal(vtd_event_address(3), 0xfee03000);
    assert_int_equal(vtd_event_address(0x1234), 0xfee34000);
    assert_int_equal(vtd_event_upper_address(0x1234), 0x1200);
}

static void test_faults(void **state)
{
    static const struct {
        uint64_t low, high;
        struct vtd_fault fault;
    } cases[] = {
        {0x501fff, 0x8000000500000008, {VTD_FAULT_WRITE, 5, 8, 0x501000}},
        {0xfffffffffffff000, 0xc00000060000ffff, {VTD_FAULT_READ, 6, 0xffff, 0xfffffffffffff000}},
        {0x1000, 0xc000000210000100, {VTD_FAULT_ATOMIC, 2, 0x100, 0x1000}},
        {0x1000, 0x8000000210000100, {VTD_FAULT_PAGE_REQUEST, 2, 0x100, 0x1000}},
        {0xabcd000000000000, 0x80000026ffff0010, {VTD_FAULT_INTERRUPT, 0x26, 0x10, 0xabcd}},
    };
    struct vtd_fault fault;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(vtd_fault_read(cases[i].low, cases[i].high, &fault));
        assert_int_equal(fault.kind, cases[i].fault.kind);
        assert_int_equal(fault.reason, cases[i].fault.reason);
        assert_int_equal(fault.source, cases[i].fault.source);
        assert_int_equal(fault.address, cases[i].fault.address);
        assert_false(vtd_fault_read(cases[i].low, cases[i].high & ~VTD_FAULT_VALID, &fault));
    }
    for (uint32_t reason = 0; reason < 256; reason++) {
        assert_non_null(vtd_fault_name((uint8_t)reason));
    }
    assert_string_equal(vtd_fault_name(0), "unknown reason");
    assert_string_equal(vtd_fault_name(0x1f), "unknown reason");
    assert_string_equal(vtd_fault_name(0xff), "unknown reason");
    assert_string_equal(vtd_fault_name(0x26), "interrupt of another device");
}

/* What QEMU 7.2 says of itself with intremap=on,caching-mode=on,aw-bits=48. */
#define QEMU_VERSION  0x10u
#define QEMU_CAP      0x00d2008c222f0686ull
#define QEMU_EXTENDED 0xf00f4aull

static void test_capabilities(void **state)
{
    struct vtd_capabilities can;

    (void)state;
    assert_null(vtd_capabilities_read(QEMU_VERSION, QEMU_CAP, QEMU_EXTENDED, &can));
    assert_int_equal(can.domain_count, 65536);
    assert_int_equal(can.address_bits, 48);
    assert_int_equal(can.levels, 4);
    assert_int_equal(can.fault_offset, 0x220);
    assert_int_equal(can.fault_count, 1);
    assert_int_equal(can.page_order_max, 18);
    assert_true(can.page_selective && can.caching_mode && can.drains_reads && can.drains_writes);
    assert_false(can.write_buffer || can.protects_memory || can.coherent);
    assert_true(can.interrupt_remapping);
    assert_false(can.extended_interrupts);
}

static void assert_same(const struct vtd_capabilities *a, const struct vtd_capabilities *b)
{
    assert_int_equal(a->domain_count, b->domain_count);
    assert_int_equal(a->address_bits, b->address_bits);
    assert_int_equal(a->levels, b->levels);
    assert_int_equal(a->fault_offset, b->fault_offset);
    assert_int_equal(a->fault_count, b->fault_count);
    assert_int_equal(a->page_order_max, b->page_order_max);
    assert_int_equal(a->page_selective, b->page_selective);
    assert_int_equal(a->write_buffer, b->write_buffer);
    assert_int_equal(a->caching_mode, b->caching_mode);
    assert_int_equal(a->drains_reads, b->drains_reads);
    assert_int_equal(a->drains_writes, b->drains_writes);
    assert_int_equal(a->protects_memory, b->protects_memory);
    assert_int_equal(a->coherent, b->coherent);
    assert_int_equal(a->interrupt_remapping, b->interrupt_remapping);
    assert_int_equal(a->extended_interrupts, b->extended_interrupts);
}

/* Each bit of the two registers, alone on top of the least that works, changes what it should. */
static void test_capability_bits(void **state)
{
    const uint64_t least = 10ull << 24 << 4 | 38ull << 16 | 1ull << 9; /* 16 ids, 39 bits */
    struct vtd_capabilities base;
    struct vtd_capabilities can;

    (void)state;
    assert_null(vtd_capabilities_read(0x10, least, 2, &base));
    assert_int_equal(base.domain_count, 16);
    assert_int_equal(base.address_bits, 39);
    assert_int_equal(base.levels, 3);
#define CAP_BIT(bit, field)                                                                        \
    assert_null(vtd_capabilities_read(0x10, least | 1ull << (bit), 2, &can));                      \
    assert_false(base.field);                                                                      \
    assert_true(can.field);                                                                        \
    can.field = false;                                                                             \
    assert_same(&can, &base)
#define EXTENDED_BIT(bit, field)                                                                   \
    assert_null(vtd_capabilities_read(0x10, least, 2 | 1ull << (bit), &can));                      \
    assert_false(base.field);                                                                      \
    assert_true(can.field);                                                                        \
    can.field = false;                                                                             \
    assert_same(&can, &base)
    CAP_BIT(4, write_buffer);
    CAP_BIT(5, protects_memory);
    CAP_BIT(6, protects_memory);
    CAP_BIT(7, caching_mode);
    CAP_BIT(39, page_selective);
    CAP_BIT(54, drains_writes);
    CAP_BIT(55, drains_reads);
    EXTENDED_BIT(0, coherent);
    EXTENDED_BIT(3, interrupt_remapping);
    assert_null(vtd_capabilities_read(0x10, least, 2 | 1 << 4, &can));
    assert_false(can.extended_interrupts); /* means nothing without remapping */
    assert_null(vtd_capabilities_read(0x10, least, 2 | 1 << 3 | 1 << 4, &can));
    assert_true(can.extended_interrupts);
    assert_null(vtd_capabilities_read(0x10, least | 1 << 10, 2, &can));
    assert_int_equal(can.levels, 4);
    assert_int_equal(can.address_bits, 39); /* MGAW */
    assert_null(vtd_capabilities_read(0x10, least | 0xffull << 40 | 0x3full << 48, 2, &can));
    assert_int_equal(can.fault_count, 256);
    assert_int_equal(can.page_order_max, 63);
}

static void test_capabilities_refused(void **state)
{
    const uint64_t good = QEMU_CAP;
    struct vtd_capabilities can;

    (void)state;
    memset(&can, 0xa5, sizeof(can));
    assert_non_null(vtd_capabilities_read(UINT32_MAX, good, QEMU_EXTENDED, &can));
    assert_non_null(vtd_capabilities_read(QEMU_VERSION, ALL_64, QEMU_EXTENDED, &can));
    assert_non_null(vtd_capabilities_read(QEMU_VERSION, good, ALL_64, &can));
    assert_non_null(vtd_capabilities_read(0, good, QEMU_EXTENDED, &can));
    assert_non_null(vtd_capabilities_read(QEMU_VERSION, 0, 0, &can));
    assert_non_null(vtd_capabilities_read(QEMU_VERSION, good, QEMU_EXTENDED & ~2ull, &can));
    assert_non_null(
        vtd_capabilities_read(QEMU_VERSION, good & ~(0x1full << 8), QEMU_EXTENDED, &can));
    assert_non_null(vtd_capabilities_read(QEMU_VERSION, good | 7, QEMU_EXTENDED, &can));
    assert_non_null(vtd_capabilities_read(QEMU_VERSION, (good & ~(0x3full << 16)) | 30ull << 16,
                                          QEMU_EXTENDED, &can));
    assert_non_null(vtd_capabilities_read(QEMU_VERSION, (good & ~(0x3ffull << 24)) | 15ull << 24,
                                          QEMU_EXTENDED, &can));
    for (size_t i = 0; i < sizeof(can); i++) {
        assert_int_equal(((const uint8_t *)&can)[i], 0xa5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_page_order),
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_interrupt_entries),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_capability_bits),
        cmocka_unit_test(test_capabilities_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
