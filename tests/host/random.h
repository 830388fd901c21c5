/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Random numbers for host tests that compare with a model. The seed is printed; CAPOS_SEED=n in
 * the environment repeats a run. Include after cmocka.h.
 */

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state;

/** xorshift64. */
static inline uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/** 0 to bound - 1. */
static inline uint32_t random_below(uint32_t bound)
{
    return (uint32_t)((random_next() >> 16) % bound);
}

static inline void random_seed(void)
{
    const char *given = getenv("CAPOS_SEED");

    random_state = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
    random_state |= 1;
    print_message("CAPOS_SEED=%llu\n", (unsigned long long)random_state);
}
