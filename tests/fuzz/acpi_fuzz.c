/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as ACPI tables. The first byte chooses: a reader of one kind of table, with the rest
 * as the table; or the rest as memory from address 0, with an RSDP whose checksums are made right.
 * Everything must return, iterators included, and stay inside the bytes.
 */

#include "acpi/dbg2.h"
#include "acpi/dmar.h"
#include "acpi/fadt.h"
#include "acpi/host_bridge.h"
#include "acpi/hpet.h"
#include "acpi/ivrs.h"
#include "acpi/madt.h"
#include "acpi/mcfg.h"
#include "acpi/sleep.h"
#include "acpi/slit.h"
#include "acpi/spcr.h"
#include "acpi/srat.h"
#include "acpi/viot.h"
#include "acpi/waet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void read_madt(struct acpi_bytes table)
{
    uint32_t processors = 0;
    struct acpi_madt_entry entry;
    struct acpi_madt madt;
    struct acpi_fault fault;
    uint32_t cursor = 0;

    if (acpi_madt_open(table, &madt, &fault) != ACPI_OK) {
        check(fault.offset <= table.length);
        return;
    }
    check(madt.local_apic_address != 0);
    while (acpi_madt_next(&madt, &cursor, &entry)) {
        check(entry.offset < table.length);
        processors += entry.kind == ACPI_MADT_PROCESSOR && entry.processor.enabled ? 1 : 0;
    }
    check(processors == madt.processor_count);
}

static void read_dmar(struct acpi_bytes table)
{
    struct acpi_dmar_entry entry;
    struct acpi_dmar dmar;
    struct acpi_fault fault;
    uint32_t cursor = 0;
    uint32_t units = 0;

    if (acpi_dmar_open(table, &dmar, &fault) != ACPI_OK) {
        check(fault.offset <= table.length);
        return;
    }
    while (acpi_dmar_next(&dmar, &cursor, &entry)) {
        struct acpi_dmar_scope scope;
        uint32_t place = 0;

        units += entry.kind == ACPI_DMAR_UNIT ? 1 : 0;
        while (acpi_dmar_next_scope(entry.scopes, &place, &scope)) {
            check(scope.path_length > 0);
            check(scope.path + 2 * scope.path_length <= table.at + table.length);
        }
        check(place == entry.scopes.length);
    }
    check(units == dmar.unit_count);
}

static void read_mcfg(struct acpi_bytes table)
{
    struct acpi_mcfg_entry entry;
    struct acpi_fault fault;
    uint32_t count;

    if (acpi_mcfg_open(table, &count, &fault) != ACPI_OK) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (acpi_mcfg_get(table, i, &entry, &fault) == ACPI_OK) {
            check(entry.base + ((uint64_t)(entry.last_bus + 1) << 20) > entry.base);
        }
    }
}

/* Whether bytes lie in the table, and can be read. */
static void check_inside(struct acpi_bytes table, struct acpi_bytes part)
{
    check(part.at >= table.at && part.at <= table.at + table.length);
    check(part.length <= (size_t)(table.at + table.length - part.at));
}

static void read_ivrs(struct acpi_bytes table)
{
    struct acpi_ivrs_entry entry;
    struct acpi_ivrs ivrs;
    struct acpi_fault fault;
    uint32_t cursor = 0;
    uint32_t units = 0;

    if (acpi_ivrs_open(table, &ivrs, &fault) != ACPI_OK) {
        check(fault.offset <= table.length);
        return;
    }
    while (acpi_ivrs_next(&ivrs, &cursor, &entry)) {
        struct acpi_ivrs_device device;
        uint32_t place = 0;

        if (entry.kind != ACPI_IVRS_UNIT) {
            continue;
        }
        units += entry.unit.used ? 1 : 0;
        check_inside(table, entry.unit.devices);
        while (acpi_ivrs_next_device(entry.unit.devices, &place, &device)) {
            if (device.type == ACPI_IVHD_NAMED) {
                check_inside(table, (struct acpi_bytes){.at = device.hid, .length = 16});
                check_inside(table, device.uid);
            }
        }
        check(place == entry.unit.devices.length);
    }
    check(units == ivrs.unit_count);
}

