/* SPDX-License-Identifier: MIT */
/*
 * What a driver may not do with its device, tried.
 *
 * Each attack leaves canaries: memory of this process that must not change, and the device's
 * buffer, which must not come to hold what is elsewhere. That the kernel has reported the fault is
 * for whoever reads its log.
 */
#include "drivers/edu/edu.h"

#include "base/memory.h"
#include "rt/address_space.h"
#include "rt/device_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define PAGE          ((uint32_t)RT_PAGE_BYTES)
#define SEED_CANARY   0x11
#define SEED_DEVICE   0x5a
#define CROSS_BYTES   64u /* on each side of a page's end */
#define ATTACK_BYTES  256u
#define FORGE         "forge="
#define MESSAGE_BASE  0xfee00000u
#define MESSAGE_BYTES 4u
#define LOW_ADDRESS   0x10000u /* RAM on every PC, and below all addresses of a pool */

/** Have the device's buffer hold a pattern, through memory that it may read. */
static void device_load(struct edu *edu, const struct driver_dma *good, uint8_t seed)
{
    edu_fill(good->cpu, EDU_TRANSFER_MAX, seed);
    if (!edu_dma(edu, good->iova, EDU_BUFFER, EDU_TRANSFER_MAX, 0)) {
        driver_fail(DRIVER_EXIT_SILENT, "the device does not finish an allowed transfer");
    }
}

/**
 * Whether the first bytes of the device's buffer are nobody's: each is what was loaded, or what an
 * access reads as that was refused.
 */
static bool device_is_clean(struct edu *edu, const struct driver_dma *good, uint8_t seed)
{
    uint8_t *const seen = good->cpu;
    uint8_t loaded[ATTACK_BYTES];

    edu_fill(loaded, sizeof(loaded), seed);
    memset(seen, 0x77, PAGE);
    if (!edu_dma(edu, EDU_BUFFER, good->iova, EDU_TRANSFER_MAX, EDU_DMA_TO_MEMORY)) {
        driver_fail(DRIVER_EXIT_SILENT, "the device does not finish an allowed transfer");
    }
    for (size_t i = 0; i < sizeof(loaded); i++) {
        if (seen[i] != loaded[i] && seen[i] != 0 && seen[i] != 0xff) {
            return false;
        }
    }
    return true;
}

/** Transfers both ways at an address that is no buffer's. */
static void attack_address(struct edu *edu, uint64_t iova)
{
    struct driver_dma good, canary;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS_WRITES, &good);
    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS, &canary);
    edu_fill(canary.cpu, PAGE, SEED_CANARY);
    device_load(edu, &good, SEED_DEVICE);
    edu_claim(edu, edu_dma(edu, EDU_BUFFER, iova, ATTACK_BYTES, EDU_DMA_TO_MEMORY),
              "the device survives a write that is refused");
    edu_claim(edu, edu_is_filled(canary.cpu, PAGE, SEED_CANARY),
              "a refused write has changed nothing of this process");
    edu_claim(edu, edu_dma(edu, iova, EDU_BUFFER, ATTACK_BYTES, 0),
              "the device survives a read that is refused");
    edu_claim(edu, device_is_clean(edu, &good, SEED_DEVICE), "a refused read has brought nothing");
    driver_dma_release(&canary);
    driver_dma_release(&good);
}

/** Right behind a buffer, where the guard page is. */
static void attack_outside(struct edu *edu)
{
    struct driver_dma last;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS_WRITES, &last);
    attack_address(edu, last.iova + PAGE);
    driver_dma_release(&last);
}

static void attack_kernel(struct edu *edu)
{
    attack_address(edu, LOW_ADDRESS);
}

