/* SPDX-License-Identifier: MIT */
/*
 * The accesses that AML asks for are made with the rights of the kernel, so they are checked as if
 * AML were hostile: firmware's mistakes are as many as its versions. No access is made on a page
 * that is ordinary memory, the kernel's registers, or a function's BAR; the ports of the PC that
 * the kernel drives itself are out of reach, and so are those that end the machine.
 *
 * Everything here is under the kernel lock, and each call is one access or at most
 * ACPI_READ_BYTES of them.
 */
#include "arch/x86_64/acpi_firmware.h"

#include "acpi/access.h"
#include "arch/x86_64/asm.h"
#include "arch/x86_64/firmware.h"
#include "arch/x86_64/power.h"
#include "device_manager/audit.h"
#include "device_manager/handles.h"
#include "diag/log.h"
#include "iommu/iommu.h"
#include "mm/kernel_map.h"
#include "pci/inventory.h"
#include "wire/build.h"

#define LOCAL_APIC_FIRST 0xfee00000ull /* and interrupt messages: SDM vol. 3A §11.11 */
#define LOCAL_APIC_BYTES 0x100000ull
#define IOMMU_BYTES      0x10000ull   /* more than the registers of any unit: VT-d 4.1 §11.1 */
#define PHYSICAL_END     (1ull << 46) /* beyond, page tables could not say it */
#define ECAM_BUS_SHIFT   20u
#define RSDP_BYTES       36u
#define REGISTER_BYTES   4u /* of FADT registers, at most */

/* Ports of the PC that are the kernel's, or with which the machine is reset: Intel 300 Series
 * Chipset, datasheet vol. 1, tables "fixed I/O ranges" and "LPC decode"; PCI 3.0 §3.2.2.3.2. */
static const struct {
    uint16_t first;
    uint16_t count;
} taken_ports[] = {
    {0x000, 0x20}, /* DMA controller */
    {0x020, 2},    /* first 8259 */
    {0x040, 4},    /* 8254 */
    {0x060, 5},    /* keyboard controller, which resets; 0x61: NMI status and the 8254's gate */
    {0x070, 8},    /* CMOS and NMI mask */
    {0x080, 0x20}, /* DMA pages; 0x92: fast A20 and reset */
    {0x0a0, 2},    /* second 8259 */
    {0x0c0, 0x20}, /* DMA controller */
    {0x3f8, 8},    /* COM1 */
    {0x4d0, 2},    /* edge or level of the 8259s */
    {0xcf8, 8},    /* PCI configuration, and reset at 0xcf9 */
};

static struct acpi_access access; /* [I] after acpi_firmware_init() */

static void take_register(const struct acpi_register *where)
{
    if (where->address == 0) {
        return;
    }
    /* Firmware's widths are not to be relied on. */
    if (where->space == ACPI_SPACE_IO && where->address < ACPI_PORT_COUNT) {
        acpi_access_take_ports(&access, (uint32_t)where->address, REGISTER_BYTES);
    } else if (where->space == ACPI_SPACE_MEMORY) {
        acpi_access_take_memory(&access, where->address, REGISTER_BYTES);
    }
}

/** How the machine is put to sleep, reset, or handed to firmware: only Power does that. */
static void take_fixed_hardware(void)
{
    const struct acpi_fadt *fadt = &firmware.fadt;

    if (!firmware.has_fadt) {
        return;
    }
    take_register(&fadt->pm1a_control);
    take_register(&fadt->pm1b_control);
    take_register(&fadt->reset);
    take_register(&fadt->sleep_control);
    if (fadt->smi_command_port != 0) {
        acpi_access_take_ports(&access, fadt->smi_command_port, 1);
    }
}

