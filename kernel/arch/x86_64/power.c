/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/power.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/firmware.h"
#include "diag/log.h"
#include "diag/panic.h"
#include "mm/kernel_map.h"

#define PORT_8042_COMMAND  0x64
#define COMMAND_8042_RESET 0xfe
#define PORT_RESET_CONTROL 0xcf9
#define RESET_CONTROL_FULL 0x0e

#define SLEEP_TYPE_MASK    (ACPI_SLEEP_TYPE_LAST << ACPI_PM1_SLEEP_TYPE_SHIFT)
#define ENTER_TRIES        3000u
#define ENTER_WAIT_US      1000u
#define OFF_WAIT_US        2000000u

static uint16_t debug_exit_port;

void power_set_debug_exit(uint16_t port)
{
    debug_exit_port = port;
}

uint16_t power_debug_exit(void)
{
    return debug_exit_port;
}

static void try_debug_exit(uint32_t code)
{
    if (debug_exit_port != 0) {
        outl(debug_exit_port, code);
    }
}

/** A register of two bytes in either space; 0 where there is none. */
static uint16_t read_register(const struct acpi_register *where)
{
    if (where->address == 0) {
        return 0;
    }
    if (where->space == ACPI_SPACE_IO) {
        return inw((uint16_t)where->address);
    }
    return where->space == ACPI_SPACE_MEMORY
               ? *(volatile uint16_t *)kernel_map_register((struct paddr){where->address})
               : 0;
}

static void write_register(const struct acpi_register *where, uint16_t value)
{
    if (where->address == 0) {
        return;
    }
    if (where->space == ACPI_SPACE_IO) {
        outw((uint16_t)where->address, value);
    } else if (where->space == ACPI_SPACE_MEMORY) {
        *(volatile uint16_t *)kernel_map_register((struct paddr){where->address}) = value;
    }
}

/** ACPI 6.5 §4.8.2.5: the sleep fields mean something only in ACPI mode, which firmware enters. */
static void enter_acpi_mode(void)
{
    const struct acpi_fadt *fadt = &firmware.fadt;

    if (fadt->smi_command_port == 0 || fadt->acpi_enable == 0 ||
        (read_register(&fadt->pm1a_control) & ACPI_PM1_SCI_ENABLE) != 0) {
        return;
    }
    outb(fadt->smi_command_port, fadt->acpi_enable);
    for (uint32_t i = 0; i < ENTER_TRIES; i++) {
        if ((read_register(&fadt->pm1a_control) & ACPI_PM1_SCI_ENABLE) != 0) {
            return;
        }
        clock_spin_us(ENTER_WAIT_US);
    }
}

/** What a control register is to hold: the type first, then with the bit that does it. */
static uint16_t sleep_value(const struct acpi_register *control, uint8_t type)
{
    const uint32_t kept = read_register(control) & ~(SLEEP_TYPE_MASK | ACPI_PM1_SLEEP_ENABLE);

    return (uint16_t)(kept | (uint32_t)type << ACPI_PM1_SLEEP_TYPE_SHIFT);
}

static void soft_off(void)
{
    const struct acpi_fadt *fadt = &firmware.fadt;
    const struct acpi_soft_off *off = &firmware.soft_off;
    uint16_t a, b;

    if ((fadt->flags & ACPI_FADT_REDUCED_HARDWARE) != 0) {
        const uint8_t value = (uint8_t)((uint32_t)off->type_a << ACPI_SLEEP_CONTROL_TYPE_SHIFT |
                                        ACPI_SLEEP_CONTROL_ENABLE);

        if (fadt->sleep_control.space == ACPI_SPACE_IO && fadt->sleep_control.address != 0) {
            outb((uint16_t)fadt->sleep_control.address, value);
        } else if (fadt->sleep_control.space == ACPI_SPACE_MEMORY &&
                   fadt->sleep_control.address != 0) {
            *(volatile uint8_t *)kernel_map_register((struct paddr){fadt->sleep_control.address}) =
                value;
        }
        return;
    }
    enter_acpi_mode();
    write_register(&fadt->pm1a_event, ACPI_PM1_WAKE_STATUS);
    write_register(&fadt->pm1b_event, ACPI_PM1_WAKE_STATUS);
    a = sleep_value(&fadt->pm1a_control, off->type_a);
    b = sleep_value(&fadt->pm1b_control, off->type_b);
    write_register(&fadt->pm1a_control, a);
    write_register(&fadt->pm1b_control, b);
    write_register(&fadt->pm1a_control, (uint16_t)(a | ACPI_PM1_SLEEP_ENABLE));
    write_register(&fadt->pm1b_control, (uint16_t)(b | ACPI_PM1_SLEEP_ENABLE));
}

void power_halt(void)
{
    log_info("power", "halt");
    apic_stop_others();
    try_debug_exit(POWER_EXIT_HALT);
    if (firmware.has_soft_off) {
        soft_off();
        clock_spin_us(OFF_WAIT_US); /* power does not fail at once */
    }
    log_emergency("halted; this machine does not turn itself off, it is safe to do so\n");
    panic_stop_this_cpu();
}

void power_reboot(void)
{
    log_info("power", "reboot");
    apic_stop_others();
    if (firmware.has_fadt && firmware.fadt.reset.address != 0 &&
        firmware.fadt.reset.space == ACPI_SPACE_IO) {
        outb((uint16_t)firmware.fadt.reset.address, firmware.fadt.reset_value);
    }
    outb(PORT_RESET_CONTROL, RESET_CONTROL_FULL);
    outb(PORT_8042_COMMAND, COMMAND_8042_RESET);
    log_emergency("this machine does not reset itself\n");
    panic_stop_this_cpu();
}

void power_panic_exit(void)
{
    try_debug_exit(POWER_EXIT_PANIC);
    panic_stop_this_cpu();
}