/** A write that begins in a buffer and ends behind it. Of its two pages the device has one. */
static void attack_cross(struct edu *edu)
{
    struct driver_dma good, first;
    uint64_t memory;
    void *pages;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS_WRITES, &good);
    driver_require(memory_create(2, &memory), "memory");
    driver_require(rt_space_map(memory, 0, 2, ACCESS_READ_WRITE, &pages), "mapping memory");
    driver_require(
        driver_dma_import(&edu->device, memory, 0, 1, DMA_ACCESS_DEVICE_READS_WRITES, &first),
        "memory for the device");
    edu_fill(pages, 2 * PAGE, SEED_CANARY);
    device_load(edu, &good, SEED_DEVICE);
    edu_claim(edu,
              edu_dma(edu, EDU_BUFFER, first.iova + PAGE - CROSS_BYTES, 2 * CROSS_BYTES,
                      EDU_DMA_TO_MEMORY),
              "the device survives a write that crosses its buffer's end");
    edu_fill(pages, PAGE, SEED_CANARY); /* what lies inside the buffer may have been written */
    edu_claim(edu, edu_is_filled(pages, 2 * PAGE, SEED_CANARY),
              "nothing behind the buffer's end was written");
    device_load(edu, &good, SEED_DEVICE);
    edu_claim(edu, edu_dma(edu, first.iova + PAGE - CROSS_BYTES, EDU_BUFFER, 2 * CROSS_BYTES, 0),
              "the device survives a read that crosses its buffer's end");
    edu_claim(edu,
              edu_dma(edu, EDU_BUFFER, good.iova, EDU_TRANSFER_MAX, EDU_DMA_TO_MEMORY) &&
                  memcmp((uint8_t *)good.cpu + CROSS_BYTES, (uint8_t *)pages + PAGE, CROSS_BYTES) !=
                      0,
              "nothing behind the buffer's end was read");
    driver_dma_release(&first);
    rt_space_unmap(pages, 2);
    capability_release(memory);
    driver_dma_release(&good);
}

/** A write into memory that the device may only read. */
static void attack_read_only(struct edu *edu)
{
    struct driver_dma good, canary;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS_WRITES, &good);
    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS, &canary);
    device_load(edu, &good, SEED_DEVICE);
    edu_fill(canary.cpu, PAGE, SEED_CANARY);
    edu_claim(edu, edu_dma(edu, EDU_BUFFER, canary.iova, EDU_TRANSFER_MAX, EDU_DMA_TO_MEMORY),
              "the device survives a write to what it may read");
    edu_claim(edu, edu_is_filled(canary.cpu, PAGE, SEED_CANARY),
              "memory that the device may only read is unchanged");
    driver_dma_release(&canary);
    driver_dma_release(&good);
}

/**
 * Map a page, have the device write into it, tell it to write there once more, and unmap. `gone`:
 * the buffer. False: the device had written by then, which it may.
 */
static bool unmap_under_way(struct edu *edu, uint64_t memory, void *page, struct driver_dma *gone)
{
    driver_require(
        driver_dma_import(&edu->device, memory, 0, 1, DMA_ACCESS_DEVICE_READS_WRITES, gone),
        "memory for the device");
    /* Once while it is allowed, so that the translation is cached. */
    edu_claim(edu,
              edu_dma(edu, EDU_BUFFER, gone->iova, EDU_TRANSFER_MAX, EDU_DMA_TO_MEMORY) &&
                  edu_is_filled(page, EDU_TRANSFER_MAX, SEED_DEVICE),
              "a write into a mapped buffer arrives");
    edu_fill(page, PAGE, SEED_CANARY);
    edu_dma_start(edu, EDU_BUFFER, gone->iova, EDU_TRANSFER_MAX, EDU_DMA_TO_MEMORY);
    driver_require(dma_buffer_unmap(gone->buffer), "taking memory from the device");
    return edu_dma_is_pending(edu);
}

/**
 * A transfer that is told before its buffer goes, and one told after. On a busy host the 100 ms
 * until the device begins may be over before the buffer is gone: then once more.
 */
