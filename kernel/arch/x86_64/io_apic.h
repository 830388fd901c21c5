/* SPDX-License-Identifier: MIT */
#pragma once

/* I/O APICs (82093AA data sheet, Intel 290566): inputs to vectors. All masked until routed. */

#include "types.h"

/** Map every I/O APIC and mask all its inputs. Boot CPU, once. */
void io_apic_init(void);

/** Route an ISA interrupt to a CPU; false if no I/O APIC has its input. Boot CPU. */
MUST_CHECK bool io_apic_route_isa(uint32_t irq, uint32_t vector, uint32_t apic_id);
