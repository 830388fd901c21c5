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

# For how many instructions at most a CPU may have interrupts off: half as many again as were seen.
LIMIT = 62_000
WORKS = ["waits", "receives", "calls", "close", "end", "map", "pages", "views", "text", "batch", "meanwhile",
         "letters", "reads"]


@pytest.mark.deadline(240)
def test_longest_sections(boot, logs):
    """An object with 3,840 waiters is revoked, closed or ends, a process with 65 threads and as many
    operations is killed, 4,096 pages are mapped, protected, unmapped and revoked, 500 views are
    revoked, 3.8 KB of text written, 60 objects of 32 pages made in one entry, 3,840 calls meet one
    RECV that has no room for them, as many reads of the console have none for a byte, frames counted: no
    entry holds the lock for longer than the limit, and everybody concerned is told what is right. A
    mapping made with a new capability during a revocation stays. Else: the time, and where the lock was
    taken and given back; or what failed."""
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
        if "meanwhile" in work:
            claim("mapped during a revocation" in text, "a mapping during a revocation", text)
        found[work] = longest_holds(machine)["kernel"]
        claim(0 < found[work][0] <= LIMIT, f"{work}: at most {LIMIT} instructions", found[work])
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.write_text(json.dumps(found, indent=1) + "\n")
    machine.halt()
