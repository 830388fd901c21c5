/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Names of vendors and devices, for people. config/pci-names.txt says of which; the names are from
 * Debian's package pci.ids when this is built, and there are none without it.
 */

#include <stdint.h>

/** The name; NULL if it is not known. */
const char *pci_vendor_name(uint16_t vendor);
const char *pci_device_name(uint16_t vendor, uint16_t device);
