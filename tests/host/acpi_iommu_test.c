/* SPDX-License-Identifier: MIT */

/* lib/acpi/ivrs and viot: one of every block, entry and node, every refusal. */

#include "acpi/ivrs.h"
#include "acpi/viot.h"

#include "acpi_build.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TABLE_BYTES 48u /* of both */

/* ---------------------------------------------------------------------------- IVRS */

static struct acpi_bytes make_ivrs(const uint8_t *blocks, size_t length)
{
    uint8_t *table = table_with("IVRS", TABLE_BYTES, blocks, length);

    table_put(table, 36, 4, 48u << 8 | 64u << 15 | 1u);
    table_sum(table, TABLE_BYTES + length);
    return table_bytes(table, TABLE_BYTES + length);
}

static void free_table(struct acpi_bytes table)
{
    free((void *)(uintptr_t)table.at);
}

static const uint8_t blocks[] = {
    /* 10h: unit 00:02.0, capability at 64, registers at 0xfd080000, segment 1; every device */
    0x10, 0xb0, 28, 0, 0x10, 0, 64, 0, 0, 0, 8, 0xfd, 0, 0, 0, 0, 1, 0, 2, 0, 4, 0, 0, 0, 1, 0, 0,
    0xd7,
    /* 11h: the same unit, with entries of every form */
    0x11, 0xb0, 142, 0, 0x10, 0, 64, 0, 0, 0, 8, 0xfd, 0, 0, 0, 0, 1, 0, 2, 0, 4, 0, 0, 0, 0x88,
    0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* padding */
    2, 0x18, 0, 1,                                                                /* select */
    3, 0, 1, 2,                                                                   /* range */
    4, 0xff, 1, 0,                                                                /* its end */
    0x42, 0x20, 0, 3, 0, 0x21, 0, 0,                                              /* alias */
    0x43, 0, 2, 4, 0, 0x22, 0, 0,                                                 /* alias range */
    0x46, 0x28, 0, 5, 0, 0, 0, 0x80,                                              /* extended */
    0x47, 0, 3, 6, 0, 0, 0, 0x40,    /* extended range */
    0x48, 0, 0, 0x40, 7, 0xa0, 0, 1, /* I/O APIC 7 */
    0x48, 0, 0, 0, 0, 0xa1, 0, 2,    /* HPET 0 */
    0x50, 0, 0, 0, 0, 0, 0, 0,       /* unknown */
    0x05, 0, 0, 0,                   /* unknown */
    0xf0, 0xa5, 0, 8, 'A', 'M', 'D', 'I', '0', '0', '2', '0', 'C', 'I', 'D', 0, 0, 0, 0, 0, 2, 4,
    '\\', '_', 'S', 'B', /* named */
    /* something else */
    0x99, 0, 4, 0,
    /* memory of all, of 05:00.0 (odd), of 06:00.0 to 06:1f.7 */
    0x20, 8, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0, 0,
    0, 0, 0, 0x21, 7, 32, 0, 0, 5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x20,
    0, 0, 0, 0, 0, 0, 0x22, 1, 32, 0, 0, 6, 0xff, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0, 0x10, 0, 0, 0, 0, 0, 0};

