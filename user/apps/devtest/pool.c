/* SPDX-License-Identifier: MIT */
#include "apps/devtest/devtest.h"

#include "rt/address_space.h"

#define ROUNDS          100u
#define PATIENCE_MS     60000u
#define NEXT_GENERATION (1ull << 20) /* in a CapId */

static struct dma_pool_info_results pool_info(void)
{
    struct dma_pool_info_results info = {0};

    check_status(dma_pool_info(device.pool, &info), STATUS_OK, "information on the pool");
    return info;
}

/** A buffer of all pages, or 0, counted. */
static uint64_t buffer_make(const struct pages *pages, enum dma_access access, uint64_t *iova)
{
    uint64_t buffer = 0;

    (void)check_status(
        dma_pool_map(device.pool, pages->memory, 0, pages->count, access, &buffer, iova), STATUS_OK,
        "mapping memory for the device");
    return buffer;
}

static void refuse_maps(const struct pages *pages)
{
    const uint64_t pool = device.pool, memory = pages->memory;
    const enum dma_access both = DMA_ACCESS_DEVICE_READS_WRITES;
    uint64_t buffer, iova, view, notification;

    check_status(dma_pool_map(pool, memory, 0, 0, both, &buffer, &iova), STATUS_BAD_RANGE,
                 "mapping no page");
    check_status(dma_pool_map(pool, memory, 0, pages->count + 1, both, &buffer, &iova),
                 STATUS_BAD_RANGE, "mapping a page more than there are");
    check_status(dma_pool_map(pool, memory, pages->count, 1, both, &buffer, &iova),
                 STATUS_BAD_RANGE, "mapping the page behind the memory");
    check_status(dma_pool_map(pool, memory, UINT32_MAX, 2, both, &buffer, &iova), STATUS_BAD_RANGE,
                 "mapping at an offset that wraps");
    check_refused(dma_pool_map(pool, memory, 0, 1, (enum dma_access)7, &buffer, &iova),
                  "an access that does not exist");
    check_status(dma_pool_map(pool, RT_FACTORY, 0, 1, both, &buffer, &iova), STATUS_WRONG_TYPE,
                 "mapping the factory");
    check_status(dma_pool_map(pool, device.mmio, 0, 1, both, &buffer, &iova), STATUS_WRONG_TYPE,
                 "mapping the device's own registers");
    check_refused(dma_pool_map(pool, memory + (1ull << 40), 0, 1, both, &buffer, &iova),
                  "mapping a capability that never was");
    check_refused(dma_pool_map(device.mmio, memory, 0, 1, both, &buffer, &iova),
                  "a pool that is none");
    if (memory_view(memory, 0, 1, ACCESS_READ, &view) == STATUS_OK) {
        check_status(dma_pool_map(pool, view, 0, 1, both, &buffer, &iova), STATUS_DENIED,
                     "letting the device write what may be read");
        check_status(dma_pool_map(pool, view, 0, 1, DMA_ACCESS_DEVICE_WRITES, &buffer, &iova),
                     STATUS_DENIED, "letting the device only write it");
        if (check_status(dma_pool_map(pool, view, 0, 1, DMA_ACCESS_DEVICE_READS, &buffer, &iova),
                         STATUS_OK, "letting it read that")) {
            check_status(dma_buffer_unmap(buffer), STATUS_OK, "and no more");
            capability_release(buffer);
        }
        capability_release(view);
    }
    if (notification_create(&notification) == STATUS_OK) {
        check_status(dma_pool_map(pool, notification, 0, 1, both, &buffer, &iova),
                     STATUS_WRONG_TYPE, "mapping a notification");
        capability_release(notification);
    }
}

/** No address is given out twice, and none touches another: there is a page between them. */
static void addresses_grow(const struct pages *pages)
{
    uint64_t last_end = 0;
    unsigned wrong = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t buffer = 0, iova = 0;

        if (dma_pool_map(device.pool, pages->memory, 0, pages->count, DMA_ACCESS_DEVICE_READS,
                         &buffer, &iova) != STATUS_OK ||
            dma_buffer_unmap(buffer) != STATUS_OK) {
            check(false, "mapping and unmapping", "refused");
            return;
        }
        capability_release(buffer);
        wrong += iova % PAGE != 0 || iova < last_end + PAGE || iova == 0;
        last_end = iova + (uint64_t)pages->count * PAGE;
    }
    check_number(wrong, 0, "addresses that were used before, or without a page between");
}

