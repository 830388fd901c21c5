# SPDX-License-Identifier: MIT
"""Inside its budget a process is not refused memory, whatever it does with it."""

import pathlib
import re

import oracle
import pytest
from packages import Package
from shell import claim

IMAGE = pathlib.Path("build/package/user/tolimit.elf")
THREADS = 118


@pytest.mark.deadline(90)
def test_to_the_limit(boot, logs):
    """A process that has nearly all of a small machine uses all its pages, gives back every other
    one, makes all its threads, and as many objects of several kinds as it may, with their slabs in
    pieces: each time what ends it is its budget. Else: which it could not have, and why."""
    package = Package("init", "shell", "hello")
    package.add("tolimit", IMAGE.read_bytes(), budget={"frames": 11600, "capSlots": 16000,
                                                       "objects": 15000, "threads": THREADS})
    machine = boot(cpus=1, memory="64M", package=package.write(logs))
    machine.expect(machine.PROMPT)
    text = machine.shell("run tolimit", 60)
    claim("tolimit: exit code 0" in text, "never refused within its budget", text)
    claim(f"{THREADS - 1} threads, then overBudget" in text, f"{THREADS - 1} threads", text)
    claim(all(int(number) > 1000 for number in re.findall(r"(\d+) (?:pages|endpoints|views)", text)),
          "more than a thousand of each", text)
    machine.shell("run hello")
    oracle.Snapshot(machine)  # which looks whether everything that is left is somebody's
    machine.halt()