static void check_devices(struct acpi_bytes devices)
{
    static const struct acpi_ivrs_device expected[] = {
        {.type = ACPI_IVHD_SELECT, .device_id = 0x18, .flags = 1},
        {.type = ACPI_IVHD_RANGE, .device_id = 0x100, .flags = 2},
        {.type = ACPI_IVHD_RANGE_END, .device_id = 0x1ff},
        {.type = ACPI_IVHD_ALIAS, .device_id = 0x20, .flags = 3, .alias = 0x21},
        {.type = ACPI_IVHD_ALIAS_RANGE, .device_id = 0x200, .flags = 4, .alias = 0x22},
        {.type = ACPI_IVHD_EXTENDED, .device_id = 0x28, .flags = 5, .extended = 0x80000000},
        {.type = ACPI_IVHD_EXTENDED_RANGE, .device_id = 0x300, .flags = 6, .extended = 0x40000000},
        {.type = ACPI_IVHD_SPECIAL,
         .flags = 0x40,
         .alias = 0xa0,
         .handle = 7,
         .variety = ACPI_IVHD_IO_APIC},
        {.type = ACPI_IVHD_SPECIAL, .alias = 0xa1, .variety = ACPI_IVHD_HPET},
        {.type = ACPI_IVHD_NAMED, .device_id = 0xa5, .flags = 8, .uid_format = 2},
    };
    struct acpi_ivrs_device device;
    uint32_t cursor = 0;

    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_true(acpi_ivrs_next_device(devices, &cursor, &device));
        assert_int_equal(device.type, expected[i].type);
        assert_int_equal(device.device_id, expected[i].device_id);
        assert_int_equal(device.flags, expected[i].flags);
        assert_int_equal(device.alias, expected[i].alias);
        assert_int_equal(device.extended, expected[i].extended);
        assert_int_equal(device.handle, expected[i].handle);
        assert_int_equal(device.variety, expected[i].variety);
        assert_int_equal(device.uid_format, expected[i].uid_format);
    }
    assert_memory_equal(device.hid, "AMDI0020CID\0\0\0\0\0", 16);
    assert_int_equal(device.uid.length, 4);
    assert_memory_equal(device.uid.at, "\\_SB", 4);
    assert_false(acpi_ivrs_next_device(devices, &cursor, &device));
}

static void test_ivrs_every_block(void **state)
{
    const struct acpi_bytes table = make_ivrs(blocks, sizeof(blocks));
    struct acpi_ivrs_device device;
    struct acpi_ivrs_entry entry;
    struct acpi_ivrs ivrs;
    struct acpi_fault fault;
    uint32_t cursor = 0;
    uint32_t place = 0;

    (void)state;
    assert_int_equal(acpi_ivrs_open(table, &ivrs, &fault), ACPI_OK);
    assert_int_equal(ivrs.physical_bits, 48);
    assert_int_equal(ivrs.virtual_bits, 64);
    assert_int_equal(ivrs.unit_type, 0x11);
    assert_int_equal(ivrs.unit_count, 1);
    assert_true(acpi_ivrs_next(&ivrs, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_IVRS_UNIT);
    assert_int_equal(entry.offset, 48);
    assert_int_equal(entry.type, 0x10);
    assert_int_equal(entry.flags, 0xb0);
    assert_int_equal(entry.segment, 1);
    assert_false(entry.unit.used);
    assert_int_equal(entry.unit.device_id, 0x10);
    assert_int_equal(entry.unit.capability, 64);
    assert_int_equal(entry.unit.base, 0xfd080000);
    assert_int_equal(entry.unit.info, 2);
    assert_int_equal(entry.unit.attributes, 4);
    assert_int_equal(entry.unit.features, 0);
    assert_true(acpi_ivrs_next_device(entry.unit.devices, &place, &device));
    assert_int_equal(device.type, ACPI_IVHD_ALL);
    assert_int_equal(device.flags, 0xd7);
    assert_false(acpi_ivrs_next_device(entry.unit.devices, &place, &device));
    assert_true(acpi_ivrs_next(&ivrs, &cursor, &entry));
    assert_true(entry.unit.used);
    assert_int_equal(entry.unit.features, 0x1122334455667788);
    assert_int_equal(entry.unit.features2, 9);
    check_devices(entry.unit.devices);
    assert_true(acpi_ivrs_next(&ivrs, &cursor, &entry));
    assert_int_equal(entry.kind, ACPI_IVRS_MEMORY);
    assert_int_equal(entry.flags, ACPI_IVMD_EXCLUSION);
    assert_int_equal(entry.memory.first_id, 0);
    assert_int_equal(entry.memory.last_id, 0xffff);
    assert_int_equal(entry.memory.start, 0x1000);
    assert_int_equal(entry.memory.length, 0x2000);
    assert_true(entry.memory.well_formed);
    assert_true(acpi_ivrs_next(&ivrs, &cursor, &entry));
    assert_int_equal(entry.segment, 2);
    assert_int_equal(entry.memory.first_id, 0x500);
    assert_int_equal(entry.memory.last_id, 0x500);
    assert_false(entry.memory.well_formed);
    assert_true(acpi_ivrs_next(&ivrs, &cursor, &entry));
    assert_int_equal(entry.memory.first_id, 0x600);
    assert_int_equal(entry.memory.last_id, 0x6ff);
    assert_true(entry.memory.well_formed); /* to the last byte there is */
    assert_false(acpi_ivrs_next(&ivrs, &cursor, &entry));
    free_table(table);
}

/* Whichever order the blocks come in, those of the newest type count. */
static void test_ivrs_newest(void **state)
{
    uint8_t units[3 * 40 + 24] = {0};
    static const uint8_t types[] = {0x11, 0x40, 0x10, 0x40};
    struct acpi_ivrs ivrs;
    struct acpi_fault fault;
    struct acpi_bytes table;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        units[at] = types[i];
        units[at + 2] = types[i] == 0x10 ? 24 : 40;
        units[at + 8] = 1;
        at += units[at + 2];
    }
    table = make_ivrs(units, sizeof(units));
    assert_int_equal(acpi_ivrs_open(table, &ivrs, &fault), ACPI_OK);
    assert_int_equal(ivrs.unit_type, 0x40);
    assert_int_equal(ivrs.unit_count, 2);
    free_table(table);
    table = make_ivrs(units, 0);
    assert_int_equal(acpi_ivrs_open(table, &ivrs, &fault), ACPI_OK);
    assert_int_equal(ivrs.unit_type, 0);
    assert_int_equal(ivrs.unit_count, 0);
    free_table(table);
}

