/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What race needs of the system that it runs on. Beside this, both systems have rt_print(),
 * rt_clock_now() and rt_sleep() of user/rt.
 *
 * `way` counts from 0, in the order of system_ways. What can fail returns false, and has printed
 * why. There is one of each thing at a time: one partner, one second thread, one disk.
 */

#include "race/race.h"

/** The names of the ways of each test; a test without any is left out. */
extern const char *const system_ways[RACE_TESTS][RACE_WAYS_MAX];

/** The shortest visit to the kernel that there is. */
MUST_CHECK bool system_null_call(void);

/** Submit `count` entries that do nothing to the ring, and take their completions: one call. */
MUST_CHECK bool system_nops_open(uint32_t count_max);
MUST_CHECK bool system_nops(uint32_t count);
void system_nops_close(void);

/* A second process, that answers each call with nothing. */
MUST_CHECK bool system_partner_start(unsigned way);
MUST_CHECK bool system_partner_call(void);
void system_partner_stop(void);
/** What the program does when it is started with the one argument `partner`. */
int system_partner_main(void);

enum system_priority { SYSTEM_BACKGROUND, SYSTEM_URGENT };

/** Start a second thread, that runs below or above the first one. */
MUST_CHECK bool system_thread_start(void (*function)(void), enum system_priority priority);
MUST_CHECK bool system_thread_join(void);

/* Waking a thread that sleeps. */
MUST_CHECK bool system_wake_open(unsigned way);
MUST_CHECK bool system_wake_wait(void);
MUST_CHECK bool system_wake(void);
void system_wake_close(void);

/** The registers of the `edu` device, whose interrupts system_interrupt_wait() waits for; or NULL.
 */
MUST_CHECK volatile uint32_t *system_interrupt_open(void);
MUST_CHECK bool system_interrupt_wait(void);
void system_interrupt_close(void);

/* Reads of the disk, past all caches: page `page` of the disk into buffer `buffer`, of `depth`. */
MUST_CHECK bool system_disk_open(unsigned way, uint32_t depth, uint64_t *page_count);
MUST_CHECK bool system_disk_submit(uint32_t buffer, uint64_t page);
/** Wait for a read that was submitted; which one is in `*buffer`. */
MUST_CHECK bool system_disk_wait(uint32_t *buffer);
uint8_t *system_disk_buffer(uint32_t buffer);
void system_disk_close(void);