void try_pool(void)
{
    struct dma_pool_info_results info = pool_info();
    struct pages pages, more;
    uint64_t buffer = 0, iova = 0, other;

    check_number(info.page_count, 0, "pages in an empty pool");
    check_number(info.buffer_count, 0, "buffers in it");
    check_number(info.level, DMA_LEVEL_CONFINED, "its level (1: confined)");
    if (!pages_make(&pages, 2)) {
        return;
    }
    refuse_maps(&pages);
    info = pool_info();
    check_number(info.page_count, 0, "pages after refusals");
    addresses_grow(&pages);

    if (pages_make(&more, info.page_limit)) {
        check_status(dma_pool_map(device.pool, more.memory, 0, info.page_limit,
                                  DMA_ACCESS_DEVICE_READS, &buffer, &iova),
                     STATUS_OK, "filling the pool");
        check_number(pool_info().page_count, info.page_limit, "pages in a full pool");
        check_status(
            dma_pool_map(device.pool, pages.memory, 0, 1, DMA_ACCESS_DEVICE_READS, &other, &iova),
            STATUS_OVER_BUDGET, "one page more");
        check_status(dma_buffer_unmap(buffer), STATUS_OK, "emptying it");
        capability_release(buffer);
        check_number(pool_info().page_count, 0, "pages in it then");
        pages_give(&more);
    }
    pages_give(&pages);
}

