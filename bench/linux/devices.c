/* SPDX-License-Identifier: MIT */
/*
 * What race needs of Linux' devices: the interrupt of `edu`, which this program drives itself
 * through VFIO, and reads of the disk.
 */
#include "linux/linux.h"
#include "linux/vfio_device.h"

#include "rt/print.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static struct vfio_device edu;

volatile uint32_t *system_interrupt_open(void)
{
    const char *const failed = vfio_device_open(&edu, "/dev/edu");

    if (failed != NULL) {
        rt_print("bench: VFIO: %s: %s\n", failed, strerrordesc_np(errno));
        return NULL;
    }
    return edu.registers;
}

bool system_interrupt_wait(void)
{
    uint64_t count;

    return read(edu.event, &count, sizeof(count)) == sizeof(count) && count == 1;
}

void system_interrupt_close(void)
{
    vfio_device_close(&edu);
}

static struct {
    unsigned way;
    int file;
    uint32_t depth;
    uint32_t done; /* the buffer that pread() has filled */
    uint8_t *buffers;
} disk;

static bool disk_register(void)
{
    /* Completions run by the submitter are quicker by 1 % for one read, and slower for many. */
    const unsigned flags =
        disk.depth == 1 ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0;
    struct iovec vectors[64];

    for (uint32_t i = 0; i < disk.depth; i++) {
        vectors[i] = (struct iovec){.iov_base = system_disk_buffer(i), .iov_len = RACE_PAGE_BYTES};
    }
    return linux_ring_open(disk.depth, flags) &&
           linux_granted(io_uring_register_buffers(&linux_ring, vectors, disk.depth),
                         "registering buffers") &&
           linux_granted(io_uring_register_files(&linux_ring, &disk.file, 1),
                         "registering the file");
}

bool system_disk_open(unsigned way, uint32_t depth, uint64_t *page_count)
{
    uint64_t bytes;

    disk.way = way;
    disk.depth = depth;
    disk.file = open(LINUX_DISK, O_RDONLY | O_DIRECT);
    if (!linux_granted(disk.file, LINUX_DISK) ||
        !linux_granted(ioctl(disk.file, BLKGETSIZE64, &bytes), LINUX_DISK)) {
        return false;
    }
    *page_count = bytes / RACE_PAGE_BYTES;
    disk.buffers = mmap(NULL, (size_t)depth * RACE_PAGE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return disk.buffers != MAP_FAILED && (way == READ_PREAD || disk_register());
}

bool system_disk_submit(uint32_t buffer, uint64_t page)
{
    struct io_uring_sqe *sqe;

    if (disk.way == READ_PREAD) {
        disk.done = buffer;
        return pread(disk.file, system_disk_buffer(buffer), RACE_PAGE_BYTES,
                     (off_t)(page * RACE_PAGE_BYTES)) == RACE_PAGE_BYTES;
    }
    sqe = io_uring_get_sqe(&linux_ring);
    io_uring_prep_read_fixed(sqe, 0, system_disk_buffer(buffer), RACE_PAGE_BYTES,
                             page * RACE_PAGE_BYTES, (int)buffer);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = buffer;
    return true;
}

bool system_disk_wait(uint32_t *buffer)
{
    struct io_uring_cqe *cqe;
    bool good;

    if (disk.way == READ_PREAD) {
        *buffer = disk.done;
        return true;
    }
    if (io_uring_peek_cqe(&linux_ring, &cqe) != 0 &&
        (!linux_granted(io_uring_submit_and_wait(&linux_ring, 1), "io_uring_enter") ||
         !linux_granted(io_uring_peek_cqe(&linux_ring, &cqe), "a completion"))) {
        return false;
    }
    *buffer = (uint32_t)cqe->user_data;
    good = cqe->res == RACE_PAGE_BYTES;
    io_uring_cqe_seen(&linux_ring, cqe);
    return good;
}

uint8_t *system_disk_buffer(uint32_t buffer)
{
    return disk.buffers + (size_t)buffer * RACE_PAGE_BYTES;
}

void system_disk_close(void)
{
    if (disk.way == READ_URING) {
        io_uring_queue_exit(&linux_ring);
    }
    munmap(disk.buffers, (size_t)disk.depth * RACE_PAGE_BYTES);
    close(disk.file);
}
