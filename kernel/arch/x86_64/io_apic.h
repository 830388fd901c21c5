/* SPDX-License-Identifier: MIT */
#pragma once

/* I/O APICs (82093AA data sheet, Intel 290566): inputs to vectors. All masked until routed. */

#include "types.h"

/** Map every I/O APIC and mask all its inputs. Boot CPU, once. */
void io_apic_init(void);

/** Route an ISA interrupt to a CPU; false if no I/O APIC has its input. Boot CPU. */
MUST_CHECK bool io_apic_route_isa(uint32_t irq, uint32_t vector, uint32_t apic_id);

/** An input, as its redirection entry is now. */
struct io_apic_input {
    uint8_t io_apic;    /* its id */
    uint32_t interrupt; /* global system interrupt */
    uint8_t vector;     /* what it says if it is not masked */
    bool is_masked;
    bool is_level;
    bool is_active_low;
    bool is_remapped; /* goes through the IOMMU (VT-d 4.1 section 5.1.5.1) */
};

/** Input `number` of all that there are, counted over the I/O APICs; false beyond the last. */
MUST_CHECK bool io_apic_read_input(uint32_t number, struct io_apic_input *input);
