/* SPDX-License-Identifier: MIT */
/*
 * The driver of the `edu` device: checks that register windows, interrupts and device-visible
 * memory do what they should, and (attacks.c) that they do nothing else. Its arguments say what to
 * do, in order; without any it does all that an honest driver would. Each line of output is one
 * claim. Exits 0 only if all hold.
 */
#include "drivers/edu/edu.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/device_objects.h"
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define IDENTITY_MASK 0x0000ffffu /* the rest is the version */
#define IDENTITY      0x000000edu

static void check_registers(struct edu *edu)
{
    const uint64_t deadline_ns = edu_now_ns() + EDU_PATIENCE_NS;

    edu_claim(edu, (driver_read32(&edu->registers, EDU_IDENTITY) & IDENTITY_MASK) == IDENTITY,
              "its identity is in its registers");
    driver_write32(&edu->registers, EDU_LIVENESS, 0x12345678u);
    edu_claim(edu, driver_read32(&edu->registers, EDU_LIVENESS) == ~0x12345678u,
              "it inverts what is written");
    driver_write32(&edu->registers, EDU_FACTORIAL, 10);
    while ((driver_read32(&edu->registers, EDU_STATUS) & EDU_STATUS_BUSY) != 0 &&
           edu_now_ns() < deadline_ns) {
        rt_sleep(RT_NS_PER_MS);
    }
    edu_claim(edu, driver_read32(&edu->registers, EDU_FACTORIAL) == 3628800u, "10! is 3628800");
}

static void check_interrupt(struct edu *edu)
{
    struct interrupt_state before, after;

    driver_require(interrupt_info(edu->device.interrupts[0], &before), "asking for the interrupt");
    driver_write32(&edu->registers, EDU_IRQ_RAISE, 0x21);
    edu_claim(edu, edu_interrupt_wait(edu, EDU_PATIENCE_NS), "an interrupt arrives");
    edu_claim(edu, driver_read32(&edu->registers, EDU_IRQ_STATUS) == 0x21,
              "it is the one that was raised");
    driver_write32(&edu->registers, EDU_IRQ_CLEAR, 0x21);
    driver_interrupt_done(&edu->device, 0);
    edu_claim(edu, driver_read32(&edu->registers, EDU_IRQ_STATUS) == 0, "it is acknowledged");
    driver_require(interrupt_info(edu->device.interrupts[0], &after), "asking for the interrupt");
    edu_claim(edu, after.delivered == before.delivered + 1, "it was delivered exactly once");

    driver_require(interrupt_mask(edu->device.interrupts[0]), "masking");
    driver_write32(&edu->registers, EDU_IRQ_RAISE, 0x42);
    edu_claim(edu, !edu_interrupt_wait(edu, EDU_QUIET_NS), "a masked interrupt does not arrive");
    driver_write32(&edu->registers, EDU_IRQ_CLEAR, 0x42);
    driver_require(interrupt_unmask(edu->device.interrupts[0]), "unmasking");
}

static void check_dma(struct edu *edu)
{
    struct driver_dma from, to;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS, &from);
    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_WRITES, &to);
    edu_fill(from.cpu, RT_PAGE_BYTES, 0x33);
    edu_fill(to.cpu, RT_PAGE_BYTES, 0x44);
    edu_claim(edu, edu_dma(edu, from.iova, EDU_BUFFER, EDU_TRANSFER_MAX, 0),
              "a transfer from memory ends");
    edu_dma_start(edu, EDU_BUFFER, to.iova, EDU_TRANSFER_MAX,
                  EDU_DMA_TO_MEMORY | EDU_DMA_INTERRUPT);
    edu_claim(edu, edu_interrupt_wait(edu, EDU_PATIENCE_NS),
              "a transfer to memory ends with an interrupt");
    edu_claim(edu, driver_read32(&edu->registers, EDU_IRQ_STATUS) == EDU_IRQ_OF_DMA,
              "and the interrupt says so");
    driver_write32(&edu->registers, EDU_IRQ_CLEAR, EDU_IRQ_OF_DMA);
    driver_interrupt_done(&edu->device, 0);
    edu_claim(edu, memcmp(from.cpu, to.cpu, EDU_TRANSFER_MAX) == 0,
              "what arrives is what was sent");
    edu_fill(from.cpu, RT_PAGE_BYTES, 0x44);
    edu_claim(edu, ((uint8_t *)to.cpu)[EDU_TRANSFER_MAX] == ((uint8_t *)from.cpu)[EDU_TRANSFER_MAX],
              "and no byte more");
    driver_dma_release(&to);
    driver_dma_release(&from);
}

static bool is(const char *argument, const char *name)
{
    return strlen(argument) == strlen(name) && memcmp(argument, name, strlen(name)) == 0;
}

int main(int count, char **arguments)
{
    static struct edu edu;

    edu_open(&edu);
    if (count < 2) {
        check_registers(&edu);
        check_interrupt(&edu);
        check_dma(&edu);
    }
    for (int i = 1; i < count; i++) {
        if (is(arguments[i], "selftest")) {
            check_registers(&edu);
        } else if (is(arguments[i], "irq")) {
            check_interrupt(&edu);
        } else if (is(arguments[i], "dma")) {
            check_dma(&edu);
        } else if (!edu_attack(&edu, arguments[i])) {
            driver_fail(DRIVER_EXIT_USAGE,
                        "\"%s\" is none of selftest, irq, dma, dma-outside, dma-kernel, "
                        "dma-cross, dma-readonly, dma-after-unmap, dma-die, forge=0x400",
                        arguments[i]);
        }
    }
    rt_print("edu: %u of its claims failed\n", edu.failures);
    return edu.failures == 0 ? DRIVER_EXIT_OK : 1;
}
