/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The two ways to configuration space: memory-mapped (ECAM, PCIe 5.0 §7.2.2), 4096 bytes of each
 * function, for every segment that the MCFG lists; else the ports 0xcf8 and 0xcfc, 256 bytes of
 * each function of segment 0. Under the kernel lock, or at boot.
 */

#include "pci/config.h"
#include "types.h"

#define CONFIG_BUS_SHIFT 20u /* memory-mapped configuration space of a bus, in bits */

/** The access for a segment's bus, or NULL if nothing leads there. */
const struct pci_access *config_space_access(uint32_t segment, uint8_t bus);
