/* SPDX-License-Identifier: MIT */
#include "describe.h"

#include "capabilities.h"
#include "pci/bar.h"
#include "pci/image.h"

#include <string.h>

static void address_emit(struct emit *emit, const char *key, struct pci_address address)
{
    char text[32];

    snprintf(text, sizeof(text), "%04x:%02x:%02x.%x", address.segment, address.bus, address.device,
             address.function);
    emit_text(emit, key, text);
}

/* What a file says of itself: every record starts so. */
static void origin_emit(struct emit *emit, const char *path, const struct dump *dump)
{
    if (dump->has_address) {
        address_emit(emit, "address", dump->address);
    } else {
        emit_null(emit, "address");
    }
    emit_bytes(emit, "file", path, strlen(path));
    if (dump->line != 0) {
        emit_number(emit, "line", dump->line);
    }
    if (dump->name_length > 0) {
        emit_bytes(emit, "name", dump->name, dump->name_length);
    }
}

static void refusal_emit(struct emit *emit, const char *error, const char *place_kind,
                         uint64_t place)
{
    emit_text(emit, "status", "refused");
    emit_text(emit, "error", error);
    emit_number(emit, place_kind, place);
}

static const char *layout_name(enum pci_layout layout)
{
    switch (layout) {
    case PCI_LAYOUT_DEVICE:
        return "device";
    case PCI_LAYOUT_BRIDGE:
        return "bridge";
    case PCI_LAYOUT_CARDBUS:
        return "cardbus";
    }
    return "?";
}

static void header_emit(struct emit *emit, const struct pci_header *header, uint32_t bytes)
{
    emit_text(emit, "status", "read");
    emit_id(emit, "vendor", header->vendor, 4);
    emit_id(emit, "device", header->device, 4);
    emit_id(emit, "class", header->class_code, 6);
    emit_flag(emit, "classMismatch", header->class_mismatch);
    emit_id(emit, "revision", header->revision, 2);
    emit_id(emit, "subsystemVendor", header->subsystem_vendor, 4);
    emit_id(emit, "subsystem", header->subsystem, 4);
    emit_text(emit, "layout", layout_name(header->layout));
    emit_flag(emit, "multifunction", header->is_multifunction);
    emit_id(emit, "command", header->command, 4);
    emit_id(emit, "status", header->status, 4);
    emit_number(emit, "interruptPin", header->interrupt_pin);
    emit_number(emit, "interruptLine", header->interrupt_line);
    emit_number(emit, "bytes", bytes);
}

static const char *bar_kind_name(enum pci_bar_kind kind)
{
    switch (kind) {
    case PCI_BAR_NONE:
        return "none";
    case PCI_BAR_IO:
        return "io";
    case PCI_BAR_MEMORY:
        return "memory";
    case PCI_BAR_EXPANSION_ROM:
        return "rom";
    }
    return "?";
}

static void bars_emit(struct emit *emit, const struct pci_config *config,
                      const struct pci_header *header, struct fault_list *faults)
{
    struct pci_bar_values values;

    pci_bar_values_read(config, header, &values);
    emit_list(emit, "bars");
    for (uint32_t i = 0; i < PCI_BAR_REGISTERS; i++) {
        struct pci_fault fault;
        struct pci_bar bar;
        const bool legacy = pci_bar_legacy(header, i, &bar);

        if (!legacy && pci_bar_decode(&values, header, i, &bar, &fault) != PCI_OK) {
            fault_add(faults, fault);
            continue;
        }
        if (bar.kind == PCI_BAR_NONE) {
            continue;
        }
        emit_item(emit);
        emit_number(emit, "index", i);
        emit_text(emit, "kind", bar_kind_name(bar.kind));
        emit_address(emit, "address", bar.address);
        emit_flag(emit, "is64", bar.is_64);
        emit_flag(emit, "prefetchable", bar.is_prefetchable);
        emit_flag(emit, "enabled", bar.kind == PCI_BAR_EXPANSION_ROM && bar.is_enabled);
        emit_flag(emit, "legacy", legacy);
        emit_item_end(emit);
    }
    emit_list_end(emit);
}

