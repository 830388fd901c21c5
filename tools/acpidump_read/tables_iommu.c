/* SPDX-License-Identifier: MIT */

/* Which devices are behind which IOMMU. */

#include "tables.h"

/* ---------------------------------------------------------------------------- DMAR */

static const char *dmar_kind_name(enum acpi_dmar_kind kind)
{
    switch (kind) {
    case ACPI_DMAR_UNIT:
        return "unit";
    case ACPI_DMAR_RESERVED:
        return "reserved";
    case ACPI_DMAR_ATS:
        return "ats";
    case ACPI_DMAR_AFFINITY:
        return "affinity";
    case ACPI_DMAR_NAMED:
        return "named";
    case ACPI_DMAR_SATC:
        return "satc";
    case ACPI_DMAR_PROPERTY:
        return "property";
    }
    return "?";
}

static const char *scope_name(uint8_t type)
{
    static const char *const names[] = {"?", "endpoint", "bridge", "ioApic", "hpet", "namespace"};

    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

static void show_scopes(struct report *report, struct acpi_bytes scopes)
{
    struct acpi_dmar_scope scope;
    uint32_t cursor = 0;

    report_list_begin(report, "scopes");
    while (acpi_dmar_next_scope(scopes, &cursor, &scope)) {
        report_item_begin(report, scope_name(scope.type));
        report_u64(report, "type", scope.type);
        report_u64(report, "id", scope.enumeration_id);
        report_u64(report, "bus", scope.bus);
        report_numbers(report, "path", scope.path, 2u * scope.path_length);
        report_item_end(report);
    }
    report_list_end(report);
}

static void show_dmar_entry(struct report *report, const struct acpi_dmar_entry *entry)
{
    switch (entry->kind) {
    case ACPI_DMAR_UNIT:
        report_u64(report, "segment", entry->segment);
        report_hex(report, "base", entry->base);
        report_bool(report, "all", entry->all);
        break;
    case ACPI_DMAR_RESERVED:
        report_u64(report, "segment", entry->segment);
        report_hex(report, "base", entry->base);
        report_hex(report, "limit", entry->limit);
        report_bool(report, "wellFormed", entry->well_formed);
        break;
    case ACPI_DMAR_ATS:
        report_u64(report, "segment", entry->segment);
        report_bool(report, "all", entry->all);
        break;
    case ACPI_DMAR_AFFINITY:
        report_hex(report, "base", entry->base);
        report_u64(report, "proximity", entry->proximity);
        return;
    case ACPI_DMAR_NAMED:
        report_u64(report, "device", entry->device_number);
        report_bytes(report, "name", entry->name.at, entry->name.length);
        return;
    case ACPI_DMAR_SATC:
    case ACPI_DMAR_PROPERTY:
        report_u64(report, "segment", entry->segment);
        break;
    }
    show_scopes(report, entry->scopes);
}

void show_dmar(struct report *report, const union table_contents *contents)
{
    const struct acpi_dmar *dmar = &contents->dmar;
    struct acpi_dmar_entry entry;
    uint32_t cursor = 0;

    report_u64(report, "addressBits", dmar->address_bits);
    report_bool(report, "interruptRemapping", dmar->interrupt_remapping);
    report_bool(report, "x2apicOptOut", dmar->x2apic_opt_out);
    report_u64(report, "units", dmar->unit_count);
    report_list_begin(report, "entries");
    while (acpi_dmar_next(dmar, &cursor, &entry)) {
        report_item_begin(report, dmar_kind_name(entry.kind));
        report_u64(report, "offset", entry.offset);
        show_dmar_entry(report, &entry);
        report_item_end(report);
    }
    report_list_end(report);
}

/* ---------------------------------------------------------------------------- IVRS */

static const char *device_name(enum acpi_ivrs_device_type type)
{
    switch (type) {
    case ACPI_IVHD_ALL:
        return "all";
    case ACPI_IVHD_SELECT:
        return "select";
    case ACPI_IVHD_RANGE:
        return "range";
    case ACPI_IVHD_RANGE_END:
        return "rangeEnd";
    case ACPI_IVHD_ALIAS:
        return "alias";
    case ACPI_IVHD_ALIAS_RANGE:
        return "aliasRange";
    case ACPI_IVHD_EXTENDED:
        return "extended";
    case ACPI_IVHD_EXTENDED_RANGE:
        return "extendedRange";
    case ACPI_IVHD_SPECIAL:
        return "special";
    case ACPI_IVHD_NAMED:
        return "named";
    }
    return "?";
}

static void show_special(struct report *report, const struct acpi_ivrs_device *device)
{
    const char *variety = "?";

    if (device->variety == ACPI_IVHD_IO_APIC) {
        variety = "ioApic";
    } else if (device->variety == ACPI_IVHD_HPET) {
        variety = "hpet";
    }
    report_word(report, "variety", variety);
    report_u64(report, "handle", device->handle);
    report_function(report, "alias", device->alias);
}

static void show_device(struct report *report, const struct acpi_ivrs_device *device)
{
    report_function(report, "function", device->device_id);
    report_hex(report, "flags", device->flags);
    switch (device->type) {
    case ACPI_IVHD_ALL:
    case ACPI_IVHD_SELECT:
    case ACPI_IVHD_RANGE:
    case ACPI_IVHD_RANGE_END:
        break;
    case ACPI_IVHD_ALIAS:
    case ACPI_IVHD_ALIAS_RANGE:
        report_function(report, "alias", device->alias);
        break;
    case ACPI_IVHD_EXTENDED:
    case ACPI_IVHD_EXTENDED_RANGE:
        report_hex(report, "extended", device->extended);
        break;
    case ACPI_IVHD_SPECIAL:
        show_special(report, device);
        break;
    case ACPI_IVHD_NAMED:
        report_bytes(report, "hid", device->hid, 8);
        report_bytes(report, "cid", device->hid + 8, 8);
        report_u64(report, "uidFormat", device->uid_format);
        report_bytes(report, "uid", device->uid.at, device->uid.length);
        break;
    }
}

static void show_unit(struct report *report, const struct acpi_ivrs_entry *entry)
{
    struct acpi_ivrs_device device;
    uint32_t cursor = 0;

    report_bool(report, "used", entry->unit.used);
    report_function(report, "function", entry->unit.device_id);
    report_hex(report, "capability", entry->unit.capability);
    report_hex(report, "base", entry->unit.base);
    report_hex(report, "info", entry->unit.info);
    report_hex(report, "attributes", entry->unit.attributes);
    report_hex(report, "features", entry->unit.features);
    report_hex(report, "features2", entry->unit.features2);
    report_list_begin(report, "devices");
    while (acpi_ivrs_next_device(entry->unit.devices, &cursor, &device)) {
        report_item_begin(report, device_name(device.type));
        show_device(report, &device);
        report_item_end(report);
    }
    report_list_end(report);
}

static void show_memory(struct report *report, const struct acpi_ivrs_memory *memory)
{
    report_function(report, "first", memory->first_id);
    report_function(report, "last", memory->last_id);
    report_hex(report, "start", memory->start);
    report_hex(report, "length", memory->length);
    report_bool(report, "wellFormed", memory->well_formed);
}

void show_ivrs(struct report *report, const union table_contents *contents)
{
    const struct acpi_ivrs *ivrs = &contents->ivrs;
    struct acpi_ivrs_entry entry;
    uint32_t cursor = 0;

    report_hex(report, "info", ivrs->info);
    report_u64(report, "physicalBits", ivrs->physical_bits);
    report_u64(report, "virtualBits", ivrs->virtual_bits);
    report_hex(report, "unitType", ivrs->unit_type);
    report_u64(report, "units", ivrs->unit_count);
    report_list_begin(report, "entries");
    while (acpi_ivrs_next(ivrs, &cursor, &entry)) {
        report_item_begin(report, entry.kind == ACPI_IVRS_UNIT ? "unit" : "memory");
        report_u64(report, "offset", entry.offset);
        report_hex(report, "type", entry.type);
        report_hex(report, "flags", entry.flags);
        report_u64(report, "segment", entry.segment);
        if (entry.kind == ACPI_IVRS_UNIT) {
            show_unit(report, &entry);
        } else {
            show_memory(report, &entry.memory);
        }
        report_item_end(report);
    }
    report_list_end(report);
}

/* ---------------------------------------------------------------------------- VIOT */

static const char *viot_kind_name(enum acpi_viot_kind kind)
{
    switch (kind) {
    case ACPI_VIOT_PCI_RANGE:
        return "pciRange";
    case ACPI_VIOT_MMIO:
        return "mmio";
    case ACPI_VIOT_IOMMU_PCI:
        return "iommuPci";
    case ACPI_VIOT_IOMMU_MMIO:
        return "iommuMmio";
    }
    return "?";
}

static void show_node(struct report *report, const struct acpi_viot_node *node)
{
    switch (node->kind) {
    case ACPI_VIOT_PCI_RANGE:
        report_u64(report, "endpoint", node->endpoint);
        report_u64(report, "firstSegment", node->first_segment);
        report_u64(report, "lastSegment", node->last_segment);
        report_function(report, "first", node->first_id);
        report_function(report, "last", node->last_id);
        break;
    case ACPI_VIOT_MMIO:
        report_u64(report, "endpoint", node->endpoint);
        report_hex(report, "base", node->base);
        break;
    case ACPI_VIOT_IOMMU_PCI:
        report_u64(report, "segment", node->first_segment);
        report_function(report, "function", node->first_id);
        return;
    case ACPI_VIOT_IOMMU_MMIO:
        report_hex(report, "base", node->base);
        return;
    }
    report_u64(report, "iommuOffset", node->iommu_offset);
    report_bool(report, "iommuKnown", node->iommu_known);
}

void show_viot(struct report *report, const union table_contents *contents)
{
    struct acpi_viot_node node;
    uint32_t cursor = 0;

    report_u64(report, "iommus", contents->viot.iommu_count);
    report_list_begin(report, "entries");
    while (acpi_viot_next(&contents->viot, &cursor, &node)) {
        report_item_begin(report, viot_kind_name(node.kind));
        report_u64(report, "offset", node.offset);
        show_node(report, &node);
        report_item_end(report);
    }
    report_list_end(report);
}