/** Both directions through one buffer, and what the buffer says of itself. */
static void transfer_both_ways(const struct pages *pages)
{
    struct dma_buffer_info_results info = {0};
    uint64_t iova = 0;
    const uint64_t buffer = buffer_make(pages, DMA_ACCESS_DEVICE_READS_WRITES, &iova);

    if (buffer == 0) {
        return;
    }
    check_status(dma_buffer_info(buffer, &info), STATUS_OK, "information on the buffer");
    check_number(info.iova, iova, "its address");
    check_number(info.page_count, pages->count, "its pages");
    check_number(info.access, DMA_ACCESS_DEVICE_READS_WRITES, "its access");
    pages_fill(pages, 1);
    edu_begin(iova, EDU_MAX_TRANSFER, 0);
    edu_wait();
    for (size_t i = 0; i < EDU_MAX_TRANSFER; i++) {
        pages->bytes[i] = 0;
    }
    edu_begin(iova, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
    edu_wait();
    check(pages_hold(pages, 1), "memory after a journey through the device", "compared");
    check_status(dma_buffer_unmap(buffer), STATUS_OK, "unmapping");
    check_refused(dma_buffer_unmap(buffer), "unmapping again");

    pages_fill(pages, 2);
    edu_begin(iova, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
    edu_wait();
    check(pages_hold(pages, 2), "memory after a write to where it was", "compared");
    capability_release(buffer);
    check_refused(dma_buffer_info(buffer, &info), "a buffer that was released");
}

/** A buffer of some pages from the middle: those and no others, and all of them end with it. */
static void transfer_in_the_middle(void)
{
    struct pages pages;
    uint64_t buffer = 0, iova = 0;
    bool same = true, beside = true;

    if (!pages_make(&pages, 4)) {
        return;
    }
    check_status(dma_pool_map(device.pool, pages.memory, 1, 2, DMA_ACCESS_DEVICE_READS_WRITES,
                              &buffer, &iova),
                 STATUS_OK, "mapping the two pages in the middle of four");
    pages_fill(&pages, 6);
    edu_begin(iova, EDU_MAX_TRANSFER, 0);
    edu_wait();
    edu_begin(iova + PAGE, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
    edu_wait();
    for (size_t i = 0; i < EDU_MAX_TRANSFER; i++) {
        same = same && pages.bytes[PAGE + i] == pages.bytes[2 * (size_t)PAGE + i];
        pages.bytes[2 * (size_t)PAGE + i] = (uint8_t)(pages.bytes[PAGE + i] + 1); /* a page later */
    }
    beside = pages_hold(&pages, 6);
    check(same, "the second page, after the device has copied the first", "compared");
    check(beside, "all other bytes", "compared");
    check_status(dma_buffer_unmap(buffer), STATUS_OK, "unmapping them");
    capability_release(buffer);
    pages_fill(&pages, 7);
    for (uint32_t page = 0; page < 2; page++) {
        edu_begin(iova + page * PAGE, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
        edu_wait();
    }
    check(pages_hold(&pages, 7), "memory after writes to where they were", "compared");
    pages_give(&pages);
}

/** A capability that is given up takes the device's access with it, sooner or later. */
static void release_in_use(const struct pages *pages)
{
    uint64_t iova = 0;
    const uint64_t buffer = buffer_make(pages, DMA_ACCESS_DEVICE_READS_WRITES, &iova);

    capability_release(buffer);
    for (uint64_t end = soon(PATIENCE_MS); pool_info().page_count != 0 && soon(0) < end;) {
    }
    check_number(pool_info().page_count, 0, "pages after the release of a buffer");
    pages_fill(pages, 3);
    edu_begin(iova, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
    edu_wait();
    check(pages_hold(pages, 3), "memory after a write to where it was", "compared");
}

/** The memory's capability goes, its pages stay as long as the device can reach them. */
static void memory_goes_first(void)
{
    struct pages kept, gone, after;
    uint64_t iova = 0, buffer;

    if (!pages_make(&kept, 1) || !pages_make(&gone, 1)) {
        return;
    }
    buffer = buffer_make(&gone, DMA_ACCESS_DEVICE_READS_WRITES, &iova);
    pages_give(&gone);
    if (!pages_make(&after, 8)) {
        return;
    }
    pages_fill(&kept, 4);
    pages_fill(&after, 5);
    edu_begin(iova, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
    edu_wait();
    check(pages_hold(&kept, 4) && pages_hold(&after, 5),
          "other memory, after a write to pages that were given up", "compared");
    check_status(dma_buffer_unmap(buffer), STATUS_OK, "unmapping them");
    capability_release(buffer);
    pages_give(&after);
    pages_give(&kept);
}

/** Taking the memory back does not stop a transfer, and harms nobody. */
static void memory_is_revoked(void)
{
    struct pages pages;
    uint64_t iova = 0, buffer;
    struct dma_buffer_info_results info = {0};

    if (!pages_make(&pages, 2)) {
        return;
    }
    buffer = buffer_make(&pages, DMA_ACCESS_DEVICE_READS_WRITES, &iova);
    edu_begin(iova, EDU_MAX_TRANSFER, EDU_TO_MEMORY);
    check_status(capability_revoke(pages.memory), STATUS_OK, "revoking memory in use");
    edu_wait();
    check_status(dma_buffer_info(buffer, &info), STATUS_OK, "its buffer is still there");
    check_status(dma_buffer_unmap(buffer), STATUS_OK, "and can be unmapped");
    capability_release(buffer);
    pages_give(&pages);
}

/**
 * Map memory and, in the same entry of the kernel, unmap the buffer that comes of it, by a guess:
 * the slot of a capability that was just given up, one generation later. If the IOMMU has answered
 * at once, both are done; if not, the end has to wait, and the map is answered all the same.
 */
void try_hasty(void)
{
    struct rt_ring *const ring = rt_ring_self();
    struct rt_operation mapping = {0}, unmapping = {0};
    struct pages pages;
    uint64_t spare;

    if (!pages_make(&pages, 1) ||
        !check_status(notification_create(&spare), STATUS_OK, "a slot that is known")) {
        return;
    }
    capability_release(spare);
    const struct dma_pool_map_params params = {
        .memory = pages.memory, .page_count = 1, .access = DMA_ACCESS_DEVICE_READS};
    const struct rt_call map = {.target = device.pool,
                                .method = DMA_POOL_MAP,
                                .message_inline = true,
                                .words = RT_WORDS(params)};
    const struct rt_call unmap = {
        .target = spare + NEXT_GENERATION, .method = DMA_BUFFER_UNMAP, .message_inline = true};

    if (rt_ring_start_call(ring, &mapping, &map) != STATUS_OK ||
        rt_ring_start_call(ring, &unmapping, &unmap) != STATUS_OK) {
        check(false, "two calls at once", "refused");
        return;
    }
    rt_ring_flush(ring);
    rt_ring_await(ring, &mapping);
    rt_ring_await(ring, &unmapping);
    check_status(rt_cqe_outcome(&mapping.cqe), STATUS_OK, "mapping");
    check_number(mapping.cqe.payload[0], unmap.target, "the buffer, as was guessed");
    const enum status status = rt_cqe_outcome(&unmapping.cqe);

    check(status == STATUS_OK || status == STATUS_BUSY, "unmapping what is being mapped",
          status_name(status));
    if (status != STATUS_OK) {
        check_status(dma_buffer_unmap(unmap.target), STATUS_OK, "unmapping what is mapped");
    }
    capability_release(unmap.target);
    check_number(pool_info().page_count, 0, "pages in the pool after that");
    pages_give(&pages);
}

void try_buffer(void)
{
    struct pages pages;

    if (!device_map() || !pages_make(&pages, 1)) {
        return;
    }
    transfer_both_ways(&pages);
    transfer_in_the_middle();
    release_in_use(&pages);
    memory_goes_first();
    memory_is_revoked();
    pages_give(&pages);
    check_number(pool_info().page_count, 0, "pages in the pool at the end");
}
