/* SPDX-License-Identifier: MIT */
#include "pci/config_space.h"

#include "arch/x86_64/firmware.h"
#include "arch/x86_64/pci_ports.h"
#include "mm/kernel_map.h"

static const struct acpi_mcfg_entry *find_segment(uint32_t segment, uint8_t bus)
{
    for (uint32_t i = 0; i < firmware.segment_count; i++) {
        const struct acpi_mcfg_entry *entry = &firmware.segments[i];

        if (entry->segment == segment && bus >= entry->first_bus && bus <= entry->last_bus) {
            return entry;
        }
    }
    return NULL;
}

/** The register at an offset of a function's space; NULL if its bus is not mapped. */
static volatile void *ecam_register(struct pci_address address, uint32_t offset)
{
    const struct acpi_mcfg_entry *entry = find_segment(address.segment, address.bus);

    if (entry == NULL) {
        return NULL;
    }
    return kernel_map_register(
        (struct paddr){entry->base + ((uint64_t)pci_address_id(address) << PAGE_SHIFT) + offset});
}

static uint32_t ecam_read(const struct pci_access *access, struct pci_address address,
                          uint32_t offset, uint32_t width)
{
    const volatile void *place = ecam_register(address, offset);

    (void)access;
    if (place == NULL) {
        return UINT32_MAX;
    }
    return width == 1   ? *(const volatile uint8_t *)place
           : width == 2 ? *(const volatile uint16_t *)place
                        : *(const volatile uint32_t *)place;
}

static void ecam_write(const struct pci_access *access, struct pci_address address, uint32_t offset,
                       uint32_t width, uint32_t value)
{
    volatile void *place = ecam_register(address, offset);

    (void)access;
    if (place == NULL) {
        return;
    }
    if (width == 1) {
        *(volatile uint8_t *)place = (uint8_t)value;
    } else if (width == 2) {
        *(volatile uint16_t *)place = (uint16_t)value;
    } else {
        *(volatile uint32_t *)place = value;
    }
}

static uint32_t port_read(const struct pci_access *access, struct pci_address address,
                          uint32_t offset, uint32_t width)
{
    (void)access;
    return pci_ports_read(pci_address_id(address), offset, width);
}

static void port_write(const struct pci_access *access, struct pci_address address, uint32_t offset,
                       uint32_t width, uint32_t value)
{
    (void)access;
    pci_ports_write(pci_address_id(address), offset, width, value);
}

static const struct pci_access ecam = {ecam_read, ecam_write, PCI_EXPRESS_BYTES};
static const struct pci_access ports = {port_read, port_write, PCI_CONFIG_BYTES};

const struct pci_access *config_space_access(uint32_t segment, uint8_t bus)
{
    if (find_segment(segment, bus) != NULL) {
        return &ecam;
    }
    return segment == 0 && firmware.segment_count == 0 && pci_ports_exist() ? &ports : NULL;
}
