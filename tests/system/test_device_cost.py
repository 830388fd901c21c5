# SPDX-License-Identifier: MIT
"""What device authority costs in instructions, and that it does not grow with what is alive."""

import json
import pathlib
import re

import pytest
from harness import Devices
from locks import forget_holds, longest_holds
from packages import Package
from shell import claim

IMAGE = pathlib.Path("build/package/user/devicecost.elf")
RECORDS = pathlib.Path("build/bench/device-cost.json")
LIVE = [1, 10, 100, 1000, 2000]
LINE = re.compile(r"^bench: (\{.*\})\s*$", re.MULTILINE)


def start(boot, logs, **options):
    """A machine at the prompt in which devicecost can claim edu."""
    devices = Devices()
    devices.edu()
    package = Package()
    for program in package.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"
    package.add("devicecost", IMAGE.read_bytes(), like="demo", grants=[
        {"name": "console", "source": {"console": None}},
        {"name": "deviceManager", "source": {"deviceManager": None}},
    ], budget={"frames": 4096, "capSlots": 4096, "objects": 4096, "threads": 2, "dmaPages": 2100,
               "mmioPages": 16, "interrupts": 4})
    machine = boot(devices=devices, package=package.write(logs), **options)
    machine.expect(machine.PROMPT)
    return machine


def measure(machine):
    """{(name, live): record} of devicecost."""
    text = machine.shell("run devicecost " + " ".join(map(str, LIVE)), 90)
    claim("devicecost: exit code 0" in text, "exit code 0", text[-400:])
    machine.halt()
    return {(line["name"], line["live"]): line for line in map(json.loads, LINE.findall(text))}


@pytest.mark.deadline(120)
def test_flat(boot, logs):
    """Using a handle and unmapping a page cost as many instructions with 2,000 buffers alive as with one. A
    page of memory costs a quarter more at most, by the search for a free place among objects, and a new slab
    now and then; mapping 8 more for each buffer, by the search for a free slot of the ledger. Else: the costs."""
    found = measure(start(boot, logs, cpus=1, icount=0))
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.write_text(json.dumps(list(found.values()), indent=1) + "\n")
    for name, growth, extra in (("device-use", 0, 0), ("device-unmap", 0, 0), ("device-alloc", 0.2, 450),
                                ("device-map", 8, 400)):
        costs = {live: found[name, live]["p50"] for live in LIVE}
        claim(all(cost <= 1.05 * costs[1] + extra + growth * live for live, cost in costs.items()),
              f"{name}: at most {growth} more for each buffer", costs)


# What is done, what is said when the part begins that counts, and for how many instructions at most a CPU may
# have had interrupts off meanwhile.
WORK = [
    ("run demo", None, 60_000),
    ("run devicecost 2000", '"device-revoke"', 50_000),  # from the claims on, to the end of the process
]


@pytest.mark.deadline(120)
def test_longest_sections(boot, logs):
    """In no entry to the kernel for a program's work, for device authority, or for the teardown of a device
    with 2,000 buffers, are interrupts off and the kernel lock held for longer than the limits above. Else:
    the time, and where the lock was taken and given back."""
    machine = start(boot, logs, cpus=1, icount=0, kernel="build/kernel-lock-times/capos.elf")
    found = {}
    for work, begins, limit in WORK:
        forget_holds(machine)
        if begins:
            machine.write(work + "\r")
            machine.expect(begins)
            forget_holds(machine)
            machine.expect(machine.PROMPT, 90)
        else:
            machine.shell(work, 90)
        found[work] = longest_holds(machine)
        claim(0 < found[work]["kernel"][0] <= limit, f"{work}: at most {limit} instructions", found[work])
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.with_name("lock-holds.json").write_text(json.dumps(found, indent=1) + "\n")
    machine.halt()
