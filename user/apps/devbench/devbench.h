/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What devices cost: an interrupt, reads of a disk through its driver, a driver's restart.
 *
 *   main.c       arguments, the order of things
 *   interrupt.c  from the device's register to the driver
 *   reads.c      reads of a disk, one and many at a time
 *   spinner.c    what a thread does while nobody else has anything to do
 *   restart.c    from a driver's kill to a read through the next one
 *   first.c      the first read after power-on
 */

#include "libbench/figure.h"
#include "libblock/block.h"

#define DEVBENCH_READ_SECTORS 8u /* 4 KiB */
#define DEVBENCH_WAIT_NS      20000000000ull

/** A session with memory of its own. */
struct devbench_disk {
    struct block_session session;
    uint64_t sector_count; /* of the disk */
    uint64_t memory;
    uint32_t page_count;
};

/** Note what the processors' idle time was, summed over all. False: nobody told. */
MUST_CHECK bool devbench_idle_us(uint64_t *idle_us);

void devbench_interrupt(struct bench_figure *figure);

/** Make memory of a page for each request. Returns: STATUS_OK; what was refused. */
MUST_CHECK enum status devbench_disk_init(struct devbench_disk *disk, uint32_t depth);

/** Open a session of `depth` requests. Returns: STATUS_OK; what was refused. */
MUST_CHECK enum status devbench_disk_open(struct devbench_disk *disk, uint32_t depth);

/** Read the page at a random place. Returns: STATUS_OK; STATUS_PEER_GONE; STATUS_TIMED_OUT. */
MUST_CHECK enum status devbench_disk_read(struct devbench_disk *disk);

void devbench_disk_fini(struct devbench_disk *disk);

void devbench_reads(struct bench_figure *single, struct bench_figure *many);
void devbench_restart(struct bench_figure *figure);

/** Read the start of the disk as soon as it is there, and print the text in it. */
MUST_CHECK bool devbench_first_read(void);

/* spinner.c */

/** Instructions of a round of the spinner. */
#define DEVBENCH_SPIN_INSTRUCTIONS 3u

/** Start it, unless time is not instructions. Returns: STATUS_OK; what was refused. */
MUST_CHECK enum status devbench_spinner_start(void);
void devbench_spinner_stop(void);

extern uint64_t devbench_spin_rounds;

/** Ticks that are not the spinner's, up to now. */
static ALWAYS_INLINE uint64_t devbench_busy_now(void)
{
    const uint64_t rounds = __atomic_load_n(&devbench_spin_rounds, __ATOMIC_RELAXED);

    return rt_arch_timestamp() - rounds * DEVBENCH_SPIN_INSTRUCTIONS;
}
