/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The atomic operations that shared-memory protocols (lib/ring, lib/queue) are written with.
 *
 * Protocol code uses these functions and nothing else for memory that another thread may touch.
 * tests/explore puts its own header of this name earlier on the include path: there every call
 * is a scheduling point of an x86-TSO machine, and the same protocol source is explored through
 * all its interleavings.
 */

#include <stdint.h>

static inline uint32_t atomic_load_acquire_u32(const uint32_t *place)
{
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static inline uint32_t atomic_load_relaxed_u32(const uint32_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static inline void atomic_store_release_u32(uint32_t *place, uint32_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}

static inline void atomic_store_relaxed_u32(uint32_t *place, uint32_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELAXED);
}

static inline uint16_t atomic_load_acquire_u16(const uint16_t *place)
{
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static inline uint16_t atomic_load_relaxed_u16(const uint16_t *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

static inline void atomic_store_release_u16(uint16_t *place, uint16_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}

static inline void atomic_store_relaxed_u16(uint16_t *place, uint16_t value)
{
    __atomic_store_n(place, value, __ATOMIC_RELAXED);
}

/** Orders every earlier access before every later one, StoreLoad included. */
static inline void atomic_fence_seq_cst(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
