/* SPDX-License-Identifier: MIT */
/*
 * race busy COMMAND...    run it, and print the ticks that went by, less those of the spinner that
 *                         ran while nobody else had anything to do: where ticks are instructions,
 *                         all that the program has executed, and the kernel for it
 */
#include "linux/linux.h"

#include "libbench/spinner.h"
#include "rt/print.h"

#include <sys/wait.h>
#include <unistd.h>

int linux_busy(char **command)
{
    uint64_t begin, ticks;
    pid_t process;
    int status = 0;

    if (!system_thread_start(bench_spin, SYSTEM_BACKGROUND)) {
        return 1;
    }
    begin = bench_busy_now();
    process = vfork();
    if (process == 0) {
        execv(command[0], command);
        _exit(127);
    }
    if (!linux_granted(process, command[0]) ||
        !linux_granted(waitpid(process, &status, 0), command[0])) {
        return 1;
    }
    ticks = bench_busy_now() - begin;
    bench_spin_stop();
    if (!system_thread_join()) {
        return 1;
    }
    rt_print("busy: {\"ticks\":%llu,\"status\":%d}\n", (unsigned long long)ticks, status);
    return status == 0 ? 0 : 1;
}
