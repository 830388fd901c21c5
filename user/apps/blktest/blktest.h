/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The parts of the test client of disks: main.c runs them.
 */

#include "libblock/block_io.h"

#define BLKTEST_DEADLINE_NS 60000000000ull

/** Print whether a claim holds, and count it if not. */
void blktest_claim(bool holds, const char *claim);

/** Print a status that should be another. */
void blktest_status(enum block_status seen, enum block_status expected, const char *claim);

/** Now, since boot. */
uint64_t blktest_now_ns(void);

/** Make and map memory of the client's own. Ends the program if there is none. */
uint64_t blktest_memory(uint32_t page_count, void **address);

/** Fill with a pattern that `seed` tells from others, and look whether it is there. */
void blktest_fill(void *memory, size_t length, uint32_t seed);
bool blktest_is_filled(const void *memory, size_t length, uint32_t seed);

/** load.c: many requests in flight, of all sizes; every byte checked. */
void blktest_load(uint64_t endpoint, uint32_t depth, uint32_t rounds);

/** load.c: 4 KiB random reads of the whole disk, nothing looked at: what one costs. */
void blktest_bench(uint64_t endpoint, uint32_t depth, uint32_t rounds);

/** hostile.c: what no client may. The driver outlives it, and so do other sessions. */
void blktest_hostile(uint64_t endpoint);

/** outlive.c: write until the driver has gone, `ends` times, and go on with its successors. */
void blktest_outlive(uint64_t endpoint, uint32_t ends);

/** Put requests and end at once, with them in flight. */
NORETURN void blktest_die(uint64_t endpoint);
