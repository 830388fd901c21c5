/* SPDX-License-Identifier: MIT */

/*
 * lib/acpi/acpi.c: finding the RSDP, choosing the root table, walking it. Memory is a buffer of
 * 1 MiB of which each table is made from scratch; every readable range is handed out as an exact
 * copy on the heap, so that ASan sees a read beyond what was asked for.
 */

#include "acpi/acpi.h"

#include "data/q35_acpi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    MEMORY_BYTES = 1 << 20,
    RSDP = 0xf59e0,
    RSDT = 0x1000,
    XSDT = 0x2000,
    TABLE_A = 0x3000,
    TABLE_B = 0x4000,
    TABLE_C = 0x5000,
    COPIES_MAX = 512,
};

struct machine {
    struct acpi_memory memory;
    uint8_t bytes[MEMORY_BYTES];
    uint8_t **copies;
    uint32_t *copy_count;
    uint64_t lowest; /* what is below cannot be read */
};

static const uint8_t *read_memory(const struct acpi_memory *memory, uint64_t address,
                                  uint64_t length)
{
    const struct machine *machine = (const struct machine *)memory;
    uint8_t *copy;

    if (address < machine->lowest || address > MEMORY_BYTES || length > MEMORY_BYTES - address) {
        return NULL;
    }
    assert_true(*machine->copy_count < COPIES_MAX);
    copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, machine->bytes + address, length);
    machine->copies[(*machine->copy_count)++] = copy;
    return copy;
}

static void put(struct machine *machine, uint64_t address, size_t width, uint64_t value)
{
    for (size_t i = 0; i < width; i++) {
        machine->bytes[address + i] = (uint8_t)(value >> (8 * i));
    }
}

/* Make the bytes sum to zero by changing the one at `checksum`. */
static void fix_sum(struct machine *machine, uint64_t address, size_t length, uint64_t checksum)
{
    uint8_t sum = 0;

    machine->bytes[checksum] = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + machine->bytes[address + i]);
    }
    machine->bytes[checksum] = (uint8_t)(0u - sum);
}

static void make_rsdp(struct machine *machine, uint64_t address, uint8_t revision, uint32_t rsdt,
                      uint64_t xsdt)
{
    memcpy(machine->bytes + address, "RSD PTR ", 8);
    put(machine, address + 15, 1, revision);
    put(machine, address + 16, 4, rsdt);
    put(machine, address + 20, 4, 36);
    put(machine, address + 24, 8, xsdt);
    fix_sum(machine, address, 20, address + 8);
    fix_sum(machine, address, 36, address + 32);
}

static void make_table(struct machine *machine, uint64_t address, const char *signature,
                       uint32_t length)
{
    memcpy(machine->bytes + address, signature, 4);
    put(machine, address + 4, 4, length);
    fix_sum(machine, address, length, address + 9);
}

static int setup(void **state)
{
    struct machine *machine = calloc(1, sizeof(*machine));

    assert_non_null(machine);
    machine->memory.at = read_memory;
    machine->copies = calloc(COPIES_MAX, sizeof(*machine->copies));
    machine->copy_count = calloc(1, sizeof(*machine->copy_count));
    assert_non_null(machine->copies);
    assert_non_null(machine->copy_count);

    make_rsdp(machine, RSDP, 2, RSDT, XSDT);
    put(machine, RSDT + 36, 4, TABLE_C);
    make_table(machine, RSDT, "RSDT", 40);
    put(machine, XSDT + 36, 8, TABLE_A);
    put(machine, XSDT + 52, 8, TABLE_B);
    put(machine, XSDT + 60, 8, TABLE_C);
    make_table(machine, XSDT, "XSDT", 36 + 4 * 8 + 7);
    make_table(machine, TABLE_A, "SSDT", 36);
    make_table(machine, TABLE_B, "APIC", 100);
    make_table(machine, TABLE_C, "SSDT", 50);
    *state = machine;
    return 0;
}

static int teardown(void **state)
{
    struct machine *machine = *state;

    for (uint32_t i = 0; i < *machine->copy_count; i++) {
        free(machine->copies[i]);
    }
    free(machine->copies);
    free(machine->copy_count);
    free(machine);
    return 0;
}

