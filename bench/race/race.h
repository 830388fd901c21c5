/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * race: the program that `make bench` runs on capOS and on Linux, to compare them.
 *
 *   main.c      arguments, the tests in their order
 *   calls.c     system calls, ring entries, round trips between processes, wake-ups
 *   devices.c   an interrupt of `edu`, reads of a disk
 *   system.h    what they need of a system; capos.c, and bench/linux/system.c, are it
 *
 * Tests and statistics (user/libbench) are the same source on both. A system may have several ways
 * to do what a test asks for, such as pread and io_uring: each is measured, as TEST/WAY.
 */

#include "libbench/figure.h"

#define RACE_WAYS_MAX   3u
#define RACE_PAGE_BYTES 4096u

enum race_test {
    RACE_CALIBRATOR,
    RACE_NULL_CALL,
    RACE_NOP_1,
    RACE_NOP_32,
    RACE_ROUND_TRIP,
    RACE_WAKE,
    RACE_INTERRUPT,
    RACE_READ_1,
    RACE_READ_32,
    RACE_TESTS,
};

/* Measure one way: true, and the figure is taken; false, and a line says why not. */
MUST_CHECK bool race_calibrator(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_null_call(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_nop_1(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_nop_32(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_round_trip(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_wake(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_interrupt(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_read_1(unsigned way, struct bench_figure *figure);
MUST_CHECK bool race_read_32(unsigned way, struct bench_figure *figure);
