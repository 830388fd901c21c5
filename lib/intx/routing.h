/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where the interrupt pins of PCI functions lead.
 *
 * On a root bus only firmware knows: its AML has the list (_PRT, ACPI 6.5 §6.2.13), and whoever
 * reads that declares it here, entry by entry. Behind a bridge without a list of its own, pins are
 * wired to the bridge's, turned by the number of the device (PCI-to-PCI bridge 1.2 §9.1, PCIe
 * §2.2.8.1).
 *
 * Pure: what is declared is input, and refused if firmware's other tables or an earlier declaration
 * say otherwise.
 */

#include "ioapic/inputs.h"
#include "vtd/scope.h"

#define INTX_PINS        4u  /* of a device: 1 is INTA, 4 is INTD */
#define INTX_DEVICES_BUS 32u /* on a bus */

struct intx_declaration {
    uint16_t segment;
    uint8_t bus;
    uint8_t device;
    uint8_t pin;
    bool is_level;
    bool is_active_low;
    uint32_t interrupt; /* global system interrupt */
};

struct intx_routing {
    struct intx_declaration *entries; /* the caller's */
    uint32_t count;
    uint32_t capacity;
};

/**
 * May this be believed?
 *
 * Returns: STATUS_OK, also for what was declared before (`*is_known`); STATUS_BAD_RANGE: no such
 * pin, device number or input; STATUS_UNSUPPORTED: not level-triggered, which a PCI pin is (PCI 3.0
 * §2.2.6); STATUS_DENIED as ioapic_check(); STATUS_BUSY: the pin was declared to lead elsewhere, or
 * the input to be triggered otherwise; STATUS_QUEUE_FULL.
 */
MUST_CHECK enum status intx_declare_check(const struct intx_routing *routing,
                                          const struct ioapic_inputs *inputs,
                                          const struct intx_declaration *declaration,
                                          bool *is_known);

/** Believe it: checked, and not known. */
void intx_declare_commit(struct intx_routing *routing, const struct intx_declaration *declaration);

/**
 * Where a function's pin leads: what was declared for the function's device, or for the pin of a
 * bridge above that its own comes out at. NULL: nobody has said, or it is no pin.
 */
const struct intx_declaration *intx_find(const struct intx_routing *routing,
                                         const struct vtd_path *path, uint8_t pin);
