/* SPDX-License-Identifier: MIT */
/*
 * What device authority costs, and how that grows with the number of buffers, and so of handles,
 * that are alive. Claims two `edu` itself: one has the buffers, the other one comes and goes.
 *
 *   claim, revoke   of the other one, with nothing in it
 *   alloc           a page of memory
 *   map, unmap      the page for the device
 *   use             a method of a buffer's handle
 *   submit          a store to a register of the device: behind an IOMMU what is mapped may be in
 *                   flight, and the kernel has no part in it
 *   complete        from the store that makes the device interrupt, until the WAIT that follows it
 *                   has its answer
 *   teardown        the revocation of the one that has the buffers, with all of them, once
 *
 *   devicecost [live...]    with so many buffers alive; one record a line for each operation
 *
 * Ticks are instructions under -icount shift=0. tests/system/test_device_cost.py and tools/bench
 * read this.
 */
#include "libbench/figure.h"
#include "rt/address_space.h"
#include "rt/clock.h"
#include "rt/device_objects.h"
#include "rt/print.h"
#include "rt/process.h"

#define EDU_VENDOR   0x1234u
#define EDU_DEVICE   0x11e8u
#define EDU_LIVENESS (0x04u / 4) /* QEMU 7.2, docs/specs/edu.txt */
#define EDU_RAISE    (0x60u / 4)
#define EDU_CLEAR    (0x64u / 4)
#define RUNS         48u
#define WARM_UP_RUNS 16u
#define LIVE_MAX     10000u
#define POOL_PAGES   (LIVE_MAX + 8)
#define ADDRESS_BITS 28u

enum cost { CLAIM, ALLOCATE, MAP, USE, SUBMIT, COMPLETE, UNMAP, REVOKE, COSTS };

static const char *const cost_names[COSTS] = {"claim",  "alloc",    "map",   "use",
                                              "submit", "complete", "unmap", "revoke"};

static uint64_t samples[COSTS][RUNS];
static uint64_t live[LIVE_MAX];
static uint64_t memory; /* one page, which all buffers show */

/** A claim of an `edu`, as it was asked for and answered. */
struct edu {
    struct device_manager_claim_params params;
    struct device_manager_claim_results claim;
};

/** How to claim the `number`-th edu, from 0 on. False: there are not so many. */
static bool find_edu(uint64_t manager, uint32_t number, struct device_manager_claim_params *params)
{
    *params = (struct device_manager_claim_params){.pool_pages = POOL_PAGES,
                                                   .address_bits = ADDRESS_BITS};
    return device_manager_find(manager, EDU_VENDOR, EDU_DEVICE, number, params) == STATUS_OK;
}

static void keep(enum cost cost, uint32_t run, uint64_t begin)
{
    const uint64_t ticks = rt_arch_timestamp() - begin;

    if (run >= WARM_UP_RUNS) {
        samples[cost][run - WARM_UP_RUNS] = ticks > bench_overhead ? ticks - bench_overhead : 0;
    }
}

/**
 * Map a page, use the handle, unmap the one before: with the buffers that are alive already. There
 * is always a neighbour, so that the IOMMU's tables are there, as they are for a driver at work.
 */
static enum status run_buffers(uint64_t pool)
{
    struct dma_buffer_info_results info;
    uint64_t last = 0, last_page = 0, iova = 0;
    enum status status = dma_pool_map(pool, memory, 0, 1, DMA_ACCESS_DEVICE_READS, &last, &iova);

    for (uint32_t run = 0; run < WARM_UP_RUNS + RUNS && status == STATUS_OK; run++) {
        uint64_t page = 0, buffer = 0, begin = rt_arch_timestamp();

        status = memory_create(1, &page);
        keep(ALLOCATE, run, begin);
        if (status != STATUS_OK) {
            break;
        }
        begin = rt_arch_timestamp();
        status = dma_pool_map(pool, page, 0, 1, DMA_ACCESS_DEVICE_READS_WRITES, &buffer, &iova);
        keep(MAP, run, begin);
        if (status == STATUS_OK) {
            begin = rt_arch_timestamp();
            status = dma_buffer_info(buffer, &info);
            keep(USE, run, begin);
        }
        if (status == STATUS_OK) {
            begin = rt_arch_timestamp();
            status = dma_buffer_unmap(last);
            keep(UNMAP, run, begin);
            capability_release(last);
            capability_release(last_page);
            last = buffer;
            last_page = page;
        }
    }
    capability_release(last_page);
    return status; /* the last one ends with the claim */
}

/** Registers and the interrupt of a claimed edu. */
static enum status run_device(const struct edu *edu)
{
    volatile uint32_t *registers;
    uint64_t address, count;
    enum status status = rt_space_reserve(1, &address);

    if (status != STATUS_OK) {
        return status;
    }
    registers = (volatile uint32_t *)(uintptr_t)address;
    status = device_mmio_map(edu->claim.mmio, address, 0, 0, 1);
    if (status == STATUS_OK) {
        status = interrupt_unmask(edu->claim.interrupt);
    }
    for (uint32_t run = 0; run < WARM_UP_RUNS + RUNS && status == STATUS_OK; run++) {
        uint64_t begin = rt_arch_timestamp();

        registers[EDU_LIVENESS] = run;
        keep(SUBMIT, run, begin);
        begin = rt_arch_timestamp();
        registers[EDU_RAISE] = 1;
        status = interrupt_wait(edu->claim.interrupt, 0, &count);
        keep(COMPLETE, run, begin);
        if (status == STATUS_OK && (count != 1 || registers[EDU_LIVENESS] != ~run)) {
            status = STATUS_FAULT;
        }
        registers[EDU_CLEAR] = 1;
    }
    return status; /* the registers' mapping ends with the claim, the addresses with the process */
}