static void check_ivrs(const uint8_t *contents, size_t length, enum acpi_error error,
                       uint64_t offset)
{
    const struct acpi_bytes table = make_ivrs(contents, length);
    struct acpi_ivrs ivrs;
    struct acpi_fault fault = {ACPI_OK, 0};

    assert_int_equal(acpi_ivrs_open(table, &ivrs, &fault), error);
    assert_int_equal(fault.offset, offset);
    free_table(table);
}

static void test_ivrs_refusals(void **state)
{
    uint8_t unit[24 + 30] = {0x10, 0, 28, 0, 0, 0, 0, 0, 1};
    struct acpi_bytes table = make_ivrs(unit, 28);
    struct acpi_ivrs ivrs;
    struct acpi_fault fault;

    (void)state;
    for (size_t length = 0; length < TABLE_BYTES; length++) {
        uint8_t *shorter = table_new("IVRS", length);

        assert_int_equal(acpi_ivrs_open(table_bytes(shorter, length), &ivrs, &fault),
                         ACPI_BAD_LENGTH);
        assert_int_equal(fault.offset, length);
        free(shorter);
    }
    ((uint8_t *)(uintptr_t)table.at)[40] ^= 1;
    assert_int_equal(acpi_ivrs_open(table, &ivrs, &fault), ACPI_BAD_CHECKSUM);
    assert_int_equal(fault.offset, 0);
    free_table(table);

    check_ivrs(unit, 28, ACPI_OK, 0);
    check_ivrs(unit, 27, ACPI_BAD_ENTRY, 48); /* leaves the table */
    check_ivrs(unit, 31, ACPI_OK, 0);         /* three bytes at the end are no block */
    check_ivrs(unit, 32, ACPI_BAD_ENTRY, 76); /* four are one, that says it is empty */
    unit[8] = 0;
    check_ivrs(unit, 28, ACPI_BAD_ADDRESS, 48 + 8);
    unit[8] = 1;
    unit[2] = 27; /* the last device entry leaves the block */
    check_ivrs(unit, 27, ACPI_BAD_ENTRY, 72);
    unit[2] = 28;
    unit[24] = 0x42; /* this one has 8 bytes */
    check_ivrs(unit, 28, ACPI_BAD_ENTRY, 72);
    unit[24] = 0x80; /* nothing tells how many this has */
    check_ivrs(unit, 28, ACPI_BAD_ENTRY, 72);
    unit[24] = 0xf1;
    check_ivrs(unit, 28, ACPI_BAD_ENTRY, 72);
    unit[24] = 0xf0;
    for (uint8_t length = 24 + 1; length <= 24 + 30; length++) {
        for (uint8_t uid = 0; uid <= 8; uid++) {
            const bool good = length == 24 + 22 + uid;

            unit[2] = length;
            unit[24 + 21] = uid;
            memset(unit + 24 + 22, 0x80, 8); /* what is behind the entry is none */
            check_ivrs(unit, length, good ? ACPI_OK : ACPI_BAD_ENTRY,
                       good ? 0 : (length < 24 + 22 + uid ? 72 : 72 + 22 + uid));
        }
    }
    for (size_t type = 0; type < 256; type++) {
        const uint8_t needed = type == 0x10                   ? 24
                               : type == 0x11 || type == 0x40 ? 40
                               : type >= 0x20 && type <= 0x22 ? 32
                                                              : 4;

        for (uint8_t length = 0; length <= 40; length++) {
            uint8_t block[40] = {(uint8_t)type, 0, length, 0, 0, 0, 0, 0, 1};

            if (length < needed) {
                check_ivrs(block, sizeof(block), ACPI_BAD_ENTRY, 48);
            }
        }
    }
}