static void test_xsdt_walk(void **state)
{
    struct machine *machine = *state;
    struct acpi_root root;
    struct acpi_table table;
    struct acpi_fault fault;

    assert_int_equal(acpi_root_open(&machine->memory, RSDP, &root, &fault), ACPI_OK);
    assert_string_equal(root.table.signature, "XSDT");
    assert_true(root.table.checksum_good);
    assert_int_equal(root.entry_bytes, 8);
    assert_int_equal(root.entry_count, 4); /* the seven bytes behind are no entry */

    assert_int_equal(acpi_root_get(&machine->memory, &root, 0, &table, &fault), ACPI_OK);
    assert_string_equal(table.signature, "SSDT");
    assert_int_equal(table.address, TABLE_A);
    assert_int_equal(acpi_root_get(&machine->memory, &root, 1, &table, &fault), ACPI_NOT_FOUND);
    assert_int_equal(fault.offset, XSDT + 44);
    assert_int_equal(acpi_root_get(&machine->memory, &root, 4, &table, &fault), ACPI_NOT_FOUND);
    assert_int_equal(acpi_root_get(&machine->memory, &root, UINT32_MAX, &table, &fault),
                     ACPI_NOT_FOUND);

    assert_int_equal(acpi_root_find(&machine->memory, &root, "APIC", 0, &table), ACPI_OK);
    assert_int_equal(table.address, TABLE_B);
    assert_int_equal(table.bytes.length, 100);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "APIC", 1, &table), ACPI_NOT_FOUND);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "SSDT", 0, &table), ACPI_OK);
    assert_int_equal(table.address, TABLE_A);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "SSDT", 1, &table), ACPI_OK);
    assert_int_equal(table.address, TABLE_C);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "SSDT", 2, &table), ACPI_NOT_FOUND);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "APIX", 0, &table), ACPI_NOT_FOUND);
}

static void check_rsdt_used(struct machine *machine)
{
    struct acpi_root root;
    struct acpi_table table;
    struct acpi_fault fault;

    assert_int_equal(acpi_root_open(&machine->memory, RSDP, &root, &fault), ACPI_OK);
    assert_string_equal(root.table.signature, "RSDT");
    assert_int_equal(root.entry_bytes, 4);
    assert_int_equal(root.entry_count, 1);
    assert_int_equal(acpi_root_get(&machine->memory, &root, 0, &table, &fault), ACPI_OK);
    assert_int_equal(table.address, TABLE_C);
}

static void test_rsdt_instead(void **state)
{
    struct machine *machine = *state;

    make_rsdp(machine, RSDP, 0, RSDT, XSDT);
    machine->bytes[RSDP + 32]++; /* not looked at before revision 2 */
    check_rsdt_used(machine);
    make_rsdp(machine, RSDP, 2, RSDT, 0);
    make_table(machine, 0, "XSDT", 44); /* an address of 0 is none, whatever is there */
    check_rsdt_used(machine);
    make_rsdp(machine, RSDP, 2, RSDT, UINT64_MAX - 8);
    check_rsdt_used(machine);
    put(machine, XSDT + 4, 4, 35);
    make_rsdp(machine, RSDP, 2, RSDT, XSDT);
    check_rsdt_used(machine);
}

static void test_accepted_as_linux_does(void **state)
{
    struct machine *machine = *state;
    struct acpi_root root;
    struct acpi_table table;
    struct acpi_fault fault;

    machine->bytes[TABLE_B + 50]++;
    machine->bytes[XSDT]++; /* checksum and signature */
    assert_int_equal(acpi_root_open(&machine->memory, RSDP, &root, &fault), ACPI_OK);
    assert_false(root.table.checksum_good);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "APIC", 0, &table), ACPI_OK);
    assert_false(table.checksum_good);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "SSDT", 0, &table), ACPI_OK);
    assert_true(table.checksum_good);
}

static void check_open_refused(struct machine *machine, uint64_t rsdp, enum acpi_error error,
                               uint64_t offset)
{
    struct acpi_root root = {.entry_count = 77};
    struct acpi_fault fault = {ACPI_OK, 0};

    assert_string_equal(acpi_error_name(acpi_root_open(&machine->memory, rsdp, &root, &fault)),
                        acpi_error_name(error));
    assert_int_equal(fault.error, error);
    assert_int_equal(fault.offset, offset);
    assert_int_equal(root.entry_count, 77);
}

static void test_root_refusals(void **state)
{
    struct machine *machine = *state;

    check_open_refused(machine, MEMORY_BYTES - 19, ACPI_UNREADABLE, MEMORY_BYTES - 19);
    check_open_refused(machine, UINT64_MAX, ACPI_UNREADABLE, UINT64_MAX);
    check_open_refused(machine, RSDP + 16, ACPI_BAD_SIGNATURE, RSDP + 16);
    machine->bytes[RSDP + 9]++;
    check_open_refused(machine, RSDP, ACPI_BAD_CHECKSUM, RSDP);
    machine->bytes[RSDP + 9]--;
    machine->bytes[RSDP + 33]++;
    check_open_refused(machine, RSDP, ACPI_BAD_CHECKSUM, RSDP + 20);
    machine->bytes[RSDP + 33]--;

    /* The second part of the RSDP is behind the end of memory. */
    memcpy(machine->bytes + MEMORY_BYTES - 20, machine->bytes + RSDP, 20);
    check_open_refused(machine, MEMORY_BYTES - 20, ACPI_UNREADABLE, MEMORY_BYTES);

    /* Neither root table can be used; without an RSDT the XSDT's fault is told. */
    put(machine, XSDT + 4, 4, 35);
    put(machine, RSDT + 4, 4, 0);
    check_open_refused(machine, RSDP, ACPI_BAD_LENGTH, RSDT + 4);
    make_rsdp(machine, RSDP, 2, 0, XSDT);
    check_open_refused(machine, RSDP, ACPI_BAD_LENGTH, XSDT + 4);
    put(machine, XSDT + 4, 4, UINT32_MAX);
    check_open_refused(machine, RSDP, ACPI_UNREADABLE, XSDT + 4);
    make_rsdp(machine, RSDP, 0, MEMORY_BYTES - 35, 0);
    check_open_refused(machine, RSDP, ACPI_UNREADABLE, MEMORY_BYTES - 35);
}

