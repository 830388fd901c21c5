/* SPDX-License-Identifier: MIT */
#include "apps/hostile/hostile.h"

#include "base/memory.h"
#include "rt/kernel_objects.h"

enum {
    VECTOR_DIVIDE = 0,
    VECTOR_DEBUG = 1,
    VECTOR_OPCODE = 6,
    VECTOR_PROTECTION = 13,
    VECTOR_PAGE = 14,
    VECTOR_FLOATING = 16,
    ANY_VECTOR = 254, /* processors, and those who emulate them, differ */
    IF_ANY = 255,     /* emulators do not check it at all: then it must do no harm */
};

static volatile uint64_t data_word = 0xc3c3c3c3c3c3c3c3; /* RET, if it could be executed */

static void fault_null(void)
{
    __asm__ volatile("movb $1, 8" : : : "memory");
}

static void fault_kernel_read(void)
{
    (void)*(volatile uint64_t *)(uintptr_t)0xffffffff80100000ull;
}

static void fault_direct_map_write(void)
{
    *(volatile uint64_t *)(uintptr_t)0xffff800000100000ull = 1;
}

static void fault_write_text(void)
{
    *(volatile char *)(uintptr_t)(void (*)(void))fault_null = 1;
}

static void fault_write_constant(void)
{
    static const char constant[] = "constant";

    *(volatile char *)(uintptr_t)constant = 1;
}

static void fault_execute_data(void)
{
    __asm__ volatile("call *%0" : : "r"(&data_word) : "memory");
}

static void fault_execute_stack(void)
{
    volatile uint64_t code = 0xc3c3c3c3c3c3c3c3;

    __asm__ volatile("call *%0" : : "r"(&code) : "memory");
}

static void fault_jump_kernel(void)
{
    __asm__ volatile("jmp *%0" : : "r"(0xffffffff80100000ull) : "memory");
}

static void fault_not_canonical(void)
{
    __asm__ volatile("movq (%0), %%rax" : : "r"(0x0000800000000000ull) : "rax", "memory");
}

static void fault_jump_not_canonical(void)
{
    __asm__ volatile("pushq %0\n\tret" : : "r"(0x8000000000000000ull) : "memory");
}

static void fault_divide(void)
{
    __asm__ volatile("xorl %%edx, %%edx\n\txorl %%ecx, %%ecx\n\tdivl %%ecx"
                     :
                     :
                     : "rax", "rcx", "rdx", "cc");
}

static void fault_divide_overflow(void)
{
    __asm__ volatile("movl $0x80000000, %%eax\n\tcdq\n\tmovl $-1, %%ecx\n\tidivl %%ecx"
                     :
                     :
                     : "rax", "rcx", "rdx", "cc");
}

/** Runs down the stack, through the guard page. */
static uint64_t overflow(volatile uint64_t *above)
{
    volatile uint64_t frame[64];

    frame[0] = *above + 1;
    if (frame[0] == UINT64_MAX) { /* not in this life */
        return 0;
    }
    return overflow(frame) + frame[0];
}

static void fault_stack_overflow(void)
{
    volatile uint64_t start = 0;

    data_word = overflow(&start);
}

static void fault_float(void)
{
    __asm__ volatile("fninit\n\tfldcw %0\n\tfldz\n\tfld1\n\tfdivp\n\tfwait"
                     :
                     : "m"((uint16_t){0x0340}));
}

static void fault_vector(void)
{
    __asm__ volatile("ldmxcsr %0\n\tpxor %%xmm0, %%xmm0\n\tdivss %%xmm0, %%xmm0"
                     :
                     : "m"((uint32_t){0x0000})
                     : "xmm0");
}

static void fault_alignment(void)
{
    __asm__ volatile("pushfq\n\torl $0x40000, (%%rsp)\n\tpopfq\n\tmovq %0, %%rax"
                     :
                     : "m"(*((const char *)(const volatile void *)&data_word + 1))
                     : "rax", "memory", "cc");
}

static void fault_single_step(void)
{
    __asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop" : : : "memory", "cc");
}

