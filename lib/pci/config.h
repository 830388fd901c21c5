/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Configuration space: how the rest of lib/pci reads and writes it.
 *
 * The caller brings the way (ECAM, the ports 0xcf8 and 0xcfc, a dump, a model in a test) as a
 * struct pci_access; a struct pci_config is one function's space seen through it. What lies
 * beyond the space reads as all ones, as it does on a bus, and the access is not asked.
 */

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/** A function's place. With ARI, device and function are the two parts of an 8-bit number. */
struct pci_address {
    uint32_t segment; /* 16 bits on the machine; operating systems number private ones above */
    uint8_t bus;
    uint8_t device;   /* 0 to 31 */
    uint8_t function; /* 0 to 7 */
};

#define PCI_BUSES     256u
#define PCI_DEVICES   32u
#define PCI_FUNCTIONS 8u

/** Bus, device and function in 16 bits: the requester id on the bus. */
static inline uint16_t pci_address_id(struct pci_address address)
{
    return (uint16_t)(address.bus << 8 | address.device << 3 | address.function);
}

/**
 * A way to configuration space. Embed it in a struct of your own (CONTAINER_OF leads back).
 * `width` is 1, 2 or 4 bytes, `offset` a multiple of it, their sum at most config_bytes. A
 * function that is not there reads as all ones; writes to it do nothing. `write` may be NULL
 * where only decoding is done.
 */
struct pci_access {
    uint32_t (*read)(const struct pci_access *access, struct pci_address address, uint32_t offset,
                     uint32_t width);
    void (*write)(const struct pci_access *access, struct pci_address address, uint32_t offset,
                  uint32_t width, uint32_t value);
    uint32_t config_bytes; /* how far the way reaches: PCI_CONFIG_BYTES or PCI_EXPRESS_BYTES */
};

#define PCI_HEADER_BYTES  64u   /* the header; every function has it */
#define PCI_CONFIG_BYTES  256u  /* all of a conventional function, all that ports reach */
#define PCI_EXPRESS_BYTES 4096u /* all of a PCI Express function */

/** One function's configuration space. */
struct pci_config {
    const struct pci_access *access;
    struct pci_address address;
    uint32_t bytes; /* how much of it there is; at most access->config_bytes */
};

/** Whether [offset, offset + length) exists. */
static inline bool pci_config_has(const struct pci_config *config, uint32_t offset, uint32_t length)
{
    return offset <= config->bytes && length <= config->bytes - offset;
}

static inline uint32_t pci_read32(const struct pci_config *config, uint32_t offset)
{
    return pci_config_has(config, offset, 4)
               ? config->access->read(config->access, config->address, offset, 4)
               : UINT32_MAX;
}

static inline uint16_t pci_read16(const struct pci_config *config, uint32_t offset)
{
    return pci_config_has(config, offset, 2)
               ? (uint16_t)config->access->read(config->access, config->address, offset, 2)
               : UINT16_MAX;
}

static inline uint8_t pci_read8(const struct pci_config *config, uint32_t offset)
{
    return pci_config_has(config, offset, 1)
               ? (uint8_t)config->access->read(config->access, config->address, offset, 1)
               : UINT8_MAX;
}

static inline void pci_write(const struct pci_config *config, uint32_t offset, uint32_t width,
                             uint32_t value)
{
    if (pci_config_has(config, offset, width)) {
        config->access->write(config->access, config->address, offset, width, value);
    }
}