static void read_srat(struct acpi_bytes table)
{
    struct acpi_srat_entry entry;
    struct acpi_srat srat;
    struct acpi_fault fault;
    uint32_t processors = 0;
    uint32_t cursor = 0;

    if (acpi_srat_open(table, &srat, &fault) != ACPI_OK) {
        check(fault.offset <= table.length);
        return;
    }
    while (acpi_srat_next(&srat, &cursor, &entry)) {
        check(entry.offset < table.length);
        processors += entry.kind == ACPI_SRAT_PROCESSOR && entry.enabled ? 1 : 0;
        if (entry.kind == ACPI_SRAT_MEMORY && entry.memory.well_formed) {
            check(entry.memory.base + (entry.memory.length - 1) >= entry.memory.base);
        }
    }
    check(processors == srat.processor_count);
}

static void read_slit(struct acpi_bytes table)
{
    struct acpi_slit slit;
    struct acpi_fault fault;

    if (acpi_slit_open(table, &slit, &fault) != ACPI_OK) {
        check(fault.offset <= table.length);
        return;
    }
    for (uint32_t i = 0; i < slit.domain_count; i++) {
        check(acpi_slit_distance(&slit, i, i) == ACPI_SLIT_LOCAL);
        check(acpi_slit_distance(&slit, slit.domain_count - 1, i) >= ACPI_SLIT_LOCAL);
    }
}

static void read_dbg2(struct acpi_bytes table)
{
    struct acpi_dbg2_device device;
    struct acpi_dbg2 dbg2;
    struct acpi_fault fault;
    uint32_t cursor = 0;
    uint32_t devices = 0;

    if (acpi_dbg2_open(table, &dbg2, &fault) != ACPI_OK) {
        check(fault.offset <= table.length);
        return;
    }
    while (acpi_dbg2_next(&dbg2, &cursor, &device)) {
        devices++;
        check_inside(table, device.name);
        for (uint32_t i = 0; i < device.register_count; i++) {
            uint32_t size_bytes;

            (void)acpi_dbg2_register(&device, i, &size_bytes);
        }
    }
    check(devices == dbg2.device_count);
}

static void read_viot(struct acpi_bytes table)
{
    struct acpi_viot_node node;
    struct acpi_viot viot;
    struct acpi_fault fault;
    uint32_t cursor = 0;
    uint32_t iommus = 0;

    if (acpi_viot_open(table, &viot, &fault) != ACPI_OK) {
        check(fault.offset <= table.length);
        return;
    }
    while (acpi_viot_next(&viot, &cursor, &node)) {
        check(node.offset < table.length);
        iommus += node.kind == ACPI_VIOT_IOMMU_PCI || node.kind == ACPI_VIOT_IOMMU_MMIO ? 1 : 0;
    }
    check(iommus == viot.iommu_count);
}

/* With its checksum made right. */
static void read_ivrs_summed(struct acpi_bytes table)
{
    uint8_t *copy = malloc(table.length + 1);
    uint8_t sum = 0;

    check(copy != NULL);
    memcpy(copy, table.at, table.length);
    if (table.length > 9) {
        for (size_t i = 0; i < table.length; i++) {
            sum = (uint8_t)(sum + copy[i]);
        }
        copy[9] = (uint8_t)(copy[9] - sum);
    }
    read_ivrs((struct acpi_bytes){.at = copy, .length = table.length});
    free(copy);
}

static void read_host_bridges(struct acpi_bytes table)
{
    struct acpi_host_bridge bridge;
    struct acpi_fault fault;
    uint64_t cursor = 0;
    uint64_t last = 0;
    uint64_t base;

    while (acpi_host_bridge_next(table, &cursor, &bridge)) {
        check(cursor > last && cursor <= table.length && bridge.first_bus <= bridge.last_bus &&
              bridge.window_count <= ACPI_BRIDGE_WINDOWS);
        for (uint32_t i = 0; i < bridge.window_count; i++) {
            check(bridge.windows[i].first <= bridge.windows[i].last);
        }
        last = cursor;
    }
    check(acpi_config_base_find(table, &base, &fault) != ACPI_OK || base != 0);
}

