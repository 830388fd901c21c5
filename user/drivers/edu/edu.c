/* SPDX-License-Identifier: MIT */
#include "drivers/edu/edu.h"

#include "rt/clock.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"

#define POLL_NS (2 * RT_NS_PER_MS)

uint64_t edu_now_ns(void)
{
    uint64_t now;

    driver_require(rt_clock_now(&now), "the time");
    return now;
}

void edu_open(struct edu *edu)
{
    driver_device_open(&edu->device);
    if (edu->device.header.vendor != EDU_VENDOR || edu->device.header.device != EDU_DEVICE) {
        driver_fail(DRIVER_EXIT_UNSUITABLE, "%s: %04x:%04x is no edu device (%04x:%04x)",
                    edu->device.name, edu->device.header.vendor, edu->device.header.device,
                    EDU_VENDOR, EDU_DEVICE);
    }
    driver_window_open(&edu->device, 0, 0, EDU_REGISTER_BYTES, &edu->registers);
    driver_require(notification_create(&edu->notification), "a notification");
    driver_interrupt_start(&edu->device, 0, edu->notification, EDU_BIT_INTERRUPT);
}

void edu_claim(struct edu *edu, bool holds, const char *claim)
{
    rt_print("edu: %s %s\n", holds ? "PASS" : "FAIL", claim);
    edu->failures += holds ? 0 : 1;
}

bool edu_interrupt_wait(struct edu *edu, uint64_t limit_ns)
{
    uint64_t bits = 0;

    return notification_wait(edu->notification, edu_now_ns() + limit_ns, &bits) == STATUS_OK &&
           bits == EDU_BIT_INTERRUPT;
}

void edu_dma_start(struct edu *edu, uint64_t from, uint64_t to, uint64_t count, uint64_t command)
{
    driver_write64(&edu->registers, EDU_DMA_FROM, from);
    driver_write64(&edu->registers, EDU_DMA_TO, to);
    driver_write64(&edu->registers, EDU_DMA_COUNT, count);
    driver_write64(&edu->registers, EDU_DMA_COMMAND, command | EDU_DMA_START);
}

bool edu_dma_is_pending(struct edu *edu)
{
    return (driver_read64(&edu->registers, EDU_DMA_COMMAND) & EDU_DMA_START) != 0;
}

bool edu_dma_wait(struct edu *edu)
{
    const uint64_t deadline_ns = edu_now_ns() + EDU_PATIENCE_NS;

    while (edu_dma_is_pending(edu)) {
        if (edu_now_ns() >= deadline_ns) {
            return false;
        }
        rt_sleep(POLL_NS);
    }
    return true;
}

bool edu_dma(struct edu *edu, uint64_t from, uint64_t to, uint64_t count, uint64_t command)
{
    edu_dma_start(edu, from, to, count, command);
    return edu_dma_wait(edu);
}

static uint8_t pattern(size_t place, uint8_t seed)
{
    return (uint8_t)(place * 7 + (place >> 8) + seed);
}

void edu_fill(void *memory, size_t length, uint8_t seed)
{
    for (size_t i = 0; i < length; i++) {
        ((volatile uint8_t *)memory)[i] = pattern(i, seed);
    }
}

bool edu_is_filled(const void *memory, size_t length, uint8_t seed)
{
    for (size_t i = 0; i < length; i++) {
        if (((const volatile uint8_t *)memory)[i] != pattern(i, seed)) {
            return false;
        }
    }
    return true;
}
