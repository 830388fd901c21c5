/* SPDX-License-Identifier: MIT */
#include "pci/header.h"

#define VENDOR_NOT_READY     0x0001u
#define TYPE_LAYOUT          0x7fu
#define TYPE_MULTIFUNCTION   0x80u
#define DEVICE_SUBSYSTEM     0x2cu
#define DEVICE_ROM           0x30u
#define BRIDGE_ROM           0x38u
#define CARDBUS_CAPABILITIES 0x14u
#define CARDBUS_SUBSYSTEM    0x40u

enum pci_error pci_ids_check(uint32_t ids)
{
    if (ids == 0 || ids == UINT32_MAX || ids == 0x0000ffffu || ids == 0xffff0000u) {
        return PCI_ABSENT;
    }
    return (ids & 0xffff) == VENDOR_NOT_READY ? PCI_NOT_READY : PCI_OK;
}

/* What depends on the layout. */
static void layout_read(const struct pci_config *config, struct pci_header *header)
{
    const uint32_t class = header->class_code >> 8;
    uint32_t subsystem = 0;

    switch (header->layout) {
    case PCI_LAYOUT_DEVICE:
        header->bar_count = 6;
        header->rom_offset = DEVICE_ROM;
        header->capability_offset = PCI_CAPABILITY_POINTER;
        header->class_mismatch = class == PCI_CLASS_PCI_BRIDGE;
        subsystem = pci_read32(config, DEVICE_SUBSYSTEM);
        break;
    case PCI_LAYOUT_BRIDGE:
        header->bar_count = 2;
        header->rom_offset = BRIDGE_ROM;
        header->capability_offset = PCI_CAPABILITY_POINTER;
        break;
    case PCI_LAYOUT_CARDBUS:
        header->bar_count = 1;
        header->capability_offset = CARDBUS_CAPABILITIES;
        header->class_mismatch = class != PCI_CLASS_CARDBUS_BRIDGE;
        if (pci_config_has(config, CARDBUS_SUBSYSTEM, 4)) {
            subsystem = pci_read32(config, CARDBUS_SUBSYSTEM);
        }
        break;
    }
    header->subsystem_vendor = (uint16_t)subsystem;
    header->subsystem = (uint16_t)(subsystem >> 16);
    if ((header->status & PCI_STATUS_CAPABILITIES) == 0) {
        header->capability_offset = 0;
    }
}

/* All but the check of the ids. */
static enum pci_error rest_read(const struct pci_config *config, uint32_t ids,
                                struct pci_header *header, struct pci_fault *fault)
{
    const uint8_t type = pci_read8(config, PCI_HEADER_TYPE);
    struct pci_header read = {.rom_offset = 0};

    if ((type & TYPE_LAYOUT) > PCI_LAYOUT_CARDBUS) {
        return pci_refuse(fault, PCI_UNKNOWN_HEADER, PCI_HEADER_TYPE);
    }
    read.layout = (enum pci_layout)(type & TYPE_LAYOUT);
    read.is_multifunction = (type & TYPE_MULTIFUNCTION) != 0;
    read.vendor = (uint16_t)ids;
    read.device = (uint16_t)(ids >> 16);
    read.command = pci_read16(config, PCI_COMMAND);
    read.status = pci_read16(config, PCI_STATUS);
    read.class_code = pci_read32(config, PCI_REVISION) >> 8;
    read.revision = pci_read8(config, PCI_REVISION);
    read.interrupt_line = pci_read8(config, PCI_INTERRUPT_LINE);
    read.interrupt_pin = pci_read8(config, PCI_INTERRUPT_PIN);
    layout_read(config, &read);
    *header = read;
    return PCI_OK;
}

enum pci_error pci_header_read(const struct pci_config *config, struct pci_header *header,
                               struct pci_fault *fault)
{
    enum pci_error error;
    uint32_t ids;

    if (!pci_config_has(config, 0, PCI_HEADER_BYTES)) {
        return pci_refuse(fault, PCI_TRUNCATED, config->bytes);
    }
    ids = pci_read32(config, PCI_VENDOR_ID);
    error = pci_ids_check(ids);
    if (error != PCI_OK) {
        return pci_refuse(fault, error, PCI_VENDOR_ID);
    }
    return rest_read(config, ids, header, fault);
}

enum pci_error pci_header_read_virtual(const struct pci_config *config, struct pci_header *header,
                                       struct pci_fault *fault)
{
    if (!pci_config_has(config, 0, PCI_HEADER_BYTES)) {
        return pci_refuse(fault, PCI_TRUNCATED, config->bytes);
    }
    if (pci_read32(config, PCI_VENDOR_ID) != UINT32_MAX ||
        pci_read32(config, PCI_REVISION) >> 8 == 0xffffffu) {
        return pci_refuse(fault, PCI_ABSENT, PCI_VENDOR_ID);
    }
    if ((pci_read8(config, PCI_HEADER_TYPE) & TYPE_LAYOUT) != PCI_LAYOUT_DEVICE) {
        return pci_refuse(fault, PCI_UNKNOWN_HEADER, PCI_HEADER_TYPE);
    }
    return rest_read(config, UINT32_MAX, header, fault);
}