/** Single step over SYSCALL: the kernel masks the flag on entry, and must survive if not. */
static void fault_step_into_kernel(void)
{
    __asm__ volatile("xorl %%eax, %%eax\n\txorl %%edi, %%edi\n\txorl %%esi, %%esi\n\t"
                     "xorl %%edx, %%edx\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tsyscall\n\tnop"
                     :
                     :
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
}

/** A non-canonical address into RCX cannot be had by SYSCALL, but by the end of the address space.
 */
static void fault_far_return(void)
{
    __asm__ volatile("movw $0x1b, %%ax\n\tmovw %%ax, %%ds\n\tpushq $0x10\n\tpushq $0\n\tlretq"
                     :
                     :
                     : "rax", "memory");
}

#define FAULT_BY(name, code)                                                                       \
    static void name(void)                                                                         \
    {                                                                                              \
        __asm__ volatile(code : : : "rax", "rbx", "rcx", "rdx", "memory", "cc");                   \
    }

FAULT_BY(fault_ud2, "ud2")
/* The kernel walks a crashed thread's frames for its report: these lead it astray. */
FAULT_BY(fault_frame_kernel, "movq $0xffffffff80201000, %%rbp\n\tud2")
FAULT_BY(fault_frame_not_canonical, "movabsq $0x0000800000000000, %%rbp\n\tud2")
FAULT_BY(fault_frame_unmapped, "movl $0x20000, %%ebp\n\tud2")
FAULT_BY(fault_frame_end, "movabsq $0x00007ffffffefff9, %%rbp\n\tud2")
FAULT_BY(fault_frame_wraps, "movq $-8, %%rbp\n\tud2")
FAULT_BY(fault_frame_loop,
         "pushq $1\n\tpushq %%rsp\n\tmovq %%rsp, %%rbp\n\tmovq %%rsp, (%%rsp)\n\tud2")
FAULT_BY(fault_int3, "int3")
FAULT_BY(fault_int_80, "int $0x80")
FAULT_BY(fault_int_timer, "int $0x20")
FAULT_BY(fault_int_page, "int $14")
FAULT_BY(fault_int_double, "int $8")
FAULT_BY(fault_cli, "cli")
FAULT_BY(fault_hlt, "hlt")
FAULT_BY(fault_read_cr3, "movq %%cr3, %%rax")
FAULT_BY(fault_write_cr4, "xorl %%eax, %%eax\n\tmovq %%rax, %%cr4")
FAULT_BY(fault_rdmsr, "movl $0xc0000080, %%ecx\n\trdmsr")
FAULT_BY(fault_wrmsr, "movl $0xc0000082, %%ecx\n\txorl %%eax, %%eax\n\txorl %%edx, %%edx\n\twrmsr")
FAULT_BY(fault_in, "movw $0x3f8, %%dx\n\tinb %%dx, %%al")
FAULT_BY(fault_out, "movw $0xf4, %%dx\n\tmovb $1, %%al\n\toutb %%al, %%dx")
FAULT_BY(fault_lgdt, "lgdt (%%rsp)")
FAULT_BY(fault_lidt, "lidt (%%rsp)")
FAULT_BY(fault_ltr, "xorl %%eax, %%eax\n\tltr %%ax")
FAULT_BY(fault_swapgs, "swapgs")
FAULT_BY(fault_sysret, "sysretq")
FAULT_BY(fault_iret, "pushq $0x10\n\tpushq $0\n\tpushq $2\n\tpushq $8\n\tpushq $0\n\tiretq")
FAULT_BY(fault_invlpg, "invlpg (%%rsp)")
FAULT_BY(fault_clts, "clts")
FAULT_BY(fault_wbinvd, "wbinvd")
FAULT_BY(fault_load_segment, "movw $0x10, %%ax\n\tmovw %%ax, %%ss")

/* Allowed, and each clears a base register without telling the kernel. Whoever has the CPU next,
 * with the same base as far as the kernel knows, must not be the one to fault. */
FAULT_BY(fault_load_fs, "movw $0x1b, %%ax\n\tmovw %%ax, %%fs")
FAULT_BY(fault_load_fs_null, "xorl %%eax, %%eax\n\tmovw %%ax, %%fs")
FAULT_BY(fault_load_gs, "movw $0x1b, %%ax\n\tmovw %%ax, %%gs")
FAULT_BY(fault_load_data, "movw $0x1b, %%ax\n\tmovw %%ax, %%ds\n\tmovw %%ax, %%es")
FAULT_BY(fault_sysenter, "sysenter")
FAULT_BY(fault_icebp, ".byte 0xf1")
FAULT_BY(fault_int_flush, "int $0xe2")
FAULT_BY(fault_int_nmi, "int $2")
FAULT_BY(fault_wrfsbase, "xorl %%eax, %%eax\n\twrfsbase %%rax")
FAULT_BY(fault_wrgsbase, "movq $-4096, %%rax\n\twrgsbase %%rax")
FAULT_BY(fault_rdpmc, "xorl %%ecx, %%ecx\n\trdpmc")
FAULT_BY(fault_xsetbv, "xorl %%ecx, %%ecx\n\tmovl $3, %%eax\n\txorl %%edx, %%edx\n\txsetbv")

static const struct {
    const char *name;
    void (*run)(void);
    uint64_t vector;
} faults[] = {
    {"null-pointer", fault_null, VECTOR_PAGE},
    {"kernel-read", fault_kernel_read, VECTOR_PAGE},
    {"direct-map-write", fault_direct_map_write, VECTOR_PAGE},
    {"write-text", fault_write_text, VECTOR_PAGE},
    {"write-constant", fault_write_constant, VECTOR_PAGE},
    {"execute-data", fault_execute_data, VECTOR_PAGE},
    {"execute-stack", fault_execute_stack, VECTOR_PAGE},
    {"jump-kernel", fault_jump_kernel, VECTOR_PAGE},
    {"not-canonical", fault_not_canonical, VECTOR_PROTECTION},
    {"jump-not-canonical", fault_jump_not_canonical, VECTOR_PROTECTION},
    {"divide", fault_divide, VECTOR_DIVIDE},
    {"divide-overflow", fault_divide_overflow, VECTOR_DIVIDE},
    {"stack-overflow", fault_stack_overflow, VECTOR_PAGE},
    {"x87", fault_float, VECTOR_FLOATING},
    {"sse", fault_vector, IF_ANY},
    {"alignment", fault_alignment, IF_ANY},
    {"single-step", fault_single_step, VECTOR_DEBUG},
    {"step-into-kernel", fault_step_into_kernel, VECTOR_DEBUG},
    {"far-return", fault_far_return, ANY_VECTOR},
    {"ud2", fault_ud2, VECTOR_OPCODE},
    {"frame-kernel", fault_frame_kernel, VECTOR_OPCODE},
    {"frame-not-canonical", fault_frame_not_canonical, VECTOR_OPCODE},
    {"frame-unmapped", fault_frame_unmapped, VECTOR_OPCODE},
    {"frame-end", fault_frame_end, VECTOR_OPCODE},
    {"frame-wraps", fault_frame_wraps, VECTOR_OPCODE},
    {"frame-loop", fault_frame_loop, VECTOR_OPCODE},
    {"int3", fault_int3, ANY_VECTOR},
    {"int-0x80", fault_int_80, VECTOR_PROTECTION},
    {"int-timer", fault_int_timer, VECTOR_PROTECTION},
    {"int-page-fault", fault_int_page, VECTOR_PROTECTION},
    {"int-double-fault", fault_int_double, VECTOR_PROTECTION},
    {"cli", fault_cli, VECTOR_PROTECTION},
    {"hlt", fault_hlt, VECTOR_PROTECTION},
    {"read-cr3", fault_read_cr3, VECTOR_PROTECTION},
    {"write-cr4", fault_write_cr4, VECTOR_PROTECTION},
    {"rdmsr", fault_rdmsr, VECTOR_PROTECTION},
    {"wrmsr", fault_wrmsr, VECTOR_PROTECTION},
    {"in", fault_in, VECTOR_PROTECTION},
    {"out", fault_out, VECTOR_PROTECTION},
    {"lgdt", fault_lgdt, VECTOR_PROTECTION},
    {"lidt", fault_lidt, VECTOR_PROTECTION},
    {"ltr", fault_ltr, VECTOR_PROTECTION},
    {"swapgs", fault_swapgs, VECTOR_PROTECTION},
    {"sysret", fault_sysret, VECTOR_PROTECTION},
    {"iret-to-kernel", fault_iret, ANY_VECTOR},
    {"invlpg", fault_invlpg, VECTOR_PROTECTION},
    {"clts", fault_clts, VECTOR_PROTECTION},
    {"wbinvd", fault_wbinvd, VECTOR_PROTECTION},
    {"load-kernel-segment", fault_load_segment, VECTOR_PROTECTION},
    {"load-fs", fault_load_fs, IF_ANY},
    {"load-fs-null", fault_load_fs_null, IF_ANY},
    {"load-gs", fault_load_gs, IF_ANY},
    {"load-data", fault_load_data, IF_ANY},
    {"sysenter", fault_sysenter, ANY_VECTOR},
    {"icebp", fault_icebp, ANY_VECTOR},
    {"int-flush", fault_int_flush, VECTOR_PROTECTION},
    {"int-nmi", fault_int_nmi, VECTOR_PROTECTION},
    {"wrfsbase", fault_wrfsbase, VECTOR_OPCODE},
    {"wrgsbase", fault_wrgsbase, VECTOR_OPCODE},
    {"rdpmc", fault_rdpmc, ANY_VECTOR},
    {"xsetbv", fault_xsetbv, ANY_VECTOR},
};

int child_fault(const char *detail)
{
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        if (strlen(detail) == strlen(faults[i].name) &&
            memcmp(detail, faults[i].name, strlen(detail)) == 0) {
            faults[i].run();
            return 0; /* it was allowed */
        }
    }
    return CHILD_GIVEN_UP;
}

void attack_faults(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        child_check("fault", faults[i].name,
                    faults[i].vector == IF_ANY ? EXIT_REASON_COUNT : EXIT_REASON_CRASHED,
                    faults[i].vector >= ANY_VECTOR ? UINT64_MAX : faults[i].vector);
    }
}
