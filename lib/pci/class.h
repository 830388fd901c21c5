/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What class codes mean (PCI Code and ID Assignment Specification 1.11, section 1), for people:
 * nothing is decided by these names.
 */

#include <stdbool.h>
#include <stdint.h>

/**
 * The name of a class code's subclass, if that is a common one, else of its class; "unknown" for a
 * reserved one.
 */
const char *pci_class_name(uint32_t class_code);

/** The name of a standard or extended capability, "" if it is not a common one. */
const char *pci_capability_name(uint16_t id, bool is_extended);
