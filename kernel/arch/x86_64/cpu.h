/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One CPU: what the assembly entry paths need, its descriptor tables, its run queue.
 *
 * Reached through GS while the CPU is in the kernel. The kernel is not preemptible and has one
 * stack per CPU (docs/design/0001-event-kernel.md), so a pointer from this_cpu() stays right for
 * the whole kernel entry.
 *
 * Legend: [I] immutable after start, [cpu] only this CPU, [k] kernel_lock, [a] atomic.
 */

#include "arch/x86_64/trap.h"
#include "arch/x86_64/trap_offsets.h"
#include "list.h"
#include "lock.h"
#include "tree/tree.h"
#include "types.h"

#define MAX_CPUS             256u
#define PRIORITY_COUNT       32u

#define KERNEL_CODE_SELECTOR 0x08
#define KERNEL_DATA_SELECTOR 0x10
#define USER_DATA_SELECTOR   0x1b
#define USER_CODE_SELECTOR   0x23
#define TSS_SELECTOR         0x28

struct address_space;
struct thread;

/** 64-bit task state segment, Intel SDM vol. 3A section 8.7. */
struct __attribute__((packed)) tss {
    uint32_t reserved0;
    uint64_t rsp0; /* where user-mode traps push: the end of the current thread's frame */
    uint64_t rsp1;
    uint64_t rsp2;
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map_base;
};

/** Interrupts that are no device's; counted on each CPU, for people. */
enum cpu_interrupt {
    CPU_INTERRUPT_TIMER,
    CPU_INTERRUPT_RESCHEDULE,
    CPU_INTERRUPT_FLUSH,
    CPU_INTERRUPT_FENCE, /* device_manager/route_fence.h */
    CPU_INTERRUPT_COM1,
    CPU_INTERRUPT_IOMMU,
    CPU_INTERRUPT_COUNT
};

struct cpu {
    struct cpu *self;       /* [I] */
    struct thread *current; /* [cpu] the thread whose registers this CPU carries, or NULL */
    uint64_t stack_top;     /* [I] */
    uint64_t scratch;       /* [cpu] user rsp during system call entry */
    struct tss tss;         /* [cpu] */
    uint64_t gdt[7];        /* [I] */
    uint32_t index;         /* [I] 0 is the boot CPU */
    uint32_t apic_id;       /* [I] */
    bool online;            /* [a] */
    bool idle;              /* [k] halted or about to, wants work */
    bool reschedule_sent;   /* [k] a wake-up IPI is on its way */

    struct address_space *space; /* [k] what CR3 holds; NULL: the kernel's own tables */

    uint8_t *message_scratch; /* [I] a page: messages to kernel methods are copied here */
    uint8_t *image_scratch;   /* [I] a page: the head of a program image while it is checked */

    /* Run queue. */
    uint32_t ready_mask;               /* [k] bit p: ready[p] is not empty */
    struct list ready[PRIORITY_COUNT]; /* [k] */
    struct thread *handoff;            /* [k] woken by the current entry: first in line */

    /* Time. */
    struct tree_root timers;   /* [k] struct timer by deadline in TSC ticks */
    uint64_t timer_programmed; /* [cpu] TSC value the hardware is set to, NO_DEADLINE if off */
    uint64_t slice_end;        /* [k] TSC value at which equals get their turn */
    uint64_t charged_until;    /* [k] time up to here has been charged to somebody */
    uint64_t idle_ticks;       /* [k] */
    uint64_t busy_ticks;       /* [k] */

    uint64_t switch_count;                        /* [cpu] */
    uint64_t interrupt_count;                     /* [cpu] */
    uint64_t spurious_count;                      /* [cpu] by the APIC's own vector for it */
    uint64_t own_interrupts[CPU_INTERRUPT_COUNT]; /* [cpu] the kernel's own, by kind */
    uint64_t flush_done; /* [a] highest TLB flush sequence this CPU has carried out */

    /* Device interrupts. */
    uint16_t device_routes[VECTOR_DEVICE_END - VECTOR_DEVICE_FIRST]; /* [k] route + 1; 0: none */
    struct list route_fences;  /* [k] struct route_fence.link */
    uint64_t stale_interrupts; /* [k] of routes that had ended (L5) */
    uint64_t unexpected_count; /* [k] of vectors that lead nowhere */
    uint8_t device_lines[VECTOR_LINE_END - VECTOR_LINE_FIRST]; /* [k] line + 1; 0: none */

    /* Debug builds: */
    uint32_t locks_held;                    /* [cpu] bit per rank */
    uint32_t region_depth[LOCK_RANK_COUNT]; /* [cpu] entries of each region */
#ifdef CAPOS_LOCK_TIMES
    struct {
        uint64_t ticks;             /* when this CPU asked for the lock of a rank that it holds */
        uint64_t place;             /* and where */
    } locks_since[LOCK_RANK_COUNT]; /* [cpu] */
#endif
};

static_assert(offsetof(struct cpu, current) == CPU_OFFSET_CURRENT, "trap.S");
static_assert(offsetof(struct cpu, stack_top) == CPU_OFFSET_STACK_TOP, "trap.S");
static_assert(offsetof(struct cpu, scratch) == CPU_OFFSET_SCRATCH, "trap.S");
static_assert(offsetof(struct cpu, tss.rsp0) == CPU_OFFSET_FRAME_TOP, "trap.S");

extern struct cpu *cpus[MAX_CPUS]; /* [I] after smp_start(), cpu_count entries */
extern uint32_t cpu_count;

static ALWAYS_INLINE struct cpu *this_cpu(void)
{
    struct cpu *cpu;

    __asm__("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/** What the boot CPU's CPUID offers; every other CPU is held to it. */
struct cpu_features {
    bool nx;
    bool smep;
    bool smap;
    bool umip;
    bool machine_check;
    bool global_pages;
    bool gigabyte_pages;
    bool xsave;
    bool xsaveopt;
    bool x2apic;
    bool tsc_deadline;
    bool invariant_tsc;
    bool hypervisor;
    uint32_t xsave_bytes; /* room for one thread's FPU state */
    uint64_t xsave_mask;  /* XCR0 */
    char vendor[13];
    char brand[49];
};

extern struct cpu_features cpu_features; /* [I] after cpu_detect() */

/** Read CPUID into cpu_features. Boot CPU, once. */
void cpu_detect(void);

/**
 * Make a CPU's record ready: descriptor tables, interrupt stacks, empty queues.
 * Context: boot, before that CPU runs kernel code.
 */
void cpu_init_record(struct cpu *cpu, uint32_t index, uint32_t apic_id, uint64_t stack_top,
                     const uint64_t *interrupt_stack_tops);

/** Load the tables of `cpu` into this CPU and switch on its protections. */
void cpu_load(struct cpu *cpu);

/** A line for the boot log: what this CPU may leak and what is done about it. */
void cpu_report_speculation(void);

/* FPU, SSE and AVX state of one thread; `area` is 64-byte aligned, cpu_features.xsave_bytes. */

/** The state a new thread starts with. */
void fpu_init_area(void *area);

static ALWAYS_INLINE void fpu_save(void *area)
{
    if (LIKELY(cpu_features.xsaveopt)) {
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    } else if (cpu_features.xsave) {
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
    }
}

static ALWAYS_INLINE void fpu_restore(const void *area)
{
    if (LIKELY(cpu_features.xsave)) {
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    } else {
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
    }
}
