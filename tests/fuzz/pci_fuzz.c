/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as configuration space. The first byte chooses: one function with all its decoders; a
 * function that is sized, its writable bits being part of the input; or a machine of many
 * functions, 64 bytes of input for each, enumerated and grouped. Everything must return and stay
 * inside the bytes, and what is accepted must be sound.
 */

#include "pci/bridge.h"
#include "pci/express.h"
#include "pci/extended.h"
#include "pci/groups.h"
#include "pci/image.h"
#include "pci/msi.h"
#include "pci/reset.h"
#include "pci/sizing.h"
#include "pci/virtio.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ------------------------------------------------------------------------------ one function */

static void check_fault(enum pci_error error, const struct pci_fault *fault)
{
    check(error == PCI_OK ||
          (fault->error == error && fault->offset < PCI_EXPRESS_BYTES && error < PCI_ERROR_COUNT));
}

/* Every decoder, whatever the capability is. */
static void decode(const struct pci_config *config, const struct pci_header *header,
                   const struct pci_capability *capability)
{
    struct pci_express express;
    struct pci_virtio virtio;
    struct pci_sriov sriov;
    struct pci_fault fault;
    enum pci_error error;
    struct pci_msix msix;
    struct pci_acs acs;
    struct pci_ari ari;
    struct pci_ats ats;
    struct pci_aer aer;
    struct pci_msi msi;
    struct pci_pm pm;
    struct pci_af af;
    uint64_t serial;

    error = pci_msi_read(config, capability, &msi, &fault);
    check_fault(error, &fault);
    check(error != PCI_OK || (msi.count >= 1 && msi.count <= 32 && msi.data_offset < 255));
    error = pci_msix_read(config, header, capability, &msix, &fault);
    check_fault(error, &fault);
    check(error != PCI_OK || (msix.count >= 1 && msix.count <= 2048 &&
                              msix.table_bar < header->bar_count && msix.table_offset % 8 == 0));
    error = pci_virtio_read(config, capability, &virtio, &fault);
    check_fault(error, &fault);
    check(error != PCI_OK || virtio.bar < 6);
    error = pci_express_read(config, capability, &express, &fault);
    check_fault(error, &fault);
    check(error != PCI_OK || pci_express_type_name(express.type)[0] != '?');
    error = pci_sriov_read(config, capability, &sriov, &fault);
    check_fault(error, &fault);
    check(error != PCI_OK || sriov.count <= sriov.total);
    check_fault(pci_pm_read(config, capability, &pm, &fault), &fault);
    check_fault(pci_af_read(config, capability, &af, &fault), &fault);
    check_fault(pci_acs_read(config, capability, &acs, &fault), &fault);
    check_fault(pci_ari_read(config, capability, &ari, &fault), &fault);
    check_fault(pci_ats_read(config, capability, &ats, &fault), &fault);
    check_fault(pci_aer_read(config, capability, &aer, &fault), &fault);
    check_fault(pci_serial_read(config, capability, &serial, &fault), &fault);
}

static void walk(const struct pci_config *config, const struct pci_header *header, bool extended)
{
    struct pci_capability capability;
    struct pci_walk at;
    uint32_t count = 0;

    if (extended) {
        pci_walk_extended(&at, config);
    } else {
        pci_walk_standard(&at, config, header);
    }
    while (pci_walk_next(&at, &capability)) {
        check(++count <= (extended ? 960 : 48));
        check(capability.offset % 4 == 0 && capability.offset < config->bytes);
        decode(config, header, &capability);
    }
    check_fault(at.fault.error, &at.fault);
}

static void read_function(const uint8_t *data, size_t size)
{
    struct pci_window windows[PCI_WINDOW_COUNT];
    struct pci_bar_values values;
    struct pci_header header;
    struct pci_config config;
    struct pci_image image;
    struct pci_fault fault;

    pci_image_init(&image, data, size);
    config = pci_image_config(&image, (struct pci_address){.bus = 0});
    if (pci_header_read(&config, &header, &fault) != PCI_OK &&
        pci_header_read_virtual(&config, &header, &fault) != PCI_OK) {
        return;
    }
    config.bytes = pci_config_size(&config, &header);
    check(config.bytes <= size);
    walk(&config, &header, false);
    walk(&config, &header, true);
    pci_windows_read(&config, &header, windows);
    for (uint32_t i = 0; i < PCI_WINDOW_COUNT; i++) {
        check(!windows[i].is_open || windows[i].first < windows[i].last);
    }
    pci_bar_values_read(&config, &header, &values);
    for (uint32_t i = 0; i < PCI_BAR_REGISTERS; i++) {
        struct pci_bar bar;

        check_fault(pci_bar_decode(&values, &header, i, &bar, &fault), &fault);
        check(bar.size == 0);
    }
}

/* ------------------------------------------------------------------------------ sizing */

struct device {
    struct pci_access access;
    uint8_t bytes[PCI_HEADER_BYTES];
    uint8_t writable[PCI_HEADER_BYTES];
};

static uint32_t device_read(const struct pci_access *access, struct pci_address address,
                            uint32_t offset, uint32_t width)
{
    const struct device *device = (const struct device *)access;
    uint32_t value = 0;

    (void)address;
    for (uint32_t i = 0; i < width; i++) {
        value |= (uint32_t)device->bytes[offset + i] << 8 * i;
    }
    return value;
}

