/* SPDX-License-Identifier: MIT */
#include "pci/resources.h"

#include "arch/x86_64/firmware.h"
#include "diag/log.h"
#include "mm/frames.h"
#include "pci/assign.h"
#include "pci/config_space.h"
#include "pci/inventory.h"
#include "pci/place.h"

#define DECODE            (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define WINDOWS_MAX       (FIRMWARE_MAX_BRIDGES * ACPI_BRIDGE_WINDOWS)
#define TAKEN_MAX         (BOOT_RANGES_MAX + FIRMWARE_MAX_SEGMENTS + FIRMWARE_MAX_UNITS + 8u)
#define ROOT_SHIFT        8u /* a root's number: segment << 8 | bus */

#define LEGACY_MEMORY_END 0x100000ull   /* ROMs and frame buffers of a PC */
#define LEGACY_PORTS_END  0x1000ull     /* of the board itself, and ISA cards' */
#define BOARD_FIRST       0xfec00000ull /* I/O APICs, HPET, TPM, local APICs, flash */
#define BOARD_END         0x100000000ull
#define MESSAGES_FIRST    0xfee00000ull /* local APICs, and writes that are interrupts */
#define MESSAGES_END      0xfef00000ull
#define PHYSICAL_END      (1ull << (32 + PAGE_SHIFT)) /* what a capability can map */

static struct pci_root_window windows[WINDOWS_MAX];
static struct pci_taken taken[TAKEN_MAX];

/* ------------------------------------------------------------------------------------------
 * What root buses forward, and what is not for devices
 * ------------------------------------------------------------------------------------------ */

static void add_window(struct pci_assignment *assignment, struct pci_root_window window)
{
    const uint64_t end = window.is_io ? UINT16_MAX + 1ull : PHYSICAL_END;

    window.last = window.last < end ? window.last : end - 1;
    if (window.first <= window.last && assignment->window_count < WINDOWS_MAX) {
        windows[assignment->window_count++] = window;
    }
}

/** The largest gap of the memory map below the board's own registers. */
static void add_gap(struct pci_assignment *assignment, const struct boot_info *info)
{
    struct pci_root_window gap = {.last_root = UINT32_MAX, .first = 1};
    uint64_t start = LEGACY_MEMORY_END;

    for (uint32_t i = 0; i <= info->range_count; i++) {
        const uint64_t next = i < info->range_count ? info->ranges[i].start : BOARD_FIRST;
        const uint64_t end = next < BOARD_FIRST ? next : BOARD_FIRST;

        if (end > start && end - start > gap.last + 1 - gap.first) {
            gap.first = start;
            gap.last = end - 1;
        }
        if (i < info->range_count && info->ranges[i].end > start) {
            start = info->ranges[i].end;
        }
    }
    add_window(assignment, gap);
}

static void find_windows(struct pci_assignment *assignment, const struct boot_info *info)
{
    for (uint32_t i = 0; i < firmware.host_bridge_count; i++) {
        const struct acpi_host_bridge *bridge = &firmware.host_bridges[i];

        for (uint32_t j = 0; j < bridge->window_count; j++) {
            add_window(assignment, (struct pci_root_window){
                                       .is_io = bridge->windows[j].is_io,
                                       .is_prefetchable = bridge->windows[j].is_prefetchable,
                                       .first_root = bridge->first_bus,
                                       .last_root = bridge->last_bus,
                                       .first = bridge->windows[j].first,
                                       .last = bridge->windows[j].last,
                                   });
        }
    }
    if (assignment->window_count == 0) {
        add_gap(assignment, info);
    }
}

static void take(struct pci_assignment *assignment, bool is_for_firmware, uint64_t first,
                 uint64_t end)
{
    if (first < end && assignment->taken_count < TAKEN_MAX) {
        taken[assignment->taken_count++] =
            (struct pci_taken){.is_for_firmware = is_for_firmware, .first = first, .last = end - 1};
    }
}

/** Some firmware reserves all that host bridges forward, so that nobody takes it for memory. */
static bool covers_window(const struct pci_assignment *assignment, const struct boot_range *range)
{
    for (uint32_t i = 0; i < assignment->window_count; i++) {
        if (!windows[i].is_io && range->start <= windows[i].first && windows[i].last < range->end) {
            return true;
        }
    }
    return false;
}

