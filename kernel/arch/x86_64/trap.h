/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The doors between user mode and the kernel: frames, vectors, and the assembly entry points.
 */

#include "arch/x86_64/trap_offsets.h"
#include "types.h"

/* Interrupt stack table entries, one stack each. */
#define TRAP_IST_DOUBLE_FAULT  1
#define TRAP_IST_NMI           2
#define TRAP_IST_MACHINE_CHECK 3
#define TRAP_IST_COUNT         3

/* Vectors 0..31 are the CPU's own. */
#define VECTOR_BREAKPOINT      3u
#define VECTOR_NMI             2u
#define VECTOR_DOUBLE_FAULT    8u
#define VECTOR_PAGE_FAULT      14u
#define VECTOR_MACHINE_CHECK   18u
#define VECTOR_EXCEPTION_COUNT 32u
#define VECTOR_ROUTE_FENCE     0x20u /* lower than any device's: route_fence.h */
#define VECTOR_COM1            0x30u
#define VECTOR_LINE_FIRST      0x31u /* level-triggered, shared */
#define VECTOR_LINE_END        0x40u
#define VECTOR_DEVICE_FIRST    0x40u
#define VECTOR_DEVICE_END      0xe0u
#define VECTOR_TIMER           0xe0u
#define VECTOR_RESCHEDULE      0xe1u
#define VECTOR_FLUSH           0xe2u
#define VECTOR_STOP            0xe3u
#define VECTOR_IOMMU           0xe4u
#define VECTOR_SPURIOUS        0xffu

/** Registers of an interrupted context, as trap.S pushes them. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector;
    uint64_t error;
    uint64_t rip, cs, rflags, rsp, ss;
};

static_assert(sizeof(struct trap_frame) == TRAP_FRAME_BYTES, "trap.S");

/* In trap.S. */
void syscall_entry(void);
extern const uint64_t trap_stubs[256];

/** Sleep until an interrupt, also one that is already pending. Interrupts are off before and after.
 */
void trap_sleep(void);

/** Load the IDT on this CPU. */
void trap_load_tables(void);

/** Build the IDT. Boot CPU, once. */
void trap_init(void);

/** Return to the frame of the current thread; it never comes back. */
NORETURN void trap_return_full(void);
NORETURN void trap_return_syscall(void);

/** Start over on this CPU's empty stack at `function`. */
NORETURN void trap_restart_on_stack(uint64_t stack_top, void (*function)(void));

/** "page fault" for 14, "vector 77" for others. */
const char *trap_vector_name(uint64_t vector);
