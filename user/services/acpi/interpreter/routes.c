/* SPDX-License-Identifier: MIT */
/*
 * Interrupt routes: _PRT of host bridges and of the bridges below them (ACPI 6.5 §6.2.13). An entry
 * leads to an input of an I/O APIC, or to a link device whose current setting (_CRS) says to which.
 *
 * A link that firmware has left without a setting stays so: to set it would be to write to the
 * chipset's configuration space, and that is not this service's.
 */
#include <acpi/acpi.h>

#include "services/acpi/aml.h"
#include "services/acpi/interpreter/os_layer.h"

#define BRIDGES_MAX      64u /* host bridges */
#define DEPTH_MAX        16u /* of bridges behind bridges */
#define CHILDREN_MAX     8192u
#define PINS             4u
#define ADR_DEVICE_SHIFT 16u
#define PRT_ANY_FUNCTION 0xffffu

/* PCI-to-PCI Bridge Architecture 1.2 §3.2 */
#define HEADER_TYPE      0x0eu
#define HEADER_TYPE_MASK 0x7fu
#define HEADER_BRIDGE    1u
#define SECONDARY_BUS    0x19u

/** A bus that has a table, or may have. */
struct bus {
    acpi_handle handle;
    uint16_t segment;
    uint8_t number;
};

struct host_bridges {
    uint32_t count;
    acpi_handle handles[BRIDGES_MAX];
};

static uint64_t read_integer(acpi_handle handle, char *name, uint64_t otherwise)
{
    union acpi_object object;
    struct acpi_buffer buffer = {.length = sizeof(object), .pointer = &object};

    return ACPI_SUCCESS(acpi_evaluate_object_typed(handle, name, NULL, &buffer, ACPI_TYPE_INTEGER))
               ? object.integer.value
               : otherwise;
}

/* ---- Links ----------------------------------------------------------------------------------- */

/** The interrupt number `index` of a link's settings, counted over its descriptors. */
struct link_setting {
    uint32_t index; /* left to pass */
    bool is_found;
    struct aml_route *route;
};

static void setting_take(struct link_setting *setting, uint32_t gsi, uint8_t triggering,
                         uint8_t polarity)
{
    if (setting->is_found || setting->index-- != 0) {
        return;
    }
    setting->is_found = true;
    setting->route->gsi = gsi;
    setting->route->level = triggering == ACPI_LEVEL_SENSITIVE;
    setting->route->active_low = polarity == ACPI_ACTIVE_LOW;
}

static acpi_status take_resource(struct acpi_resource *resource, void *context)
{
    struct link_setting *const setting = context;

    if (resource->type == ACPI_RESOURCE_TYPE_IRQ) {
        const struct acpi_resource_irq *const irq = &resource->data.irq;

        for (uint32_t i = 0; i < irq->interrupt_count; i++) {
            setting_take(setting, irq->interrupts[i], irq->triggering, irq->polarity);
        }
    } else if (resource->type == ACPI_RESOURCE_TYPE_EXTENDED_IRQ) {
        const struct acpi_resource_extended_irq *const irq = &resource->data.extended_irq;

        for (uint32_t i = 0; i < irq->interrupt_count; i++) {
            setting_take(setting, irq->interrupts[i], irq->triggering, irq->polarity);
        }
    }
    return AE_OK;
}

