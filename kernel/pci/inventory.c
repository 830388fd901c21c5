/* SPDX-License-Identifier: MIT */
#include "pci/inventory.h"

#include "arch/x86_64/asm.h"
#include "arch/x86_64/clock.h"
#include "arch/x86_64/firmware.h"
#include "diag/log.h"
#include "mm/frames.h"
#include "pci/config_space.h"
#include "pci/extended.h"
#include "pci/groups.h"
#include "pci/number.h"
#include "pci/place.h"
#include "pci/resources.h"
#include "pci/sizing.h"
#include "pci/virtio.h"
#include "text/text.h"

#define ROM_ENABLE 0x1u

struct pci_function *pci_functions;
uint32_t pci_function_count;

static struct pci_found *found_storage; /* of pci_enumerate(), during boot */
static uint32_t found_count;

static void scan_once(struct pci_enumeration *enumeration)
{
    struct pci_address place;

    if (pci_enumerate(enumeration, &place) != PCI_OK) {
        log_info("pci", "more than %u functions: those from %x:%x.%x on are not used",
                 PCI_FUNCTIONS_MAX, place.bus, place.device, place.function);
    }
}

/** What firmware has left for others to do is done, and then everything is looked for again. */
static void scan(struct pci_enumeration *enumeration)
{
    static struct pci_numbering numbering;

    uint32_t numbered = 0;

    scan_once(enumeration);
    for (uint32_t i = 0; i < PCI_NUMBERING_ROUNDS && pci_number_buses(&numbering, enumeration);
         i++) {
        numbered += numbering.numbered_count;
        scan_once(enumeration);
    }
    if (numbered != 0 || numbering.refused_count != 0) {
        log_info("pci", "%u bridges were given bus numbers, %u have none", numbered,
                 numbering.refused_count);
    }
    if (pci_forward_ari(enumeration)) {
        scan_once(enumeration);
    }
}

/**
 * Root buses as firmware's descriptions of host bridges have them, if these account for every bus.
 * Otherwise there may be more of them, and all buses are asked, which takes as long as 100
 * functions.
 */
static void find_roots(struct pci_enumeration *enumeration)
{
    uint32_t bus = enumeration->first_bus;
    bool is_covered = enumeration->segment == 0;

    while (is_covered && bus <= enumeration->last_bus) {
        uint32_t next = bus;

        for (uint32_t i = 0; i < firmware.host_bridge_count; i++) {
            const struct acpi_host_bridge *bridge = &firmware.host_bridges[i];

            enumeration->root_buses[bridge->first_bus / 64] |= 1ull << bridge->first_bus % 64;
            if (bridge->first_bus <= bus && bridge->last_bus >= bus) {
                next = bridge->last_bus + 1u;
            }
        }
        is_covered = next > bus;
        bus = next;
    }
    enumeration->roots = is_covered ? PCI_ROOTS_LISTED : PCI_ROOTS_ALL;
}

static void enumerate(uint32_t segment, uint8_t first_bus, uint8_t last_bus)
{
    static struct pci_enumeration enumeration; /* 1 KiB and more: not for the stack */
    const uint32_t base = found_count;

    enumeration = (struct pci_enumeration){
        .access = config_space_access(segment, first_bus),
        .segment = segment,
        .first_bus = first_bus,
        .last_bus = last_bus,
        .found = &found_storage[base],
        .capacity = PCI_FUNCTIONS_MAX - base,
    };
    if (enumeration.access == NULL) {
        log_info("pci", "no way to configuration space of segment %u", segment);
        return;
    }
    find_roots(&enumeration);
    scan(&enumeration);
    struct pci_found *found = &found_storage[base];

    /* Ports are made to keep apart what is below them, as far as they can: groups depend on it. */
    for (uint32_t i = 0; i < enumeration.count; i++) {
        const struct pci_config config = {enumeration.access, found[i].address,
                                          enumeration.access->config_bytes};

        if (found[i].has_acs) {
            found[i].acs.enabled = found[i].acs.supported & PCI_GROUP_ACS;
            pci_write(&config, found[i].acs.offset + PCI_ACS_CONTROL, 2, found[i].acs.enabled);
        }
    }
    pci_groups(found, enumeration.count);
    for (uint32_t i = 0; i < enumeration.count; i++) {
        found[i].parent += found[i].parent == PCI_NOBODY ? 0 : base;
        found[i].group += base;
    }
    found_count += enumeration.count;
}

