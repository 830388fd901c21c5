/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where the registers of functions are: what lib/pci/assign.h decides about BARs and bridge
 * windows, applied. What root buses forward comes from the firmware's description of its host
 * bridges, else it is the largest gap of the memory map below 4 GiB (docs/design/0018).
 */

#include "bootinfo/bootinfo.h"

/**
 * Give an address to each BAR and bridge window that has no good one, or refuse the function.
 * pci_functions have their BARs, sized. Boot CPU, once, from pci_inventory_init().
 */
void pci_resources_place(const struct boot_info *info);
