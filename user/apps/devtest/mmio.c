/* SPDX-License-Identifier: MIT */
#include "apps/devtest/devtest.h"

#include "rt/address_space.h"

#define KERNEL_ADDRESS 0xffff800000000000ull
#define LAST_PAGE      (UINT64_MAX - PAGE + 1)
#define COMMAND_BARS   6u

#define CAPABILITIES   0x34u /* PCI 3.0 section 6.1 */
#define ID_MSIX        0x11u
#define MSIX_BYTES     16u /* an entry of the table */

/** Mappings that must not be. Nothing is mapped by any of them. */
static void refuse_mappings(uint64_t address)
{
    const uint64_t mmio = device.mmio;
    const uint32_t pages = EDU_BAR_BYTES / PAGE;

    check_status(device_mmio_map(mmio, address, 0, 0, 0), STATUS_BAD_RANGE, "mapping no page");
    check_status(device_mmio_map(mmio, address, 0, 0, pages + 1), STATUS_BAD_RANGE,
                 "mapping a page more than the BAR has");
    check_status(device_mmio_map(mmio, address, 0, EDU_BAR_BYTES, 1), STATUS_BAD_RANGE,
                 "mapping the page behind the BAR");
    check_status(device_mmio_map(mmio, address, 0, LAST_PAGE, 2), STATUS_BAD_RANGE,
                 "mapping at an offset that wraps");
    check_status(device_mmio_map(mmio, address, 0, 0, UINT32_MAX), STATUS_BAD_RANGE,
                 "mapping as many pages as can be written");
    check_status(device_mmio_map(mmio, address, 0, PAGE / 2, 1), STATUS_BAD_RANGE,
                 "mapping from the middle of a page");
    check_status(device_mmio_map(mmio, address + 1, 0, 0, 1), STATUS_BAD_RANGE,
                 "mapping at an odd address");
    check_status(device_mmio_map(mmio, KERNEL_ADDRESS, 0, 0, 1), STATUS_BAD_RANGE,
                 "mapping in the kernel's half");
    check_refused(device_mmio_map(mmio, 0, 0, 0, 1), "mapping at address 0");
    check_refused(device_mmio_map(mmio, address, 1, 0, 1), "mapping a BAR that is not there");
    check_refused(device_mmio_map(mmio, address, COMMAND_BARS, 0, 1), "mapping BAR 6");
    check_refused(device_mmio_map(mmio, address, UINT32_MAX, 0, 1), "mapping BAR 0xffffffff");
}

static void refuse_accesses(void)
{
    static const uint32_t widths[] = {0, 3, 5, 16, UINT32_MAX};
    uint64_t value;

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        check_refused(device_mmio_read(device.mmio, 0, 0, widths[i], &value), "an odd width");
        check_refused(device_mmio_write(device.mmio, 0, EDU_LIVENESS, widths[i], 0),
                      "writing an odd width");
    }
    check_refused(device_mmio_read(device.mmio, 0, EDU_BAR_BYTES - 2, 4, &value),
                  "reading across the BAR's end");
    check_refused(device_mmio_read(device.mmio, 0, EDU_BAR_BYTES, 4, &value),
                  "reading behind the BAR");
    check_refused(device_mmio_read(device.mmio, 0, UINT64_MAX - 3, 4, &value),
                  "reading at the last address");
    check_refused(device_mmio_read(device.mmio, 0, 2, 4, &value), "reading across words");
    check_refused(device_mmio_read(device.mmio, 1, 0, 4, &value),
                  "reading of a BAR that is not there");
    check_refused(device_mmio_write(device.mmio, 0, EDU_BAR_BYTES, 4, 0), "writing behind the BAR");
}

