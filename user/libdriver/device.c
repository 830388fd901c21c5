/* SPDX-License-Identifier: MIT */
#include "libdriver/device.h"

#include "base/memory.h"
#include "pci/capability.h"
#include "rt/address_space.h"
#include "rt/device_objects.h"
#include "rt/print.h"
#include "rt/process.h"
#include "text/text.h"

#define MMIO_SUFFIX      ".mmio"
#define GRANT_NAME_BYTES (DRIVER_NAME_MAX + sizeof(".interrupt99"))
#define MESSAGE_BYTES    256u

NORETURN void driver_fail(enum driver_exit code, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    text_vformat(message, sizeof(message), format, arguments);
    va_end(arguments);
    rt_print("%s: %s\n", rt_program_name(), message);
    rt_exit((int)code);
}

NORETURN void driver_refused(enum status status, const char *what)
{
    if (status == STATUS_OVER_BUDGET) {
        driver_fail(DRIVER_EXIT_REFUSED,
                    "%s: over budget. Raise the program's budget in the manifest", what);
    }
    driver_fail(DRIVER_EXIT_REFUSED, "%s: the kernel says %s", what, status_name(status));
}

/* ------------------------------------------------------------------------------------------
 * Grants
 * ------------------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *suffix)
{
    const size_t length = strlen(text);
    const size_t suffix_length = strlen(suffix);

    return length > suffix_length &&
           memcmp(text + length - suffix_length, suffix, suffix_length) == 0;
}

/** The capability NAME.`part`, or 0. */
static uint64_t part_find(const struct driver_device *device, const char *part, uint32_t number)
{
    char name[GRANT_NAME_BYTES];

    if (number == 0) {
        text_format(name, sizeof(name), "%s.%s", device->name, part);
    } else {
        text_format(name, sizeof(name), "%s.%s%u", device->name, part, number);
    }
    return rt_capability(name);
}

/** Find the name under which the manifest granted a device. */
static void name_find(struct driver_device *device)
{
    for (size_t i = 0; i < rt_capability_count(); i++) {
        const char *const grant = rt_capability_name(i);
        const size_t length = grant != NULL ? strlen(grant) : 0;

        if (grant == NULL || !ends_with(grant, MMIO_SUFFIX)) {
            continue;
        }
        if (length - strlen(MMIO_SUFFIX) > DRIVER_NAME_MAX) {
            driver_fail(DRIVER_EXIT_GRANT, "the grant's name is longer than %u bytes: \"%s\"",
                        DRIVER_NAME_MAX, grant);
        }
        memcpy(device->name, grant, length - strlen(MMIO_SUFFIX));
        device->name[length - strlen(MMIO_SUFFIX)] = '\0';
        return;
    }
    driver_fail(DRIVER_EXIT_GRANT,
                "no device was granted. Give the program a grant (source = (device = ...)) in the "
                "manifest, and see with `devices` whether the machine has one");
}

uint64_t driver_service_endpoint(void)
{
    static const char *const others[] = {"console", "timer", "diagnostics"};
    const uint64_t service = rt_capability("service");

    if (service != 0) {
        return service;
    }
    for (size_t i = 0; i < rt_capability_count(); i++) {
        const char *const grant = rt_capability_name(i);
        bool other = grant == NULL;

        for (const char *at = grant; at != NULL && *at != '\0'; at++) {
            other = other || *at == '.'; /* part of a device */
        }
        for (size_t j = 0; j < ARRAY_COUNT(others) && !other; j++) {
            other = strlen(grant) == strlen(others[j]) &&
                    memcmp(grant, others[j], strlen(others[j])) == 0;
        }
        if (!other) {
            return rt_capability(grant);
        }
    }
    driver_fail(DRIVER_EXIT_GRANT,
                "nothing to serve. Give the program a grant (source = (serves = ...)) in the "
                "manifest");
}

/* ------------------------------------------------------------------------------------------
 * Configuration space
 * ------------------------------------------------------------------------------------------ */

/* The kernel knows which function it is: the address is not looked at. What the kernel refuses
 * reads as what is not there. */