/** Nobody runs what is in ROMs, and one that answers has an address that nobody looks after. */
static void turn_off_rom(struct pci_function *function)
{
    uint32_t *value = &function->bar_values[PCI_BAR_ROM];

    if (function->bars[PCI_BAR_ROM].is_enabled) {
        *value &= ~ROM_ENABLE;
        pci_write(&function->config, function->header.rom_offset, 4, *value);
        function->bars[PCI_BAR_ROM].is_enabled = false;
    }
}

static void read_bars(struct pci_function *function)
{
    static struct pci_sizing sizing;
    struct pci_bar legacy;
    struct pci_fault fault;

    pci_sizing_run(&sizing, &function->config, &function->header);
    for (uint32_t i = 0; i < PCI_BAR_REGISTERS; i++) {
        struct pci_bar *bar = &function->bars[i];

        if (!pci_bar_exists(&function->header, i)) {
            continue;
        }
        function->bar_values[i] = sizing.values.value[i];
        if (pci_bar_decode(&sizing.values, &function->header, i, bar, &fault) != PCI_OK) {
            log_info("pci", "%x:%x.%x BAR %u: %s", function->config.address.bus,
                     function->config.address.device, function->config.address.function, i,
                     pci_error_name(fault.error));
            function->refusal = CLAIM_REFUSAL_BAD_CONFIGURATION;
        }
        if (pci_bar_legacy(&function->header, i, &legacy)) {
            *bar = legacy;
        }
    }
    turn_off_rom(function);
    pci_windows_read(&function->config, &function->header, function->windows);
    pci_windows_probe(&function->config, &function->header, function->windows,
                      function->has_window);
    if (function->has_msix) {
        if (pci_msix_check(&function->msix, &function->header, &sizing.values, &fault) != PCI_OK) {
            function->refusal = CLAIM_REFUSAL_BAD_CONFIGURATION;
            function->has_msix = false;
        }
    }
}

static void read_virtio(struct pci_function *function, const struct pci_capability *capability)
{
    struct pci_virtio virtio;
    struct pci_fault fault;

    if (pci_virtio_is(&function->header) &&
        pci_virtio_read(&function->config, capability, &virtio, &fault) == PCI_OK &&
        virtio.kind == PCI_VIRTIO_COMMON && function->virtio_common.value == 0) {
        /* BAR and offset: place_virtio() makes an address of them, once the BARs have been read. */
        function->virtio_common.value = (uint64_t)virtio.bar << 32 | (uint32_t)virtio.at;
    }
}

static void read_capabilities(struct pci_function *function)
{
    struct pci_walk walk;
    struct pci_capability capability;
    struct pci_fault fault;
    bool is_good = true;

    pci_walk_standard(&walk, &function->config, &function->header);
    while (pci_walk_next(&walk, &capability)) {
        switch (capability.id) {
        case PCI_CAP_MSIX:
            function->has_msix = pci_msix_read(&function->config, &function->header, &capability,
                                               &function->msix, &fault) == PCI_OK;
            is_good = is_good && function->has_msix;
            break;
        case PCI_CAP_MSI:
            function->has_msi =
                pci_msi_read(&function->config, &capability, &function->msi, &fault) == PCI_OK;
            is_good = is_good && function->has_msi;
            break;
        case PCI_CAP_EXPRESS:
            function->has_express = pci_express_read(&function->config, &capability,
                                                     &function->express, &fault) == PCI_OK;
            is_good = is_good && function->has_express;
            break;
        case PCI_CAP_PM:
            function->has_pm =
                pci_pm_read(&function->config, &capability, &function->pm, &fault) == PCI_OK;
            break;
        case PCI_CAP_AF:
            function->has_af =
                pci_af_read(&function->config, &capability, &function->af, &fault) == PCI_OK;
            break;
        case PCI_CAP_VENDOR:
            read_virtio(function, &capability);
            break;
        default:
            break;
        }
    }
    if (!is_good || walk.fault.error != PCI_OK) {
        function->refusal = CLAIM_REFUSAL_BAD_CONFIGURATION;
    }
}