static enum status claim_edu(uint64_t manager, uint32_t number, uint32_t run, struct edu *edu)
{
    uint64_t begin;
    enum status status;

    *edu = (struct edu){0};
    if (!find_edu(manager, number, &edu->params)) {
        return STATUS_NOT_FOUND;
    }
    begin = rt_arch_timestamp();
    status = device_manager_claim(manager, &edu->params, &edu->claim);
    keep(CLAIM, run, begin);
    return status;
}

static enum status revoke_edu(uint64_t manager, uint32_t run, const struct edu *edu)
{
    const uint64_t begin = rt_arch_timestamp();
    enum function_state state = FUNCTION_STATE_COUNT;
    const enum status status =
        device_manager_revoke(manager, edu->params.function, edu->params.generation, &state);

    keep(REVOKE, run, begin);
    capability_release(edu->claim.mmio);
    capability_release(edu->claim.pool);
    capability_release(edu->claim.interrupt);
    return status == STATUS_OK && state != FUNCTION_STATE_FREE ? STATUS_FAULT : status;
}

/** Claims of the other edu and their revocation, with nothing in them. */
static enum status run_claims(uint64_t manager)
{
    enum status status = STATUS_OK;

    for (uint32_t run = 0; run < WARM_UP_RUNS + RUNS && status == STATUS_OK; run++) {
        struct edu edu;

        status = claim_edu(manager, 1, run, &edu);
        if (status == STATUS_OK) {
            status = revoke_edu(manager, run, &edu);
        }
    }
    return status;
}

static void print_costs(uint32_t count, const char *unit)
{
    for (enum cost cost = 0; cost < COSTS; cost++) {
        struct bench_figure figure = {0};

        __builtin_memcpy(bench_samples, samples[cost], sizeof(samples[cost]));
        bench_figure_take(&figure, RUNS, 1);
        rt_print("bench: {\"name\":\"device-%s\",\"live\":%u,\"unit\":\"%s\",\"min\":%llu,"
                 "\"p50\":%llu,\"p99\":%llu,\"runs\":%u}\n",
                 cost_names[cost], count, unit, (unsigned long long)figure.least,
                 (unsigned long long)figure.middle, (unsigned long long)figure.high, RUNS);
    }
}

static enum status measure_teardown(uint64_t manager, uint32_t count, const struct edu *edu,
                                    const char *unit)
{
    uint64_t begin, end, begin_ns = 0, end_ns = 0;
    enum status status = rt_clock_now(&begin_ns);

    begin = rt_arch_timestamp();
    if (status == STATUS_OK) {
        status = revoke_edu(manager, 0, edu);
    }
    end = rt_arch_timestamp();
    if (status == STATUS_OK) {
        status = rt_clock_now(&end_ns);
    }
    if (status == STATUS_OK) {
        rt_print("bench: {\"name\":\"device-teardown\",\"live\":%u,\"unit\":\"%s\",\"min\":%llu,"
                 "\"p50\":%llu,\"p99\":%llu,\"runs\":1,\"ns\":%llu}\n",
                 count, unit, (unsigned long long)(end - begin), (unsigned long long)(end - begin),
                 (unsigned long long)(end - begin), (unsigned long long)(end_ns - begin_ns));
    }
    return status;
}

/** All of it with `count` buffers alive. */
static enum status measure_live(uint64_t manager, uint32_t count, const char *unit)
{
    struct edu busy;
    uint64_t iova;
    enum status status = claim_edu(manager, 0, 0, &busy);

    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status =
            dma_pool_map(busy.claim.pool, memory, 0, 1, DMA_ACCESS_DEVICE_READS, &live[i], &iova);
    }
    if (status == STATUS_OK) {
        status = run_buffers(busy.claim.pool);
    }
    if (status == STATUS_OK) {
        status = run_device(&busy);
    }
    if (status == STATUS_OK) {
        status = run_claims(manager);
    }
    if (status == STATUS_OK) {
        print_costs(count, unit);
        status = measure_teardown(manager, count, &busy, unit);
    }
    for (uint32_t i = 0; i < count; i++) {
        capability_release(live[i]);
    }
    return status;
}

int main(int count, char **arguments)
{
    const uint64_t manager = rt_capability_required("deviceManager");
    const char *unit;
    enum status status;

    bench_overhead_measure();
    unit = bench_ticks_are_instructions() ? "instructions" : "tsc";
    status = memory_create(1, &memory);
    for (int i = 1; i < count && status == STATUS_OK; i++) {
        uint32_t number = 0;

        for (const char *digit = arguments[i]; *digit >= '0' && *digit <= '9'; digit++) {
            number = number * 10 + (uint32_t)(*digit - '0');
        }
        status = number <= LIVE_MAX ? measure_live(manager, number, unit) : STATUS_BAD_RANGE;
    }
    rt_print("devicecost: %s\n", status_name(status));
    return status == STATUS_OK ? 0 : 1;
}
