/* SPDX-License-Identifier: MIT */
/*
 * Message-signalled interrupts at the function: the MSI-X table and its capability (PCI 3.0
 * §6.8.2), or MSI (§6.8.1). Pages with the table are in no process's address space.
 *
 * MSI without a mask bit is masked by disabling it: what such a function raises meanwhile is lost.
 */
#include "device_manager/handles.h"
#include "mm/kernel_map.h"

#define MSIX_ENTRY_ADDRESS 0u
#define MSIX_ENTRY_DATA    8u
#define MSIX_ENTRY_CONTROL 12u
#define MSIX_ENTRY_MASKED  1u

#define MSI_ADDRESS        4u
#define MSI_ADDRESS_HIGH   8u

static volatile uint32_t *msix_entry(const struct pci_function *pci, uint32_t number,
                                     uint32_t offset)
{
    const uint64_t table = pci->bars[pci->msix.table_bar].address + pci->msix.table_offset;

    return kernel_map_register((struct paddr){table + number * PCI_MSIX_ENTRY + offset});
}

static void set_msix_control(const struct pci_function *pci, uint16_t set, uint16_t clear)
{
    const uint32_t offset = pci->msix.offset + PCI_MSIX_CONTROL;
    const uint16_t control = pci_read16(&pci->config, offset);

    pci_write(&pci->config, offset, 2, (uint16_t)((control & ~clear) | set));
}

static void set_msi_enable(const struct pci_function *pci, bool is_enabled)
{
    const uint32_t offset = pci->msi.offset + PCI_MSI_CONTROL;
    /* One vector: the count, bits 4 to 6, is 0. */
    const uint16_t control =
        pci_read16(&pci->config, offset) & (uint16_t) ~(PCI_MSI_ENABLE | 0x70u);

    pci_write(&pci->config, offset, 2, control | (is_enabled ? PCI_MSI_ENABLE : 0));
}

void msi_enable(const struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    if (!pci->has_msix) {
        return; /* MSI: with the first unmask */
    }
    for (uint32_t i = 0; i < pci->msix.count; i++) {
        *msix_entry(pci, i, MSIX_ENTRY_CONTROL) = MSIX_ENTRY_MASKED;
    }
    set_msix_control(pci, PCI_MSIX_ENABLE, PCI_MSIX_MASK_ALL);
}

void msi_disable(const struct device_function *function)
{
    const struct pci_function *pci = function->pci;

    if (pci->has_msix) {
        set_msix_control(pci, PCI_MSIX_MASK_ALL, PCI_MSIX_ENABLE);
    }
    if (pci->has_msi) {
        set_msi_enable(pci, false);
    }
}

void msi_program(const struct device_function *function, uint32_t number, uint64_t address,
                 uint32_t data)
{
    const struct pci_function *pci = function->pci;

    if (pci->has_msix) {
        *msix_entry(pci, number, MSIX_ENTRY_ADDRESS) = (uint32_t)address;
        *msix_entry(pci, number, MSIX_ENTRY_ADDRESS + 4) = (uint32_t)(address >> 32);
        *msix_entry(pci, number, MSIX_ENTRY_DATA) = data;
        return;
    }
    pci_write(&pci->config, pci->msi.offset + MSI_ADDRESS, 4, (uint32_t)address);
    if (pci->msi.is_64) {
        pci_write(&pci->config, pci->msi.offset + MSI_ADDRESS_HIGH, 4, (uint32_t)(address >> 32));
    }
    pci_write(&pci->config, pci->msi.data_offset, 2, data);
}

void msi_set_mask(const struct device_function *function, uint32_t number, bool is_masked)
{
    const struct pci_function *pci = function->pci;

    if (pci->has_msix) {
        *msix_entry(pci, number, MSIX_ENTRY_CONTROL) = is_masked ? MSIX_ENTRY_MASKED : 0;
        (void)*msix_entry(pci, number, MSIX_ENTRY_CONTROL); /* the write has arrived */
        return;
    }
    if (pci->msi.can_mask) {
        pci_write(&pci->config, pci->msi.mask_offset, 4, is_masked ? 1 : 0);
        if (!is_masked) {
            set_msi_enable(pci, true);
        }
    } else {
        set_msi_enable(pci, !is_masked);
    }
    (void)pci_read16(&pci->config, pci->msi.offset + PCI_MSI_CONTROL);
}

bool msi_is_pending(const struct device_function *function, uint32_t number)
{
    const struct pci_function *pci = function->pci;

    if (pci->has_msix) {
        const uint64_t array = pci->bars[pci->msix.pending_bar].address + pci->msix.pending_offset;
        const volatile uint32_t *word =
            kernel_map_register((struct paddr){array + number / 32 * sizeof(uint32_t)});

        return (*word >> number % 32 & 1) != 0;
    }
    return pci->msi.can_mask && (pci_read32(&pci->config, pci->msi.pending_offset) & 1) != 0;
}
