/* SPDX-License-Identifier: MIT */
/*
 * CPU set-up: features, descriptor tables, protection bits, FPU state.
 * Intel SDM (325462-081) vol. 3A chapters 2 (control registers), 8.7 (TSS), 13 (XSAVE).
 */

#include "arch/x86_64/cpu.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/trap.h"
#include "diag/log.h"

struct cpu *cpus[MAX_CPUS];
uint32_t cpu_count;
struct cpu_features cpu_features;

#define XCR0_X87           (1ull << 0)
#define XCR0_SSE           (1ull << 1)
#define XCR0_AVX           (1ull << 2)
#define FXSAVE_BYTES       512u
#define XSAVE_HEADER_BYTES 64u
#define AVX_STATE_BYTES    256u
#define MXCSR_DEFAULT      0x1f80u
#define FCW_DEFAULT        0x037fu

static void detect_fpu(uint32_t leaf1_ecx)
{
    cpu_features.xsave = (leaf1_ecx >> 26) & 1;
    cpu_features.xsave_bytes = FXSAVE_BYTES;
    if (!cpu_features.xsave) {
        return;
    }
    /* Only the states up to AVX: they have fixed places in the standard format (13.4.3), and a
     * thread's area stays small. AVX-512 and AMX stay off, so user code cannot use them. */
    const uint64_t supported = cpuid(0xd, 0).eax;

    cpu_features.xsave_mask = supported & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
    cpu_features.xsave_bytes = FXSAVE_BYTES + XSAVE_HEADER_BYTES;
    if (cpu_features.xsave_mask & XCR0_AVX) {
        cpu_features.xsave_bytes += AVX_STATE_BYTES;
    }
    cpu_features.xsaveopt = cpuid(0xd, 1).eax & 1;
}

void cpu_detect(void)
{
    const struct cpuid_result leaf0 = cpuid(0, 0);
    const struct cpuid_result leaf1 = cpuid(1, 0);
    const uint32_t extended_max = cpuid(0x80000000u, 0).eax;

    memcpy(cpu_features.vendor, &leaf0.ebx, 4);
    memcpy(cpu_features.vendor + 4, &leaf0.edx, 4);
    memcpy(cpu_features.vendor + 8, &leaf0.ecx, 4);
    cpu_features.x2apic = (leaf1.ecx >> 21) & 1;
    cpu_features.tsc_deadline = (leaf1.ecx >> 24) & 1;
    cpu_features.hypervisor = (leaf1.ecx >> 31) & 1;
    cpu_features.machine_check = (leaf1.edx >> 7) & 1;
    cpu_features.global_pages = (leaf1.edx >> 13) & 1;
    if (leaf0.eax >= 7) {
        const struct cpuid_result leaf7 = cpuid(7, 0);

        cpu_features.smep = (leaf7.ebx >> 7) & 1;
        cpu_features.smap = (leaf7.ebx >> 20) & 1;
        cpu_features.umip = (leaf7.ecx >> 2) & 1;
    }
    if (extended_max >= 0x80000001u) {
        const struct cpuid_result leaf = cpuid(0x80000001u, 0);

        cpu_features.nx = (leaf.edx >> 20) & 1;
        cpu_features.gigabyte_pages = (leaf.edx >> 26) & 1;
    }
    if (extended_max >= 0x80000007u) {
        cpu_features.invariant_tsc = (cpuid(0x80000007u, 0).edx >> 8) & 1;
    }
    if (extended_max >= 0x80000004u) {
        for (uint32_t part = 0; part < 3; part++) {
            const struct cpuid_result leaf = cpuid(0x80000002u + part, 0);

            memcpy(cpu_features.brand + 16 * part, &leaf, 16);
        }
    }
    detect_fpu(leaf1.ecx);
}

static uint64_t tss_descriptor_low(const struct tss *tss)
{
    const uint64_t base = (uint64_t)(uintptr_t)tss;
    const uint64_t limit = sizeof(*tss) - 1;

    /* present, type 9 (available 64-bit TSS) */
    return limit | ((base & 0xffffff) << 16) | (0x89ull << 40) | (((base >> 24) & 0xff) << 56);
}

