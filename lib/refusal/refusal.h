/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which refusals get a record, if somebody asks for nothing else: the first ones, and then fewer
 * and fewer. One process's refusals are counted by class: what kind of capability, and why. Of each
 * class the first REFUSALS_EACH have a record, and from there on every fourth power of two: 64,
 * 256, 1,024 and so on. Each record says how many of its class there were so far, so none is
 * lost without being counted, and however many there are, few of them push other records out.
 *
 * There is room for so many classes as programs without malice never get to; what is of a further
 * one is counted with all others of that sort.
 *
 * Pure: one per process; the caller holds the lock.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define REFUSALS_EACH   16u /* of a class, with a record each */
#define REFUSAL_CLASSES 16u /* the last one is everything that the others are not */

/** A class's records, if a process had 2^32 of its refusals, which takes hours. */
#define REFUSAL_RECORDS (REFUSALS_EACH + (32 - 4) / 2)

struct refusal_counts {
    uint64_t counts[REFUSAL_CLASSES];
    uint8_t kinds[REFUSAL_CLASSES];
    uint8_t reasons[REFUSAL_CLASSES];
    uint32_t class_count; /* in use */
    uint64_t omitted;     /* refusals without a record */
};

/** None so far. All zeroes is the same. */
void refusal_counts_init(struct refusal_counts *counts);

/**
 * Count a refusal: of what kind of capability, and why.
 *
 * *count becomes the number of its class so far, this one included.
 * Returns: whether it is to have a record.
 */
MUST_CHECK bool refusal_count(struct refusal_counts *counts, uint8_t kind, uint8_t reason,
                              uint64_t *count);
