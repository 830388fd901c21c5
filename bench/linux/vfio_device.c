/* SPDX-License-Identifier: MIT */
#include "linux/vfio_device.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATH_BYTES (PATH_MAX + 32)

/** The last part of where a symbolic link points to. */
static const char *link_name(const char *link, char target[PATH_MAX])
{
    const ssize_t length = readlink(link, target, PATH_MAX - 1);
    const char *slash;

    if (length < 0) {
        return NULL;
    }
    target[length] = 0;
    slash = strrchr(target, '/');
    return slash != NULL ? slash + 1 : target;
}

static const char *group_open(struct vfio_device *vfio, const char *link)
{
    char path[PATH_BYTES], target[PATH_MAX];
    const char *group;

    snprintf(path, sizeof(path), "%s/iommu_group", link);
    group = link_name(path, target);
    if (group == NULL) {
        return "the device has no IOMMU group";
    }
    snprintf(path, sizeof(path), "/dev/vfio/%s", group);
    vfio->container = open("/dev/vfio/vfio", O_RDWR);
    vfio->group = open(path, O_RDWR);
    if (vfio->container < 0 || vfio->group < 0) {
        return "the group";
    }
    if (ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container) != 0) {
        return "the container";
    }
    return ioctl(vfio->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0 ? "the IOMMU" : NULL;
}

static const char *registers_map(struct vfio_device *vfio)
{
    struct vfio_region_info region = {.argsz = sizeof(region), .index = VFIO_PCI_BAR0_REGION_INDEX};
    void *mapping;

    if (ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &region) != 0) {
        return "the BAR";
    }
    vfio->bytes = region.size;
    mapping = mmap(NULL, vfio->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vfio->device,
                   (off_t)region.offset);
    if (mapping == MAP_FAILED) {
        return "mapping the BAR";
    }
    vfio->registers = mapping;
    return NULL;
}

/** An MSI is a write of the device's: PCI Local Bus 3.0, 6.2.2, bit 2 of the command register. */
static const char *bus_master_enable(struct vfio_device *vfio)
{
    struct vfio_region_info region = {.argsz = sizeof(region),
                                      .index = VFIO_PCI_CONFIG_REGION_INDEX};
    off_t place;
    uint16_t command;

    if (ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &region) != 0) {
        return "configuration space";
    }
    place = (off_t)region.offset + PCI_COMMAND;
    if (pread(vfio->device, &command, sizeof(command), place) != sizeof(command)) {
        return "the command register";
    }
    command |= PCI_COMMAND_MASTER;
    return pwrite(vfio->device, &command, sizeof(command), place) != sizeof(command)
               ? "the command register"
               : NULL;
}

static const char *interrupt_bind(struct vfio_device *vfio)
{
    union {
        struct vfio_irq_set set;
        char bytes[sizeof(struct vfio_irq_set) + sizeof(int)];
    } irq = {.set = {.argsz = sizeof(irq.bytes),
                     .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                     .index = VFIO_PCI_MSI_IRQ_INDEX,
                     .count = 1}};

    vfio->event = eventfd(0, 0);
    memcpy(irq.bytes + sizeof(struct vfio_irq_set), &vfio->event, sizeof(int));
    return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, &irq.set) != 0 ? "the interrupt" : NULL;
}

const char *vfio_device_open(struct vfio_device *vfio, const char *link)
{
    char target[PATH_MAX];
    const char *const name = link_name(link, target);
    const char *failed = name == NULL ? link : group_open(vfio, link);

    if (failed == NULL) {
        vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, name);
        failed = vfio->device < 0 ? "the device" : registers_map(vfio);
    }
    if (failed == NULL) {
        failed = bus_master_enable(vfio);
    }
    return failed == NULL ? interrupt_bind(vfio) : failed;
}

void vfio_device_close(struct vfio_device *vfio)
{
    munmap((void *)(uintptr_t)vfio->registers, vfio->bytes);
    close(vfio->event);
    close(vfio->device);
    close(vfio->group);
    close(vfio->container);
}
