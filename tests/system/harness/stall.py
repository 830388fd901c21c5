#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Let a machine stand still, now and then, as it does on a host that is busy with other things.

A program of its own beside each QEMU (`make test-system STALL=1`): it stops one thread, mostly one virtual CPU,
or all of them, for some milliseconds, lets them go on for some, and so forth until the machine ends. A test
that believes in the time that something takes, or in who comes first, fails before it fails on a stranger's
machine. ptrace(2) can stop single threads; SIGSTOP cannot."""

import contextlib
import ctypes
import os
import pathlib
import random
import sys
import time

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207  # linux/ptrace.h
WALL = 0x40000000  # linux/wait.h: threads too
STILL_S = (0.001, 0.060)
LONG_S, RARELY = (0.060, 0.300), 0.05
GOING_S = (0.001, 0.040)
ALL_OF_THEM = 0.3  # how often it is the whole machine

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, thread, data=None):
    if libc.ptrace(request, thread, None, data) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Stalled:
    """Threads that stand still for a while: a with statement."""

    def __init__(self, threads):
        self.threads = threads
        self.stopped = []

    def __enter__(self):
        for thread in self.threads:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                ptrace(PTRACE_SEIZE, thread)
                with contextlib.suppress(ProcessLookupError):
                    ptrace(PTRACE_INTERRUPT, thread)
                self._until_stopped(thread)

    def _until_stopped(self, thread):
        """By us, or by a signal on its way to it, which is delivered when it goes on: ptrace(2), PTRACE_EVENT_STOP."""
        _, status = os.waitpid(thread, WALL)
        if os.WIFSTOPPED(status):
            self.stopped.append((thread, 0 if status >> 16 else os.WSTOPSIG(status)))

    def __exit__(self, *_):
        # The first thread of a process has not ended before all others have, and nobody is told of them before us.
        for thread, delivered in reversed(self.stopped):
            try:
                ptrace(PTRACE_DETACH, thread, delivered)
            except ProcessLookupError:
                os.waitpid(thread, WALL)


def threads_of(process):
    """The first one first."""
    try:
        return sorted(int(entry.name) for entry in pathlib.Path(f"/proc/{process}/task").iterdir())
    except OSError:
        return []


def main():
    process, seed = int(sys.argv[1]), sys.argv[2]
    choice = random.Random(seed)
    while threads := threads_of(process):
        if choice.random() >= ALL_OF_THEM:
            threads = [choice.choice(threads)]
        with Stalled(threads):
            time.sleep(choice.uniform(*(LONG_S if choice.random() < RARELY else STILL_S)))
        time.sleep(choice.uniform(*GOING_S))


if __name__ == "__main__":
    try:
        main()
    except (ChildProcessError, PermissionError):
        pass  # the machine has ended, though not all of it
