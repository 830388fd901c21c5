/* SPDX-License-Identifier: MIT */
#include "pci/bridge.h"

#include "pci/bridge_registers.h"

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
    const uint32_t base = pci_read8(config, BRIDGE_IO_BASE);
    const uint32_t limit = pci_read8(config, BRIDGE_IO_LIMIT);
    const bool is_wide = (base & BRIDGE_TYPE_MASK) == BRIDGE_TYPE_WIDE;
    uint32_t high_base = 0;
    uint32_t high_limit = 0;

    if (is_wide) {
        high_base = (uint32_t)pci_read16(config, BRIDGE_IO_BASE_HIGH) << 16;
        high_limit = (uint32_t)pci_read16(config, BRIDGE_IO_LIMIT_HIGH) << 16;
    }
    return window_of((base & BRIDGE_IO_MASK) << 8 | high_base,
                     (limit & BRIDGE_IO_MASK) << 8 | high_limit, BRIDGE_IO_REST, is_wide);
}

static struct pci_window memory_read(const struct pci_config *config)
{
    const uint32_t base = pci_read16(config, BRIDGE_MEMORY_BASE);
    const uint32_t limit = pci_read16(config, BRIDGE_MEMORY_LIMIT);

    return window_of((base & BRIDGE_MEMORY_MASK) << 16, (limit & BRIDGE_MEMORY_MASK) << 16,
                     BRIDGE_MEMORY_REST, false);
}

static struct pci_window prefetchable_read(const struct pci_config *config)
{
    const uint32_t base = pci_read16(config, BRIDGE_PREFETCH_BASE);
    const uint32_t limit = pci_read16(config, BRIDGE_PREFETCH_LIMIT);
    const bool is_wide = (base & BRIDGE_TYPE_MASK) == BRIDGE_TYPE_WIDE;
    uint64_t high_base = 0;
    uint64_t high_limit = 0;

    if (is_wide) {
        high_base = (uint64_t)pci_read32(config, BRIDGE_PREFETCH_BASE_HIGH) << 32;
        high_limit = (uint64_t)pci_read32(config, BRIDGE_PREFETCH_LIMIT_HIGH) << 32;
    }
    return window_of((uint64_t)(base & BRIDGE_MEMORY_MASK) << 16 | high_base,
                     (uint64_t)(limit & BRIDGE_MEMORY_MASK) << 16 | high_limit, BRIDGE_MEMORY_REST,
                     is_wide);
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
