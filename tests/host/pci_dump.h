/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For tests of lib/pci: one function as a dump. Dumps are exact copies on the heap, so that ASan
 * sees a read beyond them. Include after cmocka.h.
 */

#include "pci/image.h"

#include "pci_space.h"

/* One function as a dump of `length` bytes. */
struct dump {
    uint8_t *bytes;
    struct pci_image image;
    struct pci_config config;
    struct pci_header header;
};

static inline void dump_init(struct dump *dump, uint32_t length)
{
    dump->bytes = calloc(1, length + (length == 0));
    assert_non_null(dump->bytes);
    pci_image_init(&dump->image, dump->bytes, length);
    dump->config = pci_image_config(&dump->image, at(0, 0, 0));
    if (length >= PCI_HEADER_BYTES) {
        put(dump->bytes, PCI_VENDOR_ID, 4, 0x10411af4);
        put(dump->bytes, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
    }
}

static inline void dump_fini(struct dump *dump)
{
    free(dump->bytes);
}

static inline void dump_read(struct dump *dump)
{
    struct pci_fault fault;

    assert_int_equal(pci_header_read(&dump->config, &dump->header, &fault), PCI_OK);
    dump->config.bytes = pci_config_size(&dump->config, &dump->header);
}

static inline void check_error(enum pci_error got, struct pci_fault fault, enum pci_error error,
                               uint32_t offset)
{
    assert_string_equal(pci_error_name(got), pci_error_name(error));
    if (error != PCI_OK) {
        assert_int_equal(fault.error, error);
        assert_int_equal(fault.offset, offset);
    }
}