void cpu_init_record(struct cpu *cpu, uint32_t index, uint32_t apic_id, uint64_t stack_top,
                     const uint64_t *interrupt_stack_tops)
{
    memset(cpu, 0, sizeof(*cpu));
    cpu->self = cpu;
    cpu->index = index;
    cpu->apic_id = apic_id;
    cpu->stack_top = stack_top;
    cpu->tss.rsp0 = stack_top;
    for (uint32_t i = 0; i < TRAP_IST_COUNT; i++) {
        cpu->tss.ist[i] = interrupt_stack_tops[i];
    }
    cpu->tss.io_map_base = sizeof(cpu->tss);

    /* Order fixed by SYSCALL/SYSRET (vol. 2B): user data directly below user code. */
    cpu->gdt[0] = 0;
    cpu->gdt[1] = 0x00af9b000000ffffull;
    cpu->gdt[2] = 0x00cf93000000ffffull;
    cpu->gdt[3] = 0x00cff3000000ffffull;
    cpu->gdt[4] = 0x00affb000000ffffull;
    cpu->gdt[5] = tss_descriptor_low(&cpu->tss);
    cpu->gdt[6] = (uint64_t)(uintptr_t)&cpu->tss >> 32;

    for (uint32_t i = 0; i < PRIORITY_COUNT; i++) {
        list_init(&cpu->ready[i]);
    }
    list_init(&cpu->route_fences);
    cpu->timer_programmed = NO_DEADLINE;
}

static void load_protections(void)
{
    /* Whole values, so that every CPU runs with the same ones: a loader leaves bits on the boot
     * CPU, INIT leaves others on the rest. */
    uint64_t cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
    if (cpu_features.machine_check) {
        cr4 |= CR4_MCE; /* without it a machine check is a reset without a word */
    }
    if (cpu_features.global_pages) {
        cr4 |= CR4_PGE;
    }
    if (cpu_features.smep) {
        cr4 |= CR4_SMEP;
    }
    if (cpu_features.smap) {
        cr4 |= CR4_SMAP;
    }
    if (cpu_features.umip) {
        cr4 |= CR4_UMIP;
    }
    if (cpu_features.xsave) {
        cr4 |= CR4_OSXSAVE;
    }
    write_cr4(cr4);
    if (cpu_features.xsave) {
        xsetbv(0, cpu_features.xsave_mask);
    }
}

void cpu_load(struct cpu *cpu)
{
    const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } gdt_pointer = {sizeof(cpu->gdt) - 1, (uint64_t)(uintptr_t)cpu->gdt};

    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %2, %%eax\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs\n\t"
                     "ltr %w3"
                     :
                     : "m"(gdt_pointer), "i"(KERNEL_CODE_SELECTOR), "i"(KERNEL_DATA_SELECTOR),
                       "r"(TSS_SELECTOR)
                     : "rax", "memory");

    wrmsr(MSR_GS_BASE, (uint64_t)(uintptr_t)cpu);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    wrmsr(MSR_FS_BASE, 0);
    load_protections();
    trap_load_tables();

    wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE | (cpu_features.nx ? EFER_NXE : 0));
    wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER faults */
    /* SYSRET takes SS = base + 8, CS = base + 16 with base = 0x10 | RPL 3. */
    wrmsr(MSR_STAR,
          ((uint64_t)(KERNEL_DATA_SELECTOR | 3) << 48) | ((uint64_t)KERNEL_CODE_SELECTOR << 32));
    wrmsr(MSR_LSTAR, (uint64_t)(uintptr_t)syscall_entry);
    wrmsr(MSR_FMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
}

void cpu_report_speculation(void)
{
    /* Honest rather than reassuring: see CAVEATS.md. */
    log_info("cpu", "speculation: kernel memory is mapped while user code runs (no KPTI); no "
                    "branch-predictor or buffer flushing between processes");
    if (!cpu_features.smep || !cpu_features.smap || !cpu_features.nx) {
        log_info("cpu", "missing protections:%s%s%s", cpu_features.nx ? "" : " NX",
                 cpu_features.smep ? "" : " SMEP", cpu_features.smap ? "" : " SMAP");
    }
}

void fpu_init_area(void *area)
{
    uint8_t *bytes = area;

    memset(bytes, 0, cpu_features.xsave_bytes);
    /* FCW at 0, MXCSR at 24 (13.4.1). */
    *(uint16_t *)(void *)bytes = FCW_DEFAULT;
    *(uint32_t *)(void *)(bytes + 24) = MXCSR_DEFAULT;
    if (cpu_features.xsave) {
        /* XSTATE_BV: x87 and SSE come from the area, AVX starts in its initial state (13.4.2). */
        *(uint64_t *)(void *)(bytes + FXSAVE_BYTES) = XCR0_X87 | XCR0_SSE;
    }
}
