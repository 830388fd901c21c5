/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The functions of one file seen as a machine: enumerated and grouped as the kernel would, from
 * configuration space alone. Only what is in the file exists, so the bridges above may be missing.
 */

#include "dump.h"
#include "pci/enumerate.h"

/** What the enumeration found, for each dump of a file. */
struct machine_place {
    bool is_found;
    struct pci_found found;
    bool has_parent;
    struct pci_address parent; /* the bridge above */
    struct pci_address group;  /* the first function of its isolation group */
};

/** Places for all dumps of a file, in their order; free() them. */
struct machine_place *machine_enumerate(const struct dump_file *file);
