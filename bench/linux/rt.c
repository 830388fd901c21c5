/* SPDX-License-Identifier: MIT */
/*
 * In the place of user/rt: what the shared code calls of it.
 */
#include "linux/linux.h"

#include "rt/clock.h"
#include "rt/print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void rt_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

enum status rt_clock_now(uint64_t *nanoseconds)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    *nanoseconds = (uint64_t)now.tv_sec * RT_NS_PER_S + (uint64_t)now.tv_nsec;
    return STATUS_OK;
}

void rt_sleep(uint64_t nanoseconds)
{
    const struct timespec time = {.tv_sec = (time_t)(nanoseconds / RT_NS_PER_S),
                                  .tv_nsec = (long)(nanoseconds % RT_NS_PER_S)};

    nanosleep(&time, NULL);
}

bool linux_granted(long result, const char *what)
{
    if (LIKELY(result >= 0)) {
        return true;
    }
    rt_print("bench: %s: %s\n", what, strerrordesc_np(result == -1 ? errno : (int)-result));
    return false;
}