/** Where a link leads. False: nowhere, or nobody knows. */
static bool link_read(acpi_handle scope, char *name, uint32_t index, struct aml_route *route)
{
    struct link_setting setting = {.index = index, .route = route};
    acpi_handle link;

    return ACPI_SUCCESS(acpi_get_handle(scope, name, &link)) &&
           ACPI_SUCCESS(acpi_walk_resources(link, METHOD_NAME__CRS, take_resource, &setting)) &&
           setting.is_found && route->gsi != 0;
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static void take_entry(const struct bus *bus, struct acpi_pci_routing_table *entry,
                       struct aml_listener *listener)
{
    struct aml_route route = {
        .segment = bus->segment,
        .bus = bus->number,
        .device = (uint8_t)(entry->address >> ADR_DEVICE_SHIFT),
        .pin = (uint8_t)(entry->pin + 1),
        .level = true, /* what a pin of PCI is: PCI 3.0 §2.2.6 */
        .active_low = true,
        .gsi = entry->source_index,
    };

    if (entry->address >> ADR_DEVICE_SHIFT > 31 || entry->pin >= PINS) {
        return;
    }
    if (entry->source[0] != '\0' &&
        !link_read(bus->handle, entry->source, entry->source_index, &route)) {
        listener->unknown(listener, bus->segment, bus->number,
                          "a link device has no setting that can be read");
        return;
    }
    listener->route(listener, &route);
}

static void take_table(const struct bus *bus, struct aml_listener *listener)
{
    struct acpi_buffer buffer = {.length = ACPI_ALLOCATE_BUFFER};
    const acpi_status status = acpi_get_irq_routing_table(bus->handle, &buffer);
    uint8_t *at = buffer.pointer;

    if (ACPI_FAILURE(status)) {
        if (status != AE_NOT_FOUND) {
            listener->unknown(listener, bus->segment, bus->number, acpi_format_exception(status));
        }
        return;
    }
    for (;;) {
        struct acpi_pci_routing_table *const entry = (struct acpi_pci_routing_table *)(void *)at;

        if (entry->length == 0) {
            break;
        }
        take_entry(bus, entry, listener);
        at += entry->length;
    }
    acpi_os_free(buffer.pointer);
}

/** If a device of a bus is a bridge, the bus behind it. */
static bool bridge_open(const struct bus *parent, acpi_handle device, struct bus *behind)
{
    const uint64_t address = read_integer(device, METHOD_NAME__ADR, UINT64_MAX);
    const uint32_t place =
        (uint32_t)(address >> ADR_DEVICE_SHIFT & 0x1f) << 3 | (uint32_t)(address & 7);
    const uint16_t bdf = (uint16_t)((uint32_t)parent->number << 8 | place);

    if (address == UINT64_MAX || address >> ADR_DEVICE_SHIFT > 31 ||
        (address & PRT_ANY_FUNCTION) > 7 ||
        (os_layer_read_config(parent->segment, bdf, HEADER_TYPE, 1) & HEADER_TYPE_MASK) !=
            HEADER_BRIDGE) {
        return false;
    }
    *behind = (struct bus){
        .handle = device,
        .segment = parent->segment,
        .number = (uint8_t)os_layer_read_config(parent->segment, bdf, SECONDARY_BUS, 1),
    };
    return behind->number > parent->number;
}

/** The tables of a bus and of those behind it. A bus behind has a higher number, so this ends. */
static void take_buses(const struct bus *bus, uint32_t depth, struct aml_listener *listener)
{
    acpi_handle child = NULL;
    struct bus behind;

    take_table(bus, listener);
    for (uint32_t i = 0;
         depth < DEPTH_MAX && i < CHILDREN_MAX &&
         ACPI_SUCCESS(acpi_get_next_object(ACPI_TYPE_DEVICE, bus->handle, child, &child));
         i++) {
        if (bridge_open(bus, child, &behind)) {
            take_buses(&behind, depth + 1, listener);
        }
    }
}

/* ---- Host bridges ---------------------------------------------------------------------------- */

static acpi_status take_host_bridge(acpi_handle handle, u32 level, void *context, void **value)
{
    struct host_bridges *const bridges = context;

    (void)level;
    (void)value;
    for (uint32_t i = 0; i < bridges->count; i++) {
        if (bridges->handles[i] == handle) {
            return AE_OK; /* of both kinds */
        }
    }
    if (bridges->count < BRIDGES_MAX) {
        bridges->handles[bridges->count++] = handle;
    }
    return AE_OK;
}

void aml_list_routes(struct aml_listener *listener)
{
    static struct host_bridges bridges;

    (void)acpi_get_devices("PNP0A03", take_host_bridge, &bridges, NULL);
    (void)acpi_get_devices("PNP0A08", take_host_bridge, &bridges, NULL);
    for (uint32_t i = 0; i < bridges.count; i++) {
        const struct bus bus = {
            .handle = bridges.handles[i],
            .segment = (uint16_t)read_integer(bridges.handles[i], METHOD_NAME__SEG, 0),
            .number = (uint8_t)read_integer(bridges.handles[i], METHOD_NAME__BBN, 0),
        };

        take_buses(&bus, 0, listener);
    }
}
