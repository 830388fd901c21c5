/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/smp.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/nmi.h"
#include "arch/x86_64/trap.h"
#include "diag/log.h"
#include "diag/trace.h"
#include "mm/frames.h"
#include "mm/kernel_map.h"
#include "mm/layout.h"
#include "sched/sched.h"

#define STACK_PAGES           4u
#define INTERRUPT_STACK_PAGES 1u
#define LOW_MEMORY_END        0xa0000ull
#define LOW_MEMORY_START      0x1000ull
#define AP_ANSWER_US          1000000u
#define AP_POLL_US            20u

extern const uint8_t ap_start_code[];
extern const uint8_t ap_start_code_end[];
extern const uint8_t ap_root[];
extern const uint8_t ap_efer[];
extern const uint8_t ap_stack[];
extern const uint8_t ap_cpu[];
extern uint64_t boot_pml4[];

/* CPUs start one after the other on this stack: their own are not in the boot page tables. */
static uint8_t ap_boot_stack[PAGE_BYTES] __attribute__((aligned(16)));

static_assert(sizeof(struct cpu) <= PAGE_BYTES, "a CPU's record is one frame");

static void *take_page(void)
{
    uint32_t frame;

    if (frames_take(0, FRAME_PER_CPU, NULL, &frame) != STATUS_OK) {
        PANIC("memory: no frame for a CPU's record; give the machine more memory");
    }
    frame_clear(frame);
    return frame_pointer(frame);
}

static struct cpu *make_cpu(uint32_t index, uint32_t apic_id)
{
    struct cpu *cpu = take_page();
    uint64_t interrupt_stacks[TRAP_IST_COUNT];

    for (uint32_t i = 0; i < TRAP_IST_COUNT; i++) {
        interrupt_stacks[i] = kernel_map_stack(INTERRUPT_STACK_PAGES);
    }
    interrupt_stacks[TRAP_IST_NMI - 1] = nmi_prepare_stack(interrupt_stacks[TRAP_IST_NMI - 1]);
    cpu_init_record(cpu, index, apic_id, kernel_map_stack(STACK_PAGES), interrupt_stacks);
    cpu->message_scratch = take_page();
    cpu->image_scratch = take_page();
    cpus[index] = cpu;
    trace_init_cpu(index);
    return cpu;
}

void smp_init_boot_cpu(void)
{
    struct cpu *cpu = make_cpu(0, cpuid(1, 0).ebx >> 24);

    cpu_load(cpu);
    cpu_count = 1;
}

/** Called by ap_start.S on ap_boot_stack and the boot page tables. */
NORETURN void smp_ap_main(struct cpu *cpu);
void smp_ap_main(struct cpu *cpu)
{
    write_cr3(kernel_map_root().value);
    cpu_load(cpu);
    apic_init_cpu();
    sched_start_cpu();
}

/** A page below 640 KiB that is usable and holds no module; 0 if there is none. */
static uint64_t find_start_page(const struct boot_info *info)
{
    for (uint64_t page = LOW_MEMORY_END - PAGE_BYTES; page >= LOW_MEMORY_START;
         page -= PAGE_BYTES) {
        bool is_free = boot_info_is_usable(info, page, PAGE_BYTES);

        for (uint32_t i = 0; i < info->module_count; i++) {
            const struct boot_module *module = &info->modules[i];

            if (page + PAGE_BYTES > module->address && page < module->address + module->bytes) {
                is_free = false;
            }
        }
        if (is_free) {
            return page;
        }
    }
    return 0;
}

static uint64_t *patch(uint8_t *page, const uint8_t *place)
{
    return (uint64_t *)(void *)(page + (place - ap_start_code));
}

static bool start_cpu(struct cpu *cpu, uint64_t start_page, uint8_t *page)
{
    *patch(page, ap_root) = image_paddr(boot_pml4).value;
    *patch(page, ap_efer) = EFER_LME | (cpu_features.nx ? EFER_NXE : 0);
    *patch(page, ap_stack) = (uint64_t)(uintptr_t)(ap_boot_stack + sizeof(ap_boot_stack));
    *patch(page, ap_cpu) = (uint64_t)(uintptr_t)cpu;

    apic_send_init(cpu->apic_id);
    clock_spin_us(200);
    /* A second start-up is only for CPUs that missed the first. */
    for (uint32_t attempt = 0; attempt < 2; attempt++) {
        apic_send_startup(cpu->apic_id, (uint32_t)(start_page >> PAGE_SHIFT));
        for (uint32_t waited = 0; waited < AP_ANSWER_US; waited += AP_POLL_US) {
            if (__atomic_load_n(&cpu->online, __ATOMIC_ACQUIRE)) {
                return true;
            }
            clock_spin_us(AP_POLL_US);
        }
    }
    /* Back to waiting for a start-up: a CPU that woke up late, and has no part in TLB flushes, must
     * not come to life on the next one's stack or on wiped page tables. */
    apic_send_init(cpu->apic_id);
    return false;
}

void smp_start_others(const struct boot_info *info)
{
    const uint32_t boot_id = apic_this_id();
    const uint64_t start_page = find_start_page(info);

    this_cpu()->apic_id = boot_id;
    if (firmware.processor_count > 1 && start_page == 0) {
        log_info("cpu", "no page below 640 KiB to start other CPUs from; using one");
        return;
    }
    uint8_t *page = direct_map((struct paddr){start_page});

    if (firmware.processor_count > 1) {
        memcpy(page, ap_start_code, (size_t)(ap_start_code_end - ap_start_code));
    }
    for (uint32_t i = 0; i < firmware.processor_count && cpu_count < MAX_CPUS; i++) {
        const uint32_t apic_id = firmware.apic_ids[i];

        if (apic_id == boot_id) {
            continue;
        }
        if (!apic_can_address(apic_id)) {
            log_info("cpu", "CPU with APIC id %u needs x2APIC; doing without", apic_id);
            continue;
        }
        struct cpu *cpu = make_cpu(cpu_count, apic_id);

        if (start_cpu(cpu, start_page, page)) {
            __atomic_store_n(&cpu_count, cpu_count + 1, __ATOMIC_RELEASE);
        } else {
            /* Its record is lost: the CPU may have marked its task state as busy. */
            log_info("cpu", "CPU with APIC id %u does not answer", apic_id);
            cpus[cpu_count] = NULL;
        }
    }
}
