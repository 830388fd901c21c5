/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The header of a function: what it is (PCI §6.1, PCIe §7.5.1). Layout 0 is a device, 1 a bridge
 * to another PCI bus, 2 a bridge to a CardBus.
 */

#include "pci/config.h"
#include "pci/error.h"

#define PCI_VENDOR_ID           0x00u
#define PCI_DEVICE_ID           0x02u
#define PCI_COMMAND             0x04u
#define PCI_STATUS              0x06u
#define PCI_REVISION            0x08u
#define PCI_HEADER_TYPE         0x0eu
#define PCI_BAR_FIRST           0x10u
#define PCI_CAPABILITY_POINTER  0x34u
#define PCI_INTERRUPT_LINE      0x3cu
#define PCI_INTERRUPT_PIN       0x3du

#define PCI_COMMAND_IO          0x0001u /* decodes I/O addresses */
#define PCI_COMMAND_MEMORY      0x0002u /* decodes memory addresses */
#define PCI_COMMAND_MASTER      0x0004u /* may start transfers of its own */
#define PCI_COMMAND_NO_INTX     0x0400u
#define PCI_STATUS_INTERRUPT    0x0008u /* asserts its pin, or would (PCI 2.3 and later) */
#define PCI_STATUS_CAPABILITIES 0x0010u

/** Class and subclass, the upper two of three bytes. */
#define PCI_CLASS_HOST_BRIDGE    0x0600u
#define PCI_CLASS_PCI_BRIDGE     0x0604u
#define PCI_CLASS_CARDBUS_BRIDGE 0x0607u

enum pci_layout { PCI_LAYOUT_DEVICE = 0, PCI_LAYOUT_BRIDGE = 1, PCI_LAYOUT_CARDBUS = 2 };

struct pci_header {
    enum pci_layout layout;
    bool is_multifunction; /* as it says itself: only function 0 is believed */
    bool class_mismatch;   /* its class belongs to another layout; Linux then ignores the class */
    uint16_t vendor;
    uint16_t device;
    uint16_t subsystem_vendor; /* 0 where the header has none: bridges have a capability */
    uint16_t subsystem;
    uint32_t class_code; /* class << 16 | subclass << 8 | programming interface */
    uint8_t revision;
    uint8_t interrupt_pin;  /* 1 to 4 is INTA to INTD, 0 none; other values are nothing */
    uint8_t interrupt_line; /* firmware's note to PC interrupts, not the device's */
    uint16_t command;
    uint16_t status;
    uint32_t bar_count;         /* registers, from PCI_BAR_FIRST on */
    uint32_t rom_offset;        /* of the expansion ROM's register; 0: none */
    uint32_t capability_offset; /* of the pointer to the first capability; 0: no capabilities */
};

/**
 * Whether there is a function, from its first 32 bits. Exactly as in Linux (pci_scan_device): ids
 * of an empty slot are 0 or all ones, or one half of each.
 *
 * Returns: PCI_OK; PCI_ABSENT; PCI_NOT_READY (PCIe §2.3.2: vendor id 0x0001).
 */
MUST_CHECK enum pci_error pci_ids_check(uint32_t ids);

/** Read a header. Returns: PCI_OK; PCI_TRUNCATED, PCI_UNKNOWN_HEADER or as pci_ids_check(). */
MUST_CHECK enum pci_error pci_header_read(const struct pci_config *config,
                                          struct pci_header *header, struct pci_fault *fault);

/**
 * Read the header of an SR-IOV virtual function, whose ids are all ones (PCIe §9.3.4.1.1: they
 * are the physical function's). No scan of a bus finds one; the physical function tells of it.
 *
 * Returns: PCI_OK with ids 0xffff; PCI_ABSENT if the class is all ones as well; PCI_TRUNCATED;
 * PCI_UNKNOWN_HEADER for any layout but 0.
 */
MUST_CHECK enum pci_error pci_header_read_virtual(const struct pci_config *config,
                                                  struct pci_header *header,
                                                  struct pci_fault *fault);
