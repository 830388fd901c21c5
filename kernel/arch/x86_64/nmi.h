/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Non-maskable interrupts: counted, and survived unless the chipset says that hardware is broken.
 *
 * One may come at any instruction: before SWAPGS at an entry, under any lock, on the way out of an
 * exception (Intel SDM vol. 3A 6.7). So its handler, trap_nmi in trap.S, uses nothing but a stack
 * of its own that IDT and TSS name (6.14.5), and the words at the top of that stack. No second one
 * comes before its IRETQ (6.7.1), and it can raise no exception before that, which would lift the
 * block.
 *
 * Where they come from: the pins that firmware's MADT names, for errors of the platform; and, where
 * the IOMMU passes on what it is told to block (QEMU 7.2), a device that writes to 0xFEExxxxx. The
 * former say so in port 61h (Intel ICH9 data sheet 316972-004, 13.7.1): that is a panic.
 */

#include "types.h"

struct cpu;

/** At the top of each CPU's NMI stack. Its size keeps the stack's alignment. */
struct nmi_words {
    uint64_t count;      /* [a] written by trap_nmi of the one CPU */
    uint64_t error_bits; /* [I] of port 61h: one of them set in an NMI is an error of hardware */
};

/**
 * Put the words at the top of a new stack.
 * Returns: the new top, for the TSS.
 * Context: boot, before the CPU uses it.
 */
uint64_t nmi_prepare_stack(uint64_t stack_top);

/** How many came to a CPU that were no error. */
uint64_t nmi_count(const struct cpu *cpu);

/** How port 61h reads: NMI_SERR and NMI_IOCHK are of interest. */
uint8_t nmi_status(void);

#define NMI_SERR  0x80u /* a device has reported a system error */
#define NMI_IOCHK 0x40u /* so has one of the ISA bus, or memory its parity */

/** Say so in the log, once for each burst, if there were any. Called now and then, one caller. */
void nmi_tell(void);
