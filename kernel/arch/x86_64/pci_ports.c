/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/pci_ports.h"

#include "arch/x86_64/asm.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu
#define PORT_ENABLE  0x80000000u

bool pci_ports_exist(void)
{
    outl(PORT_ADDRESS, PORT_ENABLE);
    return inl(PORT_ADDRESS) == PORT_ENABLE;
}

static void select(uint16_t function, uint32_t offset)
{
    outl(PORT_ADDRESS, PORT_ENABLE | (uint32_t)function << 8 | (offset & 0xfcu));
}

uint32_t pci_ports_read(uint16_t function, uint32_t offset, uint32_t width)
{
    select(function, offset);
    const uint32_t value = inl(PORT_DATA) >> (offset % 4 * 8);

    return width == 4 ? value : value & ((1u << width * 8) - 1);
}

void pci_ports_write(uint16_t function, uint32_t offset, uint32_t width, uint32_t value)
{
    const uint16_t port = (uint16_t)(PORT_DATA + offset % 4);

    select(function, offset);
    if (width == 1) {
        outb(port, (uint8_t)value);
    } else if (width == 2) {
        outw(port, (uint16_t)value);
    } else {
        outl(port, value);
    }
}
