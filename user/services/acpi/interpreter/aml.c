/* SPDX-License-Identifier: MIT */
/*
 * Starting ACPICA (ACPICA reference, "Subsystem Initialization"), and the little that is read but
 * routes, which are in routes.c.
 */
#include <acpi/acpi.h>

#include "services/acpi/aml.h"
#include "services/acpi/interpreter/os_layer.h"

#include "rt/print.h"

#define ROOT_TABLES 32u /* that the list of tables starts with */
#define APIC_MODE   1u  /* argument of \_PIC, ACPI 6.5 §5.8.1 */

/** True; false after saying what went wrong. */
static bool check(acpi_status status, const char *what)
{
    if (ACPI_SUCCESS(status)) {
        return true;
    }
    rt_print("acpi: %s: %s\n", what, acpi_format_exception(status));
    return false;
}

/** Firmware is told that interrupts go through I/O APICs: routes depend on it. */
static void enter_apic_mode(void)
{
    union acpi_object mode = {.integer = {.type = ACPI_TYPE_INTEGER, .value = APIC_MODE}};
    struct acpi_object_list arguments = {.count = 1, .pointer = &mode};
    const acpi_status status = acpi_evaluate_object(NULL, "\\_PIC", &arguments, NULL);

    (void)(status == AE_NOT_FOUND || check(status, "\\_PIC"));
}

bool aml_load(uint64_t firmware)
{
    os_layer_init(firmware);
    if (acpi_os_get_root_pointer() == 0) {
        rt_print("acpi: this machine has no ACPI tables\n");
        return false;
    }
    if (!check(acpi_initialize_subsystem(), "starting ACPICA") ||
        !check(os_layer_install_handlers(), "starting ACPICA") ||
        !check(acpi_initialize_tables(NULL, ROOT_TABLES, TRUE), "finding tables")) {
        return false;
    }
    /* From here on, what fails are single tables, or single methods of single devices. */
    (void)check(acpi_load_tables(), "loading tables");
    (void)check(acpi_enable_subsystem(ACPI_NO_ACPI_ENABLE), "starting operation regions");
    (void)check(acpi_initialize_objects(ACPI_FULL_INITIALIZATION), "starting devices");
    enter_apic_mode();
    return true;
}

bool aml_read_soft_off(uint8_t *type_a, uint8_t *type_b)
{
    return ACPI_SUCCESS(acpi_get_sleep_type_data(ACPI_STATE_S5, type_a, type_b));
}