/** No transfers, no interrupts. Memory decoding stays: others may look at the registers. */
static void stop_function(const struct pci_function *function)
{
    struct pci_capability capability;

    pci_command_set(function, PCI_COMMAND_NO_INTX, PCI_COMMAND_MASTER);
    if (function->has_msi) {
        const uint32_t offset = function->msi.offset + PCI_MSI_CONTROL;

        pci_write(&function->config, offset, 2,
                  pci_read16(&function->config, offset) & (uint16_t)~PCI_MSI_ENABLE);
    }
    if (function->has_msix) {
        const uint32_t offset = function->msix.offset + PCI_MSIX_CONTROL;

        pci_write(&function->config, offset, 2,
                  (pci_read16(&function->config, offset) & (uint16_t)~PCI_MSIX_ENABLE) |
                      PCI_MSIX_MASK_ALL);
    }
    /* Addresses that a device has translated itself would pass the IOMMU unseen. */
    if (pci_extended_find(&function->config, PCI_CAP_ATS, &capability)) {
        pci_write(&function->config, capability.offset + 6u, 2, 0);
    }
}

/** Where a virtio device's common registers are, now that its BARs are known. */
static void place_virtio(struct pci_function *function)
{
    const uint32_t bar = (uint32_t)(function->virtio_common.value >> 32);
    const uint32_t at = (uint32_t)function->virtio_common.value;

    if (function->virtio_common.value == 0) {
        return;
    }
    function->virtio_common.value = 0;
    /* The registers of §4.1.4.3 are 56 bytes, and must not straddle pages to be reset by us. */
    if (bar < PCI_BAR_ROM && function->bars[bar].kind == PCI_BAR_MEMORY &&
        at % PAGE_BYTES <= PAGE_BYTES - 56 && at + 56ull <= function->bars[bar].size) {
        function->virtio_common.value = function->bars[bar].address + at;
    }
}

static void add_function(struct pci_function *function, const struct pci_found *found)
{
    struct pci_fault fault;

    function->found = *found;
    function->config.access = config_space_access(found->address.segment, found->address.bus);
    function->config.address = found->address;
    function->config.bytes = function->config.access->config_bytes;
    if (pci_header_read(&function->config, &function->header, &fault) != PCI_OK) {
        function->refusal = CLAIM_REFUSAL_BAD_CONFIGURATION; /* it has changed since */
        return;
    }
    function->config.bytes = pci_config_size(&function->config, &function->header);
    read_capabilities(function);
    stop_function(function);
    read_bars(function);
    if (found->is_bridge || function->header.class_code >> 16 == 0x06) {
        function->refusal = CLAIM_REFUSAL_BRIDGE;
    }
}

/** Whether an earlier entry of the MCFG is of the same segment. */
static bool is_repeated(uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (firmware.segments[i].segment == firmware.segments[index].segment) {
            return true;
        }
    }
    return false;
}

/** All buses of a segment at once: a bridge may lead from one range of buses to another. */
static void enumerate_segment(uint32_t segment)
{
    uint8_t first_bus = UINT8_MAX;
    uint8_t last_bus = 0;

    for (uint32_t i = 0; i < firmware.segment_count; i++) {
        const struct acpi_mcfg_entry *entry = &firmware.segments[i];

        if (entry->segment == segment) {
            first_bus = entry->first_bus < first_bus ? entry->first_bus : first_bus;
            last_bus = entry->last_bus > last_bus ? entry->last_bus : last_bus;
        }
    }
    enumerate(segment, first_bus, last_bus);
}

