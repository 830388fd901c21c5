/* SPDX-License-Identifier: MIT */
/*
 * The acpi service: reads from firmware's AML what no table says, tells the kernel, and ends.
 *
 *   - where the interrupt pins of PCI devices lead (_PRT), for drivers of devices without messages
 *   - what turns the machine off (\_S5), if the kernel could not see it in the tables
 *
 * It is started once, at boot; `run acpi list` shows the routes of devices that are there. The
 * interpreter is ACPICA (interpreter/). AML is a program of somebody else's: what it may touch is
 * the kernel's decision for each access (AcpiFirmware), what the service says is checked by the
 * kernel, and how long it may run is bounded here and by the manifest's budget.
 */
#include "base/memory.h"
#include "rt/device_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "services/acpi/aml.h"

#define REFUSALS_MAX 8u /* that are told of */

/** What came of the routes. */
struct declarations {
    struct aml_listener listener;
    uint64_t routing;  /* InterruptRouting */
    bool is_listing;   /* for a person, in full */
    uint32_t declared; /* of devices that are there */
    uint32_t refused;
    uint32_t unknown;
};

static void print_route(const struct aml_route *route, const char *what)
{
    rt_print("acpi: %04x:%02x:%02x INT%c -> %u, %s, active %s%s\n", route->segment, route->bus,
             route->device, 'A' + route->pin - 1, route->gsi, route->level ? "level" : "edge",
             route->active_low ? "low" : "high", what);
}

static void take_route(struct aml_listener *listener, const struct aml_route *route)
{
    struct declarations *const declarations = CONTAINER_OF(listener, struct declarations, listener);
    const struct interrupt_routing_declare_params params = {
        .segment = route->segment,
        .bus = route->bus,
        .device = route->device,
        .pin = route->pin,
        .level_triggered = route->level,
        .active_low = route->active_low,
        .gsi = route->gsi,
    };
    const enum status status = interrupt_routing_declare(declarations->routing, &params);

    if (status == STATUS_OK) {
        declarations->declared++;
        if (declarations->is_listing) {
            print_route(route, "");
        }
    } else if (status != STATUS_NOT_FOUND && declarations->refused++ < REFUSALS_MAX) {
        print_route(route, ": refused");
        rt_print("acpi: %s\n", status_name(status));
    }
}

static void take_unknown(struct aml_listener *listener, uint16_t segment, uint8_t bus,
                         const char *why)
{
    struct declarations *const declarations = CONTAINER_OF(listener, struct declarations, listener);

    if (declarations->unknown++ < REFUSALS_MAX) {
        rt_print("acpi: bus %04x:%02x: %s\n", segment, bus, why);
    }
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
        .routing = rt_capability_required("routing"),
        .is_listing = count > 1 && memcmp(arguments[1], "list", sizeof("list")) == 0,
    };

    if (!aml_load(firmware)) {
        return 0;
    }
    declare_soft_off(firmware);
    aml_list_routes(&declarations.listener);
    if (declarations.is_listing || declarations.refused != 0 || declarations.unknown != 0) {
        rt_print("acpi: interrupt pins: %u declared, %u refused, %u unknown\n",
                 declarations.declared, declarations.refused, declarations.unknown);
    }
    return 0;
}
