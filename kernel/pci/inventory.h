/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Every PCI function of the machine, found once at boot, in the order of segment, bus, device and
 * function. Whatever firmware left running is stopped here: no bus mastering, no interrupts.
 *
 * lib/pci reads what hardware says; this file keeps what the kernel believes of it. The device
 * manager decides who may use a function.
 */

#include "bootinfo/bootinfo.h"
#include "pci/assign.h"
#include "pci/bar.h"
#include "pci/enumerate.h"
#include "pci/express.h"
#include "pci/header.h"
#include "pci/msi.h"
#include "pci/reset.h"
#include "types.h"
#include "vtd/scope.h"

struct pci_function {
    struct pci_found found; /* parent and group: indices in the inventory */
    struct pci_config config;
    struct pci_header header;
    struct pci_bar bars[PCI_BAR_REGISTERS];
    uint32_t bar_values[PCI_BAR_REGISTERS]; /* of the registers, as they are to be */
    enum pci_placement placements[PCI_BAR_REGISTERS];
    enum pci_misplacement misplacements[PCI_BAR_REGISTERS]; /* why they did not stay */
    struct pci_window windows[PCI_WINDOW_COUNT];            /* of a bridge */
    bool has_window[PCI_WINDOW_COUNT];
    uint16_t command; /* as it was before addresses were written, if is_stopped */
    bool is_stopped;
    bool is_stuck;              /* its decoding cannot be turned off */
    enum claim_refusal refusal; /* why nobody can have it, as far as is known here */
    bool has_msix;
    struct pci_msix msix;
    bool has_msi;
    struct pci_msi msi;
    bool has_express;
    struct pci_express express;
    bool has_pm;
    struct pci_pm pm;
    bool has_af;
    struct pci_af af;
    struct paddr virtio_common; /* of a virtio device: its common registers; 0: none */
};

/** More functions than this are reported and left alone, stopped. */
#define PCI_FUNCTIONS_MAX 1024u

/** Functions that are there. */
extern struct pci_function *pci_functions; /* [I] but for what the device manager says */
extern uint32_t pci_function_count;        /* [I] */

/** Find them, and stop them. Boot CPU, once, before iommu_init(). */
void pci_inventory_init(const struct boot_info *info);

/** The way to a function from its root bus. */
void pci_function_path(const struct pci_function *function, struct vtd_path *path);

/** The bus behind a bridge, for iommu_init(). */
bool pci_secondary_bus(uint16_t segment, uint8_t bus, uint8_t device, uint8_t number,
                       uint8_t *secondary);

/** Change bits of a function's command register. */
void pci_command_set(const struct pci_function *function, uint16_t set, uint16_t clear);

/** Whether its BARs still say what they said at boot. */
bool pci_bars_are_unchanged(const struct pci_function *function);

/** Write its BARs as they were: a reset has cleared them. */
void pci_bars_restore(const struct pci_function *function);

/** "00:1f.2", or "0001:00:1f.2" in other segments. */
#define PCI_NAME_BYTES 16u
void pci_function_name(const struct pci_function *function, char name[PCI_NAME_BYTES]);
