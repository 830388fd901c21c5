/* SPDX-License-Identifier: MIT */
/*
 * The disk's driver, virtio-pci with virtio_blk above it, is unbound from the device and bound
 * again, through sysfs (Documentation/ABI/testing/sysfs-bus-pci of Linux 6.1). Its code stays in
 * memory: no module is unloaded.
 *
 * The disk may come back under another name, if somebody still holds the old one: it is looked up.
 */
#include "linux/linux.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DRIVER     "/sys/bus/pci/drivers/virtio-pci/"
#define NAME_BYTES 32u

static struct {
    char function[NAME_BYTES]; /* 0000:01:00.0 */
    void *buffer;
} device;

/** The last part of the only path that fits the pattern. */
static bool name_find(const char *pattern, char name[NAME_BYTES])
{
    glob_t found;
    const bool good = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1;

    if (good) {
        snprintf(name, NAME_BYTES, "%s", strrchr(found.gl_pathv[0], '/') + 1);
    }
    globfree(&found);
    return good;
}

bool system_driver_open(void)
{
    if (!linux_granted(name_find(DRIVER "*:*", device.function) ? 0 : -1, DRIVER)) {
        return false;
    }
    device.buffer = mmap(NULL, RACE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return device.buffer != MAP_FAILED;
}

static bool function_write(const char *path)
{
    const int file = open(path, O_WRONLY);
    const bool good = linux_granted(file, path) &&
                      linux_granted(write(file, device.function, strlen(device.function)), path);

    close(file);
    return good;
}

bool system_driver_restart(void)
{
    return function_write(DRIVER "unbind") && function_write(DRIVER "bind");
}

bool system_driver_read(void)
{
    char path[2 * NAME_BYTES], name[NAME_BYTES];
    int file;
    bool good;

    if (!name_find(DRIVER "*:*/virtio*/block/*", name)) {
        return false;
    }
    snprintf(path, sizeof(path), "/dev/%s", name);
    file = open(path, O_RDONLY | O_DIRECT);
    good = file >= 0 && pread(file, device.buffer, RACE_PAGE_BYTES, 0) == RACE_PAGE_BYTES;
    close(file);
    return good;
}

void system_driver_close(void)
{
    munmap(device.buffer, RACE_PAGE_BYTES);
}