/* ---------------------------------------------------------------------------- VIOT */

static const uint8_t nodes[] = {
    /* at 48: 0000:00:01.0 to 0001:00:ff.f, endpoints from 0x100, IOMMU at 104 */
    1, 0, 24, 0, 0, 1, 0, 0, 0, 0, 1, 0, 8, 0, 0xff, 0, 104, 0, 0, 0, 0, 0, 0, 0,
    /* at 72: memory-mapped, 0xfe000000, endpoint 7, IOMMU where there is none */
    2, 0, 24, 0, 7, 0, 0, 0, 0, 0, 0, 0xfe, 0, 0, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0,
    /* at 96: unknown */
    9, 0, 8, 0, 1, 2, 3, 4,
    /* at 104: IOMMU 0002:00:02.0 */
    3, 0, 16, 0, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* at 120: memory-mapped IOMMU */
    4, 0, 16, 0, 0, 0, 0, 0, 0, 0x10, 0, 0xfe, 1, 0, 0, 0};

static uint8_t *make_viot(uint16_t count, uint16_t first, const uint8_t *contents, size_t length)
{
    uint8_t *table = table_with("VIOT", TABLE_BYTES, contents, length);

    table_put(table, 36, 2, count);
    table_put(table, 38, 2, first);
    return table;
}

static void test_viot_every_node(void **state)
{
    uint8_t *table = make_viot(5, 48, nodes, sizeof(nodes));
    struct acpi_viot_node node;
    struct acpi_viot viot;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    (void)state;
    assert_int_equal(acpi_viot_open(table_bytes(table, TABLE_BYTES + sizeof(nodes)), &viot, &fault),
                     ACPI_OK);
    assert_int_equal(viot.iommu_count, 2);
    assert_true(acpi_viot_next(&viot, &cursor, &node));
    assert_int_equal(node.kind, ACPI_VIOT_PCI_RANGE);
    assert_int_equal(node.offset, 48);
    assert_int_equal(node.endpoint, 0x100);
    assert_int_equal(node.first_segment, 0);
    assert_int_equal(node.last_segment, 1);
    assert_int_equal(node.first_id, 8);
    assert_int_equal(node.last_id, 0xff);
    assert_int_equal(node.iommu_offset, 104);
    assert_true(node.iommu_known);
    assert_true(acpi_viot_next(&viot, &cursor, &node));
    assert_int_equal(node.kind, ACPI_VIOT_MMIO);
    assert_int_equal(node.endpoint, 7);
    assert_int_equal(node.base, 0xfe000000);
    assert_false(node.iommu_known);
    assert_true(acpi_viot_next(&viot, &cursor, &node));
    assert_int_equal(node.kind, ACPI_VIOT_IOMMU_PCI);
    assert_int_equal(node.offset, 104);
    assert_int_equal(node.first_segment, 2);
    assert_int_equal(node.first_id, 0x10);
    assert_true(acpi_viot_next(&viot, &cursor, &node));
    assert_int_equal(node.kind, ACPI_VIOT_IOMMU_MMIO);
    assert_int_equal(node.base, 0x1fe001000);
    assert_false(acpi_viot_next(&viot, &cursor, &node));
    assert_false(acpi_viot_next(&viot, &cursor, &node));
    free(table);
}

