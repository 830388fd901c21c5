/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The explorer's replacement for lib/base/atomic.h, found first on the include path. The same
 * functions, but every call is an access to the simulated x86-TSO machine in machine.c.
 */

#include <stdbool.h>
#include <stdint.h>

uint32_t machine_load(const uint32_t *place, bool acquire);
void machine_store(uint32_t *place, uint32_t value, bool release);
void machine_fence(void);

static inline uint32_t atomic_load_acquire_u32(const uint32_t *place)
{
    return machine_load(place, true);
}

static inline uint32_t atomic_load_relaxed_u32(const uint32_t *place)
{
    return machine_load(place, false);
}

static inline void atomic_store_release_u32(uint32_t *place, uint32_t value)
{
    machine_store(place, value, true);
}

static inline void atomic_store_relaxed_u32(uint32_t *place, uint32_t value)
{
    machine_store(place, value, false);
}

static inline void atomic_fence_seq_cst(void)
{
    machine_fence();
}
