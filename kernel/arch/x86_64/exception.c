/* SPDX-License-Identifier: MIT */
/*
 * Traps: the IDT, exceptions of user code (the process ends, with a report), exceptions of the
 * kernel (fixed up if they were expected, else a panic), and interrupts.
 */

#include "arch/x86_64/trap.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/irq.h"
#include "arch/x86_64/nmi.h"
#include "arch/x86_64/user_copy.h"
#include "diag/log.h"
#include "diag/panic.h"
#include "diag/trace.h"
#include "object/process.h"
#include "sched/sched.h"
#include "sched/thread.h"

#define GATE_INTERRUPT 0x8eull /* present, ring 0, interrupts off */
#define GATE_USER      0xeeull /* as above, for INT3 from user code */

static uint64_t idt[256][2];

static_assert(offsetof(struct trap_frame, rbx) == FRAME_RBX, "trap.S");
static_assert(offsetof(struct trap_frame, rbp) == FRAME_RBP, "trap.S");
static_assert(offsetof(struct trap_frame, r12) == FRAME_R12, "trap.S");
static_assert(offsetof(struct trap_frame, r13) == FRAME_R13, "trap.S");
static_assert(offsetof(struct trap_frame, r14) == FRAME_R14, "trap.S");
static_assert(offsetof(struct trap_frame, r15) == FRAME_R15, "trap.S");
static_assert(offsetof(struct trap_frame, rax) == FRAME_RAX, "trap.S");
static_assert(offsetof(struct trap_frame, cs) == FRAME_CS, "trap.S");

void trap_init(void)
{
    for (uint32_t vector = 0; vector < 256; vector++) {
        const uint64_t target = trap_stubs[vector];
        const uint64_t type = vector == VECTOR_BREAKPOINT ? GATE_USER : GATE_INTERRUPT;
        uint64_t ist = 0;

        if (vector == VECTOR_DOUBLE_FAULT) {
            ist = TRAP_IST_DOUBLE_FAULT;
        } else if (vector == VECTOR_NMI) {
            ist = TRAP_IST_NMI;
        } else if (vector == VECTOR_MACHINE_CHECK) {
            ist = TRAP_IST_MACHINE_CHECK;
        }
        idt[vector][0] = (target & 0xffff) | ((uint64_t)KERNEL_CODE_SELECTOR << 16) | (ist << 32) |
                         (type << 40) | (((target >> 16) & 0xffff) << 48);
        idt[vector][1] = target >> 32;
    }
}

void trap_load_tables(void)
{
    const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } pointer = {sizeof(idt) - 1, (uint64_t)(uintptr_t)idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

const char *trap_vector_name(uint64_t vector)
{
    static const char *const names[VECTOR_EXCEPTION_COUNT] = {
        [0] = "divide error",
        [1] = "debug trap",
        [2] = "NMI",
        [3] = "breakpoint",
        [4] = "overflow",
        [5] = "bound range exceeded",
        [6] = "invalid opcode",
        [7] = "device not available",
        [8] = "double fault",
        [10] = "invalid TSS",
        [11] = "segment not present",
        [12] = "stack fault",
        [13] = "general protection fault",
        [14] = "page fault",
        [16] = "x87 floating-point error",
        [17] = "alignment check",
        [18] = "machine check",
        [19] = "SIMD floating-point error",
        [20] = "virtualization exception",
        [21] = "control protection exception",
    };

    return vector < VECTOR_EXCEPTION_COUNT && names[vector] != NULL ? names[vector]
                                                                    : "unexpected trap";
}

#define USER_BACKTRACE_MAX 8u

/** What a crash looks like to a person: what, where, and how it came there. */
static void report_crash(const struct thread *thread, uint64_t fault_address)
{
    const struct trap_frame *frame = &thread->frame;
    const struct process *process = thread->process;
    uint64_t base = frame->rbp;

    if (frame->vector == VECTOR_PAGE_FAULT) {
        log_info("crash", "process %lu (%s) thread %lu: page fault, %s %p at rip %p",
                 (unsigned long)process->pid, process->name, (unsigned long)thread->number,
                 (frame->error & 16) != 0  ? "executing"
                 : (frame->error & 2) != 0 ? "writing"
                                           : "reading",
                 (void *)fault_address, (void *)frame->rip);
    } else {
        log_info("crash", "process %lu (%s) thread %lu: %s at rip %p, error %lx",
                 (unsigned long)process->pid, process->name, (unsigned long)thread->number,
                 trap_vector_name(frame->vector), (void *)frame->rip, (unsigned long)frame->error);
    }
    for (uint32_t i = 0; i < USER_BACKTRACE_MAX; i++) {
        uint64_t words[2];

        if (!user_copy_in(words, (struct user_ptr){base}, sizeof(words)) || words[1] == 0) {
            break;
        }
        log_info("crash", "  called from %p", (void *)words[1]);
        base = words[0];
    }
}

/** From trap.S, on this CPU's empty stack; the registers are in the thread's frame. */
void trap_from_user(void);
void trap_from_user(void)
{
    struct cpu *cpu = this_cpu();
    struct thread *thread = cpu->current;
    const uint64_t vector = thread->frame.vector;
    const uint64_t fault_address = vector == VECTOR_PAGE_FAULT ? read_cr2() : 0;

    if (cpu_features.smap) {
        /* A trap keeps the user's AC flag, which would lift SMAP. */
        __asm__ volatile("clac" : : : "cc");
    }
    spin_lock(&kernel_lock);
    thread->entry = ENTRY_FULL;
    if (vector >= VECTOR_EXCEPTION_COUNT) {
        irq_dispatch((uint32_t)vector);
    } else {
        trace_event(TRACE_KIND_FAULT, vector | thread->frame.error << 32, thread->frame.rip,
                    fault_address);
        report_crash(thread, fault_address);
        process_end(thread->process, EXIT_REASON_CRASHED, vector);
    }
    sched_exit();
}

/** An interrupt while idle, or an exception of the kernel's own. */
void trap_from_kernel(struct trap_frame *frame);
void trap_from_kernel(struct trap_frame *frame)
{
    if (frame->vector < VECTOR_EXCEPTION_COUNT) {
        if (!user_copy_fix_up(frame)) {
            panic_trap(frame);
        }
        return;
    }
    spin_lock(&kernel_lock);
    irq_dispatch((uint32_t)frame->vector);
    spin_unlock(&kernel_lock);
}

/** Double fault, machine check, an NMI with an error: none of them is survivable or expected. */
void trap_paranoid_entry(struct trap_frame *frame);
void trap_paranoid_entry(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_NMI) {
        const uint8_t status = nmi_status();

        PANIC("the chipset reports a hardware error by NMI:%s%s (port 61h reads %02x), at rip %p",
              (status & NMI_SERR) != 0 ? " SERR#" : "", (status & NMI_IOCHK) != 0 ? " IOCHK#" : "",
              status, (void *)frame->rip);
    }
    panic_trap(frame);
}
