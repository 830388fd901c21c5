/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Local APIC (Intel SDM vol. 3A chapter 11): interrupts between CPUs and the CPU's own timer.
 * x2APIC through MSRs where the CPU has it, else xAPIC through its page.
 */

#include "types.h"

/** Find and map the local APIC. Boot CPU, once. `base` is the MADT's address, 0: the MSR's. */
void apic_init(struct paddr base);

/** Switch this CPU's APIC on, everything but the timer and NMIs masked, and its timer ready. */
void apic_init_cpu(void);

/** Measure the timer against the TSC. Boot CPU, once. */
void apic_measure_timer(void);

uint32_t apic_this_id(void);

/** Whether commands can be sent to a CPU of this id. */
bool apic_can_address(uint32_t apic_id);

void apic_end_of_interrupt(void);

/** Whether an interrupt of this vector waits for its end: the one being handled, or one below it.
 */
bool apic_is_in_service(uint32_t vector);

/** Send a fixed interrupt to one CPU. */
void apic_send_ipi(uint32_t apic_id, uint32_t vector);

/** INIT, or start-up at a page below 1 MiB (SDM vol. 3A 9.4.4). */
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, uint32_t page);

/** Stop all other CPUs, for a panic or the end. */
void apic_stop_others(void);

/** Whether somebody has. */
bool apic_is_stop_sent(void);

/** Interrupt at a TSC value (already past: as soon as possible); NO_DEADLINE: never. */
void apic_timer_program(uint64_t deadline_ticks);
