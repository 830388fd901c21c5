/* SPDX-License-Identifier: MIT */
#include "pci/image.h"

#include "bytes/bytes.h"

#include <assert.h>

static uint32_t image_read(const struct pci_access *access, struct pci_address address,
                           uint32_t offset, uint32_t width)
{
    const struct pci_image *image = (const struct pci_image *)access;
    const uint8_t *at = image->bytes + offset;

    static_assert(offsetof(struct pci_image, access) == 0, "the cast above");
    (void)address;
    return width == 4 ? bytes_u32(at) : width == 2 ? bytes_u16(at) : at[0];
}

static void image_write(const struct pci_access *access, struct pci_address address,
                        uint32_t offset, uint32_t width, uint32_t value)
{
    (void)access;
    (void)address;
    (void)offset;
    (void)width;
    (void)value;
}

void pci_image_init(struct pci_image *image, const uint8_t *bytes, size_t length)
{
    image->access.read = image_read;
    image->access.write = image_write;
    image->access.config_bytes = length < PCI_EXPRESS_BYTES ? (uint32_t)length : PCI_EXPRESS_BYTES;
    image->bytes = bytes;
}

struct pci_config pci_image_config(const struct pci_image *image, struct pci_address address)
{
    return (struct pci_config){
        .access = &image->access,
        .address = address,
        .bytes = image->access.config_bytes,
    };
}
