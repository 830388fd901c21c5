/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The `edu` device of QEMU, for tests of what drivers and devices may do: docs/specs/edu.txt of
 * QEMU 7.2. It has a buffer of 4096 bytes and copies between that and memory, 100 ms after it is
 * told to, whatever has happened to its driver meanwhile: its reset does not stop the copy.
 */

#include "libdriver/dma.h"
#include "libdriver/interrupt.h"

#include <stdbool.h>

#define EDU_VENDOR 0x1234u
#define EDU_DEVICE 0x11e8u

/* Registers in BAR 0: 32 bits below 0x80, 64 from there on. */
#define EDU_REGISTER_BYTES 0x100u
#define EDU_IDENTITY       0x00u
#define EDU_LIVENESS       0x04u /* reads as the inverse of what was written */
#define EDU_FACTORIAL      0x08u
#define EDU_STATUS         0x20u
#define EDU_IRQ_STATUS     0x24u
#define EDU_IRQ_RAISE      0x60u
#define EDU_IRQ_CLEAR      0x64u
#define EDU_DMA_FROM       0x80u
#define EDU_DMA_TO         0x88u
#define EDU_DMA_COUNT      0x90u
#define EDU_DMA_COMMAND    0x98u

#define EDU_STATUS_BUSY    0x01u
#define EDU_DMA_START      0x01u
#define EDU_DMA_TO_MEMORY  0x02u /* else from memory */
#define EDU_DMA_INTERRUPT  0x04u
#define EDU_IRQ_OF_DMA     0x100u

/* Its own buffer, as its transfers name it. A transfer of all 4096 bytes ends QEMU 7.2 with an
 * error (hw/misc/edu.c, edu_check_range), so this is the most. */
#define EDU_BUFFER        0x40000u
#define EDU_TRANSFER_MAX  4095u

#define EDU_BIT_INTERRUPT 1ull

/* For what must come: QEMU and its virtual CPUs stand still while the host is busy elsewhere. And
 * for what must not. */
#define EDU_PATIENCE_NS 60000000000ull
#define EDU_QUIET_NS    1000000000ull

struct edu {
    struct driver_device device;
    struct driver_window registers;
    uint64_t notification;
    unsigned failures;
};

/** Open the device and start its interrupt. */
void edu_open(struct edu *edu);

/** Print whether a claim holds. */
void edu_claim(struct edu *edu, bool holds, const char *claim);

/** Now, since boot. */
uint64_t edu_now_ns(void);

/** Wait for the interrupt, at most so long. */
MUST_CHECK bool edu_interrupt_wait(struct edu *edu, uint64_t limit_ns);

/** Tell the device to copy; it begins 100 ms later. `command`: EDU_DMA_* beside START. */
void edu_dma_start(struct edu *edu, uint64_t from, uint64_t to, uint64_t count, uint64_t command);

/** Whether it has not done that yet: then not a byte has been copied. */
MUST_CHECK bool edu_dma_is_pending(struct edu *edu);

/** Wait until the device says that it is done. False: it does not, in EDU_PATIENCE_NS. */
MUST_CHECK bool edu_dma_wait(struct edu *edu);

/** Both. */
MUST_CHECK bool edu_dma(struct edu *edu, uint64_t from, uint64_t to, uint64_t count,
                        uint64_t command);

/** Fill memory with a pattern that `seed` tells apart from others. */
void edu_fill(void *memory, size_t length, uint8_t seed);

/** Whether memory holds that pattern. */
MUST_CHECK bool edu_is_filled(const void *memory, size_t length, uint8_t seed);

/** attacks.c: do what no driver may. False: there is no attack of that name. */
MUST_CHECK bool edu_attack(struct edu *edu, const char *name);
