/* SPDX-License-Identifier: MIT */
#include "pci/place.h"

#include "pci/bridge_registers.h"

#define DECODE       (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define FLAGS_IO     0x3u
#define FLAGS_MEMORY 0xfu

enum pci_error pci_decode_stop(const struct pci_config *config, uint16_t *command,
                               struct pci_fault *fault)
{
    const uint16_t now = pci_read16(config, PCI_COMMAND);

    if ((now & DECODE) != 0) {
        pci_write(config, PCI_COMMAND, 2, now & (uint16_t)~DECODE);
        if ((pci_read16(config, PCI_COMMAND) & DECODE) != 0) {
            pci_write(config, PCI_COMMAND, 2, now);
            return pci_refuse(fault, PCI_BAR_DECODING, PCI_COMMAND);
        }
    }
    *command = now;
    return PCI_OK;
}

enum pci_error pci_bar_place(const struct pci_config *config, const struct pci_header *header,
                             uint32_t index, const struct pci_bar *bar, uint64_t address,
                             struct pci_fault *fault)
{
    const uint32_t offset = pci_bar_offset(header, index);
    const uint32_t flags = bar->kind == PCI_BAR_IO ? FLAGS_IO : FLAGS_MEMORY;

    pci_write(config, offset, 4, (uint32_t)address);
    if (bar->is_64) {
        pci_write(config, offset + 4, 4, (uint32_t)(address >> 32));
    }
    if ((pci_read32(config, offset) & ~flags) != (uint32_t)address) {
        return pci_refuse(fault, PCI_BAR_NOT_RESTORED, offset);
    }
    if (bar->is_64 && pci_read32(config, offset + 4) != (uint32_t)(address >> 32)) {
        return pci_refuse(fault, PCI_BAR_NOT_RESTORED, offset + 4);
    }
    return PCI_OK;
}

void pci_windows_probe(const struct pci_config *config, const struct pci_header *header,
                       struct pci_window windows[PCI_WINDOW_COUNT], bool exists[PCI_WINDOW_COUNT])
{
    const bool is_bridge = header->layout == PCI_LAYOUT_BRIDGE;

    exists[PCI_WINDOW_MEMORY] = is_bridge;
    exists[PCI_WINDOW_IO] = is_bridge;
    exists[PCI_WINDOW_PREFETCHABLE] = is_bridge;
    if (!is_bridge) {
        return;
    }
    if (pci_read16(config, BRIDGE_IO_BASE) == 0) {
        pci_write(config, BRIDGE_IO_BASE, 2, BRIDGE_IO_CLOSED);
        exists[PCI_WINDOW_IO] = pci_read16(config, BRIDGE_IO_BASE) != 0;
        windows[PCI_WINDOW_IO].is_wide =
            (pci_read8(config, BRIDGE_IO_BASE) & BRIDGE_TYPE_MASK) == BRIDGE_TYPE_WIDE;
        pci_write(config, BRIDGE_IO_BASE, 2, 0);
    }
    if (pci_read32(config, BRIDGE_PREFETCH_BASE) == 0) {
        pci_write(config, BRIDGE_PREFETCH_BASE, 4, BRIDGE_MEMORY_CLOSED);
        exists[PCI_WINDOW_PREFETCHABLE] = pci_read32(config, BRIDGE_PREFETCH_BASE) != 0;
        windows[PCI_WINDOW_PREFETCHABLE].is_wide =
            (pci_read8(config, BRIDGE_PREFETCH_BASE) & BRIDGE_TYPE_MASK) == BRIDGE_TYPE_WIDE;
        pci_write(config, BRIDGE_PREFETCH_BASE, 4, 0);
    }
}

/* Registers of a memory window: bits 31 to 20 of the ends. */
static uint32_t ends_of(uint64_t first, uint64_t last)
{
    return (uint32_t)(first >> 16 & BRIDGE_MEMORY_MASK) |
           ((uint32_t)(last >> 16) & BRIDGE_MEMORY_MASK) << 16;
}

/*
 * A wide window has its ends in three registers: low halves, upper base, upper limit. An upper base
 * of all ones keeps it closed while the other two change.
 */
static void io_write(const struct pci_config *config, bool is_wide, uint64_t first, uint64_t last)
{
    const bool is_open = first <= last;

    if (is_wide) {
        pci_write(config, BRIDGE_IO_BASE_HIGH, 2, UINT16_MAX);
    }
    pci_write(config, BRIDGE_IO_BASE, 2,
              !is_open
                  ? BRIDGE_IO_CLOSED
                  : (uint16_t)((first >> 8 & BRIDGE_IO_MASK) | (last >> 8 & BRIDGE_IO_MASK) << 8));
    if (is_wide) {
        pci_write(config, BRIDGE_IO_LIMIT_HIGH, 2, is_open ? (uint16_t)(last >> 16) : 0);
        pci_write(config, BRIDGE_IO_BASE_HIGH, 2, is_open ? (uint16_t)(first >> 16) : 0);
    }
}

static void prefetchable_write(const struct pci_config *config, bool is_wide, uint64_t first,
                               uint64_t last)
{
    const bool is_open = first <= last;

    if (is_wide) {
        pci_write(config, BRIDGE_PREFETCH_BASE_HIGH, 4, UINT32_MAX);
    }
    pci_write(config, BRIDGE_PREFETCH_BASE, 4,
              is_open ? ends_of(first, last) : BRIDGE_MEMORY_CLOSED);
    if (is_wide) {
        pci_write(config, BRIDGE_PREFETCH_LIMIT_HIGH, 4, is_open ? (uint32_t)(last >> 32) : 0);
        pci_write(config, BRIDGE_PREFETCH_BASE_HIGH, 4, is_open ? (uint32_t)(first >> 32) : 0);
    }
}

enum pci_error pci_window_place(const struct pci_config *config, enum pci_window_kind kind,
                                bool is_wide, uint64_t first, uint64_t last,
                                struct pci_fault *fault)
{
    const struct pci_header bridge = {.layout = PCI_LAYOUT_BRIDGE};
    struct pci_window windows[PCI_WINDOW_COUNT];
    const struct pci_window *now = &windows[kind];

    switch (kind) {
    case PCI_WINDOW_IO:
        io_write(config, is_wide, first, last);
        break;
    case PCI_WINDOW_MEMORY:
        pci_write(config, BRIDGE_MEMORY_BASE, 4,
                  first > last ? BRIDGE_MEMORY_CLOSED : ends_of(first, last));
        break;
    case PCI_WINDOW_PREFETCHABLE:
        prefetchable_write(config, is_wide, first, last);
        break;
    case PCI_WINDOW_COUNT:
        break;
    }
    pci_windows_read(config, &bridge, windows);
    if (first > last ? now->is_open : !now->is_open || now->first != first || now->last != last) {
        return pci_refuse(fault, PCI_BAR_NOT_RESTORED, PCI_BRIDGE_BUSES);
    }
    return PCI_OK;
}
