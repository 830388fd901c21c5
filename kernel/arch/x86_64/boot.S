/* SPDX-License-Identifier: MIT */
/*
 * From the loader to C.
 *
 * Two doors, one corridor: PVH (Xen x86/HVM direct boot ABI: 32-bit protected mode, paging off,
 * ebx = hvm_start_info) and multiboot2 (Multiboot2 Specification 2.0 section 3.3: the same state,
 * eax = 0x36d76289, ebx = information structure). Both reach boot_common with edi = which, esi =
 * info, build the boot page tables and enter kernel_main in long mode.
 *
 * Boot page tables: the first 4 GiB, writable and executable, at 0 (for this code and the AP
 * trampoline), at the direct map and, first GiB only, at the kernel's base. mm/kernel_map.c
 * replaces them by tables without W+X; after the last AP is up they are wiped.
 */

#define KERNEL_VIRTUAL_BASE 0xffffffff80000000

#define BOOT_PVH 1
#define BOOT_MULTIBOOT2 2

#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define CR0_PE (1 << 0)
#define CR0_ET (1 << 4)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define CPUID_EXTENDED 0x80000001
#define CPUID_EDX_NX (1 << 20)

    .section .multiboot2, "a"
    .align 8
multiboot2_header:
    .long 0xe85250d6
    .long 0 /* i386 protected mode */
    .long multiboot2_header_end - multiboot2_header
    .long -(0xe85250d6 + 0 + (multiboot2_header_end - multiboot2_header))
    /* entry address tag: the ELF entry is not ours to rely on (section 3.1.7) */
    .align 8
    .short 3
    .short 0
    .long 12
    .long boot_entry_multiboot2
    /* module alignment tag: modules on page boundaries (section 3.1.11) */
    .align 8
    .short 6
    .short 0
    .long 8
    .align 8
    .short 0
    .short 0
    .long 8
multiboot2_header_end:

    /* XEN_ELFNOTE_PHYS32_ENTRY (18): the 32-bit physical entry point. */
    .section .note.pvh, "a", @note
    .align 4
    .long 4
    .long 4
    .long 18
    .asciz "Xen"
    .long boot_entry_pvh

    .section .boot.text, "ax"
    .code32
    .globl boot_entry_pvh
    .globl boot_entry_elf
boot_entry_elf:
boot_entry_pvh:
    cli
    movl $BOOT_PVH, %edi
    movl %ebx, %esi
    jmp boot_common

    .globl boot_entry_multiboot2
boot_entry_multiboot2:
    cli
    movl $BOOT_MULTIBOOT2, %edi
    movl %ebx, %esi

boot_common:
    cld
    movl $(boot_stack_end - KERNEL_VIRTUAL_BASE), %esp

    /* The loaders clear .bss (PVH and multiboot2 both promise it), so only entries are written. */
    movl $(boot_pdpt - KERNEL_VIRTUAL_BASE + 3), %eax
    movl %eax, (boot_pml4 - KERNEL_VIRTUAL_BASE)
    movl %eax, (boot_pml4 - KERNEL_VIRTUAL_BASE + 256 * 8)
    movl $(boot_pdpt_high - KERNEL_VIRTUAL_BASE + 3), %eax
    movl %eax, (boot_pml4 - KERNEL_VIRTUAL_BASE + 511 * 8)
    movl $(boot_pd - KERNEL_VIRTUAL_BASE + 3), %eax
    movl %eax, (boot_pdpt_high - KERNEL_VIRTUAL_BASE + 510 * 8)
    xorl %ecx, %ecx
1:  movl %eax, (boot_pdpt - KERNEL_VIRTUAL_BASE)(, %ecx, 8)
    addl $4096, %eax
    incl %ecx
    cmpl $4, %ecx
    jne 1b
    /* 2048 large pages: present, writable, page size */
    xorl %ecx, %ecx
    movl $0x83, %eax
2:  movl %eax, (boot_pd - KERNEL_VIRTUAL_BASE)(, %ecx, 8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jne 2b

    /* Whole values: nothing that the loader left, such as five-level paging, may stay. Setting
     * EFER.NXE faults on a CPU without NX (SDM vol. 3A 2.2.1, table 2-1). */
    movl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $(boot_pml4 - KERNEL_VIRTUAL_BASE), %eax
    movl %eax, %cr3
    movl $CPUID_EXTENDED, %eax
    cpuid
    andl $CPUID_EDX_NX, %edx
    shrl $(20 - 11), %edx           /* EFER_NXE if the CPU has it */
    movl %edx, %ebx
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    orl %ebx, %eax
    wrmsr
    movl $(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE), %eax
    movl %eax, %cr0
    lgdt (boot_gdt_pointer)
    ljmp $8, $boot_long_mode

    .code64
boot_long_mode:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_end, %rsp
    movl %edi, %edi
    movl %esi, %esi
    xorl %ebp, %ebp
    movq $kernel_main, %rax
    call *%rax
    ud2

    .section .boot.rodata, "a"
    .align 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
    .quad 0x00cf93000000ffff /* data */
boot_gdt_end:
boot_gdt_pointer:
    .short boot_gdt_end - boot_gdt - 1
    .long boot_gdt

    .bss
    .align 4096
    .globl boot_pml4
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pdpt_high: .skip 4096
boot_pd: .skip 4 * 4096
    .globl boot_tables_end
boot_tables_end:
    .globl boot_stack
boot_stack: .skip 16384
    .globl boot_stack_end
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
