/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Configuration space for tests of lib/pci: functions that can be written to as hardware can,
 * built register by register. Include after cmocka.h.
 */

#include "pci/capability.h"

#include <stdlib.h>
#include <string.h>

#define SPACE_FUNCTIONS 300u

struct space_function {
    struct pci_address address;
    uint8_t bytes[PCI_EXPRESS_BYTES];
    uint8_t writable[PCI_HEADER_BYTES]; /* bits of the header that take a write */
    bool bars_stick;                    /* BARs keep what was written for ever: a broken device */
};

struct space {
    struct pci_access access;
    struct space_function *functions;
    uint32_t count;
    uint32_t writes;
    void (*watch)(struct space *space, struct space_function *function); /* after each write */
};

static inline void put(uint8_t *bytes, uint32_t offset, uint32_t width, uint64_t value)
{
    for (uint32_t i = 0; i < width; i++) {
        bytes[offset + i] = (uint8_t)(value >> 8 * i);
    }
}

static inline uint32_t get(const uint8_t *bytes, uint32_t offset, uint32_t width)
{
    uint32_t value = 0;

    for (uint32_t i = width; i-- > 0;) {
        value = value << 8 | bytes[offset + i];
    }
    return value;
}

static inline struct space_function *space_find(const struct space *space,
                                                struct pci_address address)
{
    for (uint32_t i = 0; i < space->count; i++) {
        if (pci_address_id(space->functions[i].address) == pci_address_id(address) &&
            space->functions[i].address.segment == address.segment) {
            return &space->functions[i];
        }
    }
    return NULL;
}

static inline uint32_t space_read(const struct pci_access *access, struct pci_address address,
                                  uint32_t offset, uint32_t width)
{
    const struct space_function *function = space_find((const struct space *)access, address);

    assert_true(offset % width == 0 && offset + width <= access->config_bytes);
    return function == NULL ? UINT32_MAX >> (32 - 8 * width) : get(function->bytes, offset, width);
}

static inline void space_write(const struct pci_access *access, struct pci_address address,
                               uint32_t offset, uint32_t width, uint32_t value)
{
    struct space *space = (struct space *)(uintptr_t)access;
    struct space_function *function = space_find(space, address);

    assert_true(offset % width == 0 && offset + width <= PCI_HEADER_BYTES);
    assert_non_null(function);
    for (uint32_t i = 0; i < width; i++) {
        const uint8_t mask = function->writable[offset + i];
        const uint8_t byte = (uint8_t)(value >> 8 * i);

        if (function->bars_stick && offset >= PCI_BAR_FIRST && byte != 0xff) {
            continue;
        }
        function->bytes[offset + i] =
            (uint8_t)((function->bytes[offset + i] & ~mask) | (byte & mask));
    }
    space->writes++;
    if (space->watch != NULL) {
        space->watch(space, function);
    }
}

static inline void space_init(struct space *space)
{
    *space = (struct space){
        .access = {.read = space_read, .write = space_write, .config_bytes = PCI_EXPRESS_BYTES},
        .functions = calloc(SPACE_FUNCTIONS, sizeof(struct space_function)),
    };
    assert_non_null(space->functions);
}

static inline void space_fini(struct space *space)
{
    free(space->functions);
}

static inline struct pci_address at(uint8_t bus, uint8_t device, uint8_t function)
{
    return (struct pci_address){.bus = bus, .device = device, .function = function};
}

/** A device of layout 0 without anything. */
static inline uint8_t *space_add(struct space *space, struct pci_address address)
{
    struct space_function *function = &space->functions[space->count++];

    assert_true(space->count <= SPACE_FUNCTIONS);
    *function = (struct space_function){.address = address};
    put(function->bytes, PCI_VENDOR_ID, 4, 0x11111234);
    put(function->bytes, PCI_REVISION, 4, 0x02000000);
    put(function->writable, PCI_COMMAND, 2, 0x0507);
    return function->bytes;
}

static inline uint8_t *space_add_bridge(struct space *space, struct pci_address address,
                                        uint8_t secondary, uint8_t subordinate)
{
    uint8_t *bytes = space_add(space, address);

    put(bytes, PCI_REVISION, 4, 0x06040000);
    bytes[PCI_HEADER_TYPE] = 1;
    put(bytes, 0x18, 4, (uint32_t)subordinate << 16 | (uint32_t)secondary << 8 | address.bus);
    return bytes;
}

/** The capability of PCI Express at 0x40, alone in its list. */
static inline void make_express(uint8_t *bytes, uint32_t type)
{
    put(bytes, PCI_STATUS, 2, PCI_STATUS_CAPABILITIES);
    bytes[PCI_CAPABILITY_POINTER] = 0x40;
    put(bytes, 0x40, 4, PCI_CAP_EXPRESS | (type << 4 | 2) << 16);
}

/** An extended capability's header. */
static inline void put_extended(uint8_t *bytes, uint32_t offset, uint32_t id, uint32_t next)
{
    put(bytes, offset, 4, id | 1u << 16 | next << 20);
}

static inline struct pci_config space_config(const struct space *space, struct pci_address address)
{
    return (struct pci_config){
        .access = &space->access, .address = address, .bytes = space->access.config_bytes};
}