static void device_write(const struct pci_access *access, struct pci_address address,
                         uint32_t offset, uint32_t width, uint32_t value)
{
    struct device *device = (struct device *)(uintptr_t)access;

    (void)address;
    for (uint32_t i = 0; i < width; i++) {
        const uint8_t mask = device->writable[offset + i];
        uint8_t *byte = &device->bytes[offset + i];

        *byte = (uint8_t)((*byte & ~mask) | (value >> 8 * i & mask));
    }
}

static void size_function(const uint8_t *data, size_t size)
{
    struct device device = {.access = {device_read, device_write, PCI_HEADER_BYTES}};
    const struct pci_config config = {.access = &device.access, .bytes = PCI_HEADER_BYTES};
    uint8_t before[PCI_HEADER_BYTES];
    struct pci_sizing sizing;
    struct pci_header header;
    struct pci_fault fault;

    if (size < sizeof(device.bytes) + sizeof(device.writable)) {
        return;
    }
    memcpy(device.bytes, data, sizeof(device.bytes));
    memcpy(device.writable, data + sizeof(device.bytes), sizeof(device.writable));
    memcpy(before, device.bytes, sizeof(before));
    if (pci_header_read(&config, &header, &fault) != PCI_OK) {
        return;
    }
    pci_sizing_run(&sizing, &config, &header);
    check(memcmp(before, device.bytes, sizeof(before)) == 0);
    for (uint32_t i = 0; i < PCI_BAR_REGISTERS; i++) {
        struct pci_bar bar;

        check_fault(pci_bar_decode(&sizing.values, &header, i, &bar, &fault), &fault);
        check((bar.size & (bar.size - 1)) == 0);
        check(bar.kind == PCI_BAR_NONE || bar.size != 0);
    }
}

/* ------------------------------------------------------------------------------ a machine */

/*
 * Each 64 bytes are a function: its address in the first two, then what is at 0x18, 0x0e, of its
 * capability of PCI Express, ACS and ARI.
 */
#define CHUNK     64u
#define FUNCTIONS 128u

struct machine {
    struct pci_access access;
    const uint8_t *data;
    size_t count;
    struct pci_found found[FUNCTIONS];
    struct pci_enumeration enumeration;
};

static uint8_t machine_byte(const uint8_t *chunk, uint32_t offset)
{
    static const uint8_t fixed[] = {0xf4, 0x1a, 0x41, 0x10, 0, 0, PCI_STATUS_CAPABILITIES};

    if (offset < sizeof(fixed)) {
        return fixed[offset];
    }
    if (offset == PCI_CAPABILITY_POINTER) {
        return 0x40;
    }
    if (offset >= 0x08 && offset < 0x34) {
        return chunk[offset - 6];
    }
    if (offset >= 0x40 && offset < 0x80) {
        return offset < 0x44 ? chunk[46 + offset - 0x40] : offset == 0x68 ? chunk[50] : 0xff;
    }
    return offset >= 0x100 && offset < 0x10c ? chunk[51 + offset - 0x100] : 0;
}

static uint32_t machine_read(const struct pci_access *access, struct pci_address address,
                             uint32_t offset, uint32_t width)
{
    const struct machine *machine = (const struct machine *)access;
    uint32_t value = 0;

    for (size_t i = 0; i < machine->count; i++) {
        const uint8_t *chunk = machine->data + i * CHUNK;

        if ((chunk[0] | chunk[1] << 8) == pci_address_id(address)) {
            for (uint32_t j = 0; j < width; j++) {
                value |= (uint32_t)machine_byte(chunk, offset + j) << 8 * j;
            }
            return value;
        }
    }
    return UINT32_MAX >> (32 - 8 * width);
}

static void read_machine(const uint8_t *data, size_t size)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    struct pci_address place;
    uint32_t count;

    check(machine != NULL);
    machine->access = (struct pci_access){.read = machine_read, .config_bytes = PCI_EXPRESS_BYTES};
    machine->data = data;
    machine->count = size / CHUNK < FUNCTIONS ? size / CHUNK : FUNCTIONS;
    machine->enumeration = (struct pci_enumeration){
        .access = &machine->access,
        .last_bus = 255,
        .roots = size % 2 == 0 ? PCI_ROOTS_FIRST : PCI_ROOTS_ALL,
        .found = machine->found,
        .capacity = FUNCTIONS,
    };
    check(pci_enumerate(&machine->enumeration, &place) == PCI_OK);
    count = machine->enumeration.count;
    check(count <= machine->count);
    pci_groups(machine->found, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct pci_found *found = &machine->found[i];

        check(i == 0 || pci_address_id(found->address) > pci_address_id(found[-1].address));
        check(found->parent == PCI_NOBODY || found->parent < i);
        check(found->group <= i && machine->found[found->group].group == found->group);
    }
    free(machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 3) {
    case 0:
        read_function(data + 1, size - 1);
        break;
    case 1:
        size_function(data + 1, size - 1);
        break;
    default:
        read_machine(data + 1, size - 1);
        break;
    }
    return 0;
}
