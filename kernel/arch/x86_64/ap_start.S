/* SPDX-License-Identifier: MIT */
/*
 * Where an application processor wakes up: real mode, cs:ip = page:0 (SDM vol. 3A 9.4.4.1). This
 * code is copied to that page, finds its own address from cs, enters long mode on the boot page
 * tables and calls smp_ap_main on the stack that the boot CPU has left for it.
 */

    .section .rodata
    .globl ap_start_code
    .globl ap_start_code_end
    .align 16
    .code16
ap_start_code:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    /* ebx = linear address of this page */
    xorl %ebx, %ebx
    movw %cs, %bx
    shll $4, %ebx
    leal (ap_gdt - ap_start_code)(%ebx), %eax
    movl %eax, (ap_gdt_pointer + 2 - ap_start_code)
    leal (ap_protected - ap_start_code)(%ebx), %eax
    movl %eax, (ap_protected_target - ap_start_code)
    leal (ap_long - ap_start_code)(%ebx), %eax
    movl %eax, (ap_long_target - ap_start_code)
    lgdtl (ap_gdt_pointer - ap_start_code)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl *(ap_protected_target - ap_start_code)

    .code32
ap_protected:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $(1 << 5), %eax            /* PAE */
    movl %eax, %cr4
    movl (ap_root - ap_start_code)(%ebx), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          /* EFER: LME, and NXE if the CPU has it */
    movl (ap_efer - ap_start_code)(%ebx), %eax
    xorl %edx, %edx
    wrmsr
    /* PG, WP, NE, ET, PE. Not CD and NW: INIT keeps them, and after reset they are set (SDM vol. 3A
     * table 9-1), so a CPU that nobody has used would run without its caches. */
    movl $0x80010031, %eax
    movl %eax, %cr0
    ljmpl *(ap_long_target - ap_start_code)(%ebx)

    .code64
ap_long:
    movl %ebx, %ebx
    movq (ap_stack - ap_start_code)(%rbx), %rsp
    movq (ap_cpu - ap_start_code)(%rbx), %rdi
    xorl %ebp, %ebp
    movq $smp_ap_main, %rax
    call *%rax
    ud2

    .align 8
ap_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        /* 0x08: 32-bit code */
    .quad 0x00cf93000000ffff        /* 0x10: data */
    .quad 0x00af9b000000ffff        /* 0x18: 64-bit code */
ap_gdt_pointer:
    .short . - ap_gdt - 1
    .long 0
ap_protected_target:
    .long 0
    .short 0x08
ap_long_target:
    .long 0
    .short 0x18
    .align 8
    .globl ap_root
ap_root: .quad 0
    .globl ap_efer
ap_efer: .quad 0
    .globl ap_stack
ap_stack: .quad 0
    .globl ap_cpu
ap_cpu: .quad 0
ap_start_code_end:

    .section .note.GNU-stack, "", @progbits
