/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * I/O APICs (82093AA data sheet, Intel 290566): the one file that writes their registers. All
 * inputs are masked until routed. Which inputs there are, and what an entry looks like, is in
 * lib/ioapic.
 *
 * Under the kernel lock, but for what the boot CPU does alone.
 */

#include "ioapic/inputs.h"
#include "ioapic/redirection.h"
#include "types.h"

/** Map every I/O APIC and mask all its inputs. Boot CPU, once. */
void io_apic_init(void);

/** Route an ISA interrupt to a CPU; false if no I/O APIC has its input. Boot CPU. */
MUST_CHECK bool io_apic_route_isa(uint32_t irq, uint32_t vector, uint32_t apic_id);

/** Every input there is, and what firmware says of it. Unchanged after io_apic_init(). */
const struct ioapic_inputs *io_apic_inputs(void);

/** Write an input's entry. It is masked while it changes. */
void io_apic_program(const struct ioapic_place *place,
                     const struct ioapic_redirection *redirection);

/** Mask or unmask an input that was programmed. */
void io_apic_set_mask(const struct ioapic_place *place, bool is_masked);

/** An input, as its redirection entry is now. */
struct io_apic_input {
    uint8_t io_apic;    /* its id */
    uint32_t interrupt; /* global system interrupt */
    struct ioapic_redirection entry;
};

/** Input `number` of all that there are, counted over the I/O APICs; false beyond the last. */
MUST_CHECK bool io_apic_read_input(uint32_t number, struct io_apic_input *input);