static void take_bars(const struct pci_function *function)
{
    for (uint32_t i = 0; i < PCI_BAR_REGISTERS; i++) {
        const struct pci_bar *bar = &function->bars[i];

        switch (bar->kind) {
        case PCI_BAR_IO:
            if (bar->address < ACPI_PORT_COUNT) {
                acpi_access_take_ports(&access, (uint32_t)bar->address, (uint32_t)bar->size);
            }
            break;
        case PCI_BAR_MEMORY:
        case PCI_BAR_EXPANSION_ROM:
            if (bar->address != 0) {
                acpi_access_take_memory(&access, bar->address, bar->size);
            }
            break;
        case PCI_BAR_NONE:
            break;
        }
    }
}

static void add_memory(const struct boot_info *info)
{
    for (uint32_t i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        const uint64_t end = range->end < PHYSICAL_END ? range->end : PHYSICAL_END;
        const uint64_t length = range->start < end ? end - range->start : 0;

        switch (range->type) {
        case BOOT_MEMORY_NVS:
            acpi_spans_add(&access.writable, range->start, length);
            acpi_spans_add(&access.readable, range->start, length);
            break;
        case BOOT_MEMORY_ACPI:
        case BOOT_MEMORY_RESERVED:
            acpi_spans_add(&access.readable, range->start, length);
            break;
        case BOOT_MEMORY_USABLE:
        case BOOT_MEMORY_BAD:
            break;
        }
    }
    /* The loader's copy lies where the loader likes; the frame is set aside. */
    acpi_spans_add(&access.readable, firmware.rsdp_address,
                   firmware.rsdp_address == 0 ? 0 : RSDP_BYTES);
}

void acpi_firmware_init(const struct boot_info *info)
{
    add_memory(info);
    acpi_access_take_memory(&access, LOCAL_APIC_FIRST, LOCAL_APIC_BYTES);
    for (uint32_t i = 0; i < firmware.io_apic_count; i++) {
        acpi_access_take_memory(&access, firmware.io_apics[i].address.value, PAGE_BYTES);
    }
    for (uint32_t i = 0; i < iommu_unit_count(); i++) {
        struct iommu_info unit;

        iommu_describe(i, &unit);
        acpi_access_take_memory(&access, unit.registers.value, IOMMU_BYTES);
    }
    for (uint32_t i = 0; i < firmware.segment_count; i++) {
        const struct acpi_mcfg_entry *entry = &firmware.segments[i];

        acpi_access_take_memory(&access,
                                entry->base + ((uint64_t)entry->first_bus << ECAM_BUS_SHIFT),
                                (entry->last_bus + 1ull - entry->first_bus) << ECAM_BUS_SHIFT);
    }
    for (uint32_t i = 0; i < pci_function_count; i++) {
        take_bars(&pci_functions[i]);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(taken_ports); i++) {
        acpi_access_take_ports(&access, taken_ports[i].first, taken_ports[i].count);
    }
    acpi_access_take_ports(&access, power_debug_exit(), power_debug_exit() == 0 ? 0 : 4);
    take_fixed_hardware();
    if (access.registers.is_cut) {
        log_info("acpi", "too many register ranges to keep AML from: it gets no memory at all");
    }
}

/**
 * A refusal, for the audit log. Of memory it says how many bytes were meant and not where: no
 * record has a physical address (schema/capos.capnp, AuditRecord).
 */
static enum status refuse(struct method *method, enum status status, uint64_t detail)
{
    return audit_refuse_method(method, status, NULL, detail);
}

/** 1, 2, 4 or, in memory, 8 bytes at a multiple of that, so that no access leaves a page. */
static bool is_good_access(uint64_t address, uint32_t width, uint32_t width_max)
{
    return width != 0 && width <= width_max && (width & (width - 1)) == 0 && address % width == 0;
}

static uint64_t memory_get(uint64_t address, uint32_t width)
{
    const volatile void *at = kernel_map_register((struct paddr){address});

    return width == 1   ? *(const volatile uint8_t *)at
           : width == 2 ? *(const volatile uint16_t *)at
           : width == 4 ? *(const volatile uint32_t *)at
                        : *(const volatile uint64_t *)at;
}

