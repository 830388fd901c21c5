/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The x86-64 instructions that C has no word for, and the registers' names.
 * Numbers are from the Intel SDM (325462-081): control registers vol. 3A section 2.5, MSRs vol. 4.
 */

#include <stdint.h>

#define MSR_APIC_BASE      0x0000001bu
#define MSR_SYSENTER_CS    0x00000174u
#define MSR_TSC_DEADLINE   0x000006e0u
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u

#define EFER_SCE           (1ull << 0)
#define EFER_LME           (1ull << 8)
#define EFER_LMA           (1ull << 10)
#define EFER_NXE           (1ull << 11)

#define CR0_PE             (1ull << 0)
#define CR0_MP             (1ull << 1)
#define CR0_ET             (1ull << 4)
#define CR0_NE             (1ull << 5)
#define CR0_WP             (1ull << 16)
#define CR0_PG             (1ull << 31)

#define CR4_PAE            (1ull << 5)
#define CR4_MCE            (1ull << 6)
#define CR4_PGE            (1ull << 7)
#define CR4_OSFXSR         (1ull << 9)
#define CR4_OSXMMEXCPT     (1ull << 10)
#define CR4_UMIP           (1ull << 11)
#define CR4_OSXSAVE        (1ull << 18)
#define CR4_SMEP           (1ull << 20)
#define CR4_SMAP           (1ull << 21)

#define RFLAGS_TF          (1ull << 8)
#define RFLAGS_IF          (1ull << 9)
#define RFLAGS_DF          (1ull << 10)
#define RFLAGS_NT          (1ull << 14)
#define RFLAGS_AC          (1ull << 18)

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return ((uint64_t)high << 32) | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

/** As wrmsr(), for a value in memory: one instruction less, for whoever counts them. */
static inline void wrmsr_from(uint32_t msr, const uint64_t *value)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("movl %3, %0\n\t"
                     "movl %4, %1\n\t"
                     "wrmsr"
                     : "=&a"(low), "=&d"(high)
                     : "c"(msr), "m"(((const uint32_t *)value)[0]),
                       "m"(((const uint32_t *)value)[1])
                     : "memory");
}

struct cpuid_result {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_result result;

    __asm__ volatile("cpuid"
                     : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx), "=d"(result.edx)
                     : "a"(leaf), "c"(subleaf));
    return result;
}

static inline void write_cr0(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr0" : : "r"(value) : "memory");
}

static inline uint64_t read_cr2(void)
{
    uint64_t value;

    __asm__ volatile("movq %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint64_t read_cr3(void)
{
    uint64_t value;

    __asm__ volatile("movq %%cr3, %0" : "=r"(value));
    return value;
}

static inline void write_cr3(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr3" : : "r"(value) : "memory");
}

static inline void write_cr4(uint64_t value)
{
    __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory");
}

static inline void xsetbv(uint32_t index, uint64_t value)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/** Forget the cached translation of one page on this CPU. */
static inline void invlpg(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low;
    uint32_t high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
}

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outw(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint32_t inl(uint16_t port)
{
    uint32_t value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/** Write a line of the data cache back to memory and forget it. */
static inline void cache_line_flush(uintptr_t address)
{
    __asm__ volatile("clflush (%0)" : : "r"(address) : "memory");
}

/** All loads and stores before, cache_line_flush() too, come before all behind. */
static inline void memory_fence(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

/** Clear 8-byte words. The string instruction is the fastest way on every CPU since 2012 (ERMS). */
static inline void clear_words(void *place, uint64_t words)
{
    __asm__ volatile("rep stosq" : "+D"(place), "+c"(words) : "a"(0ull) : "memory");
}

/** Where the running thread finds its own data: the base of its FS segment. */
static inline void set_thread_base(uint64_t base)
{
    wrmsr(MSR_FS_BASE, base);
}

/** As set_thread_base(), for a base in memory: one instruction less. */
static inline void set_thread_base_from(const uint64_t *base)
{
    wrmsr_from(MSR_FS_BASE, base);
}

static inline void cpu_relax(void)
{
    __builtin_ia32_pause();
}

static inline void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/** Let pending interrupts in for one instruction. */
static inline void interrupts_window(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

/** Sleep with interrupts off: until an NMI. */
static inline void sleep_uninterrupted(void)
{
    __asm__ volatile("cli; hlt" : : : "memory");
}
