/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ranges of bytes on a device that moves whole sectors: which sectors a piece of the range
 * touches, and which of their bytes belong to it. A range is walked in pieces that fit a buffer.
 * Pure.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/** The part of a range that one transfer moves. */
struct block_span {
    uint64_t sector;       /* the first one touched */
    uint32_t sector_count; /* how many */
    uint32_t skip;         /* bytes of the first sector before the range */
    uint32_t bytes;        /* of the range in this piece; not 0 */
    bool whole;            /* no byte outside the range is touched */
};

/**
 * The first piece of the range [offset, offset + length) for a buffer of `max_sectors`.
 *
 * A piece that starts and ends inside a sector, or begins the range inside one, may be short, so
 * that what follows starts at a sector and is whole for as long as possible: at most the first and
 * the last piece of a range touch bytes outside it.
 * Returns: false, and `span` is not written, if the range is empty, wraps, or max_sectors is 0.
 */
MUST_CHECK bool block_span_first(uint64_t offset, uint64_t length, uint32_t max_sectors,
                                 struct block_span *span);
