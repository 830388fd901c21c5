/* SPDX-License-Identifier: MIT */
#include "pci/bridge.h"

#define IO_BASE             0x1cu
#define IO_LIMIT            0x1du
#define IO_BASE_HIGH        0x30u
#define IO_LIMIT_HIGH       0x32u
#define IO_MASK             0xf0u
#define IO_REST             0xfffu
#define MEMORY_BASE         0x20u
#define MEMORY_LIMIT        0x22u
#define PREFETCH_BASE       0x24u
#define PREFETCH_LIMIT      0x26u
#define PREFETCH_BASE_HIGH  0x28u
#define PREFETCH_LIMIT_HIGH 0x2cu
#define MEMORY_MASK         0xfff0u
#define MEMORY_REST         0xfffffu
#define TYPE_MASK           0x0fu
#define TYPE_WIDE           0x01u

const char *pci_window_name(enum pci_window_kind kind)
{
    switch (kind) {
    case PCI_WINDOW_IO:
        return "io";
    case PCI_WINDOW_MEMORY:
        return "memory";
    case PCI_WINDOW_PREFETCHABLE:
        return "prefetchable";
    case PCI_WINDOW_COUNT:
        break;
    }
    return "?";
}

void pci_buses_read(const struct pci_config *config, struct pci_buses *buses)
{
    const uint32_t value = pci_read32(config, PCI_BRIDGE_BUSES);

    *buses = (struct pci_buses){
        .primary = (uint8_t)value,
        .secondary = (uint8_t)(value >> 8),
        .subordinate = (uint8_t)(value >> 16),
    };
}

static struct pci_window window_of(uint64_t base, uint64_t limit, uint64_t rest, bool is_wide)
{
    return (struct pci_window){
        .is_open = base <= limit,
        .is_wide = is_wide,
        .first = base,
        .last = limit | rest,
    };
}

static struct pci_window io_read(const struct pci_config *config)
{
    const uint32_t base = pci_read8(config, IO_BASE);
    const uint32_t limit = pci_read8(config, IO_LIMIT);
    const bool is_wide = (base & TYPE_MASK) == TYPE_WIDE;
    uint32_t high_base = 0;
    uint32_t high_limit = 0;

    if (is_wide) {
        high_base = (uint32_t)pci_read16(config, IO_BASE_HIGH) << 16;
        high_limit = (uint32_t)pci_read16(config, IO_LIMIT_HIGH) << 16;
    }
    return window_of((base & IO_MASK) << 8 | high_base, (limit & IO_MASK) << 8 | high_limit,
                     IO_REST, is_wide);
}

static struct pci_window memory_read(const struct pci_config *config)
{
    const uint32_t base = pci_read16(config, MEMORY_BASE);
    const uint32_t limit = pci_read16(config, MEMORY_LIMIT);

    return window_of((base & MEMORY_MASK) << 16, (limit & MEMORY_MASK) << 16, MEMORY_REST, false);
}

static struct pci_window prefetchable_read(const struct pci_config *config)
{
    const uint32_t base = pci_read16(config, PREFETCH_BASE);
    const uint32_t limit = pci_read16(config, PREFETCH_LIMIT);
    const bool is_wide = (base & TYPE_MASK) == TYPE_WIDE;
    uint64_t high_base = 0;
    uint64_t high_limit = 0;

    if (is_wide) {
        high_base = (uint64_t)pci_read32(config, PREFETCH_BASE_HIGH) << 32;
        high_limit = (uint64_t)pci_read32(config, PREFETCH_LIMIT_HIGH) << 32;
    }
    return window_of((uint64_t)(base & MEMORY_MASK) << 16 | high_base,
                     (uint64_t)(limit & MEMORY_MASK) << 16 | high_limit, MEMORY_REST, is_wide);
}

void pci_windows_read(const struct pci_config *config, const struct pci_header *header,
                      struct pci_window windows[PCI_WINDOW_COUNT])
{
    if (header->layout != PCI_LAYOUT_BRIDGE) {
        for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
            windows[i] = (struct pci_window){.is_open = false};
        }
        return;
    }
    windows[PCI_WINDOW_IO] = io_read(config);
    windows[PCI_WINDOW_MEMORY] = memory_read(config);
    windows[PCI_WINDOW_PREFETCHABLE] = prefetchable_read(config);
}

enum pci_error pci_buses_check(const struct pci_buses *buses, uint8_t bus, struct pci_fault *fault)
{
    if (buses->secondary == 0 && buses->subordinate == 0) {
        return pci_refuse(fault, PCI_BUS_UNASSIGNED, PCI_BRIDGE_BUSES + 1);
    }
    if (buses->primary != bus && buses->primary != 0) {
        return pci_refuse(fault, PCI_BUS_MISMATCH, PCI_BRIDGE_BUSES);
    }
    if (buses->secondary <= bus) {
        return pci_refuse(fault, PCI_BUS_BACKWARDS, PCI_BRIDGE_BUSES + 1);
    }
    if (buses->subordinate < buses->secondary) {
        return pci_refuse(fault, PCI_BUS_REVERSED, PCI_BRIDGE_BUSES + 2);
    }
    return PCI_OK;
}