/* Entries that lead nowhere do not hide the ones behind them. */
static void test_bad_entries(void **state)
{
    struct machine *machine = *state;
    struct acpi_root root;
    struct acpi_table table;
    struct acpi_fault fault;

    put(machine, XSDT + 36, 8, UINT64_MAX);
    put(machine, XSDT + 44, 8, TABLE_A);
    put(machine, TABLE_A + 4, 4, 35);
    assert_int_equal(acpi_root_open(&machine->memory, RSDP, &root, &fault), ACPI_OK);
    assert_int_equal(acpi_root_get(&machine->memory, &root, 0, &table, &fault), ACPI_UNREADABLE);
    assert_int_equal(acpi_root_get(&machine->memory, &root, 1, &table, &fault), ACPI_BAD_LENGTH);
    assert_int_equal(fault.offset, TABLE_A + 4);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "APIC", 0, &table), ACPI_OK);
    assert_int_equal(acpi_root_find(&machine->memory, &root, "SSDT", 0, &table), ACPI_OK);
    assert_int_equal(table.address, TABLE_C);
}

static void test_entry_limit(void **state)
{
    struct machine *machine = *state;
    struct acpi_root root;
    struct acpi_table table;
    struct acpi_fault fault;

    put(machine, XSDT + 4, 4, 36 + 8 * (ACPI_ROOT_ENTRIES_MAX + 1));
    assert_int_equal(acpi_root_open(&machine->memory, RSDP, &root, &fault), ACPI_OK);
    assert_int_equal(root.entry_count, ACPI_ROOT_ENTRIES_MAX);
    assert_int_equal(acpi_root_get(&machine->memory, &root, ACPI_ROOT_ENTRIES_MAX, &table, &fault),
                     ACPI_NOT_FOUND);
}

static void test_find_rsdp(void **state)
{
    struct machine *machine = *state;
    uint64_t address = 0;

    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_OK);
    assert_int_equal(address, RSDP);

    /* The last place there is. */
    machine->bytes[RSDP]++;
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_NOT_FOUND);
    make_rsdp(machine, 0xfffd0, 0, RSDT, 0);
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_OK);
    assert_int_equal(address, 0xfffd0);

    /* A wrong sum is no RSDP; nor is one between two paragraphs. */
    machine->bytes[0xfffd0 + 9]++;
    make_rsdp(machine, 0xe1008, 0, RSDT, 0);
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_NOT_FOUND);

    /* The extended BIOS data area comes first; its pointer may be anything. */
    make_rsdp(machine, 0xe0000, 0, RSDT, 0);
    make_rsdp(machine, 0x9fc00 + 1024 - 32, 0, RSDT, 0);
    put(machine, 0x40e, 2, 0x9fc0);
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_OK);
    assert_int_equal(address, 0x9fc00 + 1024 - 32);
    put(machine, 0x40e, 2, 0xffff);
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_OK);
    assert_int_equal(address, 0xe0000);
    put(machine, 0x40e, 2, 0);
    make_rsdp(machine, 0, 0, RSDT, 0);
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_OK);
    assert_int_equal(address, 0xe0000); /* a pointer of 0 is none */
    machine->lowest = 0x1000;
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_OK);
    assert_int_equal(address, 0xe0000);

    /* A signature whose structure would leave the area, and an area that cannot be read. */
    machine->bytes[0xe0000]++;
    memcpy(machine->bytes + 0xffff0, "RSD PTR ", 8);
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_NOT_FOUND);
    machine->lowest = 0xe0001;
    assert_int_equal(acpi_rsdp_find(&machine->memory, &address), ACPI_NOT_FOUND);
}

/* The RSDP that SeaBIOS makes. */
static void test_q35_rsdp(void **state)
{
    struct machine *machine = *state;
    struct acpi_root root;
    struct acpi_fault fault;

    memcpy(machine->bytes + RSDP, q35_rsdp, sizeof(q35_rsdp));
    assert_int_equal(acpi_root_open(&machine->memory, RSDP, &root, &fault), ACPI_UNREADABLE);
    assert_int_equal(fault.offset, 0x7fe243c);
}

static void test_error_names(void **state)
{
    (void)state;
    for (int i = ACPI_OK; i <= ACPI_BAD_RANGE; i++) {
        assert_string_not_equal(acpi_error_name((enum acpi_error)i), "?");
    }
    assert_string_equal(acpi_error_name((enum acpi_error)(ACPI_BAD_RANGE + 1)), "?");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_xsdt_walk),     TEST(test_rsdt_instead), TEST(test_accepted_as_linux_does),
        TEST(test_root_refusals), TEST(test_bad_entries),  TEST(test_entry_limit),
        TEST(test_find_rsdp),     TEST(test_q35_rsdp),     TEST(test_error_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
