/* SPDX-License-Identifier: MIT */
#include "pci/bar.h"

#define BAR_IO           0x1u
#define BAR_TYPE         0x6u
#define BAR_TYPE_64      0x4u
#define BAR_PREFETCHABLE 0x8u
#define IO_ADDRESS       0xfffffffcu
#define IO_SPACE         0xffffu
#define MEMORY_FLAGS     0xfull
#define ROM_ENABLE       0x1u
#define ROM_ADDRESS      0xfffff800u
#define CLASS_IDE        0x0101u

/*
 * What kind of BAR it is. These bits are hard-wired, so in the mask as in the value; where they are
 * not (QEMU's pvpanic-pci has a BAR of two bytes), the value says what Linux believes.
 */
static uint32_t flags_of(const struct pci_bar_values *values, uint32_t index)
{
    return values->value[index];
}

/* Bits 2 and 1 mean 64 bits, 32 bits, and two things of the past that Linux takes for 32 bits. */
static bool is_64(uint32_t flags)
{
    return (flags & (BAR_IO | BAR_TYPE)) == BAR_TYPE_64;
}

/* Registers pair up from the first on: every one must be looked at to know of the next. */
bool pci_bar_is_upper(const struct pci_bar_values *values, uint32_t index)
{
    bool upper = false;

    for (uint32_t i = 0; i < index; i++) {
        upper = !upper && is_64(flags_of(values, i)) && flags_of(values, i) != UINT32_MAX;
    }
    return upper;
}

/*
 * What the writable address bits of a register say: a size, or 0. A value that ones did not change
 * is no BAR, unless it was all ones in its address bits before (as pci_size() of Linux).
 */
static uint64_t size_of(uint64_t value, uint64_t mask, uint64_t address_bits)
{
    const uint64_t bits = mask & address_bits;
    const uint64_t size = bits & (~bits + 1);

    if (size == 0 || (value == mask && ((value | (size - 1)) & address_bits) != address_bits)) {
        return 0;
    }
    return size;
}

static void rom_decode(const struct pci_bar_values *values, struct pci_bar *bar)
{
    const uint32_t value = values->value[PCI_BAR_ROM];
    const uint64_t size = size_of(value, values->mask[PCI_BAR_ROM], ROM_ADDRESS);

    if (values->is_sized ? size == 0 : (value & ROM_ADDRESS) == 0) {
        return;
    }
    bar->kind = PCI_BAR_EXPANSION_ROM;
    bar->is_enabled = (value & ROM_ENABLE) != 0;
    bar->address = value & ROM_ADDRESS;
    bar->size = size;
}

static void io_decode(const struct pci_bar_values *values, uint32_t index, struct pci_bar *bar)
{
    /* PCI §6.2.5.1: the upper 16 bits need not exist. There are 64 KiB of ports. */
    const uint64_t size = size_of(values->value[index] & IO_SPACE, values->mask[index] & IO_SPACE,
                                  IO_ADDRESS & IO_SPACE);

    if (values->is_sized && size == 0) {
        return;
    }
    bar->kind = PCI_BAR_IO;
    bar->address = values->value[index] & IO_ADDRESS;
    bar->size = size;
}

static void memory_decode(const struct pci_bar_values *values, uint32_t index, uint32_t flags,
                          struct pci_bar *bar)
{
    uint64_t value = values->value[index];
    uint64_t mask = values->mask[index];
    uint64_t address_bits = UINT32_MAX & ~MEMORY_FLAGS;
    uint64_t size;

    if (is_64(flags)) {
        value |= (uint64_t)values->value[index + 1] << 32;
        mask |= (uint64_t)values->mask[index + 1] << 32;
        address_bits = ~MEMORY_FLAGS;
    }
    size = size_of(value, mask, address_bits);
    if (values->is_sized ? size == 0 : value == 0) {
        return;
    }
    bar->kind = PCI_BAR_MEMORY;
    bar->is_64 = is_64(flags);
    bar->is_prefetchable = (flags & BAR_PREFETCHABLE) != 0;
    bar->address = value & ~MEMORY_FLAGS;
    bar->size = size;
}

enum pci_error pci_bar_decode(const struct pci_bar_values *values, const struct pci_header *header,
                              uint32_t index, struct pci_bar *bar, struct pci_fault *fault)
{
    const uint32_t flags = index < PCI_BAR_REGISTERS ? flags_of(values, index) : 0;
    const uint32_t offset = pci_bar_offset(header, index);

    *bar = (struct pci_bar){.kind = PCI_BAR_NONE};
    if (!pci_bar_exists(header, index) ||
        (index != PCI_BAR_ROM && pci_bar_is_upper(values, index))) {
        return PCI_OK;
    }
    if (values->error[index] != PCI_OK) {
        return pci_refuse(fault, values->error[index], offset);
    }
    if (flags == UINT32_MAX) {
        return pci_refuse(fault, PCI_BAR_UNREADABLE, offset);
    }
    if (index == PCI_BAR_ROM) {
        rom_decode(values, bar);
        return PCI_OK;
    }
    if ((flags & BAR_IO) != 0) {
        io_decode(values, index, bar);
        return PCI_OK;
    }
    if (is_64(flags)) {
        if (index + 1 >= header->bar_count) {
            return pci_refuse(fault, PCI_BAR_CUT, offset);
        }
        if (values->error[index + 1] != PCI_OK) {
            return pci_refuse(fault, values->error[index + 1], offset + 4);
        }
    }
    memory_decode(values, index, flags, bar);
    return PCI_OK;
}

void pci_bar_values_read(const struct pci_config *config, const struct pci_header *header,
                         struct pci_bar_values *values)
{
    for (uint32_t i = 0; i < PCI_BAR_REGISTERS; i++) {
        values->value[i] =
            pci_bar_exists(header, i) ? pci_read32(config, pci_bar_offset(header, i)) : 0;
        values->mask[i] = 0;
        values->error[i] = PCI_OK;
    }
    values->is_sized = false;
}

bool pci_bar_legacy(const struct pci_header *header, uint32_t index, struct pci_bar *bar)
{
    static const struct {
        uint16_t address;
        uint8_t size;
        uint8_t native; /* bit of the programming interface */
    } ports[] = {{0x1f0, 8, 0x1}, {0x3f6, 1, 0x1}, {0x170, 8, 0x4}, {0x376, 1, 0x4}};

    if (header->class_code >> 8 != CLASS_IDE || header->layout != PCI_LAYOUT_DEVICE ||
        index >= ARRAY_COUNT(ports) || (header->class_code & ports[index].native) != 0) {
        return false;
    }
    *bar = (struct pci_bar){
        .kind = PCI_BAR_IO, .address = ports[index].address, .size = ports[index].size};
    return true;
}
