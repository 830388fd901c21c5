/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The program that `make bench` runs on capOS (`bench`) and on Linux (`race`), to compare them.
 *
 *   main.c       arguments, the tests in their order
 *   calls.c      system calls, ring entries, calls between processes, a page's mapping
 *   wakes.c      wake-ups: by another thread, by an interrupt of `edu`
 *   reads.c      reads of a disk
 *   restart.c    a driver's restart
 *   system.h     what they need of a system; capos_*.c and bench/linux are it
 *
 * Tests and statistics (user/libbench) are the same source on both. A system may have several ways
 * to do what a test asks for, such as pread and io_uring: each is measured, as TEST/WAY.
 */

#include "libbench/figure.h"

#define RACE_WAYS_MAX   3u
#define RACE_PAGE_BYTES 4096u

/** In the order in which they run. The last one leaves the disk as a new driver finds it. */
enum race_test {
    RACE_CALIBRATOR,
    RACE_NULL_CALL,
    RACE_RING_NOP_1,
    RACE_RING_NOP_32,
    RACE_CALL_RETURN,
    RACE_NOTIFY_BLOCKED,
    RACE_MAP_PAGE,
    RACE_EDU_INTERRUPT,
    RACE_DISK_READ_1,
    RACE_DISK_READ_32,
    RACE_DRIVER_RESTART,
    RACE_TESTS,
};

/* Measure one way: true, and the figure is taken; false, and a line says why not. */
MUST_CHECK bool race_calibrator(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_null_call(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_ring_nop_1(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_ring_nop_32(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_call_return(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_notify_blocked(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_map_page(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_edu_interrupt(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_disk_read_1(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_disk_read_32(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_driver_restart(unsigned way, struct bench_figure *figure);
