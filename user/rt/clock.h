/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Time since boot, from a Timer: the capability named "timer" if the process was given one, else
 * one that is created, and charged to the process, at the first question.
 */

#include "capos.h"

#include <stdint.h>

#define RT_NS_PER_US 1000ull
#define RT_NS_PER_MS 1000000ull
#define RT_NS_PER_S  1000000000ull

/** The time now. Returns: STATUS_OK; why there is no timer. */
MUST_CHECK enum status rt_clock_now(uint64_t *nanoseconds);

/** Sleep for at least `nanoseconds`. Without a timer: let others run, and return. */
void rt_sleep(uint64_t nanoseconds);
