/* SPDX-License-Identifier: MIT */
/*
 * What is on the buses: `pci` for all functions, `pci BDF` for one, `mmio` for their registers.
 * Configuration space is read when somebody asks, so that it says what is so now.
 */
#include "diag/reports.h"
#include "pci/capability.h"
#include "pci/class.h"
#include "pci/inventory.h"
#include "pci/names.h"
#include "text/text.h"

/* ------------------------------------------------------------------------------------------
 * All functions
 * ------------------------------------------------------------------------------------------ */

static void set_name(struct report_row *row, uint32_t column, uint32_t index)
{
    char name[PCI_NAME_BYTES];

    if (index < pci_function_count) {
        pci_function_name(&pci_functions[index], name);
        report_set_made(row, column, "%s", name);
    } else {
        report_set_absent(row, column);
    }
}

/** As lspci has it: place, kind, vendor and device by name, and by number what has none. */
static void set_line(struct report_row *row, uint32_t column, const struct pci_function *function)
{
    const struct pci_header *header = &function->header;
    const char *vendor = pci_vendor_name(header->vendor);
    const char *device = pci_device_name(header->vendor, header->device);
    char place[PCI_NAME_BYTES];
    char numbers[16];

    pci_function_name(function, place);
    text_format(numbers, sizeof(numbers), "%04x:%04x", header->vendor, header->device);
    report_set_long(row, column, "%s %s: %s %s (rev %02x)", place,
                    pci_class_name(header->class_code), vendor == NULL ? "device" : vendor,
                    device == NULL ? numbers : device, header->revision);
}

/** Absent if there is none. */
static void set_known_name(struct report_row *row, uint32_t column, const char *name)
{
    if (name == NULL) {
        report_set_absent(row, column);
    } else {
        report_set_text(row, column, name);
    }
}

static bool function_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    if (*place >= pci_function_count) {
        return false;
    }
    const uint32_t index = (*place)++;
    const struct pci_function *function = &pci_functions[index];
    const struct pci_header *header = &function->header;

    set_line(row, 0, function);
    set_name(row, 1, index);
    report_set_made(row, 2, "%04x:%04x", header->vendor, header->device);
    report_set_made(row, 3, "%04x", header->class_code >> 8);
    report_set_made(row, 4, "%02x", header->revision);
    set_name(row, 5, function->found.parent);
    report_set_number(row, 6, function->has_msi ? function->msi.count : 0);
    report_set_number(row, 7, function->has_msix ? function->msix.count : 0);
    report_set_text(row, 8, pci_class_name(header->class_code));
    set_known_name(row, 9, pci_vendor_name(header->vendor));
    set_known_name(row, 10, pci_device_name(header->vendor, header->device));
    return true;
}

static const struct report_column function_columns[] = {
    {"FUNCTION", "line", 0, REPORT_TEXT},
    {NULL, "bdf", 0, REPORT_TEXT},
    {NULL, "id", 0, REPORT_TEXT},
    {NULL, "class", 0, REPORT_TEXT},
    {NULL, "revision", 0, REPORT_TEXT},
    {NULL, "behind", 0, REPORT_TEXT},
    {NULL, "msiVectors", 0, REPORT_DECIMAL},
    {NULL, "msixVectors", 0, REPORT_DECIMAL},
    {NULL, "kind", 0, REPORT_TEXT},
    {NULL, "vendor", 0, REPORT_TEXT},
    {NULL, "device", 0, REPORT_TEXT},
};

static const struct report_table pci_tables[] = {
    {"pci", "no PCI functions", function_columns, ARRAY_COUNT(function_columns), function_row},
};

const struct report pci_report = {"pci", "[BDF] the functions of all buses, or one of them",
                                  pci_tables, ARRAY_COUNT(pci_tables)};

/* ------------------------------------------------------------------------------------------
 * One function
 * ------------------------------------------------------------------------------------------ */

/** The function that an argument names, or NULL. */
static const struct pci_function *find_function(uint64_t argument)
{
    for (uint32_t i = 0; i < pci_function_count; i++) {
        const struct pci_address address = pci_functions[i].config.address;
        const uint64_t bdf =
            (uint64_t)address.bus << 8 | (uint64_t)address.device << 3 | address.function;

        if (((uint64_t)address.segment << 16 | bdf) == argument) {
            return &pci_functions[i];
        }
    }
    return NULL;
}

