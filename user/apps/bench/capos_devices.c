/* SPDX-License-Identifier: MIT */
/*
 * What race needs of capOS' devices: the interrupt of `edu`, which this program drives itself, and
 * a session with the disk's driver.
 */
#include "apps/bench/capos.h"

#include "libdriver/interrupt.h"
#include "rt/address_space.h"
#include "rt/process.h"

#define EDU_REGISTER_BYTES 0x100u

volatile uint32_t *system_interrupt_open(void)
{
    static struct driver_device device;
    static struct driver_window window;

    driver_device_open(&device);
    driver_window_open(&device, 0, 0, EDU_REGISTER_BYTES, &window);
    if (!capos_granted(notification_create(&capos_notification), "a notification")) {
        return NULL;
    }
    driver_interrupt_start(&device, 0, capos_notification, CAPOS_INTERRUPT_BIT);
    return (volatile uint32_t *)window.registers;
}

void system_interrupt_close(void)
{
    /* The device goes back with the process. */
}

struct capos_disk capos_disk;

bool system_disk_open(unsigned way, uint32_t depth, uint64_t *page_count)
{
    const uint64_t endpoint = rt_capability_required("disk");
    struct block_disk info;

    (void)way;
    capos_disk.depth = depth;
    if (!capos_granted(block_info_get(endpoint, &info), "the disk") ||
        !capos_granted(memory_create(depth, &capos_disk.memory), "memory for the disk") ||
        !capos_granted(
            rt_space_map(capos_disk.memory, 0, depth, ACCESS_READ_WRITE, &capos_disk.buffers),
            "mapping it") ||
        !capos_granted(
            block_session_open(&capos_disk.session, endpoint, depth, capos_disk.memory, depth),
            "a session with the disk")) {
        return false;
    }
    *page_count = info.sector_count / CAPOS_SECTORS_PER_PAGE;
    return true;
}

uint8_t *system_disk_buffer(uint32_t buffer)
{
    return (uint8_t *)capos_disk.buffers + (size_t)buffer * RACE_PAGE_BYTES;
}

void system_disk_close(void)
{
    block_session_close(&capos_disk.session);
    rt_space_unmap(capos_disk.buffers, capos_disk.depth);
    capability_release(capos_disk.memory);
}
