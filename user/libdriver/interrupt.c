/* SPDX-License-Identifier: MIT */
#include "libdriver/interrupt.h"

#include "rt/device_objects.h"

uint32_t driver_interrupt_start(const struct driver_device *device, uint32_t index,
                                uint64_t notification, uint64_t bits)
{
    struct interrupt_state state;

    if (index >= device->interrupt_count) {
        driver_fail(DRIVER_EXIT_GRANT,
                    "%s: %u interrupts are needed, %u were granted. Raise `interrupts` of the "
                    "device's grant; a device without MSI, MSI-X and pin has none",
                    device->name, index + 1, device->interrupt_count);
    }
    driver_require(interrupt_bind(device->interrupts[index], notification, bits),
                   "binding the interrupt");
    driver_require(interrupt_info(device->interrupts[index], &state), "asking for the interrupt");
    driver_require(interrupt_unmask(device->interrupts[index]), "unmasking the interrupt");
    return state.index;
}

void driver_interrupt_done(const struct driver_device *device, uint32_t index)
{
    if (device->interrupt_levels[index]) {
        driver_require(interrupt_unmask(device->interrupts[index]), "acknowledging the interrupt");
    }
}
