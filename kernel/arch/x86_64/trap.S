/* SPDX-License-Identifier: MIT */
/*
 * Entry and exit. Read together with struct trap_frame (trap.h) and the first fields of struct
 * cpu (cpu.h).
 *
 * A trap from user mode pushes straight into the current thread's frame, because TSS.rsp0 points
 * at its end; then the code moves to this CPU's stack, which is empty whenever user code runs.
 * So a thread's whole machine state is in its struct thread, and blocking needs no stack.
 *
 * System calls keep only what the calling convention keeps: rip, rflags, rsp, rbx, rbp, r12-r15.
 * The other registers come back as zero, so no kernel value leaks.
 */

#include "arch/x86_64/trap_offsets.h"

    .text

    /* The general registers, in the order of struct trap_frame. */
    .macro push_registers
    .irp register, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    pushq %\register
    .endr
    .endm

    /* And back, and the stub's vector and error code off the stack: what is left is for IRETQ. */
    .macro pop_registers
    .irp register, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
    popq %\register
    .endr
    addq $16, %rsp
    .endm

    .globl syscall_entry
    .align 32
syscall_entry:
    swapgs
    movq %rsp, %gs:CPU_OFFSET_SCRATCH
    movq %gs:CPU_OFFSET_FRAME_TOP, %rsp
    movq %r11, -24(%rsp)            /* rflags */
    movq %rcx, -40(%rsp)            /* rip */
    movq %rbx, FRAME_FROM_TOP(FRAME_RBX)(%rsp)
    movq %rbp, FRAME_FROM_TOP(FRAME_RBP)(%rsp)
    movq %r12, FRAME_FROM_TOP(FRAME_R12)(%rsp)
    movq %r13, FRAME_FROM_TOP(FRAME_R13)(%rsp)
    movq %r14, FRAME_FROM_TOP(FRAME_R14)(%rsp)
    movq %r15, FRAME_FROM_TOP(FRAME_R15)(%rsp)
    movq %gs:CPU_OFFSET_SCRATCH, %rcx
    movq %rcx, -16(%rsp)            /* user rsp */
    movq %gs:CPU_OFFSET_STACK_TOP, %rsp
    movq %rax, %rcx                 /* fourth argument: the system call's number */
    call syscall_dispatch           /* (rdi, rsi, rdx, number) */
    /* It has returned: the same thread goes on, and the call has kept rbx, rbp and r12-r15. */
    movq %gs:CPU_OFFSET_FRAME_TOP, %rdi
syscall_leave:
    movq FRAME_FROM_TOP(FRAME_RAX)(%rdi), %rax
    movq -40(%rdi), %rcx
    movq -24(%rdi), %r11
    movq -16(%rdi), %rsp
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    /* rcx is canonical: user pages end below the top of the lower half (mm/layout.h), so no
     * instruction, and none after it, lies where SYSRET would fault in the kernel. */
    swapgs
    sysretq

    /* The current thread entered by system call: give it rax and what it kept. */
    .globl trap_return_syscall
    .align 32
trap_return_syscall:
    movq %gs:CPU_OFFSET_FRAME_TOP, %rdi
    movq FRAME_FROM_TOP(FRAME_RBX)(%rdi), %rbx
    movq FRAME_FROM_TOP(FRAME_RBP)(%rdi), %rbp
    movq FRAME_FROM_TOP(FRAME_R12)(%rdi), %r12
    movq FRAME_FROM_TOP(FRAME_R13)(%rdi), %r13
    movq FRAME_FROM_TOP(FRAME_R14)(%rdi), %r14
    movq FRAME_FROM_TOP(FRAME_R15)(%rdi), %r15
    jmp syscall_leave

    /* The current thread was interrupted: give everything back. */
    .globl trap_return_full
    .align 32
trap_return_full:
    movq %gs:CPU_OFFSET_FRAME_TOP, %rsp
    subq $TRAP_FRAME_BYTES, %rsp
    pop_registers
    swapgs
    iretq

    .globl trap_restart_on_stack
trap_restart_on_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    call *%rsi
    ud2

    /* Common part of every vector; the stub has pushed error and vector. */
    .align 32
trap_common:
    cld
    push_registers
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
    movq %rsp, %rdi
    movq %gs:CPU_OFFSET_STACK_TOP, %rsp
    xorl %ebp, %ebp
    call trap_from_user             /* does not return */
    ud2
1:  movq %rsp, %rdi
    call trap_from_kernel
trap_pop_and_return:
    pop_registers
    iretq

    /*
     * Double fault, machine check and errors by NMI come on stacks of their own, at any instruction,
     * between a swapgs and its partner too. Whether GS is the kernel's is read from the MSR.
     */
    .align 32
trap_paranoid:
    cld
    push_registers
    movl $0xc0000101, %ecx          /* MSR_GS_BASE */
    rdmsr
    xorl %ebx, %ebx
    testl %edx, %edx
    js 2f
    swapgs
    incl %ebx
2:  movq %rsp, %rdi
    call trap_paranoid_entry
    testl %ebx, %ebx
    jz trap_pop_and_return
    swapgs
    jmp trap_pop_and_return

    /*
     * NMI, on a stack of its own, at any instruction: nothing is touched but that stack and the words
     * above the frame (nmi.h). It comes back by the IRETQ below, before which no other one comes
     * (SDM vol. 3A 6.7.1), or does not come back: port 61h says that hardware is broken.
     */
    .align 32
trap_nmi:
    incq NMI_FRAME_BYTES+NMI_WORDS_COUNT(%rsp)
    pushq %rax
    inb $NMI_STATUS_PORT, %al
    testb %al, 8+NMI_FRAME_BYTES+NMI_WORDS_ERROR_BITS(%rsp)
    popq %rax
    jnz 1f
    /* Back to a HLT the shadow of its STI is gone: an interrupt could come between the two, and its
     * work wait for another one. So the sleep is over. */
    cmpq $trap_sleep_halt, (%rsp)
    jne trap_nmi_return
    movq $trap_sleep_end, (%rsp)
trap_nmi_return:
    iretq
1:  pushq $0
    pushq $2
    jmp trap_paranoid

    /* Sleep until an interrupt; atomic against one that is already pending. Returns with IF = 0. */
    .globl trap_sleep
    .align 32
trap_sleep:
    sti
trap_sleep_halt:
    hlt
trap_sleep_end:
    cli
    ret

    /* 256 stubs. Vectors 8, 10-14, 17, 21, 29, 30 push an error code themselves. */
    .macro stub vector
trap_stub_\vector:
    .if \vector == 2
    jmp trap_nmi
    .else
    .if \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21 || \vector == 29 || \vector == 30
    .else
    pushq $0
    .endif
    pushq $\vector
    .if \vector == 8 || \vector == 18
    jmp trap_paranoid
    .else
    jmp trap_common
    .endif
    .endif
    .endm

    .altmacro
    .macro stub_number number
    stub \number
    .endm
    .macro stub_address number
    .quad trap_stub_\number
    .endm

    .set i, 0
    .rept 256
    stub_number %i
    .set i, i + 1
    .endr

    .section .rodata
    .align 8
    .globl trap_stubs
trap_stubs:
    .set i, 0
    .rept 256
    stub_address %i
    .set i, i + 1
    .endr

    .section .note.GNU-stack, "", @progbits
