/* SPDX-License-Identifier: MIT */
#include "pci/class.h"

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct name {
    uint16_t code; /* class << 8 | subclass */
    const char *text;
};

static const struct name subclasses[] = {
    {0x0100, "SCSI controller"},
    {0x0101, "IDE controller"},
    {0x0104, "RAID controller"},
    {0x0106, "SATA controller"},
    {0x0107, "SAS controller"},
    {0x0108, "NVM controller"},
    {0x0200, "Ethernet controller"},
    {0x0300, "VGA controller"},
    {0x0401, "audio device"},
    {0x0403, "HD audio device"},
    {0x0500, "RAM"},
    {0x0600, "host bridge"},
    {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},
    {0x0607, "CardBus bridge"},
    {0x0700, "serial controller"},
    {0x0800, "interrupt controller"},
    {0x0806, "IOMMU"},
    {0x0c03, "USB controller"},
    {0x0c05, "SMBus controller"},
    {0x1000, "network encryption"},
};

static const char *const classes[] = {
    "unclassified device",
    "mass storage",
    "network controller",
    "display controller",
    "multimedia device",
    "memory controller",
    "bridge",
    "communication controller",
    "system peripheral",
    "input device",
    "docking station",
    "processor",
    "serial bus controller",
    "wireless",
    "intelligent I/O",
    "satellite controller",
    "encryption controller",
    "signal processing",
    "accelerator",
    "instrumentation",
};

const char *pci_class_name(uint32_t class_code)
{
    const uint32_t base = class_code >> 16 & 0xff;

    for (size_t i = 0; i < ARRAY_COUNT(subclasses); i++) {
        if (subclasses[i].code == (class_code >> 8 & 0xffff)) {
            return subclasses[i].text;
        }
    }
    if (base == 0xff) {
        return "unassigned class";
    }
    return base < ARRAY_COUNT(classes) ? classes[base] : "unknown";
}

/* PCI Code and ID Assignment Specification 1.11, sections 2 and 3. */
static const struct name standard[] = {
    {0x01, "power management"},
    {0x03, "vital product data"},
    {0x04, "slot identification"},
    {0x05, "MSI"},
    {0x07, "PCI-X"},
    {0x09, "vendor specific"},
    {0x0c, "hot plug"},
    {0x0d, "bridge subsystem"},
    {0x10, "PCI Express"},
    {0x11, "MSI-X"},
    {0x12, "SATA"},
    {0x13, "advanced features"},
    {0x14, "enhanced allocation"},
};

static const struct name extended[] = {
    {0x0001, "advanced error reporting"},
    {0x0002, "virtual channel"},
    {0x0003, "serial number"},
    {0x0004, "power budgeting"},
    {0x0005, "root complex links"},
    {0x000b, "vendor specific"},
    {0x000d, "access control services"},
    {0x000e, "alternative routing-ID"},
    {0x000f, "address translation services"},
    {0x0010, "SR-IOV"},
    {0x0013, "page requests"},
    {0x0015, "resizable BAR"},
    {0x0017, "TPH requester"},
    {0x0018, "latency tolerance"},
    {0x0019, "secondary PCI Express"},
    {0x001b, "process address space ID"},
    {0x001d, "downstream port containment"},
    {0x001e, "L1 PM substates"},
};

static const char *find(const struct name *names, size_t count, uint16_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].code == code) {
            return names[i].text;
        }
    }
    return "";
}

const char *pci_capability_name(uint16_t id, bool is_extended)
{
    return is_extended ? find(extended, ARRAY_COUNT(extended), id)
                       : find(standard, ARRAY_COUNT(standard), id);
}
