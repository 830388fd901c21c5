/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What race needs of the system that it runs on. Beside this, both systems have rt_print(),
 * rt_clock_now() and rt_sleep() of user/rt.
 *
 * `way` counts from 0, in the order of system_ways. What can fail returns false, and has printed
 * why. There is one of each thing at a time: one partner, one second thread, one disk.
 *
 * What is in measured loops is SYSTEM_HOT: inlined there, as a program's own code would be. capOS
 * has it in a header; for Linux the program is optimised as a whole.
 */

#include "apps/bench/race.h"

#if __STDC_HOSTED__
#define SYSTEM_HOT MUST_CHECK
#else
#define SYSTEM_HOT static ALWAYS_INLINE MUST_CHECK
#endif

/** The names of the ways of each test, "" for the only one; a test without any is left out. */
extern const char *const system_ways[RACE_TESTS][RACE_WAYS_MAX];

/** Whether there is what a test needs: for a program that was asked for no test by name. */
bool system_can(enum race_test test);

/** Whether the program was started for something else than tests; if so, `*status` is its end. */
bool system_main(int count, char **arguments, int *status);

/** The shortest visit to the kernel that there is. */
SYSTEM_HOT bool system_null_call(void);

/** Submit `count` entries that do nothing to the ring, and take their completions: one call. */
MUST_CHECK bool system_nops_open(uint32_t count_max);
SYSTEM_HOT bool system_nops(uint32_t count);
void system_nops_close(void);

/* A second process, that answers each call with nothing. */
MUST_CHECK bool system_partner_start(unsigned way);
SYSTEM_HOT bool system_partner_call(void);
void system_partner_stop(void);

/* One page of shared memory, whose neighbour stays mapped. */
MUST_CHECK bool system_page_open(void);
/** Returns: 0, or what is wrong, which system_page_unmap() prints. */
SYSTEM_HOT int system_page_map(void);
MUST_CHECK bool system_page_unmap(int mapped);
void system_page_close(void);

enum system_priority { SYSTEM_BACKGROUND, SYSTEM_URGENT };

/** Start a second thread, that runs below or above the first one. */
MUST_CHECK bool system_thread_start(void (*function)(void), enum system_priority priority);
MUST_CHECK bool system_thread_join(void);

/** Time that the processors have had nothing to do, all of them together. */
MUST_CHECK bool system_idle_us(uint64_t *idle_us);

/* Waking a thread that sleeps. */
MUST_CHECK bool system_wake_open(unsigned way);
SYSTEM_HOT bool system_wake_wait(void);
SYSTEM_HOT bool system_wake(void);
void system_wake_close(void);

/** The registers of the `edu` device, whose interrupts system_interrupt_wait() waits for; or NULL.
 */
MUST_CHECK volatile uint32_t *system_interrupt_open(void);
SYSTEM_HOT bool system_interrupt_wait(void);
void system_interrupt_close(void);

/* Reads of the disk, past all caches: page `page` of the disk into buffer `buffer`, of `depth`. */
MUST_CHECK bool system_disk_open(unsigned way, uint32_t depth, uint64_t *page_count);
SYSTEM_HOT bool system_disk_submit(uint32_t buffer, uint64_t page);
/** Wait for a read that was submitted; which one is in `*buffer`. */
SYSTEM_HOT bool system_disk_wait(uint32_t *buffer);
uint8_t *system_disk_buffer(uint32_t buffer);
void system_disk_close(void);

/* The disk's driver is taken away, as if it had failed, and another one is started. */
MUST_CHECK bool system_driver_open(void);
MUST_CHECK bool system_driver_restart(void);
/** Connect and read the first page. False, without a line: not yet. */
MUST_CHECK bool system_driver_read(void);
void system_driver_close(void);

#if !__STDC_HOSTED__
#include "apps/bench/capos.h"
#endif
