/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The clock: the time stamp counter, its rate measured at boot (or told by CPUID), and the rate of
 * the local APIC's timer against it.
 */

#include "types.h"

extern uint64_t clock_boot_ticks; /* [I] TSC at boot */

/** Measure the TSC against the 8254, once, on the boot CPU. */
void clock_init(void);

/** TSC ticks per second. */
uint64_t clock_ticks_per_second(void);

/**
 * Durations, not points in time. Saturate. The fewest ticks that are at least `ns`: converted back
 * they are never less.
 */
uint64_t clock_duration_ns(uint64_t ticks);
uint64_t clock_duration_ticks(uint64_t ns);

/** Wait by spinning, at boot. */
void clock_spin_us(uint32_t micros);
