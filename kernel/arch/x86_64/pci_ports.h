/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Configuration space of PCI segment 0 through two ports, as PCs have had it since 1992: 256 bytes
 * of each function (PCI Local Bus 3.0 section 3.2.2.3.2, configuration mechanism #1). One CPU at a
 * time: boot, or under the kernel lock.
 *
 * `function` is bus << 8 | device << 3 | function; `width` 1, 2 or 4 bytes, which do not cross a
 * multiple of 4 at `offset`.
 */

#include <stdbool.h>
#include <stdint.h>

/** Whether the machine has them: the one with the address keeps it (PCI 3.0 section 3.2.2.3.2). */
bool pci_ports_exist(void);

uint32_t pci_ports_read(uint16_t function, uint32_t offset, uint32_t width);
void pci_ports_write(uint16_t function, uint32_t offset, uint32_t width, uint32_t value);