static uint32_t config_read(const struct pci_access *access, struct pci_address address,
                            uint32_t offset, uint32_t width)
{
    const struct driver_device *const device =
        CONTAINER_OF((uintptr_t)access, struct driver_device, access);
    uint32_t value = 0;

    (void)address;
    if (device_mmio_read_config(device->mmio, offset, width, &value) != STATUS_OK) {
        value = UINT32_MAX >> (32 - 8 * width);
    }
    return value;
}

static void config_write(const struct pci_access *access, struct pci_address address,
                         uint32_t offset, uint32_t width, uint32_t value)
{
    const struct driver_device *const device =
        CONTAINER_OF((uintptr_t)access, struct driver_device, access);

    (void)address;
    (void)!device_mmio_write_config(device->mmio, offset, width, value);
}

void driver_device_open(struct driver_device *device)
{
    struct pci_fault fault;

    memset(device, 0, sizeof(*device));
    name_find(device);
    device->mmio = part_find(device, "mmio", 0);
    device->pool = part_find(device, "pool", 0);
    while (device->interrupt_count < DRIVER_INTERRUPTS_MAX) {
        const uint64_t interrupt = part_find(device, "interrupt", device->interrupt_count);
        struct interrupt_state state;

        if (interrupt == 0) {
            break;
        }
        driver_require(interrupt_info(interrupt, &state), "asking for the interrupt");
        device->interrupt_levels[device->interrupt_count] = state.level;
        device->interrupts[device->interrupt_count++] = interrupt;
    }
    if (device->pool == 0) {
        driver_fail(DRIVER_EXIT_GRANT, "%s: no pool came with the device", device->name);
    }
    device->access = (struct pci_access){
        .read = config_read, .write = config_write, .config_bytes = PCI_EXPRESS_BYTES};
    device->config = (struct pci_config){.access = &device->access, .bytes = PCI_CONFIG_BYTES};
    if (pci_header_read(&device->config, &device->header, &fault) != PCI_OK) {
        driver_fail(DRIVER_EXIT_UNSUITABLE,
                    "%s: its configuration space cannot be read (%s): it may have been removed",
                    device->name, pci_error_name(fault.error));
    }
    device->config.bytes = pci_config_size(&device->config, &device->header);
}

/* ------------------------------------------------------------------------------------------
 * Registers
 * ------------------------------------------------------------------------------------------ */

void driver_window_open(const struct driver_device *device, uint32_t bar, uint64_t offset,
                        uint64_t bytes, struct driver_window *window)
{
    const uint64_t inside = offset % RT_PAGE_BYTES;
    struct device_mmio_bar info;
    uint64_t page_count;
    uint64_t address;
    enum status status = device_mmio_info(device->mmio, bar, &info);

    if (status != STATUS_OK) {
        driver_fail(DRIVER_EXIT_UNSUITABLE, "%s: it has no registers in BAR %u (%s)", device->name,
                    bar, status_name(status));
    }
    if (bytes == 0 || offset > info.bytes || bytes > info.bytes - offset) {
        driver_fail(DRIVER_EXIT_UNSUITABLE,
                    "%s: registers 0x%llx to 0x%llx are outside BAR %u of 0x%llx bytes",
                    device->name, (unsigned long long)offset, (unsigned long long)(offset + bytes),
                    bar, (unsigned long long)info.bytes);
    }
    page_count = (inside + bytes + RT_PAGE_BYTES - 1) / RT_PAGE_BYTES;
    if (!info.mappable || page_count > UINT32_MAX) {
        driver_fail(DRIVER_EXIT_UNSUITABLE, "%s: BAR %u cannot be mapped: it shares pages",
                    device->name, bar);
    }
    driver_require(rt_space_reserve(page_count, &address), "addresses for registers");
    status = device_mmio_map(device->mmio, address, bar, offset - inside, (uint32_t)page_count);
    if (status != STATUS_OK) {
        driver_fail(DRIVER_EXIT_REFUSED, "%s: mapping BAR %u at 0x%llx: the kernel says %s",
                    device->name, bar, (unsigned long long)offset, status_name(status));
    }
    window->registers = (volatile uint8_t *)(uintptr_t)(address + inside);
    window->bytes = bytes;
}