enum fact {
    FACT_ID,
    FACT_SUBSYSTEM,
    FACT_CLASS,
    FACT_COMMAND,
    FACT_STATUS,
    FACT_PIN,
    FACT_BEHIND,
    FACT_GROUP,
    FACT_BUSES,
    FACT_EXPRESS,
    FACT_LINK,
    FACT_SLOT,
    FACT_RESET,
    FACT_MSI,
    FACT_MSIX,
    FACT_MSIX_TABLE,
    FACT_COUNT
};

static const char *const fact_names[FACT_COUNT] = {
    [FACT_ID] = "id, revision",
    [FACT_SUBSYSTEM] = "subsystem",
    [FACT_CLASS] = "class",
    [FACT_COMMAND] = "command",
    [FACT_STATUS] = "status",
    [FACT_PIN] = "interrupt pin",
    [FACT_BEHIND] = "behind",
    [FACT_GROUP] = "group of",
    [FACT_BUSES] = "buses behind it",
    [FACT_EXPRESS] = "PCI Express",
    [FACT_LINK] = "link",
    [FACT_SLOT] = "slot",
    [FACT_RESET] = "resets",
    [FACT_MSI] = "MSI vectors",
    [FACT_MSIX] = "MSI-X vectors",
    [FACT_MSIX_TABLE] = "MSI-X table",
};

static void set_command(struct report_row *row, uint16_t command)
{
    report_set_made(row, 1, "%04x%s%s%s%s", command, (command & PCI_COMMAND_IO) != 0 ? " io" : "",
                    (command & PCI_COMMAND_MEMORY) != 0 ? " memory" : "",
                    (command & PCI_COMMAND_MASTER) != 0 ? " master" : "",
                    (command & PCI_COMMAND_NO_INTX) != 0 ? " no-intx" : "");
}

static void set_resets(struct report_row *row, const struct pci_function *function)
{
    report_set_made(row, 1, "%s%s%s",
                    function->has_express && function->express.has_flr ? "FLR " : "",
                    function->has_af ? "AF " : "", function->has_pm ? "PM" : "");
}

/** Whether there is a device in the port's slot, now. */
static bool is_occupied(const struct pci_function *function)
{
    return (pci_read16(&function->config, function->express.offset + PCI_EXPRESS_SLOT_STATUS) &
            PCI_EXPRESS_OCCUPIED) != 0;
}

/** False: it has nothing of the kind. */
static bool set_fact(struct report_row *row, const struct pci_function *function, enum fact fact)
{
    const struct pci_header *header = &function->header;
    const struct pci_express *express = &function->express;

    switch (fact) {
    case FACT_ID:
        report_set_made(row, 1, "%04x:%04x %02x", header->vendor, header->device, header->revision);
        return true;
    case FACT_SUBSYSTEM:
        report_set_made(row, 1, "%04x:%04x", header->subsystem_vendor, header->subsystem);
        return header->layout == PCI_LAYOUT_DEVICE;
    case FACT_CLASS:
        report_set_made(row, 1, "%06x %s", header->class_code, pci_class_name(header->class_code));
        return true;
    case FACT_COMMAND:
        set_command(row, pci_read16(&function->config, PCI_COMMAND));
        return true;
    case FACT_STATUS:
        report_set_made(row, 1, "%04x", pci_read16(&function->config, PCI_STATUS));
        return true;
    case FACT_PIN:
        report_set_made(row, 1, "INT%c", 'A' + header->interrupt_pin - 1);
        return header->interrupt_pin >= 1 && header->interrupt_pin <= 4;
    case FACT_BEHIND:
        set_name(row, 1, function->found.parent);
        return function->found.parent != PCI_NOBODY;
    case FACT_GROUP:
        set_name(row, 1, function->found.group);
        return true;
    case FACT_BUSES:
        report_set_made(row, 1, "%02x to %02x", function->found.buses.secondary,
                        function->found.buses.subordinate);
        return function->found.is_bridge;
    case FACT_EXPRESS:
        report_set_made(row, 1, "version %u, %s", express->version,
                        pci_express_type_name(express->type));
        return function->has_express;
    case FACT_LINK:
        report_set_made(row, 1, "x%u of x%u, generation %u", express->current_width,
                        express->link_width, express->current_speed);
        return function->has_express && express->link_width != 0;
    case FACT_SLOT:
        report_set_made(row, 1, "%u, %s%s", express->slot, is_occupied(function) ? "full" : "empty",
                        express->can_hotplug ? ", hot plug" : "");
        return function->has_express && express->has_slot;
    case FACT_RESET:
        set_resets(row, function);
        return function->has_pm || function->has_af || (function->has_express && express->has_flr);
    case FACT_MSI:
        report_set_made(row, 1, "%u", function->msi.count);
        return function->has_msi;
    case FACT_MSIX:
        report_set_made(row, 1, "%u", function->msix.count);
        return function->has_msix;
    case FACT_MSIX_TABLE:
        report_set_made(row, 1, "BAR %u at %x, %u bytes", function->msix.table_bar,
                        function->msix.table_offset, function->msix.table_bytes);
        return function->has_msix;
    case FACT_COUNT:
        break;
    }
    return false;
}