/* What the first byte chooses; the rest is a table of that kind, or memory to walk. */
#define TABLE_KINDS 15u
#define WALK        6u

static void read_table(uint8_t kind, struct acpi_bytes table)
{
    struct acpi_fault fault;
    struct acpi_fadt fadt;
    struct acpi_soft_off off;
    struct acpi_hpet hpet;
    struct acpi_spcr spcr;
    struct acpi_waet waet;

    switch (kind) {
    case 0:
        read_madt(table);
        break;
    case 1:
        check(acpi_fadt_open(table, &fadt, &fault) == ACPI_OK || table.length < 44);
        break;
    case 2:
        if (acpi_soft_off_find(table, &off, &fault) == ACPI_OK) {
            check(off.type_a <= 7 && off.type_b <= 7);
        }
        break;
    case 3:
        read_mcfg(table);
        break;
    case 4:
        if (acpi_hpet_open(table, &hpet, &fault) == ACPI_OK) {
            check(hpet.address != 0);
        }
        break;
    case 5:
        read_dmar(table);
        break;
    case 7:
        read_ivrs_summed(table);
        break;
    case 8:
        read_srat(table);
        break;
    case 9:
        read_slit(table);
        break;
    case 10:
        read_viot(table);
        break;
    case 11:
        read_dbg2(table);
        break;
    case 12:
        check(acpi_spcr_open(table, &spcr, &fault) == ACPI_OK || table.length < 59);
        break;
    case 13:
        check(acpi_waet_open(table, &waet, &fault) == ACPI_OK || table.length < 40);
        break;
    case 14:
        read_host_bridges(table);
        break;
    default:
        break;
    }
}

struct fuzz_memory {
    struct acpi_memory memory;
    struct acpi_bytes bytes;
};

static const uint8_t *memory_at(const struct acpi_memory *memory, uint64_t address, uint64_t length)
{
    const struct fuzz_memory *fuzz = (const struct fuzz_memory *)memory;

    if (address > fuzz->bytes.length || length > fuzz->bytes.length - address) {
        return NULL;
    }
    return fuzz->bytes.at + address;
}

static void fix_sum(uint8_t *at, size_t length, size_t checksum)
{
    uint8_t sum = 0;

    at[checksum] = 0;
    for (size_t i = 0; i < length; i++) {
        sum = (uint8_t)(sum + at[i]);
    }
    at[checksum] = (uint8_t)(0u - sum);
}

static void walk(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    struct fuzz_memory fuzz = {.memory = {.at = memory_at}, .bytes = {.at = copy, .length = size}};
    struct acpi_root root;
    struct acpi_fault fault;
    uint64_t address;

    check(copy != NULL);
    memcpy(copy, data, size);
    if (size >= 36) {
        memcpy(copy, "RSD PTR ", 8);
        fix_sum(copy, 20, 8);
        fix_sum(copy, 36, 32);
    }
    (void)!acpi_rsdp_find(&fuzz.memory, &address);
    if (acpi_root_open(&fuzz.memory, 0, &root, &fault) == ACPI_OK) {
        struct acpi_table table;

        for (uint32_t i = 0; i < root.entry_count; i++) {
            if (acpi_root_get(&fuzz.memory, &root, i, &table, &fault) == ACPI_OK) {
                read_table((uint8_t)table.signature[0] % TABLE_KINDS, table.bytes);
            }
        }
        (void)!acpi_root_find(&fuzz.memory, &root, "APIC", 1, &table);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (data[0] % TABLE_KINDS == WALK) {
        walk(data + 1, size - 1);
    } else {
        read_table(data[0] % TABLE_KINDS, (struct acpi_bytes){.at = data + 1, .length = size - 1});
    }
    return 0;
}
