/* SPDX-License-Identifier: MIT */
/*
 * Where threads begin. The kernel jumps here with rdi = the thread's ring, rsi = its argument and
 * a stack pointer that is a multiple of 16; `call` then makes the stack what C expects. A zero
 * frame pointer ends back traces.
 */

    .text
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    call rt_start
    ud2
    .size _start, . - _start

    .globl rt_thread_entry
    .type rt_thread_entry, @function
rt_thread_entry:
    xorl %ebp, %ebp
    call rt_thread_main
    ud2
    .size rt_thread_entry, . - rt_thread_entry

    .section .note.GNU-stack, "", @progbits
