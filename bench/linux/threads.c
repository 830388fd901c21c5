/* SPDX-License-Identifier: MIT */
/*
 * What race needs of Linux: a second thread, and waking it.
 */
#include "linux/linux.h"

#include "rt/print.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define US_PER_TICK 10000u /* of /proc/stat: USER_HZ is 100 on x86 */

static pthread_t thread;

static void *thread_main(void *argument)
{
    void (*const function)(void) = (void (*)(void))(uintptr_t)argument;

    function();
    return NULL;
}

bool system_thread_start(void (*function)(void), enum system_priority priority)
{
    const bool urgent = priority == SYSTEM_URGENT;
    const struct sched_param param = {.sched_priority = urgent ? 1 : 0};
    int error = pthread_create(&thread, NULL, thread_main, (void *)(uintptr_t)function);

    if (error == 0) {
        error = pthread_setschedparam(thread, urgent ? SCHED_FIFO : SCHED_IDLE, &param);
    }
    return linux_granted(-error, "a second thread");
}

bool system_thread_join(void)
{
    return linux_granted(-pthread_join(thread, NULL), "the second thread");
}

static struct {
    unsigned way;
    uint32_t word;
    int event;
} wake;

bool system_wake_open(unsigned way)
{
    wake.way = way;
    wake.word = 0;
    wake.event = eventfd(0, 0);
    return linux_granted(wake.event, "eventfd");
}

static bool event_wait(int event)
{
    uint64_t count;

    return read(event, &count, sizeof(count)) == sizeof(count) && count == 1;
}

bool system_wake_wait(void)
{
    if (wake.way == WAKE_EVENTFD) {
        return event_wait(wake.event);
    }
    while (__atomic_load_n(&wake.word, __ATOMIC_ACQUIRE) == 0) {
        if (!linux_futex_wait(&wake.word, 0, FUTEX_PRIVATE_FLAG)) {
            return false;
        }
    }
    __atomic_store_n(&wake.word, 0, __ATOMIC_RELEASE);
    return true;
}

bool system_wake(void)
{
    const uint64_t one = 1;

    if (wake.way == WAKE_EVENTFD) {
        return write(wake.event, &one, sizeof(one)) == sizeof(one);
    }
    __atomic_store_n(&wake.word, 1, __ATOMIC_RELEASE);
    return linux_futex_wake(&wake.word, FUTEX_PRIVATE_FLAG);
}

void system_wake_close(void)
{
    close(wake.event);
}

bool system_idle_us(uint64_t *idle_us)
{
    unsigned long long idle, waiting;
    FILE *const file = fopen("/proc/stat", "r");
    const int found = file == NULL ? 0 : fscanf(file, "cpu %*u %*u %*u %llu %llu", &idle, &waiting);

    if (file != NULL) {
        fclose(file);
    }
    if (found != 2) {
        rt_print("bench: /proc/stat cannot be read\n");
        return false;
    }
    *idle_us = (idle + waiting) * US_PER_TICK;
    return true;
}