static void buses_emit(struct emit *emit, const struct pci_config *config,
                       const struct pci_header *header)
{
    struct pci_buses buses;

    if (header->layout != PCI_LAYOUT_DEVICE) {
        pci_buses_read(config, &buses);
        emit_number(emit, "primary", buses.primary);
        emit_number(emit, "secondary", buses.secondary);
        emit_number(emit, "subordinate", buses.subordinate);
    }
}

static void windows_emit(struct emit *emit, const struct pci_config *config,
                         const struct pci_header *header)
{
    struct pci_window windows[PCI_WINDOW_COUNT];

    if (header->layout != PCI_LAYOUT_BRIDGE) {
        return;
    }
    pci_windows_read(config, header, windows);
    emit_list(emit, "windows");
    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        if (windows[i].is_open) {
            emit_item(emit);
            emit_text(emit, "kind", pci_window_name((enum pci_window_kind)i));
            emit_address(emit, "first", windows[i].first);
            emit_address(emit, "last", windows[i].last);
            emit_flag(emit, "wide", windows[i].is_wide);
            emit_item_end(emit);
        }
    }
    emit_list_end(emit);
}

static void place_emit(struct emit *emit, const struct machine_place *place,
                       struct fault_list *faults)
{
    if (!place->is_found) {
        return;
    }
    if (place->has_parent) {
        address_emit(emit, "parent", place->parent);
    } else {
        emit_null(emit, "parent");
    }
    address_emit(emit, "group", place->group);
    if (place->found.fault.error != PCI_OK) {
        fault_add(faults, place->found.fault);
    }
}

static void faults_emit(struct emit *emit, const struct fault_list *faults)
{
    emit_list(emit, "faults");
    for (uint32_t i = 0; i < faults->count; i++) {
        emit_item(emit);
        emit_text(emit, "error", pci_error_name(faults->faults[i].error));
        emit_offset(emit, "offset", faults->faults[i].offset);
        emit_item_end(emit);
    }
    emit_list_end(emit);
}

bool describe_dump(struct emit *emit, const char *path, const struct dump *dump,
                   const struct machine_place *place)
{
    struct pci_fault fault = {.error = PCI_OK};
    struct fault_list faults = {.count = 0};
    bool is_virtual = false;
    struct pci_header header;
    struct pci_config config;
    struct pci_image image;

    emit_record(emit);
    origin_emit(emit, path, dump);
    if (dump->error != DUMP_OK) {
        refusal_emit(emit, dump_error_name(dump->error),
                     dump->error == DUMP_GAP ? "atLine" : "length", dump->place);
        emit_record_end(emit);
        return false;
    }
    pci_image_init(&image, dump->bytes, dump->length);
    config = pci_image_config(&image, dump->address);
    if (pci_header_read(&config, &header, &fault) != PCI_OK) {
        struct pci_fault other;

        is_virtual = fault.error == PCI_ABSENT &&
                     pci_header_read_virtual(&config, &header, &other) == PCI_OK;
        if (!is_virtual) {
            emit_text(emit, "status", "refused");
            emit_text(emit, "error", pci_error_name(fault.error));
            emit_offset(emit, "offset", fault.offset);
            emit_record_end(emit);
            return false;
        }
    }
    config.bytes = pci_config_size(&config, &header);
    header_emit(emit, &header, config.bytes);
    emit_flag(emit, "virtual", is_virtual);
    place_emit(emit, place, &faults);
    buses_emit(emit, &config, &header);
    bars_emit(emit, &config, &header, &faults);
    windows_emit(emit, &config, &header);
    capabilities_emit(emit, &config, &header, &faults);
    faults_emit(emit, &faults);
    emit_record_end(emit);
    return true;
}

void describe_refused_file(struct emit *emit, const char *path, enum dump_error error,
                           uint64_t place)
{
    emit_record(emit);
    emit_bytes(emit, "file", path, strlen(path));
    refusal_emit(emit, dump_error_name(error), "place", place);
    emit_record_end(emit);
}
