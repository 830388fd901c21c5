/* SPDX-License-Identifier: MIT */
#include "arch/x86_64/power.h"

#include "arch/x86_64/apic.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/firmware.h"
#include "diag/log.h"
#include "diag/panic.h"
#include "mm/kernel_map.h"

#define PORT_8042_COMMAND  0x64
#define COMMAND_8042_RESET 0xfe
#define PORT_RESET_CONTROL 0xcf9
#define RESET_CONTROL_FULL 0x0e

static uint16_t debug_exit_port;

void power_set_debug_exit(uint16_t port)
{
    debug_exit_port = port;
}

static void try_debug_exit(uint32_t code)
{
    if (debug_exit_port != 0) {
        outl(debug_exit_port, code);
    }
}

static void write_control(const struct acpi_register *control, uint8_t type)
{
    if (control->address != 0 && control->space == ACPI_SPACE_IO) {
        outw((uint16_t)control->address,
             (uint16_t)((uint32_t)type << ACPI_PM1_SLEEP_TYPE_SHIFT | ACPI_PM1_SLEEP_ENABLE));
    }
}

void power_halt(void)
{
    log_info("power", "halt");
    apic_stop_others();
    try_debug_exit(POWER_EXIT_HALT);
    if (firmware.has_soft_off) {
        write_control(&firmware.fadt.pm1a_control, firmware.soft_off.type_a);
        write_control(&firmware.fadt.pm1b_control, firmware.soft_off.type_b);
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
