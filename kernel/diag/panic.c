/* SPDX-License-Identifier: MIT */
#include "diag/panic.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/power.h"
#include "diag/log.h"
#include "diag/trace.h"
#include "mm/layout.h"
#include "object/process.h"
#include "sched/thread.h"
#include "text/text.h"

#include <stdarg.h>

#define BACKTRACE_MAX 16u

static uint32_t panicking; /* [a] the first CPU to set it writes the epitaph */

static void begin(void)
{
    interrupts_off();
    if (__atomic_exchange_n(&panicking, 1, __ATOMIC_SEQ_CST) != 0) {
        panic_stop_this_cpu();
    }
    apic_stop_others();
}

static void print_context(void)
{
    const struct cpu *cpu = cpu_count == 0 ? NULL : this_cpu();

    if (cpu == NULL) {
        log_emergency("  during early boot\n");
        return;
    }
    log_emergency("  on CPU %u", cpu->index);
    if (cpu->current != NULL) {
        log_emergency(", thread %lu of process %lu (%s)", (unsigned long)cpu->current->number,
                      (unsigned long)cpu->current->process->pid, cpu->current->process->name);
    }
    log_emergency("\n");
}

static bool is_kernel_stack(uint64_t address)
{
    return address % 8 == 0 && ((address >= WINDOW_BASE && address < WINDOW_END) ||
                                (address >= (uint64_t)(uintptr_t)kernel_data_start &&
                                 address < (uint64_t)(uintptr_t)kernel_image_end));
}

static void print_backtrace(uint64_t frame_pointer)
{
    log_emergency("  called from:");
    for (uint32_t i = 0; i < BACKTRACE_MAX && is_kernel_stack(frame_pointer); i++) {
        const uint64_t *words = (const uint64_t *)(uintptr_t)frame_pointer;
        const uint64_t next = words[0];

        log_emergency(" %p", (void *)words[1]);
        if (next <= frame_pointer) {
            break;
        }
        frame_pointer = next;
    }
    log_emergency("\n");
}

void panic_at(const char *file, int line, const char *format, ...)
{
    char text[192];
    va_list arguments;

    begin();
    va_start(arguments, format);
    text_vformat(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_emergency("\n*** kernel panic: %s\n  at %s:%d\n", text, file, line);
    print_context();
    print_backtrace((uint64_t)(uintptr_t)__builtin_frame_address(0));
    trace_print();
    log_emergency("*** end of epitaph\n");
    power_panic_exit();
}

void panic_trap(const struct trap_frame *frame)
{
    begin();
    log_emergency("\n*** kernel panic: %s in the kernel\n", trap_vector_name(frame->vector));
    log_emergency("  at rip %p, error %lx, cr2 %p\n", (void *)frame->rip,
                  (unsigned long)frame->error, (void *)read_cr2());
    print_context();
    log_emergency("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", (unsigned long)frame->rax,
                  (unsigned long)frame->rbx, (unsigned long)frame->rcx, (unsigned long)frame->rdx);
    log_emergency("  rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", (unsigned long)frame->rsi,
                  (unsigned long)frame->rdi, (unsigned long)frame->rbp, (unsigned long)frame->rsp);
    print_backtrace(frame->rbp);
    trace_print();
    log_emergency("*** end of epitaph\n");
    power_panic_exit();
}

void panic_stop_this_cpu(void)
{
    for (;;) {
        sleep_uninterrupted();
    }
}