static void memory_put(uint64_t address, uint32_t width, uint64_t value)
{
    volatile void *at = kernel_map_register((struct paddr){address});

    if (width == 1) {
        *(volatile uint8_t *)at = (uint8_t)value;
    } else if (width == 2) {
        *(volatile uint16_t *)at = (uint16_t)value;
    } else if (width == 4) {
        *(volatile uint32_t *)at = (uint32_t)value;
    } else {
        *(volatile uint64_t *)at = value;
    }
}

/* ---- Methods -------------------------------------------------------------------------------- */

static enum status get_root(struct method *method)
{
    if (firmware.rsdp_address == 0) {
        return STATUS_NOT_FOUND;
    }
    struct acpi_firmware_root_results *results = method_results(method, sizeof(*results));

    results->rsdp = firmware.rsdp_address;
    return STATUS_OK;
}

/** Bytes [address, address + length) of physical memory, by the widest accesses that fit. */
static void copy_memory(uint8_t *to, uint64_t address, uint32_t length)
{
    for (uint32_t done = 0; done < length;) {
        const uint64_t at = address + done;
        const uint32_t width = at % 8 == 0 && length - done >= 8 ? 8 : 1;
        const uint64_t value = memory_get(at, width);

        memcpy(to + done, &value, width);
        done += width;
    }
}

static enum status read_tables(struct method *method)
{
    INLINE_PARAMETERS(parameters, acpi_firmware_read_params)
    struct wire_builder builder;
    struct wire_build_struct root;
    uint8_t *bytes;
    size_t length;

    if (parameters->bytes == 0 || parameters->bytes > ACPI_READ_BYTES) {
        return refuse(method, STATUS_BAD_RANGE, parameters->bytes);
    }
    if (!acpi_access_memory(&access, parameters->address, parameters->bytes, false)) {
        return refuse(method, STATUS_DENIED, parameters->bytes);
    }
    /* The answer is built around bytes that are in memory already: this CPU's scratch page. */
    bytes = this_cpu()->message_scratch;
    copy_memory(bytes, parameters->address, parameters->bytes);
    wire_build_init(&builder, method->answer, method->answer_capacity);
    (void)acpi_firmware_read_results_init_root(&builder, &root);
    (void)acpi_firmware_read_results_set_data(&root, bytes, parameters->bytes);
    if (wire_build_finish(&builder, &length) != WIRE_OK) {
        return STATUS_TOO_LONG;
    }
    method->answer_length = (uint32_t)length;
    return STATUS_OK;
}

/** May the caller reach `width` bytes of memory? */
static enum status check_memory(struct method *method, uint64_t address, uint32_t width,
                                bool is_write)
{
    if (!is_good_access(address, width, 8)) {
        return refuse(method, STATUS_BAD_RANGE, width);
    }
    return acpi_access_memory(&access, address, width, is_write)
               ? STATUS_OK
               : refuse(method, STATUS_DENIED, width);
}

static enum status read_memory(struct method *method)
{
    INLINE_PARAMETERS(parameters, acpi_firmware_read_memory_params)
    const uint32_t width = parameters->width;
    const enum status status = check_memory(method, parameters->address, width, false);

    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t value = memory_get(parameters->address, width);
    struct acpi_firmware_read_memory_results *results = method_results(method, sizeof(*results));

    results->value = value;
    return STATUS_OK;
}

static enum status write_memory(struct method *method)
{
    INLINE_PARAMETERS(parameters, acpi_firmware_write_memory_params)
    const uint32_t width = parameters->width;
    const enum status status = check_memory(method, parameters->address, width, true);

    if (status != STATUS_OK) {
        return status;
    }
    memory_put(parameters->address, width, parameters->value);
    return STATUS_OK;
}

/** May the caller use a port? Accesses need not be aligned: some devices want it so. */
static enum status check_port(struct method *method, uint32_t port, uint32_t width)
{
    if (!is_good_access(0, width, 4)) {
        return refuse(method, STATUS_BAD_RANGE, port);
    }
    return acpi_access_ports(&access, port, width) ? STATUS_OK
                                                   : refuse(method, STATUS_DENIED, port);
}

