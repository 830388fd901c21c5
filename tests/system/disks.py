# SPDX-License-Identifier: MIT
"""Machines with disks that drivers of the standard package serve, for the tests of disks."""

import re
import time

from harness import Devices, Unexpected, disk_image
from shell import SERVICES, claim, fresh_prompt, process_table, until, wait_said  # noqa: F401 (SERVICES: for tests)

SECTOR = 512
SIZE = 4 << 20
DRIVER = "virtio-blk"
READY = "requests at once\r"  # the end of the line with which a driver begins to serve


def image(logs, name="disk.img", size=SIZE, **options):
    """A new image, which is patterned from its first to its last sector."""
    path = logs / name
    disk_image.create(path, **{"size": size, "whole": True, **options})
    return path


def start(boot, logs, *, machine=None, devices=None, **disk):
    """(machine, devices, path) at the prompt, with one disk that is served.

    machine  options of Machine; disk  options of Devices.disk"""
    devices = devices or Devices()
    path = image(logs)
    devices.disk(path, **disk)
    started = boot(devices=devices, **(machine or {}))
    started.expect(started.PROMPT)
    wait_said(started, READY)
    wait_served(started)
    return started, devices, path


def wait_served(machine, disk="", seconds=10):
    """Until the disk answers; what `blk info` says. A driver says so itself, at any moment."""
    end = time.monotonic() + machine.deadline.left(seconds)
    while True:
        fresh_prompt(machine)
        text = machine.shell(f"blk {disk} info")
        if " bytes (" in text:
            return text
        if time.monotonic() > end:
            raise Unexpected("a disk that is served", text)
        time.sleep(0.02)


def read(machine, offset, length, disk=""):
    """Bytes of a disk, as `blk read` shows them."""
    text = machine.shell(f"blk {disk} read {offset} {length}")
    data, at = b"", offset
    for line in text.splitlines():
        match = re.fullmatch(r"([0-9a-f]{10}) ((?: [0-9a-f]{2}){1,16}) *  \|.*\|", line)
        if not match:  # another's line, or a refusal: then bytes are missing
            continue
        claim(int(match.group(1), 16) == at, f"bytes from {at:#x} on", line)
        data += bytes.fromhex(match.group(2))
        at = offset + len(data)
    claim(len(data) == length, f"{length} bytes", f"{len(data)}:\n{text}")
    return data


def write(machine, offset, data, disk=""):
    """`blk write` of bytes; what it says must be that it was done."""
    text = machine.shell(f"blk {disk} write {offset} 0x{data.hex()}")
    claim(f"{len(data)} bytes written at {offset}" in text, f"{len(data)} bytes written", text)


def flush(machine, disk=""):
    text = machine.shell(f"blk {disk} flush")
    claim("all that was written is on the medium" in text, "a flush", text)


def run(machine, arguments, seconds=60):
    """blktest with these arguments: every claim must hold."""
    return must_pass(machine.shell(f"run blktest {arguments}", seconds))


def must_pass(text):
    wrong = [line for line in text.splitlines() if "FAIL" in line or "panic" in line]
    claim("blktest: 0 claims failed" in text and not wrong, "no claim of blktest's failed",
          "\n".join(wrong[:12]) or text[-400:])
    return text


def queue(machine, name):
    """The request queue of a disk, as QEMU sees it: number of requests that it has not answered,..."""
    path = f"/machine/peripheral/{name}/virtio-backend"
    return machine.qmp.execute("x-query-virtio-queue-status", path=path, queue=0)


def wait_taken(machine, name, count):
    """Until the device has taken so many requests more than it has now."""
    first = queue(machine, name)["last-avail-idx"]
    until(machine, f"{count} requests of {name}",
          lambda: (queue(machine, name)["last-avail-idx"] - first) % (1 << 16) >= count)


def background(machine, command):
    """Start a program beside the shell; its process id."""
    machine.write(f"run {command} &\r")
    match = machine.expect(re.compile(r"[a-z0-9-]+: process (\d+)\r"))
    fresh_prompt(machine)
    return int(match.group(1))


def kill(machine, name=DRIVER):
    """End a process by its name, and wait until it has gone."""
    machine.shell(f"kill {name}")
    fresh_prompt(machine)
    end = time.monotonic() + machine.deadline.left(10)
    while name in process_table(machine):
        if time.monotonic() > end:
            raise Unexpected(f"no process {name}", process_table(machine))
        time.sleep(0.02)
        fresh_prompt(machine)
    fresh_prompt(machine)


def kill_client(machine):
    """Kill blktest; it stays in the table as long as the device has its pages."""
    machine.shell("kill blktest")
    fresh_prompt(machine)


def device_row(machine, bdf_text):
    """The line of `devices` for a function such as 01:00.0, as words."""
    fresh_prompt(machine)
    for line in machine.shell("devices").splitlines():
        words = line.split()
        if len(words) > 1 and words[1] == bdf_text:
            return words
    raise Unexpected(f"a line for {bdf_text}", machine.tail())
