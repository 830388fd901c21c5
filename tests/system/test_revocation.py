# SPDX-License-Identifier: MIT
"""Revocations of memory that others come between: mappings made meanwhile, and other revocations.

One processor that counts instructions: how many steps of a revocation are done when something else
begins is the same on every host, and the program says whether there were any left."""

import pathlib

import pytest
from packages import Package
from shell import claim

IMAGE = pathlib.Path("build/package/user/longest.elf")


@pytest.mark.parametrize("work", ["meanwhile", "within"])
def test_revocation(boot, logs, work):
    """meanwhile: a mapping made with a new capability during a revocation stays, also when mappings that the
    revocation has counted go by themselves. within: while the holder of a view revokes it, the memory below it is
    revoked, and no mapping of the view's holder is left. Else: a child that crashes, or how many are left."""
    package = Package("init", "shell", "hostile")
    package.add("longest", IMAGE.read_bytes(), like="hostile",
                budget={"frames": 24000, "capSlots": 4096, "objects": 8192, "threads": 160})
    machine = boot(cpus=1, icount=0, package=package.write(logs))
    machine.expect(machine.PROMPT)
    text = machine.shell(f"run longest {work}", 60)
    what = {"meanwhile": "mapped", "within": "revoked"}[work]
    claim(f"longest: {what} during a revocation" in text, f"{what} during a revocation", text)
    claim("longest: exit code 0" in text, "exit code 0", text)
    machine.halt()
