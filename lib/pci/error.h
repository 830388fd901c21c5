/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What lib/pci refuses, and where.
 *
 * Configuration space is written by devices and firmware: it is read as if by an enemy, and what
 * is wrong is named. But a function that Linux accepts is accepted, for machines were tested with
 * it: only PCI_ABSENT, PCI_NOT_READY, PCI_UNKNOWN_HEADER and PCI_TRUNCATED (of a header) refuse a
 * function as a whole. Every other error takes away one thing, a BAR, a capability, the rest of a
 * list or the buses behind a bridge, and the function stays.
 *
 * Sections are those of PCI Express Base Specification 5.0 ("PCIe"), PCI Local Bus Specification
 * 3.0 ("PCI") and PCI-to-PCI Bridge Architecture Specification 1.2 ("Bridge").
 */

#include "base/compiler.h"

#include <stdint.h>

enum pci_error {
    PCI_OK = 0,

    /* functions */
    PCI_ABSENT,         /* the ids are those of an empty slot */
    PCI_NOT_READY,      /* it answers that it is still starting: ask again later */
    PCI_UNKNOWN_HEADER, /* a header layout that is none of 0, 1 and 2 */
    PCI_TRUNCATED,      /* the readable part of configuration space ends before this */

    /* capability lists: the list ends here */
    PCI_CAPABILITY_BAD_POINTER, /* a pointer into the header */
    PCI_CAPABILITY_LOOP,        /* a pointer to what was visited before */
    PCI_CAPABILITY_UNREADABLE,  /* all ones where a capability should be */

    /* capabilities: this one is not used */
    PCI_NOT_FOUND,        /* there is no such capability */
    PCI_CAPABILITY_CUT,   /* it would reach beyond configuration space */
    PCI_CAPABILITY_SHORT, /* its own length is less than its kind needs */
    PCI_MSI_BAD_COUNT,    /* it asks for a reserved number of vectors */
    PCI_BAD_BAR,          /* it names a BAR that cannot be */
    PCI_OUTSIDE_BAR,      /* what it describes is not inside its BAR */
    PCI_MSIX_OVERLAP,     /* table and pending bits share bytes */
    PCI_EXPRESS_BAD_TYPE, /* a reserved kind of device or port */
    PCI_SRIOV_BAD_COUNT,  /* virtual functions without an offset or stride, or beyond the bus */

    /* BARs: this one is not used */
    PCI_BAR_CUT,          /* a 64-bit BAR in the last register */
    PCI_BAR_UNREADABLE,   /* all ones, whatever is written */
    PCI_BAR_DECODING,     /* address decoding cannot be turned off, so it was not sized */
    PCI_BAR_NOT_RESTORED, /* it does not take its value back: decoding stays off */

    /* bridges: the buses behind it are not visited */
    PCI_BUS_UNASSIGNED, /* no bus numbers */
    PCI_BUS_MISMATCH,   /* its primary bus is not the one it is on */
    PCI_BUS_BACKWARDS,  /* it leads to its own bus or one before: a loop */
    PCI_BUS_REVERSED,   /* its last bus is before its first */
    PCI_BUS_OUTSIDE,    /* buses that the bridge above does not lead to */
    PCI_BUS_TAKEN,      /* buses that another bridge leads to */

    /* enumeration */
    PCI_ARI_BAD_NEXT, /* the next function is not behind this one */
    PCI_FULL,         /* the caller's storage */

    PCI_ERROR_COUNT
};

/** What was refused: offset in configuration space. */
struct pci_fault {
    enum pci_error error;
    uint32_t offset;
};

/** The error's name in camelCase, "?" for a number that is none. */
const char *pci_error_name(enum pci_error error);

/** Refuse: fill the fault, return its error. */
static inline enum pci_error pci_refuse(struct pci_fault *fault, enum pci_error error,
                                        uint32_t offset)
{
    fault->error = error;
    fault->offset = offset;
    return error;
}