static bool fact_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct pci_function *function = find_function(argument);

    for (uint32_t fact = *place; function != NULL && fact < FACT_COUNT; fact++) {
        row->scratch_count = 0;
        if (set_fact(row, function, (enum fact)fact)) {
            report_set_text(row, 0, fact_names[fact]);
            *place = fact + 1;
            return true;
        }
    }
    return false;
}

static const struct report_column fact_columns[] = {
    {"FACT", "fact", 15, REPORT_TEXT},
    {"VALUE", "value", 0, REPORT_TEXT},
};

static const char *bar_kind(const struct pci_bar *bar)
{
    switch (bar->kind) {
    case PCI_BAR_IO:
        return "ports";
    case PCI_BAR_MEMORY:
        return bar->is_64 ? "memory, 64-bit" : "memory, 32-bit";
    case PCI_BAR_EXPANSION_ROM:
        return "ROM";
    case PCI_BAR_NONE:
        break;
    }
    return "none";
}

/** Whether firmware has given it its address, or the kernel, and why. */
static void set_placed(struct report_row *row, uint32_t column, const struct pci_function *function,
                       uint32_t index)
{
    const char *why = pci_misplacement_name(function->misplacements[index]);

    switch (function->placements[index]) {
    case PCI_PLACEMENT_NONE:
    case PCI_PLACEMENT_KEPT:
    case PCI_PLACEMENT_WANTED:
        report_set_text(row, column, "by firmware");
        break;
    case PCI_PLACEMENT_MOVED:
        report_set_made(row, column, "moved: %s", why);
        break;
    case PCI_PLACEMENT_REFUSED:
        report_set_made(row, column, "nowhere: %s", why);
        break;
    }
}

/** The columns of a BAR from `column` on: number, address, bytes, prefetchable, kind. */
static void set_bar(struct report_row *row, uint32_t column, const struct pci_bar *bar,
                    uint32_t index)
{
    report_set_number(row, column, index);
    report_set_number(row, column + 1, bar->address);
    report_set_number(row, column + 2, bar->size);
    report_set_flag(row, column + 3, bar->is_prefetchable);
    report_set_text(row, column + 4, bar_kind(bar));
}

static bool bar_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct pci_function *function = find_function(argument);

    for (uint32_t i = *place; function != NULL && i < PCI_BAR_REGISTERS; i++) {
        if (function->bars[i].kind != PCI_BAR_NONE) {
            *place = i + 1;
            set_bar(row, 0, &function->bars[i], i);
            set_placed(row, 5, function, i);
            return true;
        }
    }
    return false;
}

static const struct report_column bar_columns[] = {
    {"BAR", "bar", 3, REPORT_DECIMAL},  {"ADDRESS", "address", 16, REPORT_HEX},
    {"BYTES", "bytes", 16, REPORT_HEX}, {"PRE", "prefetchable", 3, REPORT_YES_NO},
    {"KIND", "kind", 14, REPORT_TEXT},  {"PLACED", "placed", 0, REPORT_TEXT},
};

