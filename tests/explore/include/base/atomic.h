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

/*
 * The machine knows words of four bytes. Half of one is read with the whole, and written with what
 * the thread itself sees in the other half: right as long as both halves belong to one writer.
 */
static inline uint32_t *atomic_word_of(const uint16_t *half)
{
    return (uint32_t *)((uintptr_t)half & ~(uintptr_t)3);
}

static inline uint32_t atomic_shift_of(const uint16_t *half)
{
    return ((uintptr_t)half & 2) != 0 ? 16 : 0;
}

static inline uint16_t atomic_load_acquire_u16(const uint16_t *place)
{
    return (uint16_t)(machine_load(atomic_word_of(place), true) >> atomic_shift_of(place));
}

static inline uint16_t atomic_load_relaxed_u16(const uint16_t *place)
{
    return (uint16_t)(machine_load(atomic_word_of(place), false) >> atomic_shift_of(place));
}

static inline void atomic_store_half_u16(uint16_t *place, uint16_t value, bool release)
{
    uint32_t *word = atomic_word_of(place);
    const uint32_t other = machine_load(word, false) & ~(0xffffu << atomic_shift_of(place));

    machine_store(word, other | (uint32_t)value << atomic_shift_of(place), release);
}

static inline void atomic_store_release_u16(uint16_t *place, uint16_t value)
{
    atomic_store_half_u16(place, value, true);
}

static inline void atomic_store_relaxed_u16(uint16_t *place, uint16_t value)
{
    atomic_store_half_u16(place, value, false);
}

static inline void atomic_fence_seq_cst(void)
{
    machine_fence();
}
