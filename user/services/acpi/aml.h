/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the service wants to know from firmware's AML. interpreter/ finds it out with ACPICA;
 * without/ is linked in its place where ACPICA is not at hand, and says so.
 */

#include "capos.h"

#include <stdbool.h>
#include <stdint.h>

/** Where one interrupt pin of a PCI device leads: ACPI 6.5 §6.2.13. */
struct aml_route {
    uint16_t segment;
    uint8_t bus;
    uint8_t device;
    uint8_t pin; /* 1 to 4: INTA to INTD */
    bool level;
    bool active_low;
    uint32_t gsi;
};

/** Somebody who wants to hear of routes. Embed it; CONTAINER_OF leads back. */
struct aml_listener {
    void (*route)(struct aml_listener *listener, const struct aml_route *route);
    /** A pin of a bus, or all of them, whose route could not be found out; why, for people. */
    void (*unknown)(struct aml_listener *listener, uint16_t segment, uint8_t bus, const char *why);
};

/**
 * Load the tables and run what firmware wants run first. `firmware` is the AcpiFirmware capability.
 *
 * Returns: true; false, after saying why, if nothing is known about this machine.
 */
bool aml_load(uint64_t firmware);

/** Tell of every route of every host bridge and of every bridge that has a table of its own. */
void aml_list_routes(struct aml_listener *listener);

/** Read \_S5. False: there is none. */
bool aml_read_soft_off(uint8_t *type_a, uint8_t *type_b);