static void attack_after_unmap(struct edu *edu)
{
    const uint64_t deadline_ns = edu_now_ns() + EDU_PATIENCE_NS;
    struct driver_dma good, gone;
    bool is_under_way;
    uint64_t memory;
    void *page;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS_WRITES, &good);
    driver_require(memory_create(1, &memory), "memory");
    driver_require(rt_space_map(memory, 0, 1, ACCESS_READ_WRITE, &page), "mapping memory");
    device_load(edu, &good, SEED_DEVICE);
    while (!(is_under_way = unmap_under_way(edu, memory, page, &gone)) &&
           edu_now_ns() < deadline_ns) {
        capability_release(gone.buffer);
    }
    edu_claim(edu, is_under_way && edu_dma_wait(edu) && edu_is_filled(page, PAGE, SEED_CANARY),
              "a write under way when its buffer was unmapped does not arrive");
    edu_fill(page, PAGE, SEED_CANARY);
    edu_claim(edu,
              edu_dma(edu, EDU_BUFFER, gone.iova, EDU_TRANSFER_MAX, EDU_DMA_TO_MEMORY) &&
                  edu_is_filled(page, PAGE, SEED_CANARY),
              "a write right after its buffer was unmapped does not arrive");
    capability_release(gone.buffer);
    rt_space_unmap(page, 1);
    capability_release(memory);
    driver_dma_release(&good);
}

/** Exit with a transfer under way: whoever has this memory next must not see it. */
static void attack_die(struct edu *edu)
{
    struct driver_dma target;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS_WRITES, &target);
    device_load(edu, &target, SEED_DEVICE);
    rt_print("edu: exit with a transfer under way\n");
    edu_dma_start(edu, EDU_BUFFER, target.iova, EDU_TRANSFER_MAX, EDU_DMA_TO_MEMORY);
    rt_exit(DRIVER_EXIT_OK);
}

/**
 * A transfer to where interrupts are sent: Intel SDM vol. 3A 11.11. `message` is the data, delivery
 * mode and vector; the bits above are the CPU's APIC id.
 */
static void attack_forge(struct edu *edu, uint64_t message)
{
    struct driver_dma source;

    driver_dma_require(&edu->device, 1, DMA_ACCESS_DEVICE_READS, &source);
    *(volatile uint32_t *)source.cpu = (uint16_t)message;
    edu_claim(edu,
              edu_dma(edu, source.iova, EDU_BUFFER, MESSAGE_BYTES, 0) &&
                  edu_dma(edu, EDU_BUFFER, MESSAGE_BASE | (message >> 16 & 0xff) << 12,
                          MESSAGE_BYTES, EDU_DMA_TO_MEMORY),
              "the device sends a message that it was not given");
    driver_dma_release(&source);
}

/** "forge=0x10400" */
static bool is_forge(const char *name, uint64_t *message)
{
    const size_t prefix = sizeof(FORGE) - 1;

    return strlen(name) > prefix && memcmp(name, FORGE, prefix) == 0 &&
           text_parse_u64(name + prefix, strlen(name) - prefix, message) == TEXT_OK;
}

bool edu_attack(struct edu *edu, const char *name)
{
    uint64_t message;

    static const struct {
        const char *name;
        void (*attack)(struct edu *edu);
    } attacks[] = {
        {"dma-outside", attack_outside},
        {"dma-kernel", attack_kernel},
        {"dma-cross", attack_cross},
        {"dma-readonly", attack_read_only},
        {"dma-after-unmap", attack_after_unmap},
        {"dma-die", attack_die},
    };

    if (is_forge(name, &message)) {
        attack_forge(edu, message);
        return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(attacks); i++) {
        if (strlen(name) == strlen(attacks[i].name) &&
            memcmp(name, attacks[i].name, strlen(name)) == 0) {
            attacks[i].attack(edu);
            return true;
        }
    }
    return false;
}
