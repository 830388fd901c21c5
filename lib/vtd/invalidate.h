/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Descriptors of the invalidation queue (VT-d 4.1 §6.5.2), 128 bits each.
 *
 * Each builder sets the descriptor type in bits 3:0 and leaves all that is reserved 0.
 */

#include <stdbool.h>
#include <stdint.h>

struct vtd_descriptor {
    uint64_t low;
    uint64_t high;
};

#define VTD_TYPE_CONTEXT      1u
#define VTD_TYPE_IOTLB        2u
#define VTD_TYPE_INTERRUPT    4u
#define VTD_TYPE_WAIT         5u

#define VTD_SCOPE_GLOBAL      1u /* bits 5:4 of context-cache and IOTLB descriptors */
#define VTD_SCOPE_DOMAIN      2u
#define VTD_SCOPE_SELECTIVE   3u /* device, or page */

#define VTD_IOTLB_DRAIN_WRITE (1ull << 6)
#define VTD_IOTLB_DRAIN_READ  (1ull << 7)

#define VTD_WAIT_WRITE_STATUS (1ull << 5)
#define VTD_WAIT_FENCE        (1ull << 6)

/** §6.5.2.1: all context entries. */
static inline struct vtd_descriptor vtd_invalidate_contexts(void)
{
    return (struct vtd_descriptor){.low = VTD_TYPE_CONTEXT | VTD_SCOPE_GLOBAL << 4};
}

/** §6.5.2.1: the context entries that were cached with a domain id. */
static inline struct vtd_descriptor vtd_invalidate_domain_contexts(uint16_t domain)
{
    return (struct vtd_descriptor){.low = VTD_TYPE_CONTEXT | VTD_SCOPE_DOMAIN << 4 |
                                          (uint64_t)domain << 16};
}

/** §6.5.2.3: all translations. `drain`: VTD_IOTLB_DRAIN_*. */
static inline struct vtd_descriptor vtd_invalidate_iotlb(uint64_t drain)
{
    return (struct vtd_descriptor){.low = VTD_TYPE_IOTLB | VTD_SCOPE_GLOBAL << 4 | drain};
}

/** §6.5.2.3: all translations of a domain. */
static inline struct vtd_descriptor vtd_invalidate_domain(uint16_t domain, uint64_t drain)
{
    return (struct vtd_descriptor){.low = VTD_TYPE_IOTLB | VTD_SCOPE_DOMAIN << 4 | drain |
                                          (uint64_t)domain << 16};
}

/**
 * §6.5.2.3: 2^`order` pages of a domain, at a multiple of their size, with all levels of paging
 * structures that lead there (no invalidation hint).
 */
static inline struct vtd_descriptor vtd_invalidate_pages(uint16_t domain, uint64_t address,
                                                         uint32_t order, uint64_t drain)
{
    return (struct vtd_descriptor){
        .low = VTD_TYPE_IOTLB | VTD_SCOPE_SELECTIVE << 4 | drain | (uint64_t)domain << 16,
        .high = address | order,
    };
}

/** The order of the smallest block that §6.5.2.3 can name and that holds a range of pages. */
static inline uint32_t vtd_page_order(uint64_t first_page, uint64_t page_count)
{
    const uint64_t difference = first_page ^ (first_page + page_count - 1);

    return difference == 0 ? 0 : 64u - (uint32_t)__builtin_clzll(difference);
}

/** §6.5.2.7: all interrupt entries. */
static inline struct vtd_descriptor vtd_invalidate_interrupts(void)
{
    return (struct vtd_descriptor){.low = VTD_TYPE_INTERRUPT};
}

/** §6.5.2.7: one interrupt entry. */
static inline struct vtd_descriptor vtd_invalidate_interrupt(uint16_t index)
{
    return (struct vtd_descriptor){.low = VTD_TYPE_INTERRUPT | 1ull << 4 | (uint64_t)index << 32};
}

/**
 * §6.5.2.8: write `status` to a physical address, a multiple of 4, when all descriptors before this
 * one are complete; none behind it begins before that (fence).
 */
static inline struct vtd_descriptor vtd_wait(uint32_t status, uint64_t address)
{
    return (struct vtd_descriptor){
        .low = VTD_TYPE_WAIT | VTD_WAIT_WRITE_STATUS | VTD_WAIT_FENCE | (uint64_t)status << 32,
        .high = address,
    };
}
