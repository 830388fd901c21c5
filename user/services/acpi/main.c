/* SPDX-License-Identifier: MIT */
/*
 * The acpi service: reads from firmware's AML what no table says, tells the kernel, and ends.
 *
 *   - where the interrupt pins of PCI devices lead (_PRT), for drivers of devices without messages
 *   - what turns the machine off (\_S5), if the kernel could not see it in the tables
 *
 * It is started once, at boot. The interpreter is ACPICA (interpreter/). AML is a program of somebody
 * else's: what it may touch is the kernel's decision for each access (AcpiFirmware), what the service
 * says is checked by the kernel, and how long it may run is bounded here and by the manifest's budget.
 */
#include "rt/kernel_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "services/acpi/aml.h"

/** What came of the routes. */
struct declarations {
    struct aml_listener listener;
    uint32_t found;
    uint32_t unknown;
};

static void take_route(struct aml_listener *listener, const struct aml_route *route)
{
    struct declarations *const declarations =
        CONTAINER_OF(listener, struct declarations, listener);

    declarations->found++;
    rt_print("acpi: %04x:%02x:%02x INT%c -> %u %s %s\n", route->segment, route->bus, route->device,
             'A' + route->pin - 1, route->gsi, route->level ? "level" : "edge",
             route->active_low ? "low" : "high");
}

static void take_unknown(struct aml_listener *listener, uint16_t segment, uint8_t bus)
{
    (void)segment;
    (void)bus;
    CONTAINER_OF(listener, struct declarations, listener)->unknown++;
}

static void declare_soft_off(uint64_t firmware)
{
    struct acpi_firmware_soft_off_params params = {0};
    enum status status;

    if (!aml_read_soft_off(&params.type_a, &params.type_b)) {
        rt_print("acpi: no \\_S5: this machine cannot be turned off through ACPI\n");
        return;
    }
    status = rt_kernel_call_void(firmware, ACPI_FIRMWARE_SOFT_OFF, RT_WORDS(params));
    if (status != STATUS_OK) {
        rt_print("acpi: \\_S5 is %u and %u; the kernel says %s\n", params.type_a, params.type_b,
                 status_name(status));
    }
}

int main(int count, char **arguments)
{
    const uint64_t firmware = rt_capability_required("firmware");
    struct declarations declarations = {
        .listener = {.route = take_route, .unknown = take_unknown},
    };

    (void)count;
    (void)arguments;
    if (!aml_load(firmware)) {
        return 0;
    }
    declare_soft_off(firmware);
    aml_list_routes(&declarations.listener);
    rt_print("acpi: %u interrupt routes, %u unknown\n", declarations.found, declarations.unknown);
    return 0;
}
