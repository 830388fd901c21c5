/* SPDX-License-Identifier: MIT */
/*
 * A machine image of one page that does what every kernel's start does, and reports by serial
 * port: tools/kvm-probe boots it to see whether KVM really works here, the harness tests boot it
 * because it is small, and tools/boot-time measures the firmware with it.
 *
 * Entered by PVH in 32-bit protected mode. In turn: prints "P" (before anything else), visits
 * real mode and comes back ("R"), turns on long mode with large pages ("L"), takes one interrupt
 * of the local APIC's timer out of HLT ("T"), writes and reads a page of memory ("M").
 * Then, unless the command line holds "stay", prints "probe ok" and leaves through the debug-exit
 * device with value 0x31 (QEMU's status 99). With "stay" it prints "probe stays" and echoes the
 * serial port: "!" leaves, "?" is a triple fault.
 */

#define COM1        0x3f8
#define DEBUG_EXIT  0xf4
#define EXIT_VALUE  0x31
#define LOW         0x7000     /* real-mode code and its stack, below 64 KiB */
#define APIC        0xfee00000
#define VECTOR      0x40

        /* Xen ELF note 18, XEN_ELFNOTE_PHYS32_ENTRY: where PVH starts (Xen docs/misc/pvh.pandoc) */
        .section .note.pvh, "a", @note
        .align  4
        .long   4, 4, 18
        .asciz  "Xen"
        .long   start

        .macro  print byte
        movb    $\byte, %al
        movw    $COM1, %dx
        outb    %al, %dx
        .endm

        .text
        .code32
        .globl  start
start:
        cli
        print   'P'
        movl    $stack_top, %esp
        movl    %ebx, start_info           /* struct hvm_start_info, for its command line */
        lgdt    gdt_pointer

        /* Real mode: the far jumps need code below 1 MiB, so copy it there. */
        movl    $real_begin, %esi
        movl    $LOW, %edi
        movl    $(real_end - real_begin), %ecx
        cld
        rep movsb
        ljmpl   $0x28, $(LOW + protected16 - real_begin)
back32:
        movw    $0x18, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $stack_top, %esp
        print   'R'

        /* Long mode: 4 GiB in 2 MiB pages. */
        movl    $(pml4), %edi
        movl    $(pdpt + 7), (%edi)
        movl    $pdpt, %edi
        movl    $(page_directories + 7), %eax
        movl    $4, %ecx
1:      movl    %eax, (%edi)
        addl    $8, %edi
        addl    $4096, %eax
        loop    1b
        movl    $page_directories, %edi
        movl    $0x83, %eax
        movl    $2048, %ecx
1:      movl    %eax, (%edi)
        addl    $8, %edi
        addl    $0x200000, %eax
        loop    1b
        movl    %cr4, %eax
        orl     $0x20, %eax                /* PAE */
        movl    %eax, %cr4
        movl    $pml4, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx          /* EFER */
        rdmsr
        orl     $0x100, %eax               /* LME */
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000001, %eax
        movl    %eax, %cr0
        ljmpl   $0x10, $long_mode

        /* Copied to LOW. First in 16-bit protected mode, then in real mode. */
real_begin:
        .code16
protected16:
        movw    $0x30, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    %cr0, %eax
        andl    $0xfffffffe, %eax
        movl    %eax, %cr0
        ljmpw   $0, $(LOW + real16 - real_begin)
real16:
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $LOW, %sp
        pushw   $0x1234                    /* something that uses real-mode segments */
        popw    %bx
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $0x08, $back32
real_end:

        .code64
long_mode:
        movw    $0x18, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $stack_top, %esp
        print   'L'

        /* One interrupt of the APIC timer. The legacy PIC stays masked. */
        movb    $0xff, %al
        outb    %al, $0x21
        outb    %al, $0xa1
        lea     interrupt(%rip), %rax
        movw    %ax, idt + VECTOR * 16
        movw    $0x10, idt + VECTOR * 16 + 2
        movw    $0x8e00, idt + VECTOR * 16 + 4
        shrq    $16, %rax
        movw    %ax, idt + VECTOR * 16 + 6
        lidt    idt_pointer
        movl    $APIC, %ebx
        movl    $0x1ff, 0xf0(%rbx)         /* SDM 3A 11.9: enable, spurious vector 0xff */
        movl    $0xb, 0x3e0(%rbx)          /* divide by 1 */
        movl    $VECTOR, 0x320(%rbx)       /* one shot */
        movl    $100000, 0x380(%rbx)
1:      sti
        hlt
        cli
        cmpl    $0, interrupts
        je      1b
        print   'T'

        movl    $0x400000, %edi
        movl    $512, %ecx
        movq    $0x5aa5c33c12345678, %rax
        rep stosq
        cmpq    %rax, 0x400ff8
        jne     dead
        print   'M'
        print   ' '

        movl    start_info, %ebx
        movq    24(%rbx), %rsi             /* hvm_start_info.cmdline_paddr */
        testq   %rsi, %rsi
        jz      finish
1:      movl    (%rsi), %eax
        cmpl    $0x79617473, %eax          /* "stay" */
        je      stay
        incq    %rsi
        testb   %al, %al
        jnz     1b
finish:
        lea     text_ok(%rip), %rsi
        call    puts
leave_machine:
        movl    $EXIT_VALUE, %eax
        movw    $DEBUG_EXIT, %dx
        outl    %eax, %dx
dead:   hlt
        jmp     dead

stay:
        lea     text_stay(%rip), %rsi
        call    puts
1:      movw    $(COM1 + 5), %dx
        inb     %dx, %al
        testb   $1, %al
        jz      1b
        movw    $COM1, %dx
        inb     %dx, %al
        outb    %al, %dx
        incl    echoed
        cmpb    $'!', %al
        je      leave_machine
        cmpb    $'?', %al
        jne     1b
        lidt    nothing
        ud2

puts:   lodsb
        testb   %al, %al
        jz      1f
        movw    $COM1, %dx
        outb    %al, %dx
        jmp     puts
1:      ret

interrupt:
        incl    interrupts
        movl    $0, 0xb0(%rbx)             /* end of interrupt; rbx is still APIC */
        iretq

text_ok:        .asciz "probe ok\n"
text_stay:      .asciz "probe stays\n"

        .align  8
gdt:    .quad   0
        .quad   0x00cf9a000000ffff         /* 0x08 code 32 */
        .quad   0x00af9a000000ffff         /* 0x10 code 64 */
        .quad   0x00cf92000000ffff         /* 0x18 data 32 */
        .quad   0
        .quad   0x00009a000000ffff         /* 0x28 code 16 */
        .quad   0x000092000000ffff         /* 0x30 data 16 */
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt
idt_pointer:
        .word   256 * 16 - 1
        .quad   idt
nothing:
        .word   0
        .quad   0

        .globl  interrupts, echoed         /* the harness tests look at these through gdb */
        .bss
        .align  4096
pml4:   .skip   4096
pdpt:   .skip   4096
page_directories:
        .skip   4 * 4096
idt:    .skip   4096
        .skip   4096
stack_top:
start_info:     .skip 8
interrupts:     .skip 8
echoed:         .skip 8
