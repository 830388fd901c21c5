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

/*@ predicate range_valid(struct range range) = range.start <= range.end;
    predicate in_range(integer number, struct range range) = range.start <= number < range.end; */

/** [start, start + length). False, and nothing is written, if its end is beyond 64 bits. */
/*@ requires \valid(range);
    assigns *range;
    behavior fits:
      assumes start + length <= UINT64_MAX;
      ensures \result && range->start == start && range->end == start + length;
    behavior refused:
      assumes start + length > UINT64_MAX;
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
static inline MUST_CHECK bool range_make(uint64_t start, uint64_t length, struct range *range)
{
    if (length > UINT64_MAX - start) {
        return false;
    }
    range->start = start;
    range->end = start + length;
    return true;
}

/*@ requires range_valid(range);
    assigns \nothing;
    ensures \result == range.end - range.start; */
static inline uint64_t range_length(struct range range)
{
    return range.end - range.start;
}

/*@ requires range_valid(range);
    assigns \nothing;
    ensures \result <==> (\forall uint64_t number; !in_range(number, range)); */
static inline bool range_is_empty(struct range range)
{
    return range.start == range.end;
}

/*@ assigns \nothing;
    ensures \result <==> in_range(number, range); */
static inline bool range_has(struct range range, uint64_t number)
{
    return number >= range.start && number < range.end;
}

/** Whether [start, start + length) is inside `range`. An empty one may lie at either end. */
/*@ requires range_valid(range);
    assigns \nothing;
    ensures \result <==> range.start <= start && start + length <= range.end; */
static inline bool range_has_span(struct range range, uint64_t start, uint64_t length)
{
    return start >= range.start && start <= range.end && length <= range.end - start;
}

/** Whether all of `inner` is inside `outer`. */
/*@ requires range_valid(outer) && range_valid(inner);
    assigns \nothing;
    ensures \result ==> (\forall uint64_t number; in_range(number, inner) ==> in_range(number,
   outer)); ensures \result <==> outer.start <= inner.start && inner.end <= outer.end; */
static inline bool range_has_range(struct range outer, struct range inner)
{
    return inner.start >= outer.start && inner.end <= outer.end;
}

/** Whether some number is in both. */
/*@ requires range_valid(a) && range_valid(b);
    assigns \nothing;
    ensures \result <==> (\exists uint64_t number; in_range(number, a) && in_range(number, b)); */
static inline bool range_overlaps(struct range a, struct range b)
{
    const uint64_t start = a.start > b.start ? a.start : b.start;
    const uint64_t end = a.end < b.end ? a.end : b.end;

    return start < end;
}

/** What is in both; if nothing is, an empty range inside `a`. */
/*@ requires range_valid(a) && range_valid(b);
    assigns \nothing;
    ensures range_valid(\result) && a.start <= \result.start && \result.end <= a.end;
    ensures \forall uint64_t number;
            in_range(number, \result) <==> in_range(number, a) && in_range(number, b); */
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
/*@ requires range_valid(a) && range_valid(b);
    requires \valid(below) && \valid(above) && \separated(below, above);
    assigns *below, *above;
    ensures range_valid(*below) && range_valid(*above);
    ensures \forall uint64_t number;
            in_range(number, *below) || in_range(number, *above) <==>
            in_range(number, a) && !in_range(number, b);
    ensures below->end <= above->start; */
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
/*@ assigns \nothing; */
static inline uint64_t range_align_down(uint64_t number, uint64_t alignment)
{
    return number & ~(alignment - 1);
}

/** The same upwards. False, and nothing is written, if there is no such 64-bit multiple. */
/*@ requires \valid(result) && 1 <= alignment;
    assigns *result;
    behavior fits:
      assumes number + alignment - 1 <= UINT64_MAX;
      ensures \result;
    behavior refused:
      assumes number + alignment - 1 > UINT64_MAX;
      assigns \nothing;
      ensures !\result;
    complete behaviors;
    disjoint behaviors; */
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
/*@ requires range_valid(range) && 1 <= alignment;
    assigns \nothing;
    ensures range_valid(\result); */
static inline struct range range_shrink(struct range range, uint64_t alignment)
{
    struct range shrunk = {.end = range_align_down(range.end, alignment)};

    if (!range_align_up(range.start, alignment, &shrunk.start) || shrunk.start >= shrunk.end) {
        shrunk = (struct range){.start = range.start, .end = range.start};
    }
    return shrunk;
}

/** The smallest aligned range around `range`. False if its end would be beyond 64 bits. */
/*@ requires range_valid(range) && 1 <= alignment && \valid(grown);
    assigns *grown;
    ensures !\result ==> *grown == \old(*grown); */
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
