/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/irq.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/io_apic.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/uart.h"
#include "device_manager/device_manager.h"
#include "device_manager/route_fence.h"
#include "diag/log.h"
#include "diag/panic.h"
#include "diag/trace.h"
#include "iommu/iommu.h"
#include "object/console.h"
#include "object/flush.h"
#include "sched/sched.h"
#include "sched/timer.h"

#define COM1_ISA_IRQ 4u
#define PIC1_DATA    0x21
#define PIC2_DATA    0xa1
#define PIC_ALL      0xff

void irq_init(void)
{
    /* The 8259s exist on most machines, whatever the MADT says; masked, they are harmless. */
    outb(PIC1_DATA, PIC_ALL);
    outb(PIC2_DATA, PIC_ALL);
    io_apic_init();
    if (io_apic_route_isa(COM1_ISA_IRQ, VECTOR_COM1, this_cpu()->apic_id)) {
        uart_enable_input();
    } else {
        log_info("irq", "COM1 has no I/O APIC input: its input is polled");
        console_poll();
    }
}

void irq_dispatch(uint32_t vector)
{
    struct cpu *cpu = this_cpu();

    cpu->interrupt_count++;
    trace_interrupt(cpu, vector);
    if (LIKELY(vector >= VECTOR_DEVICE_FIRST && vector < VECTOR_DEVICE_END)) {
        apic_end_of_interrupt();
        interrupt_arrived(vector);
        return;
    }
    switch (vector) {
    case VECTOR_TIMER:
        apic_end_of_interrupt();
        cpu->own_interrupts[CPU_INTERRUPT_TIMER]++;
        sched_account();
        timer_run_due();
        break;
    case VECTOR_RESCHEDULE:
        apic_end_of_interrupt();
        cpu->own_interrupts[CPU_INTERRUPT_RESCHEDULE]++;
        cpu->reschedule_sent = false;
        break;
    case VECTOR_FLUSH:
        apic_end_of_interrupt();
        cpu->own_interrupts[CPU_INTERRUPT_FLUSH]++;
        flush_answer();
        break;
    case VECTOR_COM1:
        apic_end_of_interrupt();
        cpu->own_interrupts[CPU_INTERRUPT_COM1]++;
        console_input();
        break;
    case VECTOR_IOMMU:
        apic_end_of_interrupt();
        cpu->own_interrupts[CPU_INTERRUPT_IOMMU]++;
        iommu_fault_interrupt();
        break;
    case VECTOR_STOP:
        if (apic_is_stop_sent()) {
            panic_stop_this_cpu();
        }
        cpu->unexpected_count++; /* a device has made it up */
        apic_end_of_interrupt();
        break;
    case VECTOR_SPURIOUS:
        /* The APIC's own is not in service and has no end (SDM vol. 3A 11.9). One that a device has
         * made up has: without it, no other interrupt would come to this CPU again. */
        if (apic_is_in_service(VECTOR_SPURIOUS)) {
            cpu->unexpected_count++;
            apic_end_of_interrupt();
        } else {
            cpu->spurious_count++;
        }
        break;
    case VECTOR_ROUTE_FENCE:
        apic_end_of_interrupt();
        cpu->own_interrupts[CPU_INTERRUPT_FENCE]++;
        route_fence_arrived();
        break;
    default:
        if (vector >= VECTOR_LINE_FIRST && vector < VECTOR_LINE_END) {
            line_arrived(vector);
        } else {
            cpu->unexpected_count++;
        }
        apic_end_of_interrupt();
        break;
    }
}
