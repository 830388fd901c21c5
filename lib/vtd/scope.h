/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which remapping unit a function is behind: device scopes against the function's place.
 *
 * Firmware names a device by the way to it from a bus (VT-d 4.1 §8.3.1), because bus numbers
 * behind bridges may change. The caller names a function by all bridges from the root bus down to
 * it, as enumeration found them.
 */

#include "acpi/dmar.h"

#include <stdbool.h>
#include <stdint.h>

#define VTD_PATH_MAX 32u

struct vtd_hop {
    uint8_t bus;
    uint8_t device;
    uint8_t function;
};

/** A function's place: hops[0] is on a root bus, hops[count - 1] is the function itself. */
struct vtd_path {
    uint16_t segment;
    uint32_t count;
    struct vtd_hop hops[VTD_PATH_MAX];
};

/**
 * Whether a scope covers a function: as an endpoint it is the function, as a bridge it is the
 * function or above it. Scopes of other types cover none.
 */
bool vtd_scope_covers(const struct acpi_dmar_scope *scope, const struct vtd_path *path);

/** Whether one of a structure's scopes does. */
bool vtd_scopes_cover(struct acpi_bytes scopes, const struct vtd_path *path);