void pci_inventory_init(const struct boot_info *info)
{
    const uint64_t started = rdtsc();
    const uint64_t found_bytes = PCI_FUNCTIONS_MAX * sizeof(*found_storage);
    uint32_t refused = 0;

    found_storage = frames_take_boot(found_bytes, "the search for PCI functions");
    if (firmware.segment_count == 0) {
        enumerate(0, 0, PCI_BUSES - 1);
    }
    for (uint32_t i = 0; i < firmware.segment_count; i++) {
        if (!is_repeated(i)) {
            enumerate_segment(firmware.segments[i].segment);
        }
    }
    pci_functions =
        frames_take_boot(found_count * sizeof(*pci_functions), "the list of PCI functions");
    for (uint32_t i = 0; i < found_count; i++) {
        add_function(&pci_functions[i], &found_storage[i]);
    }
    pci_function_count = found_count;
    frames_give_boot(found_storage, found_bytes);
    pci_resources_place(info);
    for (uint32_t i = 0; i < pci_function_count; i++) {
        place_virtio(&pci_functions[i]);
        refused += pci_functions[i].refusal != CLAIM_REFUSAL_NONE &&
                           pci_functions[i].refusal != CLAIM_REFUSAL_BRIDGE
                       ? 1
                       : 0;
    }
    log_info("pci", "%u functions%s in %lu us, %u of them not usable; bus mastering is off for all",
             pci_function_count, firmware.segment_count == 0 ? " (by ports)" : "",
             (unsigned long)(clock_duration_ns(rdtsc() - started) / 1000), refused);
}

void pci_function_path(const struct pci_function *function, struct vtd_path *path)
{
    uint32_t at = (uint32_t)(function - pci_functions);

    path->segment = (uint16_t)function->config.address.segment;
    path->count = 0;
    for (uint32_t up = at; up != PCI_NOBODY && path->count < VTD_PATH_MAX;
         up = pci_functions[up].found.parent) {
        path->count++;
    }
    for (uint32_t i = path->count; i > 0; i--) {
        const struct pci_address address = pci_functions[at].config.address;

        path->hops[i - 1] = (struct vtd_hop){address.bus, address.device, address.function};
        at = pci_functions[at].found.parent;
    }
}

bool pci_secondary_bus(uint16_t segment, uint8_t bus, uint8_t device, uint8_t number,
                       uint8_t *secondary)
{
    for (uint32_t i = 0; i < pci_function_count; i++) {
        const struct pci_found *found = &pci_functions[i].found;

        if (found->is_bridge && found->address.segment == segment && found->address.bus == bus &&
            found->address.device == device && found->address.function == number) {
            *secondary = found->buses.secondary;
            return true;
        }
    }
    return false;
}

void pci_command_set(const struct pci_function *function, uint16_t set, uint16_t clear)
{
    const uint16_t command = pci_read16(&function->config, PCI_COMMAND);

    pci_write(&function->config, PCI_COMMAND, 2, (uint16_t)((command & ~clear) | set));
}

bool pci_bars_are_unchanged(const struct pci_function *function)
{
    for (uint32_t i = 0; i < PCI_BAR_ROM; i++) {
        if (pci_bar_exists(&function->header, i) &&
            pci_read32(&function->config, pci_bar_offset(&function->header, i)) !=
                function->bar_values[i]) {
            return false;
        }
    }
    return true;
}

void pci_bars_restore(const struct pci_function *function)
{
    for (uint32_t i = 0; i < PCI_BAR_ROM; i++) {
        if (pci_bar_exists(&function->header, i)) {
            pci_write(&function->config, pci_bar_offset(&function->header, i), 4,
                      function->bar_values[i]);
        }
    }
}

void pci_function_name(const struct pci_function *function, char name[PCI_NAME_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const struct pci_address address = function->config.address;
    char *at = name;

    if (address.segment != 0) {
        for (uint32_t shift = 16; shift > 0; shift -= 4) {
            *at++ = digits[address.segment >> (shift - 4) & 15];
        }
        *at++ = ':';
    }
    *at++ = digits[address.bus >> 4];
    *at++ = digits[address.bus & 15];
    *at++ = ':';
    *at++ = digits[address.device >> 4];
    *at++ = digits[address.device & 15];
    *at++ = '.';
    *at++ = digits[address.function & 15];
    *at = '\0';
}
