# SPDX-License-Identifier: MIT
"""How long a CPU has interrupts off and holds the kernel lock, at most."""

import json
import pathlib

import pytest
from locks import forget_holds, longest_holds
from packages import Package
from shell import claim

IMAGE = pathlib.Path("build/package/user/longest.elf")
RECORDS = pathlib.Path("build/bench/longest-sections.json")
KERNEL = "build/kernel-lock-times/capos.elf"

# What is done, and for how many instructions at most a CPU may have had interrupts off meanwhile.
LIMIT = 10_000_000
WORKS = ["waits", "receives", "calls", "close", "end", "map", "pages", "views", "text", "batch", "meanwhile"]


@pytest.mark.deadline(240)
def test_longest_sections(boot, logs):
    """Whatever a program has the kernel do, no entry is longer than its limit. Else: the time, and
    where the lock was taken and given back."""
    package = Package()
    for program in package.programs.values():
        if program["start"] == "device":
            program["start"] = "demand"
    package.add("longest", IMAGE.read_bytes(), like="hostile",
                budget={"frames": 24000, "capSlots": 4096, "objects": 8192, "threads": 160})
    machine = boot(cpus=1, icount=0, kernel=KERNEL, package=package.write(logs))
    machine.expect(machine.PROMPT)
    found = {}
    for work in [f"run longest {name}" for name in WORKS] + ["mem", "run demo", "ps"]:
        forget_holds(machine)
        text = machine.shell(work, 90)
        if "longest" in work:
            claim("longest: exit code 0" in text, f"{work}: exit code 0", text[-400:])
        found[work] = longest_holds(machine)["kernel"]
        print(work, found[work])
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.write_text(json.dumps(found, indent=1) + "\n")
    machine.halt()