void try_window(void)
{
    struct device_mmio_bar bar = {0};
    struct memory_size_results size;
    uint64_t address, value = 0;

    if (!check_status(device_mmio_info(device.mmio, 0, &bar), STATUS_OK, "information on BAR 0") ||
        rt_space_reserve(EDU_BAR_BYTES / PAGE, &address) != STATUS_OK) {
        return;
    }
    check_number(bar.bytes, EDU_BAR_BYTES, "length of BAR 0");
    check(bar.mappable, "BAR 0 can be mapped", bar.mappable ? "yes" : "no");
    check_status(device_mmio_info(device.mmio, 1, &bar), STATUS_NOT_FOUND, "information on BAR 1");
    check_refused(device_mmio_info(device.mmio, COMMAND_BARS, &bar), "information on BAR 6");
    refuse_mappings(address);
    refuse_accesses();
    check_refused(vm_map(device.mmio, address, 0, 1, ACCESS_READ), "mapping registers as memory");
    check_refused(memory_size(device.mmio, &size), "registers have no size as memory has");

    if (!device_map()) {
        return;
    }
    check_number(device_read32(EDU_IDENTITY), EDU_IS, "the device's identity");
    device_write32(EDU_LIVENESS, 0x12345678);
    check_number(device_read32(EDU_LIVENESS), 0xedcba987, "what was written, inverted");
    check_status(device_mmio_read(device.mmio, 0, EDU_LIVENESS, 4, &value), STATUS_OK,
                 "reading through the kernel");
    check_number(value, 0xedcba987, "the same through the kernel");
    check_status(device_mmio_write(device.mmio, 0, EDU_LIVENESS, 4, 0x55aa55aa), STATUS_OK,
                 "writing through the kernel");
    check_number(device_read32(EDU_LIVENESS), 0xaa55aa55, "what the kernel wrote, inverted");

    check_status(device_mmio_map(device.mmio, (uint64_t)(uintptr_t)device.registers, 0, 0, 1),
                 STATUS_OCCUPIED, "mapping where registers are mapped");
    check_status(device_mmio_map(device.mmio, address, 0, 0, EDU_BAR_BYTES / PAGE), STATUS_OK,
                 "mapping the whole BAR");
    check_number(*(volatile uint32_t *)(uintptr_t)address, EDU_IS, "the identity there");
    check_refused(vm_unmap(address, 1), "unmapping a part of it");
    check_refused(vm_protect(address, EDU_BAR_BYTES / PAGE, ACCESS_READ_EXECUTE),
                  "making registers executable");
    check_status(vm_unmap(address, EDU_BAR_BYTES / PAGE), STATUS_OK, "unmapping it");
    check_refused(vm_unmap(address, EDU_BAR_BYTES / PAGE), "unmapping it again");
    check_number(device_read32(EDU_IDENTITY), EDU_IS, "the first mapping is still there");
    rt_space_release(address, EDU_BAR_BYTES / PAGE);
}

/** Where the function's MSI-X table is: PCI 3.0 section 6.8.2. False: it has none. */
static bool table_find(uint32_t *bar, uint64_t *offset, uint32_t *entries)
{
    uint32_t at = 0, word = 0;

    if (device_mmio_read_config(device.mmio, CAPABILITIES, 1, &at) != STATUS_OK) {
        return false;
    }
    for (unsigned i = 0; i < 48 && at >= 0x40; i++) {
        if (device_mmio_read_config(device.mmio, at & 0xfcu, 4, &word) != STATUS_OK) {
            return false;
        }
        if ((word & 0xff) == ID_MSIX) {
            *entries = ((word >> 16) & 0x7ff) + 1;
            if (device_mmio_read_config(device.mmio, (at & 0xfcu) + 4, 4, &word) != STATUS_OK) {
                return false;
            }
            *bar = word & 7;
            *offset = word & ~7u;
            return true;
        }
        at = word >> 8 & 0xff;
    }
    return false;
}

/** A BAR that is smaller than a page: what else is in its page nobody may see. */
void try_small(void)
{
    struct device_mmio_bar bar = {0};
    uint64_t address, value = 0;

    if (!check_status(device_mmio_info(device.mmio, 0, &bar), STATUS_OK, "information on BAR 0") ||
        rt_space_reserve(1, &address) != STATUS_OK) {
        return;
    }
    check(bar.bytes < PAGE, "its length is", bar.bytes < PAGE ? "below a page" : "a page or more");
    check(!bar.mappable, "BAR 0 can be mapped", bar.mappable ? "yes" : "no");
    check_status(device_mmio_map(device.mmio, address, 0, 0, 1), STATUS_DENIED, "mapping its page");
    check_status(device_mmio_read(device.mmio, 0, 0, 1, &value), STATUS_OK,
                 "reading its first byte through the kernel");
    check_status(device_mmio_read(device.mmio, 0, bar.bytes - 1, 1, &value), STATUS_OK,
                 "reading its last byte");
    check_status(device_mmio_read(device.mmio, 0, bar.bytes, 1, &value), STATUS_BAD_RANGE,
                 "reading the byte behind it");
    rt_space_release(address, 1);
}

void try_table(void)
{
    struct device_mmio_bar info = {0};
    uint32_t bar = 0, entries = 0;
    uint64_t offset = 0, address;

    if (!check(table_find(&bar, &offset, &entries), "the device's MSI-X table",
               "in configuration space") ||
        !check_status(device_mmio_info(device.mmio, bar, &info), STATUS_OK, "its BAR") ||
        rt_space_reserve(info.bytes / PAGE + 1, &address) != STATUS_OK) {
        return;
    }
    check_status(device_mmio_map(device.mmio, address, bar, offset & ~(uint64_t)(PAGE - 1), 1),
                 STATUS_DENIED, "mapping the page with the table");
    check_refused(device_mmio_map(device.mmio, address, bar, 0, (uint32_t)(info.bytes / PAGE)),
                  "mapping the BAR as a whole");
    for (uint32_t at = 0; at < entries * MSIX_BYTES; at += 4) {
        if (device_mmio_write(device.mmio, bar, offset + at, 4, 0xfee00000) == STATUS_OK) {
            check(false, "writing the table through the kernel", "ok");
            return;
        }
    }
    check(true, "writing each word of the table through the kernel", "refused");
    check_refused(device_mmio_write(device.mmio, bar, offset, 8, 0xfee00000),
                  "writing an address into the table");
}
