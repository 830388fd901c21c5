/* SPDX-License-Identifier: MIT */

/*
 * lib/bootinfo: multiboot2 information, tag by tag, with the maps and tables of UEFI that it
 * carries; every refusal in a table.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bootinfo_machine.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_multiboot2_good),
        TEST(test_multiboot2_table),
        TEST(test_multiboot2_too_many_entries),
        TEST(test_efi_map),
        TEST(test_rsdp_and_command_line_choice),
        TEST(test_rsdp_from_efi),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
