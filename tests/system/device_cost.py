# SPDX-License-Identifier: MIT
"""A machine in which user/apps/devicecost can run, and what it and `locks` say. Of test_device_cost.py and
tools/bench_machines.py."""

import json
import pathlib
import re

import locks
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


def longest_holds(machine, work, begins, seconds=90):
    """locks.longest_holds() while the work is done. Interrupts are off as long as the kernel lock is held."""
    locks.forget_holds(machine)
    if begins:
        machine.write(work + "\r")
        machine.expect(begins, seconds)
        locks.forget_holds(machine)
        machine.expect(machine.PROMPT, seconds)
    else:
        machine.shell(work, seconds)
    return locks.longest_holds(machine)