static enum status read_port(struct method *method)
{
    INLINE_PARAMETERS(parameters, acpi_firmware_read_port_params)
    const enum status status = check_port(method, parameters->port, parameters->width);
    const uint16_t port = (uint16_t)parameters->port;
    struct acpi_firmware_read_port_results *results;

    if (status != STATUS_OK) {
        return status;
    }
    results = method_results(method, sizeof(*results));
    results->value = parameters->width == 1   ? inb(port)
                     : parameters->width == 2 ? inw(port)
                                              : inl(port);
    return STATUS_OK;
}

static enum status write_port(struct method *method)
{
    INLINE_PARAMETERS(parameters, acpi_firmware_write_port_params)
    const enum status status = check_port(method, parameters->port, parameters->width);
    const uint16_t port = (uint16_t)parameters->port;

    if (status != STATUS_OK) {
        return status;
    }
    if (parameters->width == 1) {
        outb(port, (uint8_t)parameters->value);
    } else if (parameters->width == 2) {
        outw(port, (uint16_t)parameters->value);
    } else {
        outl(port, parameters->value);
    }
    return STATUS_OK;
}

static const struct pci_function *find_function(uint16_t segment, uint16_t bdf)
{
    for (uint32_t i = 0; i < pci_function_count; i++) {
        const struct pci_address address = pci_functions[i].config.address;

        if (address.segment == segment && pci_address_id(address) == bdf) {
            return &pci_functions[i];
        }
    }
    return NULL;
}

static enum status read_config(struct method *method)
{
    INLINE_PARAMETERS(parameters, acpi_firmware_read_config_params)
    const struct pci_function *function = find_function(parameters->segment, parameters->bdf);
    const uint32_t width = parameters->width;
    const uint32_t offset = parameters->offset;
    struct acpi_firmware_read_config_results *results;

    if (function == NULL) {
        return refuse(method, STATUS_NOT_FOUND,
                      (uint64_t)parameters->segment << 16 | parameters->bdf);
    }
    if (!is_good_access(offset, width, 4) || !pci_config_has(&function->config, offset, width)) {
        return audit_refuse_method(method, STATUS_BAD_RANGE,
                                   &device_functions[function - pci_functions], offset);
    }
    results = method_results(method, sizeof(*results));
    results->value = width == 1   ? pci_read8(&function->config, offset)
                     : width == 2 ? pci_read16(&function->config, offset)
                                  : pci_read32(&function->config, offset);
    return STATUS_OK;
}

static enum status declare_soft_off(struct method *method)
{
    INLINE_PARAMETERS(parameters, acpi_firmware_soft_off_params)
    const struct acpi_soft_off told = {.type_a = parameters->type_a, .type_b = parameters->type_b};
    const uint64_t both = (uint64_t)told.type_b << 8 | told.type_a;

    if (told.type_a > ACPI_SLEEP_TYPE_LAST || told.type_b > ACPI_SLEEP_TYPE_LAST) {
        return refuse(method, STATUS_BAD_RANGE, both);
    }
    if (firmware.has_soft_off) {
        return told.type_a == firmware.soft_off.type_a && told.type_b == firmware.soft_off.type_b
                   ? STATUS_OK
                   : refuse(method, STATUS_OCCUPIED, both);
    }
    firmware.soft_off = told;
    firmware.has_soft_off = true;
    log_info("acpi", "soft-off: types %u and %u, as AML says", told.type_a, told.type_b);
    return STATUS_OK;
}

method_function *const acpi_firmware_methods[] = {
    [ACPI_FIRMWARE_ROOT] = get_root,           [ACPI_FIRMWARE_READ] = read_tables,
    [ACPI_FIRMWARE_READ_MEMORY] = read_memory, [ACPI_FIRMWARE_WRITE_MEMORY] = write_memory,
    [ACPI_FIRMWARE_READ_PORT] = read_port,     [ACPI_FIRMWARE_WRITE_PORT] = write_port,
    [ACPI_FIRMWARE_READ_CONFIG] = read_config, [ACPI_FIRMWARE_SOFT_OFF] = declare_soft_off,
};
