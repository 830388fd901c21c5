/* SPDX-License-Identifier: MIT */
#include "pci/msi.h"

#define MSI_COUNT_SHIFT   1u /* log2 of the vectors it can use */
#define MSI_ENABLED_SHIFT 4u
#define MSI_COUNT_MASK    0x7u
#define MSI_COUNT_MAX     5u
#define MSI_64            0x0080u
#define MSI_CAN_MASK      0x0100u
#define MSI_DATA_32       8u
#define MSI_DATA_64       12u
#define MSIX_COUNT_MASK   0x07ffu
#define MSIX_TABLE        4u
#define MSIX_PENDING      8u
#define MSIX_BYTES        12u
#define MSIX_BAR_MASK     0x7u

enum pci_error pci_msi_read(const struct pci_config *config,
                            const struct pci_capability *capability, struct pci_msi *msi,
                            struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    struct pci_msi read = {.offset = at};
    uint32_t count, enabled;
    uint16_t control;

    if (!pci_config_has(config, at, MSI_DATA_32)) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    control = pci_read16(config, at + PCI_MSI_CONTROL);
    count = control >> MSI_COUNT_SHIFT & MSI_COUNT_MASK;
    enabled = control >> MSI_ENABLED_SHIFT & MSI_COUNT_MASK;
    if (count > MSI_COUNT_MAX || enabled > MSI_COUNT_MAX) {
        return pci_refuse(fault, PCI_MSI_BAD_COUNT, at + PCI_MSI_CONTROL);
    }
    read.is_enabled = (control & PCI_MSI_ENABLE) != 0;
    read.is_64 = (control & MSI_64) != 0;
    read.can_mask = (control & MSI_CAN_MASK) != 0;
    read.count = (uint8_t)(1u << count);
    read.enabled_count = (uint8_t)(1u << enabled);
    read.data_offset = (uint16_t)(at + (read.is_64 ? MSI_DATA_64 : MSI_DATA_32));
    if (read.can_mask) {
        read.mask_offset = (uint16_t)(read.data_offset + 4);
        read.pending_offset = (uint16_t)(read.data_offset + 8);
    }
    /* Standard capabilities end with the conventional space. */
    if (read.data_offset + (read.can_mask ? 12u : 2u) > PCI_CONFIG_BYTES) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    *msi = read;
    return PCI_OK;
}

enum pci_error pci_msix_read(const struct pci_config *config, const struct pci_header *header,
                             const struct pci_capability *capability, struct pci_msix *msix,
                             struct pci_fault *fault)
{
    const uint16_t at = capability->offset;
    struct pci_msix read = {.offset = at};
    uint32_t table, pending;
    uint16_t control;

    if (at + MSIX_BYTES > PCI_CONFIG_BYTES || !pci_config_has(config, at, MSIX_BYTES)) {
        return pci_refuse(fault, PCI_CAPABILITY_CUT, at);
    }
    control = pci_read16(config, at + PCI_MSIX_CONTROL);
    table = pci_read32(config, at + MSIX_TABLE);
    pending = pci_read32(config, at + MSIX_PENDING);
    read.is_enabled = (control & PCI_MSIX_ENABLE) != 0;
    read.is_masked = (control & PCI_MSIX_MASK_ALL) != 0;
    read.count = (uint16_t)((control & MSIX_COUNT_MASK) + 1);
    read.table_bar = table & MSIX_BAR_MASK;
    read.table_offset = table & ~MSIX_BAR_MASK;
    read.table_bytes = (uint32_t)read.count * PCI_MSIX_ENTRY;
    read.pending_bar = pending & MSIX_BAR_MASK;
    read.pending_offset = pending & ~MSIX_BAR_MASK;
    read.pending_bytes = (read.count + 63u) / 64 * 8;
    if (read.table_bar >= header->bar_count) {
        return pci_refuse(fault, PCI_BAD_BAR, at + MSIX_TABLE);
    }
    if (read.pending_bar >= header->bar_count) {
        return pci_refuse(fault, PCI_BAD_BAR, at + MSIX_PENDING);
    }
    if (read.table_bar == read.pending_bar &&
        read.table_offset < (uint64_t)read.pending_offset + read.pending_bytes &&
        read.pending_offset < (uint64_t)read.table_offset + read.table_bytes) {
        return pci_refuse(fault, PCI_MSIX_OVERLAP, at + MSIX_PENDING);
    }
    *msix = read;
    return PCI_OK;
}

static enum pci_error check_place(const struct pci_header *header,
                                  const struct pci_bar_values *values, uint32_t index,
                                  uint64_t offset, uint64_t length, uint32_t place,
                                  struct pci_fault *fault)
{
    struct pci_fault of_bar;
    struct pci_bar bar;

    if (pci_bar_decode(values, header, index, &bar, &of_bar) != PCI_OK ||
        bar.kind != PCI_BAR_MEMORY) {
        return pci_refuse(fault, PCI_BAD_BAR, place);
    }
    if (offset > bar.size || length > bar.size - offset) {
        return pci_refuse(fault, PCI_OUTSIDE_BAR, place);
    }
    return PCI_OK;
}

enum pci_error pci_msix_check(const struct pci_msix *msix, const struct pci_header *header,
                              const struct pci_bar_values *values, struct pci_fault *fault)
{
    const enum pci_error error = check_place(header, values, msix->table_bar, msix->table_offset,
                                             msix->table_bytes, msix->offset + MSIX_TABLE, fault);

    if (error != PCI_OK) {
        return error;
    }
    return check_place(header, values, msix->pending_bar, msix->pending_offset, msix->pending_bytes,
                       msix->offset + MSIX_PENDING, fault);
}
