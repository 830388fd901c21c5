/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * TLB flushes across CPUs, without waiting.
 *
 * Whoever removes a mapping asks the CPUs that have the address space loaded to flush, and gives a
 * record that is called back when the last has done so. Nobody spins for an acknowledgement, and
 * no lock is held meanwhile: memory is given back, and an UNMAP completes, in the callback.
 */

#include "list.h"
#include "types.h"

#define CPU_MASK_WORDS 4u

struct cpu_mask {
    uint64_t words[CPU_MASK_WORDS];
};

struct address_space;

struct flush_wait {
    struct list link;
    uint64_t sequence;       /* a CPU that has flushed since then has done its part */
    struct cpu_mask waiting; /* CPUs that have not yet */
    void (*done)(struct flush_wait *wait);
};

/**
 * Flush [address, address + page_count pages) of a space everywhere.
 *
 * Flushes this CPU at once. Returns true if no other CPU is involved: then `wait` is not used.
 * Otherwise `wait->done` runs later, under the kernel lock, on some CPU.
 */
MUST_CHECK bool flush_start(struct address_space *space, uint64_t address, uint64_t page_count,
                            struct flush_wait *wait, void (*done)(struct flush_wait *wait));

/** This CPU was asked to flush: do it and tell those who wait. From the IPI. */
void flush_answer(void);

static inline void cpu_mask_set(struct cpu_mask *mask, uint32_t cpu)
{
    mask->words[cpu / 64] |= 1ull << (cpu % 64);
}

static inline void cpu_mask_clear(struct cpu_mask *mask, uint32_t cpu)
{
    mask->words[cpu / 64] &= ~(1ull << (cpu % 64));
}

static inline bool cpu_mask_is_empty(const struct cpu_mask *mask)
{
    return (mask->words[0] | mask->words[1] | mask->words[2] | mask->words[3]) == 0;
}
