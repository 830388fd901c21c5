# SPDX-License-Identifier: MIT
"""A serial line that is slow, absent or flooded does not stop the system.

What the system does is seen from outside: a client that reads its disk at boot makes QEMU count reads of
that disk, which takes init, a driver's process, its interrupts and the client."""

import fcntl
import os
import re
import select
import struct
import termios
import time

import pytest
from harness import Devices, Unexpected, disk_image
from packages import Package
from shell import claim, fresh_prompt, process_table

PIPE_BYTES = 4096  # the least that a pipe can hold
TRIES = 20


def reader_package(logs):
    """The standard programs, and one that reads the disk as soon as it is there."""
    package = Package("init", "echo", "share", "shell", "virtio-blk", "bench", "demo", "rttest")
    package.add("first-read", like="bench", start="boot", arguments=["first-read"], grants=[
        {"name": "console", "source": {"console": None}}, {"name": "disk", "source": {"uses": "disk"}}])
    return package.write(logs)


def machine_devices(logs):
    disk_image.create(logs / "disk.img", 1 << 20)
    devices = Devices()
    devices.disk(logs / "disk.img")
    return devices


def wait_read(machine, seconds=30):
    """Until the disk has been read."""
    end = time.monotonic() + machine.deadline.left(seconds)
    while True:
        counts = [row["stats"]["rd_operations"] for row in machine.qmp.execute("query-blockstats")]
        if any(counts):
            return
        if time.monotonic() > end:
            raise Unexpected("a disk that has been read", counts)
        time.sleep(0.05)


@pytest.mark.parametrize("append", ["", "diag=1"])
def test_absent(boot, logs, append):
    """Without a COM1 the machine boots, with diag=1 too, and its processes work: a client reads the disk.
    Else: nobody ever reads it."""
    machine = boot(devices=machine_devices(logs), package=reader_package(logs), append=append,
                   serial=["-serial", "none"])
    wait_read(machine)


class Fifo:
    """A serial line through two pipes, the one for output as small as a pipe can be, and read only when
    a test wants to."""

    def __init__(self, directory):
        self.path = directory / "line"
        for end in ("in", "out"):
            os.mkfifo(f"{self.path}.{end}")
        self.input = os.open(f"{self.path}.in", os.O_RDWR)
        self.output = os.open(f"{self.path}.out", os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.seen = b""

    def arguments(self):
        return ["-chardev", f"pipe,id=line,path={self.path}", "-serial", "chardev:line"]

    def waiting(self):
        return struct.unpack("i", fcntl.ioctl(self.output, termios.FIONREAD, bytes(4)))[0]

    def hears(self, words, seconds):
        """Whether these words come within so many seconds, or have come."""
        end = time.monotonic() + seconds
        while words not in self.seen:
            if not select.select([self.output], [], [], max(0, end - time.monotonic()))[0]:
                return False
            self.seen += os.read(self.output, PIPE_BYTES)
        return True

    def expect(self, words, seconds=60):
        if not self.hears(words, seconds):
            raise Unexpected(words, self.seen[-500:])

    def close(self):
        os.close(self.input)
        os.close(self.output)


def test_slow(boot, logs):
    """While nobody takes what the machine says, its processes work all the same; when somebody does, the
    shell answers. What did not fit on the line is lost. Else: no read of the disk, or no prompt."""
    line = Fifo(logs)
    try:
        machine = boot(devices=machine_devices(logs), package=reader_package(logs), append="x " * 200,
                       serial=line.arguments())
        wait_read(machine)
        claim(line.waiting() > PIPE_BYTES // 2, "a line that is full", line.waiting())
        line.expect(b"unknown word: x")
        for _ in range(TRIES):  # what is said while nobody takes anything is lost, an answer as well
            os.write(line.input, b"\recho here I am\r")
            if line.hears(b"\nhere I am\r\ncapos> ", 2):
                break
        else:
            raise Unexpected("an answer", line.seen[-500:])
    finally:
        line.close()


def test_flooded(boot, logs):
    """40 KB of everything, faster than any line, do not keep programs from running meanwhile nor the shell
    from answering afterwards, and leave its processes as they were. Else: a timer test that fails or
    never ends, a panic, a shell that has died, or one that carried something out."""
    machine = boot()
    machine.expect(machine.PROMPT)
    before = {name: row["pid"] for name, row in process_table(machine).items()}
    machine.write("run rttest timers sleep &\r")
    bytes_of_all_kinds = "".join(chr(byte) for byte in range(256) if byte not in (3, 10, 13, 21))
    for _ in range(160):
        machine.write(bytes_of_all_kinds)
    machine.expect(re.compile(r"rttest: \d+ passed, 0 failed"))
    machine.write("\x15\r")
    fresh_prompt(machine)
    after = {name: row["pid"] for name, row in process_table(machine).items()}
    claim(after == before, f"processes {before}", after)
    claim("panic" not in machine.output, "no panic", machine.tail())
    machine.halt()
