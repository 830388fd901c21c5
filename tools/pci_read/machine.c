/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include "bytes/bytes.h"
#include "memory.h"
#include "pci/groups.h"

#include <stdio.h>
#include <stdlib.h>

/* Dumps with an address and no error, sorted by it, each address once. */
struct machine {
    struct pci_access access;
    const struct dump **dumps;
    size_t count;
};

static uint64_t key_of(struct pci_address address)
{
    return (uint64_t)address.segment << 16 | pci_address_id(address);
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = key_of((*(const struct dump *const *)a)->address);
    const uint64_t right = key_of((*(const struct dump *const *)b)->address);

    return left < right ? -1 : left > right;
}

static const struct dump *find(const struct machine *machine, struct pci_address address)
{
    size_t low = 0;
    size_t high = machine->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (key_of(machine->dumps[middle]->address) < key_of(address)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < machine->count && key_of(machine->dumps[low]->address) == key_of(address)
               ? machine->dumps[low]
               : NULL;
}

static uint32_t machine_read(const struct pci_access *access, struct pci_address address,
                             uint32_t offset, uint32_t width)
{
    const struct dump *dump = find((const struct machine *)access, address);

    if (dump == NULL || offset + width > dump->length) {
        return UINT32_MAX >> (32 - 8 * width);
    }
    return width == 4   ? bytes_u32(dump->bytes + offset)
           : width == 2 ? bytes_u16(dump->bytes + offset)
                        : dump->bytes[offset];
}

/* Enumerate one segment; `start` is its first dump in machine->dumps, the next one's is returned.
 */
static size_t segment_enumerate(const struct machine *machine, size_t start,
                                const struct dump_file *file, struct machine_place *places,
                                struct pci_enumeration *enumeration)
{
    const uint32_t segment = machine->dumps[start]->address.segment;
    struct pci_found *found;
    struct pci_address place;
    size_t end = start;

    while (end < machine->count && machine->dumps[end]->address.segment == segment) {
        end++;
    }
    found = memory_get((end - start) * sizeof(*found));
    *enumeration = (struct pci_enumeration){
        .access = &machine->access,
        .segment = segment,
        .last_bus = PCI_BUSES - 1,
        .roots = PCI_ROOTS_ALL,
        .found = found,
        .capacity = (uint32_t)(end - start),
    };
    if (pci_enumerate(enumeration, &place) != PCI_OK) {
        fputs("pci-read: more functions than dumps\n", stderr);
        abort();
    }
    pci_groups(found, enumeration->count);
    for (uint32_t i = 0; i < enumeration->count; i++) {
        const struct dump *dump = find(machine, found[i].address);
        struct machine_place *of = &places[dump - file->dumps];

        of->is_found = true;
        of->found = found[i];
        of->has_parent = found[i].parent != PCI_NOBODY;
        if (of->has_parent) {
            of->parent = found[found[i].parent].address;
        }
        of->group = found[found[i].group].address;
    }
    free(found);
    return end;
}

struct machine_place *machine_enumerate(const struct dump_file *file)
{
    struct machine_place *places = memory_get((file->count + 1) * sizeof(*places));
    struct pci_enumeration *enumeration = memory_get(sizeof(*enumeration));
    struct machine machine = {
        .access = {.read = machine_read, .config_bytes = PCI_EXPRESS_BYTES},
        .dumps = memory_get((file->count + 1) * sizeof(*machine.dumps)),
    };

    for (size_t i = 0; i < file->count; i++) {
        const struct dump *dump = &file->dumps[i];

        places[i] = (struct machine_place){.is_found = false};
        if (dump->has_address && !dump->is_repeated && dump->error == DUMP_OK) {
            machine.dumps[machine.count++] = dump;
        }
    }
    qsort(machine.dumps, machine.count, sizeof(*machine.dumps), compare);
    for (size_t at = 0; at < machine.count;) {
        at = segment_enumerate(&machine, at, file, places, enumeration);
    }
    free(machine.dumps);
    free(enumeration);
    return places;
}
