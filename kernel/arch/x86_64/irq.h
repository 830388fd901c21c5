/* SPDX-License-Identifier: MIT */
#pragma once

/* Interrupt vectors: what the kernel does with each. Under the kernel lock. */

#include "types.h"

/** Mask the 8259s and every I/O APIC input, then let COM1 through. Boot CPU, once. */
void irq_init(void);

/** Handle one interrupt of this CPU, end-of-interrupt included. */
void irq_dispatch(uint32_t vector);
