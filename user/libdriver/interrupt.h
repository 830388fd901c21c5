/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A device's interrupts: bits of a notification.
 */

#include "libdriver/device.h"

/**
 * Deliver interrupt number `index` of the grant as `bits` of `notification`, from now on.
 *
 * Returns: the vector's number within the function, for the device's registers.
 */
uint32_t driver_interrupt_start(const struct driver_device *device, uint32_t index,
                                uint64_t notification, uint64_t bits);

/**
 * The device has been served, and asserts this interrupt no longer: let the next one come. Does
 * nothing for messages, so a driver that calls it works with either.
 */
void driver_interrupt_done(const struct driver_device *device, uint32_t index);