static void find_taken(struct pci_assignment *assignment, const struct boot_info *info)
{
    taken[assignment->taken_count++] = (struct pci_taken){
        .is_io = true, .is_for_firmware = true, .first = 0, .last = LEGACY_PORTS_END - 1};
    take(assignment, true, 0, LEGACY_MEMORY_END);
    take(assignment, true, BOARD_FIRST, BOARD_END);
    take(assignment, false, MESSAGES_FIRST, MESSAGES_END);
    take(assignment, false, PHYSICAL_END, UINT64_MAX);
    for (uint32_t i = 0; i < firmware.segment_count; i++) {
        const struct acpi_mcfg_entry *entry = &firmware.segments[i];

        take(assignment, false, entry->base + ((uint64_t)entry->first_bus << CONFIG_BUS_SHIFT),
             entry->base + ((entry->last_bus + 1ull) << CONFIG_BUS_SHIFT));
    }
    for (uint32_t i = 0; i < firmware.io_apic_count; i++) {
        const uint64_t io_apic = firmware.io_apics[i].address.value;

        take(assignment, false, io_apic, io_apic + PAGE_BYTES);
    }
    for (uint32_t i = 0; i < firmware.unit_count; i++) {
        take(assignment, false, firmware.units[i].base, firmware.units[i].base + PAGE_BYTES);
    }
    for (uint32_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        const bool is_reserved = range->type == BOOT_MEMORY_RESERVED;

        if (!is_reserved || !covers_window(assignment, range)) {
            take(assignment, is_reserved, range->start, range->end);
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * What there is to place
 * ------------------------------------------------------------------------------------------ */

/** `below` has what is behind each bridge; the same indices as pci_functions. */
static void add_function(struct pci_assignment *assignment, struct pci_above *below, uint32_t index)
{
    static const struct pci_above none = {
        .windows = {PCI_NO_RESOURCE, PCI_NO_RESOURCE, PCI_NO_RESOURCE}};
    const struct pci_function *function = &pci_functions[index];
    const uint32_t parent = function->found.parent;
    const struct pci_address address = function->config.address;
    const struct pci_above above =
        parent != PCI_NOBODY
            ? below[parent]
            : (struct pci_above){.is_root = true,
                                 .root = address.segment << ROOT_SHIFT | address.bus};
    struct pci_bar legacy;

    below[index] = none;
    below[index].root = above.root;
    for (uint32_t i = 0; i < PCI_BAR_ROM; i++) {
        if (!pci_bar_legacy(&function->header, i, &legacy)) {
            (void)pci_assign_bar(assignment, &above, index, i, &function->bars[i]);
        }
    }
    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        if (function->has_window[i]) {
            below[index].windows[i] = pci_assign_window(
                assignment, &above, index, (enum pci_window_kind)i, &function->windows[i]);
        }
    }
}

/* ------------------------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------------------------ */

static void refuse(struct pci_function *function, enum claim_refusal refusal)
{
    if (function->refusal == CLAIM_REFUSAL_NONE) {
        function->refusal = refusal;
    }
}

static void say(const struct pci_function *function, const struct pci_resource *resource,
                const char *outcome)
{
    char name[PCI_NAME_BYTES];

    pci_function_name(function, name);
    log_info("pci", "%s %s %u: %s: %s", name, resource->is_window ? "window" : "BAR",
             resource->index, pci_misplacement_name(resource->why), outcome);
}

/** Nothing of a function answers while any of it has a wrong address. */
static void stop(struct pci_function *function)
{
    struct pci_fault fault;

    if (function->is_stopped || function->is_stuck) {
        return;
    }
    if (pci_decode_stop(&function->config, &function->command, &fault) == PCI_OK) {
        function->is_stopped = true;
    } else {
        function->is_stuck = true;
        refuse(function, CLAIM_REFUSAL_BAD_BAR);
    }
}

static void write_bar(struct pci_function *function, const struct pci_resource *resource)
{
    struct pci_bar *bar = &function->bars[resource->index];
    uint32_t *value = &function->bar_values[resource->index];
    struct pci_fault fault;

    if (pci_bar_place(&function->config, &function->header, resource->index, bar, resource->address,
                      &fault) != PCI_OK) {
        function->placements[resource->index] = PCI_PLACEMENT_REFUSED;
        return;
    }
    bar->address = resource->address;
    value[0] = pci_read32(&function->config, pci_bar_offset(&function->header, resource->index));
    if (bar->is_64) {
        value[1] = (uint32_t)(resource->address >> 32);
    }
}

static void write_window(struct pci_function *function, const struct pci_resource *resource)
{
    struct pci_window *window = &function->windows[resource->index];
    const bool is_open = resource->placement == PCI_PLACEMENT_MOVED;
    struct pci_fault fault;

    window->is_open = is_open;
    window->first = is_open ? resource->address : 1;
    window->last = is_open ? resource->address + (resource->size - 1) : 0;
    if (pci_window_place(&function->config, (enum pci_window_kind)resource->index, window->is_wide,
                         window->first, window->last, &fault) != PCI_OK) {
        say(function, resource, "the bridge does not take another");
        window->is_open = false;
    }
}

/** A window that was open and is not needed is closed: it was one that nobody has set. */
static bool is_changed(const struct pci_resource *resource)
{
    return resource->placement == PCI_PLACEMENT_MOVED ||
           resource->placement == PCI_PLACEMENT_REFUSED ||
           (resource->placement == PCI_PLACEMENT_NONE &&
            pci_functions[resource->function].windows[resource->index].is_open);
}

static void write_resource(const struct pci_resource *resource)
{
    struct pci_function *function = &pci_functions[resource->function];

    if (!resource->is_window) {
        function->placements[resource->index] = resource->placement;
        function->misplacements[resource->index] = resource->why;
    }
    if (function->is_stuck || !is_changed(resource)) {
        return;
    }
    if (resource->is_window) {
        write_window(function, resource);
    } else if (resource->placement == PCI_PLACEMENT_MOVED) {
        write_bar(function, resource);
    }
    if (resource->placement == PCI_PLACEMENT_REFUSED) {
        say(function, resource, "no place for it");
    } else if (resource->why != PCI_PLACED_NOWHERE && resource->placement == PCI_PLACEMENT_MOVED) {
        say(function, resource, "moved");
    }
}

/** Decode again what was decoded before, but for kinds of addresses of which one is not good. */
static void start(struct pci_function *function)
{
    uint16_t command = function->command;

    for (uint32_t i = 0; i < PCI_BAR_ROM; i++) {
        if (function->placements[i] != PCI_PLACEMENT_REFUSED) {
            continue;
        }
        if (function->bars[i].kind == PCI_BAR_IO) {
            command &= (uint16_t)~PCI_COMMAND_IO;
        } else {
            command &= (uint16_t)~PCI_COMMAND_MEMORY;
            refuse(function, CLAIM_REFUSAL_BAD_BAR);
        }
    }
    if (function->windows[PCI_WINDOW_IO].is_open) {
        command |= PCI_COMMAND_IO;
    }
    if (function->windows[PCI_WINDOW_MEMORY].is_open ||
        function->windows[PCI_WINDOW_PREFETCHABLE].is_open) {
        command |= PCI_COMMAND_MEMORY;
    }
    pci_write(&function->config, PCI_COMMAND, 2, command);
}

static void apply(const struct pci_assignment *assignment)
{
    for (uint32_t i = 0; i < assignment->count; i++) {
        if (is_changed(&assignment->resources[i])) {
            stop(&pci_functions[assignment->resources[i].function]);
        }
    }
    for (uint32_t i = 0; i < assignment->count; i++) {
        write_resource(&assignment->resources[i]);
    }
    for (uint32_t i = 0; i < pci_function_count; i++) {
        if (pci_functions[i].is_stopped) {
            start(&pci_functions[i]);
        }
    }
}

void pci_resources_place(const struct boot_info *info)
{
    static struct pci_assignment assignment;
    const uint32_t capacity = pci_function_count * (PCI_BAR_ROM + PCI_WINDOW_COUNT);
    const uint64_t bytes = capacity * (sizeof(struct pci_resource) + sizeof(uint32_t));
    const uint64_t below_bytes = pci_function_count * sizeof(struct pci_above);
    struct pci_above *below = frames_take_boot(below_bytes, "the buses behind bridges");

    assignment = (struct pci_assignment){
        .resources = frames_take_boot(bytes, "the addresses of PCI functions"),
        .capacity = capacity,
        .windows = windows,
        .taken = taken,
    };
    assignment.order = (uint32_t *)&assignment.resources[capacity];
    find_windows(&assignment, info);
    find_taken(&assignment, info);
    for (uint32_t i = 0; i < pci_function_count; i++) {
        add_function(&assignment, below, i);
    }
    pci_assign_run(&assignment);
    apply(&assignment);
    if (assignment.moved_count != 0 || assignment.refused_count != 0) {
        log_info("pci", "%u BARs were given addresses, %u have none", assignment.moved_count,
                 assignment.refused_count);
    }
    frames_give_boot(assignment.resources, bytes);
    frames_give_boot(below, below_bytes);
}
