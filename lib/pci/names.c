/* SPDX-License-Identifier: MIT */
#include "pci/names.h"

#include <stddef.h>

struct pci_vendor_entry {
    uint16_t vendor;
    uint16_t first; /* of its devices, in device_entries */
    uint16_t count;
    const char *name;
};

struct pci_device_entry {
    uint16_t device;
    const char *name;
};

/* Both ascend, devices within their vendor, and end with an entry that is nobody's. */
#include "pci_names.h"

static const struct pci_vendor_entry *find_vendor(uint16_t vendor)
{
    const struct pci_vendor_entry *entry = vendor_entries;

    while (entry->name != NULL && entry->vendor < vendor) {
        entry++;
    }
    return entry->name != NULL && entry->vendor == vendor ? entry : NULL;
}

const char *pci_vendor_name(uint16_t vendor)
{
    const struct pci_vendor_entry *entry = find_vendor(vendor);

    return entry == NULL ? NULL : entry->name;
}

const char *pci_device_name(uint16_t vendor, uint16_t device)
{
    const struct pci_vendor_entry *entry = find_vendor(vendor);

    for (uint32_t i = 0; entry != NULL && i < entry->count; i++) {
        if (device_entries[entry->first + i].device == device) {
            return device_entries[entry->first + i].name;
        }
    }
    return NULL;
}
