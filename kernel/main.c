/* SPDX-License-Identifier: MIT */
/*
 * From the first instruction in C to init: the order in which the kernel comes up, and nothing
 * else. boot.S calls kernel_main on the boot stack, in long mode, with interrupts off.
 */

#include "arch/x86_64/acpi_firmware.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/irq.h"
#include "arch/x86_64/power.h"
#include "arch/x86_64/smm.h"
#include "arch/x86_64/smp.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/uart.h"
#include "bootinfo/bootinfo.h"
#include "device_manager/device_manager.h"
#include "diag/log.h"
#include "diag/prompt.h"
#include "diag/reports.h"
#include "iommu/iommu.h"
#include "mm/frames.h"
#include "mm/kernel_map.h"
#include "mm/layout.h"
#include "object/boot_package.h"
#include "object/process.h"
#include "pci/inventory.h"
#include "sched/sched.h"
#include "syscall/cap_enter.h"
#include "text/text.h"

#define LOADER_PVH        1u
#define LOADER_MULTIBOOT2 2u
#define BOOT_WINDOW_LIMIT (4ull << 30) /* what the boot page tables map */

NORETURN void kernel_main(uint32_t loader, uint32_t loader_info);

static struct boot_info boot_info;
static struct prompt_options prompt_options;

static void read_boot_info(uint32_t loader, uint32_t loader_info)
{
    const struct boot_window window = {(const uint8_t *)DIRECT_MAP_BASE, BOOT_WINDOW_LIMIT};
    struct boot_fault fault = {0};
    const enum boot_error error =
        loader == LOADER_PVH ? boot_info_from_pvh(&window, loader_info, &boot_info, &fault)
                             : boot_info_from_multiboot2(&window, loader_info, &boot_info, &fault);

    if (error != BOOT_OK) {
        PANIC("%s boot information: %s at %lx", loader == LOADER_PVH ? "PVH" : "multiboot2",
              boot_error_name(error), (unsigned long)fault.address);
    }
    const uint64_t image = image_paddr(kernel_image_start).value;

    if (!boot_info_is_usable(&boot_info, image, image_paddr(kernel_image_end).value - image)) {
        PANIC("the loader put the kernel at %lx to %lx, which is not all usable memory",
              (unsigned long)image, (unsigned long)image_paddr(kernel_image_end).value);
    }
}

/** A loader that has too little memory may put a module where the kernel's data is to be. */
static void check_modules(void)
{
    for (uint32_t i = 0; i < boot_info.module_count; i++) {
        const struct boot_module *module = &boot_info.modules[i];

        if (module->address < image_paddr(kernel_image_end).value &&
            image_paddr(kernel_image_start).value < module->address + module->bytes) {
            PANIC("the loader put module %u at %lx, into the kernel's own memory: there is too "
                  "little of it",
                  i, (unsigned long)module->address);
        }
    }
}

/** The number behind `name` if the word begins with that; false: it does not. */
static bool take_option(const char *word, size_t length, const char *name, uint64_t limit,
                        bool *is_good, uint64_t *value)
{
    const size_t name_length = strlen(name);

    if (length < name_length || memcmp(word, name, name_length) != 0) {
        return false;
    }
    *is_good = text_parse_u64(word + name_length, length - name_length, value) == TEXT_OK &&
               *value <= limit;
    return true;
}

static void read_word(const char *word, size_t length)
{
    bool is_good;
    uint64_t value;

    if (take_option(word, length, "debug_exit=", UINT16_MAX, &is_good, &value)) {
        if (is_good) {
            power_set_debug_exit((uint16_t)value);
        } else {
            log_info("boot", "debug_exit: not a port number: %.*s", (int)length, word);
        }
    } else if (take_option(word, length, "diag=", 1, &is_good, &value)) {
        if (is_good) {
            prompt_options.is_wanted = value != 0;
        } else {
            log_info("boot", "diag: neither 0 nor 1: %.*s", (int)length, word);
        }
    } else if (take_option(word, length, "diag_wait=", PROMPT_WAIT_MS_MAX, &is_good, &value)) {
        if (is_good) {
            prompt_options.wait_ms = (uint32_t)value;
        } else {
            log_info("boot", "diag_wait: not milliseconds up to %u: %.*s", PROMPT_WAIT_MS_MAX,
                     (int)length, word);
        }
    } else {
        log_info("boot", "command line: unknown word: %.*s", (int)length, word);
    }
}

/** "debug_exit=0xf4" and the like; unknown words are reported and ignored. */
static void read_command_line(void)
{
    const char *at = boot_info.command_line;

    while (*at != '\0') {
        size_t length = 0;

        while (at[length] != '\0' && at[length] != ' ') {
            length++;
        }
        if (length > 0) {
            read_word(at, length);
        }
        at += length;
        while (*at == ' ') {
            at++;
        }
    }
}

void kernel_main(uint32_t loader, uint32_t loader_info)
{
    uart_init();
    clock_init();
    cap_enter_init();
    cpu_detect();
    trap_init();
    trap_load_tables();
    log_info("boot", "capOS, ABI level %u, %s", CAPOS_ABI_LEVEL,
             loader == LOADER_PVH ? "PVH" : "multiboot2");

    read_boot_info(loader, loader_info);
    read_command_line();
    check_modules();
    frames_init(&boot_info);
    kernel_map_init(&boot_info);
    frames_add_high_memory();
    smp_init_boot_cpu();
    firmware_init(boot_info.rsdp_address);
    apic_init(firmware.local_apic);
    apic_init_cpu();
    apic_measure_timer();
    pci_inventory_init(&boot_info);
    iommu_init(pci_secondary_bus);
    device_manager_init();
    acpi_firmware_init(&boot_info);
    irq_init();
    smm_close_door(&boot_info);
    smp_start_others(&boot_info);
    kernel_map_retire_boot_tables();
    kernel_map_check();

    log_info("cpu", "%u online, %s %s, TSC %lu MHz", cpu_count, cpu_features.vendor,
             cpu_features.brand, (unsigned long)(clock_ticks_per_second() / 1000000));
    cpu_report_speculation();
    log_info("memory", "%lu MiB free of %lu", (unsigned long)(frames_free() >> 8),
             (unsigned long)(frames_total() >> 8));

    reports_init(&boot_info);
    prompt_run(&prompt_options);
    spin_lock(&kernel_lock);
    boot_package_start(&boot_info);
    spin_unlock(&kernel_lock);
    sched_start_cpu();
}
