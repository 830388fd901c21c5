/* SPDX-License-Identifier: MIT */
/*
 * What device authority costs, and how that grows with the number of buffers that are alive: claim,
 * a page of memory, map, a use of a handle, unmap, a claim's revocation. Owns `edu`, which it
 * claims itself. Submitting and completing a transfer cost the kernel nothing: behind an IOMMU what
 * is mapped is what is in flight.
 *
 *   devicecost [live...]    with so many buffers alive; one record a line for each operation
 *
 * Ticks are instructions under -icount shift=0. tests/system/test_device_cost.py reads this.
 */
#include "libbench/figure.h"
#include "rt/clock.h"
#include "rt/device_objects.h"
#include "rt/message.h"
#include "rt/print.h"
#include "rt/process.h"

#define EDU_VENDOR   0x1234u
#define EDU_DEVICE   0x11e8u
#define RUNS         48u
#define WARM_UP_RUNS 16u
#define LIVE_MAX     2000u
#define POOL_PAGES   (LIVE_MAX + 8)
#define ADDRESS_BITS 28u

enum cost { CLAIM, ALLOCATE, MAP, USE, UNMAP, REVOKE, COSTS };

static const char *const cost_names[COSTS] = {"claim", "alloc", "map", "use", "unmap", "revoke"};

static uint64_t samples[COSTS][RUNS];
static uint64_t live[LIVE_MAX];
static uint64_t memory; /* one page, which all buffers show */

/** The function's index and generation. False: there is none. */
static bool find_edu(uint64_t manager, struct device_manager_claim_params *claim)
{
    const struct device_manager_functions_params params = {.from_index = 0};
    struct rt_exchange exchange;
    struct wire_struct results, info;
    struct wire_list list;
    bool found = false;

    if (rt_exchange_begin(&exchange, RT_EXCHANGE_BYTES) != STATUS_OK) {
        return false;
    }
    if (rt_exchange_call_inline(&exchange, manager, DEVICE_MANAGER_FUNCTIONS, RT_WORDS(params),
                                &results) == STATUS_OK &&
        device_manager_functions_results_get_functions(results, &list) == WIRE_OK) {
        for (uint32_t i = 0; i < list.count && !found; i++) {
            if (wire_list_get_struct(&list, i, &info) == WIRE_OK &&
                function_info_get_vendor(info) == EDU_VENDOR &&
                function_info_get_device(info) == EDU_DEVICE) {
                claim->function = function_info_get_index(info);
                claim->generation = function_info_get_generation(info);
                found = true;
            }
        }
    }
    rt_exchange_end(&exchange);
    claim->pool_pages = POOL_PAGES;
    claim->address_bits = ADDRESS_BITS;
    return found;
}

static void keep(enum cost cost, uint32_t run, uint64_t begin)
{
    const uint64_t ticks = rt_arch_timestamp() - begin;

    if (run >= WARM_UP_RUNS) {
        samples[cost][run - WARM_UP_RUNS] = ticks > bench_overhead ? ticks - bench_overhead : 0;
    }
}

/** Map a page, use the handle, unmap it: with the buffers that are alive already. */
static enum status run_buffers(uint64_t pool)
{
    struct dma_buffer_info_results info;
    enum status status = STATUS_OK;

    for (uint32_t run = 0; run < WARM_UP_RUNS + RUNS && status == STATUS_OK; run++) {
        uint64_t page = 0, buffer = 0, iova = 0, begin = rt_arch_timestamp();

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
            status = dma_buffer_unmap(buffer);
            keep(UNMAP, run, begin);
            capability_release(buffer);
        }
        capability_release(page);
    }
    return status;
}

static enum status claim_device(uint64_t manager, uint32_t run,
                                struct device_manager_claim_params *params,
                                struct device_manager_claim_results *claim)
{
    uint64_t begin;
    enum status status;

    if (!find_edu(manager, params)) {
        return STATUS_NOT_FOUND;
    }
    begin = rt_arch_timestamp();
    status = device_manager_claim(manager, params, claim);
    keep(CLAIM, run, begin);
    return status;
}

static enum status revoke_device(uint64_t manager, uint32_t run,
                                 const struct device_manager_claim_params *params,
                                 const struct device_manager_claim_results *claim)
{
    const uint64_t begin = rt_arch_timestamp();
    enum function_state state = FUNCTION_STATE_COUNT;
    const enum status status =
        device_manager_revoke(manager, params->function, params->generation, &state);

    keep(REVOKE, run, begin);
    capability_release(claim->mmio);
    capability_release(claim->pool);
    capability_release(claim->interrupt);
    return status == STATUS_OK && state != FUNCTION_STATE_FREE ? STATUS_FAULT : status;
}

static void print_costs(uint32_t count, enum cost first, enum cost last, const char *unit)
{
    for (enum cost cost = first; cost <= last; cost++) {
        struct bench_figure figure = {0};

        __builtin_memcpy(bench_samples, samples[cost], sizeof(samples[cost]));
        bench_figure_take(&figure, RUNS, 1);
        rt_print("bench: {\"name\":\"device-%s\",\"live\":%u,\"unit\":\"%s\",\"min\":%llu,"
                 "\"p50\":%llu,\"p99\":%llu,\"runs\":%u}\n",
                 cost_names[cost], count, unit, (unsigned long long)figure.least,
                 (unsigned long long)figure.middle, (unsigned long long)figure.high, RUNS);
    }
}

/** All of it with `count` buffers alive. The revocation takes them all back, once. */
static enum status measure_live(uint64_t manager, uint32_t count, const char *unit)
{
    struct device_manager_claim_params params = {0};
    struct device_manager_claim_results claim;
    uint64_t iova, begin, begin_ns = 0, end_ns = 0;
    enum status status = claim_device(manager, 0, &params, &claim);

    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = dma_pool_map(claim.pool, memory, 0, 1, DMA_ACCESS_DEVICE_READS, &live[i], &iova);
    }
    if (status == STATUS_OK) {
        status = run_buffers(claim.pool);
    }
    if (status != STATUS_OK || rt_clock_now(&begin_ns) != STATUS_OK) {
        return status;
    }
    begin = rt_arch_timestamp();
    status = revoke_device(manager, 0, &params, &claim);
    if (status == STATUS_OK && rt_clock_now(&end_ns) == STATUS_OK) {
        rt_print("bench: {\"name\":\"device-teardown\",\"live\":%u,\"unit\":\"%s\",\"p50\":%llu,"
                 "\"ns\":%llu}\n",
                 count, unit, (unsigned long long)(rt_arch_timestamp() - begin),
                 (unsigned long long)(end_ns - begin_ns));
    }
    for (uint32_t i = 0; i < count; i++) {
        capability_release(live[i]);
    }
    print_costs(count, ALLOCATE, UNMAP, unit);
    return status;
}

/** Claims and their revocation, with nothing in them. */
static enum status measure_claims(uint64_t manager, const char *unit)
{
    enum status status = STATUS_OK;

    for (uint32_t run = 0; run < WARM_UP_RUNS + RUNS && status == STATUS_OK; run++) {
        struct device_manager_claim_params params = {0};
        struct device_manager_claim_results claim;

        status = claim_device(manager, run, &params, &claim);
        if (status == STATUS_OK) {
            status = revoke_device(manager, run, &params, &claim);
        }
    }
    if (status == STATUS_OK) {
        print_costs(0, CLAIM, CLAIM, unit);
        print_costs(0, REVOKE, REVOKE, unit);
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
    if (status == STATUS_OK) {
        status = measure_claims(manager, unit);
    }
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