static bool window_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct pci_function *function = find_function(argument);

    for (uint32_t i = *place; function != NULL && i < PCI_WINDOW_COUNT; i++) {
        if (function->has_window[i] && function->windows[i].is_open) {
            *place = i + 1;
            report_set_text(row, 0, pci_window_name((enum pci_window_kind)i));
            report_set_number(row, 1, function->windows[i].first);
            report_set_number(row, 2, function->windows[i].last);
            return true;
        }
    }
    return false;
}

static const struct report_column window_columns[] = {
    {"FORWARDS", "window", 12, REPORT_TEXT},
    {"FIRST", "first", 16, REPORT_HEX},
    {"LAST", "last", 16, REPORT_HEX},
};

/** Places: how many capabilities of both lists are before. Each walk is bounded by lib/pci. */
static bool capability_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    const struct pci_function *function = find_function(argument);
    struct pci_capability capability;
    struct pci_walk walk;
    uint32_t left = *place;
    bool found = false;

    if (function == NULL) {
        return false;
    }
    pci_walk_standard(&walk, &function->config, &function->header);
    while (!found && pci_walk_next(&walk, &capability)) {
        found = left-- == 0;
    }
    if (!found) {
        pci_walk_extended(&walk, &function->config);
        while (!found && pci_walk_next(&walk, &capability)) {
            found = left-- == 0;
        }
    }
    if (found) {
        (*place)++;
        report_set_number(row, 0, capability.offset);
        report_set_number(row, 1, capability.id);
        report_set_flag(row, 2, capability.is_extended);
        report_set_text(row, 3, pci_capability_name(capability.id, capability.is_extended));
    }
    return found;
}

static const struct report_column capability_columns[] = {
    {"AT", "offset", 4, REPORT_HEX},
    {"ID", "id", 4, REPORT_HEX},
    {"EXT", "extended", 3, REPORT_YES_NO},
    {"CAPABILITY", "name", 0, REPORT_TEXT},
};

static const struct report_table pci_function_tables[] = {
    {"pciFact", "there is no such function", fact_columns, ARRAY_COUNT(fact_columns), fact_row},
    {"pciBar", NULL, bar_columns, ARRAY_COUNT(bar_columns), bar_row},
    {"pciWindow", NULL, window_columns, ARRAY_COUNT(window_columns), window_row},
    {"pciCapability", NULL, capability_columns, ARRAY_COUNT(capability_columns), capability_row},
};

const struct report pci_function_report = {"pci", NULL, pci_function_tables,
                                           ARRAY_COUNT(pci_function_tables)};

/* ------------------------------------------------------------------------------------------
 * Registers
 * ------------------------------------------------------------------------------------------ */

/** Places: function * PCI_BAR_REGISTERS + BAR. */
static bool mmio_row(uint64_t argument, uint32_t *place, struct report_row *row)
{
    (void)argument;
    for (uint32_t i = *place; i < pci_function_count * PCI_BAR_REGISTERS; i++) {
        const struct pci_function *function = &pci_functions[i / PCI_BAR_REGISTERS];
        const uint32_t number = i % PCI_BAR_REGISTERS;
        const struct pci_bar *bar = &function->bars[number];

        if (bar->kind == PCI_BAR_MEMORY) {
            *place = i + 1;
            set_name(row, 0, i / PCI_BAR_REGISTERS);
            set_bar(row, 1, bar, number);
            report_set_text(row, 6,
                            function->has_msix && function->msix.table_bar == number ? "MSI-X table"
                                                                                     : "");
            return true;
        }
    }
    return false;
}

static const struct report_column mmio_columns[] = {
    {"BDF", "bdf", 12, REPORT_TEXT},           {"BAR", "bar", 3, REPORT_DECIMAL},
    {"ADDRESS", "address", 16, REPORT_HEX},    {"BYTES", "bytes", 12, REPORT_HEX},
    {"PRE", "prefetchable", 3, REPORT_YES_NO}, {"KIND", "kind", 14, REPORT_TEXT},
    {"HOLDS", "holds", 0, REPORT_TEXT},
};

static const struct report_table mmio_tables[] = {
    {"mmio", "no function has registers in memory", mmio_columns, ARRAY_COUNT(mmio_columns),
     mmio_row},
};

const struct report mmio_report = {"mmio", "where the registers of functions are", mmio_tables,
                                   ARRAY_COUNT(mmio_tables)};
