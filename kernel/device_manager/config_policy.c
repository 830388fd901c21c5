/* SPDX-License-Identifier: MIT */
#include "device_manager/config_policy.h"

#define CACHE_LINE_SIZE 0x0cu /* PCI 3.0 §6.2.4: a hint to the function alone */
#define MSI_ADDRESS     4u    /* in the capability */

#define STATUS_ERRORS   0xf900u /* PCI 3.0 §6.2.3: what a one clears */
#define EXPRESS_ERRORS  0x000fu /* PCIe 5.0 §7.5.3.5: likewise */

/* Bytes that an owner may change. */
static const uint16_t owned_bytes[CONFIG_OWNED_BYTES] = {CACHE_LINE_SIZE, PCI_INTERRUPT_LINE};

/** Which bits of a configuration byte an owner sees; the others read as 0. */
static uint8_t visible_bits(const struct pci_function *function, uint32_t offset)
{
    for (uint32_t i = 0; i < PCI_BAR_REGISTERS; i++) {
        if (pci_bar_exists(&function->header, i)) {
            const uint32_t bar = pci_bar_offset(&function->header, i);

            if (offset == bar && !(i > 0 && function->bars[i - 1].is_64)) {
                return i == PCI_BAR_ROM ? 0x01 : 0x0f;
            }
            if (offset >= bar && offset < bar + 4) {
                return 0;
            }
        }
    }
    if (function->has_msi && offset >= function->msi.offset + MSI_ADDRESS &&
        offset < function->msi.data_offset + 2u) {
        return 0;
    }
    return 0xff;
}

/** Which bits of a configuration byte an owner may change. */
static uint8_t writable_bits(uint32_t offset)
{
    for (uint32_t i = 0; i < CONFIG_OWNED_BYTES; i++) {
        if (offset == owned_bytes[i]) {
            return 0xff;
        }
    }
    return 0;
}

static bool is_access(const struct pci_function *function, uint32_t offset, uint32_t width)
{
    return (width == 1 || width == 2 || width == 4) && offset % width == 0 &&
           pci_config_has(&function->config, offset, width);
}

static uint32_t read_raw(const struct pci_function *function, uint32_t offset, uint32_t width)
{
    return width == 1   ? pci_read8(&function->config, offset)
           : width == 2 ? pci_read16(&function->config, offset)
                        : pci_read32(&function->config, offset);
}

enum status config_policy_read(const struct pci_function *function, uint32_t offset, uint32_t width,
                               uint32_t *value)
{
    if (!is_access(function, offset, width)) {
        return STATUS_BAD_RANGE;
    }
    uint32_t mask = 0;

    for (uint32_t i = 0; i < width; i++) {
        mask |= (uint32_t)visible_bits(function, offset + i) << (8 * i);
    }
    *value = read_raw(function, offset, width) & mask;
    return STATUS_OK;
}

enum status config_policy_write(const struct pci_function *function, uint32_t offset,
                                uint32_t width, uint32_t value)
{
    if (!is_access(function, offset, width)) {
        return STATUS_BAD_RANGE;
    }
    for (uint32_t i = 0; i < width; i++) {
        const uint8_t now =
            pci_read8(&function->config, offset + i) & visible_bits(function, offset + i);

        if (((now ^ (uint8_t)(value >> 8 * i)) & (uint8_t)~writable_bits(offset + i)) != 0) {
            return STATUS_DENIED;
        }
    }
    /* Byte by byte: writing back what was read would clear bits that are cleared by a one. */
    for (uint32_t i = 0; i < width; i++) {
        if (writable_bits(offset + i) != 0) {
            pci_write(&function->config, offset + i, 1, value >> 8 * i & 0xff);
        }
    }
    return STATUS_OK;
}

void config_policy_keep(const struct pci_function *function, struct config_kept *kept)
{
    for (uint32_t i = 0; i < CONFIG_OWNED_BYTES; i++) {
        kept->bytes[i] = pci_read8(&function->config, owned_bytes[i]);
    }
}

void config_policy_restore(const struct pci_function *function, const struct config_kept *kept)
{
    for (uint32_t i = 0; i < CONFIG_OWNED_BYTES; i++) {
        pci_write(&function->config, owned_bytes[i], 1, kept->bytes[i]);
    }
    pci_write(&function->config, PCI_STATUS, 2, STATUS_ERRORS);
    if (function->has_express) {
        pci_write(&function->config, function->express.offset + PCI_EXPRESS_DEVICE_STATUS, 2,
                  EXPRESS_ERRORS);
    }
}
