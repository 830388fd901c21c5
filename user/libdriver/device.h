/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A driver's device: the capabilities that it was given, its configuration space, its registers.
 *
 * The manifest grants a device under a name; the driver finds NAME.mmio, NAME.pool, and
 * NAME.interrupt, NAME.interrupt1 and so on, and takes whatever NAME is, so that the same program
 * serves any number of devices. What a driver cannot work without is not returned as a status: the
 * functions here print what is missing and what to do about it, and end the process. The kernel
 * then takes everything back.
 */

#include "base/compiler.h"
#include "capos.h"
#include "pci/header.h"
#include "rt/panic.h"

#include <stdint.h>

#define DRIVER_INTERRUPTS_MAX 8u
#define DRIVER_NAME_MAX       32u

/** Exit codes of a driver, for whoever started it. */
enum driver_exit {
    DRIVER_EXIT_OK = 0,
    DRIVER_EXIT_USAGE = 10,      /* the arguments */
    DRIVER_EXIT_GRANT = 11,      /* something was not granted: the manifest */
    DRIVER_EXIT_REFUSED = 12,    /* the kernel refused something that a driver needs */
    DRIVER_EXIT_UNSUITABLE = 13, /* the device is not one that this driver can work with */
    DRIVER_EXIT_SILENT = 14,     /* the device did not answer in time */
    DRIVER_EXIT_LIED = 15,       /* the device said what cannot be */
};

struct driver_device {
    char name[DRIVER_NAME_MAX + 1]; /* NAME, for messages */
    uint64_t mmio;
    uint64_t pool;
    uint64_t interrupts[DRIVER_INTERRUPTS_MAX];
    bool interrupt_levels[DRIVER_INTERRUPTS_MAX]; /* a pin's: see driver_interrupt_done() */
    uint32_t interrupt_count;
    struct pci_access access; /* to configuration space, through the kernel */
    struct pci_config config;
    struct pci_header header;
};

/** Registers that the driver has mapped: part of a BAR. */
struct driver_window {
    volatile uint8_t *registers;
    uint64_t bytes;
};

/** Print what is wrong, and what to do about it, and end the process. */
NORETURN void driver_fail(enum driver_exit code, const char *format, ...) PRINTF_LIKE(2, 3);

/** Fail because the kernel refused `what`. */
NORETURN void driver_refused(enum status status, const char *what);

/** For what a driver cannot work without: fail if it was refused. */
static ALWAYS_INLINE void driver_require(enum status status, const char *what)
{
    if (UNLIKELY(status != STATUS_OK)) {
        driver_refused(status, what);
    }
}

/** Find the device that this process was granted, and read its header. */
void driver_device_open(struct driver_device *device);

/**
 * The endpoint that this process serves: the grant named "service", else the first one that is
 * neither of a device nor one that any program has.
 */
uint64_t driver_service_endpoint(void);

/** Map `bytes` bytes from `offset` of a BAR on. They may share pages with others. */
void driver_window_open(const struct driver_device *device, uint32_t bar, uint64_t offset,
                        uint64_t bytes, struct driver_window *window);

/* Registers, of the width in the name; `offset` is within the window, which is checked. */

static ALWAYS_INLINE volatile void *driver_register(const struct driver_window *window,
                                                    uint64_t offset, uint64_t width)
{
    RT_ASSERT(offset + width <= window->bytes);
    return window->registers + offset;
}

static ALWAYS_INLINE uint32_t driver_read32(const struct driver_window *window, uint64_t offset)
{
    return *(volatile uint32_t *)driver_register(window, offset, 4);
}

static ALWAYS_INLINE void driver_write32(const struct driver_window *window, uint64_t offset,
                                         uint32_t value)
{
    *(volatile uint32_t *)driver_register(window, offset, 4) = value;
}

static ALWAYS_INLINE uint64_t driver_read64(const struct driver_window *window, uint64_t offset)
{
    return *(volatile uint64_t *)driver_register(window, offset, 8);
}

static ALWAYS_INLINE void driver_write64(const struct driver_window *window, uint64_t offset,
                                         uint64_t value)
{
    *(volatile uint64_t *)driver_register(window, offset, 8) = value;
}
