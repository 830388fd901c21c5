/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Half-open ranges of 64-bit numbers, [start, end): addresses, offsets, pages. Arithmetic on ends
 * and lengths is where range checks go wrong; here it is done once, and none of it overflows.
 *
 * A range is valid if start <= end; every function returns valid ranges and expects them. The
 * number 2^64 - 1 itself is in no range.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct range {
    uint64_t start;
    uint64_t end; /* behind the last number */
};

/** [start, start + length). False, and nothing is written, if its end is beyond 64 bits. */
static inline MUST_CHECK bool range_make(uint64_t start, uint64_t length, struct range *range)
{
    if (length > UINT64_MAX - start) {
        return false;
    }
    range->start = start;
    range->end = start + length;
    return true;
}

static inline uint64_t range_length(struct range range)
{
    return range.end - range.start;
}

static inline bool range_is_empty(struct range range)
{
    return range.start == range.end;
}

static inline bool range_has(struct range range, uint64_t number)
{
    return number >= range.start && number < range.end;
}

/** Whether [start, start + length) is inside `range`. An empty one may lie at either end. */
static inline bool range_has_span(struct range range, uint64_t start, uint64_t length)
{
    return start >= range.start && start <= range.end && length <= range.end - start;
}

/** Whether all of `inner` is inside `outer`. */
static inline bool range_has_range(struct range outer, struct range inner)
{
    return inner.start >= outer.start && inner.end <= outer.end;
}

/** Whether some number is in both. */
static inline bool range_overlaps(struct range a, struct range b)
{
    const uint64_t start = a.start > b.start ? a.start : b.start;
    const uint64_t end = a.end < b.end ? a.end : b.end;

    return start < end;
}

/** What is in both; if nothing is, an empty range inside `a`. */
static inline struct range range_intersect(struct range a, struct range b)
{
    struct range both = {.start = a.start > b.start ? a.start : b.start,
                         .end = a.end < b.end ? a.end : b.end};

    if (both.start >= both.end) {
        both.start = a.start;
        both.end = a.start;
    }
    return both;
}

/** What is left of `a` below and above `b`; each may be empty. */
static inline void range_subtract(struct range a, struct range b, struct range *below,
                                  struct range *above)
{
    if (!range_overlaps(a, b)) {
        *below = a;
        *above = (struct range){.start = a.end, .end = a.end};
        return;
    }
    *below = (struct range){.start = a.start, .end = b.start > a.start ? b.start : a.start};
    *above = (struct range){.start = b.end < a.end ? b.end : a.end, .end = a.end};
}

/** Round a number to a multiple of `alignment`, a power of two. */
static inline uint64_t range_align_down(uint64_t number, uint64_t alignment)
{
    return number & ~(alignment - 1);
}

/** The same upwards. False, and nothing is written, if there is no such 64-bit multiple. */
static inline MUST_CHECK bool range_align_up(uint64_t number, uint64_t alignment, uint64_t *result)
{
    const uint64_t mask = alignment - 1;

    if (number > UINT64_MAX - mask) {
        return false;
    }
    *result = (number + mask) & ~mask;
    return true;
}

/** The largest aligned range inside `range`; an empty one inside it if there is none. */
static inline struct range range_shrink(struct range range, uint64_t alignment)
{
    struct range shrunk = {.end = range_align_down(range.end, alignment)};

    if (!range_align_up(range.start, alignment, &shrunk.start) || shrunk.start >= shrunk.end) {
        shrunk = (struct range){.start = range.start, .end = range.start};
    }
    return shrunk;
}

/** The smallest aligned range around `range`. False if its end would be beyond 64 bits. */
static inline MUST_CHECK bool range_grow(struct range range, uint64_t alignment,
                                         struct range *grown)
{
    uint64_t end;

    if (!range_align_up(range.end, alignment, &end)) {
        return false;
    }
    grown->start = range_align_down(range.start, alignment);
    grown->end = end;
    return true;
}
