/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How large BARs are: write all ones, see which bits stick (PCI §6.2.5.1). While a register holds
 * ones the function would answer at an address that belongs to others, so:
 *
 *   1. address decoding is turned off first, and seen to be off; what cannot be turned off (some
 *      chipset functions are wired to decode) is not sized, and says PCI_BAR_DECODING;
 *   2. each register gets its value back before the next one is touched, and is seen to have it;
 *   3. decoding is turned on again only if every register has its value. Otherwise it stays off,
 *      and the register says PCI_BAR_NOT_RESTORED.
 *
 * This is a sequence of reads and writes as values: whoever has the hardware does one step after
 * the other, and nothing else may touch the function meanwhile (a bridge forwards nothing then,
 * a serial port prints nothing). Stopping halfway leaves the function not decoding.
 *
 *       start -> command -> [ value -> ones -> mask -> restore -> check ] for each -> done
 */

#include "pci/bar.h"

enum pci_step_kind {
    PCI_STEP_READ,  /* read, and give the value to the next call */
    PCI_STEP_WRITE, /* write `value` */
    PCI_STEP_DONE
};

struct pci_step {
    enum pci_step_kind kind;
    uint32_t offset;
    uint32_t width; /* bytes */
    uint32_t value;
};

enum pci_sizing_phase {
    PCI_SIZING_START,
    PCI_SIZING_COMMAND, /* the command register was read */
    PCI_SIZING_OFF,     /* decoding was turned off */
    PCI_SIZING_SEEN,    /* the command register was read again */
    PCI_SIZING_VALUE,   /* a register was read */
    PCI_SIZING_ONES,    /* it holds ones */
    PCI_SIZING_MASK,    /* its mask was read */
    PCI_SIZING_RESTORE, /* its value was written back */
    PCI_SIZING_CHECK,   /* and read */
    PCI_SIZING_DONE
};

struct pci_sizing {
    struct pci_header header;
    enum pci_sizing_phase phase;
    uint32_t index;    /* of the register in hand */
    uint16_t command;  /* as it was */
    uint16_t stuck;    /* decode bits that did not go off */
    bool is_off;       /* something was turned off */
    bool not_restored; /* a register lost its value */
    struct pci_bar_values values;
};

void pci_sizing_init(struct pci_sizing *sizing, const struct pci_header *header);

/** The next step. `value` is what the last one read, anything if it did not read. */
struct pci_step pci_sizing_next(struct pci_sizing *sizing, uint32_t value);

/** All the steps on a function. sizing->values is for pci_bar_decode(). */
void pci_sizing_run(struct pci_sizing *sizing, const struct pci_config *config,
                    const struct pci_header *header);
