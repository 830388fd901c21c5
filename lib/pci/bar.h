/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Base address registers: what windows of memory and I/O a function wants or has (PCI §6.2.5).
 * Pure decoding of register values; pci/sizing.h is how the values that tell sizes are got.
 */

#include "pci/header.h"

/** Of a function: up to six BARs and the expansion ROM's register, which is always the last. */
#define PCI_BAR_REGISTERS 7u
#define PCI_BAR_ROM       6u

enum pci_bar_kind { PCI_BAR_NONE = 0, PCI_BAR_IO, PCI_BAR_MEMORY, PCI_BAR_EXPANSION_ROM };

struct pci_bar {
    enum pci_bar_kind kind;
    bool is_64; /* takes the register behind it, too */
    bool is_prefetchable;
    bool is_enabled;  /* of a ROM: its own enable bit. Others go by the command register */
    uint64_t address; /* 0 mostly means that nobody assigned one */
    uint64_t size;    /* a power of two; 0 if it was not sized */
};

/** The registers' values, and what they read as after all ones were written. */
struct pci_bar_values {
    uint32_t value[PCI_BAR_REGISTERS];
    uint32_t mask[PCI_BAR_REGISTERS];        /* if is_sized */
    enum pci_error error[PCI_BAR_REGISTERS]; /* why there is no mask; PCI_OK otherwise */
    bool is_sized;
};

/** Offset of a register: 0 to 5, or PCI_BAR_ROM. */
static inline uint32_t pci_bar_offset(const struct pci_header *header, uint32_t index)
{
    return index == PCI_BAR_ROM ? header->rom_offset : PCI_BAR_FIRST + 4 * index;
}

/** Whether a function of this layout has the register. */
static inline bool pci_bar_exists(const struct pci_header *header, uint32_t index)
{
    return index == PCI_BAR_ROM ? header->rom_offset != 0 : index < header->bar_count;
}

/** Read the registers, without sizes. Registers that do not exist read as 0. */
void pci_bar_values_read(const struct pci_config *config, const struct pci_header *header,
                         struct pci_bar_values *values);

/**
 * Decode one BAR. The upper half of a 64-bit one is PCI_BAR_NONE. A register without a single
 * writable bit is none; unsized, one whose value is 0 is taken for none.
 *
 * Returns: PCI_OK; PCI_BAR_CUT, PCI_BAR_UNREADABLE, PCI_BAR_DECODING or PCI_BAR_NOT_RESTORED, and
 * `*bar` is PCI_BAR_NONE.
 */
MUST_CHECK enum pci_error pci_bar_decode(const struct pci_bar_values *values,
                                         const struct pci_header *header, uint32_t index,
                                         struct pci_bar *bar, struct pci_fault *fault);

/** Whether a register is the upper half of the 64-bit BAR before it. */
bool pci_bar_is_upper(const struct pci_bar_values *values, uint32_t index);

/**
 * The ports of an IDE controller in compatibility mode (PCI IDE Controller Specification 1.0
 * §2.1): whatever its first four BARs say, it answers where disks of a PC always were. False if
 * BAR `index` is an ordinary one.
 */
MUST_CHECK bool pci_bar_legacy(const struct pci_header *header, uint32_t index,
                               struct pci_bar *bar);