static void check_viot(uint16_t count, uint16_t first, const uint8_t *contents, size_t length,
                       enum acpi_error error, uint64_t offset)
{
    uint8_t *table = make_viot(count, first, contents, length);
    struct acpi_viot_node node;
    struct acpi_viot viot;
    struct acpi_fault fault = {ACPI_OK, 0};
    uint32_t cursor = 0;

    assert_int_equal(acpi_viot_open(table_bytes(table, TABLE_BYTES + length), &viot, &fault),
                     error);
    assert_int_equal(fault.offset, offset);
    while (error == ACPI_OK && acpi_viot_next(&viot, &cursor, &node)) {
    }
    free(table);
}

static void test_viot_refusals(void **state)
{
    struct acpi_viot viot;
    struct acpi_fault fault;

    (void)state;
    for (size_t length = 0; length < TABLE_BYTES; length++) {
        uint8_t *table = table_new("VIOT", length);

        assert_int_equal(acpi_viot_open(table_bytes(table, length), &viot, &fault),
                         ACPI_BAD_LENGTH);
        assert_int_equal(fault.offset, length);
        free(table);
    }
    check_viot(0, 0, nodes, 0, ACPI_OK, 0);
    check_viot(1, 47, nodes, 24, ACPI_BAD_ENTRY, 38);
    check_viot(1, 72, nodes, 24, ACPI_BAD_ENTRY, 36); /* no node is there */
    check_viot(1, 69, nodes, 24, ACPI_BAD_ENTRY, 69);
    check_viot(2, 48, nodes, 24, ACPI_BAD_ENTRY, 36);
    check_viot(6, 48, nodes, sizeof(nodes), ACPI_BAD_ENTRY, 36);
    check_viot(1, 48, nodes, 23, ACPI_BAD_ENTRY, 48);
    /* A node may be longer than the table, if what it needs is there. */
    check_viot(1, 48, (uint8_t[]){4, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 16,
               ACPI_OK, 0);
    for (uint8_t type = 0; type < 8; type++) {
        const uint8_t needed = type == 1 || type == 2 ? 24 : type == 3 || type == 4 ? 16 : 4;

        for (uint8_t length = 0; length < 30; length++) {
            for (size_t there = 4; there < 30; there++) {
                uint8_t node[30] = {type, 0, length};
                const bool good = length >= needed && there >= needed;

                check_viot(1, 48, node, there, good ? ACPI_OK : ACPI_BAD_ENTRY, good ? 0 : 48);
            }
        }
    }
}

/* An IOMMU must be where a node says it is: inside, of its kind, and long enough. */
static void test_viot_references(void **state)
{
    static const struct {
        uint16_t offset;
        bool known;
    } cases[] = {{0, false},  {47, false},  {48, false},  {104, true},   {105, false},
                 {120, true}, {133, false}, {136, false}, {65535, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint8_t *table = make_viot(5, 48, nodes, sizeof(nodes));
        struct acpi_viot_node node;
        struct acpi_viot viot;
        struct acpi_fault fault;
        uint32_t cursor = 0;

        table_put(table, 48 + 16, 2, cases[i].offset);
        assert_int_equal(
            acpi_viot_open(table_bytes(table, TABLE_BYTES + sizeof(nodes)), &viot, &fault),
            ACPI_OK);
        assert_true(acpi_viot_next(&viot, &cursor, &node));
        assert_int_equal(node.iommu_known, cases[i].known);
        free(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ivrs_every_block), cmocka_unit_test(test_ivrs_newest),
        cmocka_unit_test(test_ivrs_refusals),    cmocka_unit_test(test_viot_every_node),
        cmocka_unit_test(test_viot_refusals),    cmocka_unit_test(test_viot_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
