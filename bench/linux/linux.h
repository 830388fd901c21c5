/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What race needs of Linux (apps/bench/system.h). Every way is the quickest form of it that Linux
 * 6.1 has: private futexes between threads, io_uring with registered ring, file and buffers,
 * O_DIRECT for reads. Its settings were chosen by measuring.
 *
 *   rt.c            in the place of user/rt
 *   calls.c         the ring, a partner, a page
 *   threads.c       a second thread, wake-ups, idle time
 *   devices.c       `edu` through VFIO (vfio_device.c), reads of the disk
 *   restart.c       the disk's driver is unbound and bound
 *   busy.c          what another program executes: for fio
 */

#include "apps/bench/system.h"

#include <liburing.h>

#define LINUX_DISK "/dev/vda"

enum { TRIP_FUTEX, TRIP_PIPE };
enum { WAKE_FUTEX, WAKE_EVENTFD };
enum { READ_URING, READ_PREAD };

/** False, and a line, if `result` is an error: -1 and errno, or a negative error number. */
MUST_CHECK bool linux_granted(long result, const char *what);

/** The ring that NOPs and reads use, one at a time. */
extern struct io_uring linux_ring;
MUST_CHECK bool linux_ring_open(uint32_t entries, unsigned flags);

MUST_CHECK bool linux_futex_wait(uint32_t *word, uint32_t value, int flags);
MUST_CHECK bool linux_futex_wake(uint32_t *word, int flags);

/** Run a program and print how many instructions it, and the kernel for it, have executed. */
int linux_busy(char **command);
