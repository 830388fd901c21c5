# SPDX-License-Identifier: MIT
"""A machine in which user/apps/devicecost can run, and what it and `locks` say. Of test_device_cost.py and
tools/bench_machines.py."""

import bisect
import json
import pathlib
import re

from harness import Devices
from packages import Package

IMAGE = pathlib.Path("build/package/user/devicecost.elf")
LOCK_TIMES = pathlib.Path("build/kernel-lock-times/capos.elf")
LINE = re.compile(r"^bench: (\{.*\})\s*$", re.MULTILINE)

# What is done for the longest sections, and what is said when the part begins that counts.
PROGRAM = ("run demo", None)
DEVICE = ("run devicecost 1 10000", '"device-teardown"')  # from the claim that gets 10,000 buffers on


def devices():
    """Two edu behind VT-d."""
    made = Devices()
    made.edu()
    made.edu()
    return made


def package():
    """The default package, in which no driver has a device, with devicecost."""
    made = Package()
    for program in made.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"
    made.add("devicecost", IMAGE.read_bytes(), like="demo", grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "deviceManager", "source": {"deviceManager": None}},
    ], budget={"frames": 4096, "capSlots": 11000, "objects": 11000, "threads": 2, "dmaPages": 10100,
               "mmioPages": 16, "interrupts": 4})
    return made


def records(text):
    """{(name, live): record} of what devicecost printed."""
    return {(line["name"], line["live"]): line for line in map(json.loads, LINE.findall(text.replace("\r", "")))}


def symbol_at(machine, address):
    """The function of the kernel that an address is in."""
    machine.symbol("kernel_lock")
    names = sorted((value, name) for name, value in machine._symbols.items())
    return names[bisect.bisect(names, (address, chr(0x10FFFF))) - 1][1]


def forget_holds(machine):
    """Set the longest times back to nothing, from outside."""
    machine.ram.write(machine.symbol("lock_holds") - machine.symbol("KERNEL_VIRTUAL_BASE"), bytes(4 * 24))


def longest_holds(machine, work, begins, seconds=90):
    """{lock: (ns, taken in, given back in)} while the work is done; of a LOCK_TIMES kernel. Interrupts are off as long
    as the kernel lock is held. With -icount shift=0 one instruction is one nanosecond."""
    forget_holds(machine)
    if begins:
        machine.write(work + "\r")
        machine.expect(begins, seconds)
        forget_holds(machine)
        machine.expect(machine.PROMPT, seconds)
    else:
        machine.shell(work, seconds)
    rows = [line.split() for line in machine.shell("locks").splitlines()]
    return {row[1]: (int(row[4]), *(symbol_at(machine, int(place, 16)) for place in row[5:7]))
            for row in rows if len(row) == 7 and row[0].isdigit()}
