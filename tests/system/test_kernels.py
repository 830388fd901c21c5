# SPDX-License-Identifier: MIT
"""The kernels that are not the usual one: built by Clang, and with its assertions switched on."""

import disks
import pytest
from shell import claim, ended, fresh_prompt

KERNELS = ["clang", "debug", "clang-debug"]


@pytest.mark.parametrize("variant", KERNELS)
@pytest.mark.parametrize("cpus", [1, 2])
def test_kernel(boot, variant, cpus):
    """Each of the other kernels boots, runs demo, rttest and attacks, and halts. Else: an assertion
    of the debug kernel in an epitaph, or a program that fails on one kernel only."""
    machine = boot(cpus=cpus, kernel=f"build/kernel-{variant}/capos.elf")
    for program in ("demo", "rttest", "hostile forge indices die faults"):
        text = machine.shell(f"run {program}", 60)
        claim(ended(text, program.split()[0]), f"{program} passes", text)
    machine.halt()


def test_debug_kernel_with_interrupts(boot, logs):
    """On one CPU the debug kernel goes from a disk's interrupt straight to the driver, past a thread that
    computes, with no lock's rank left behind. Else: an epitaph that names the rank."""
    machine, _, _ = disks.start(boot, logs, machine={"cpus": 1, "kernel": "build/kernel-debug/capos.elf"})
    machine.write("run rttest registers &\r")
    machine.expect("rttest: process")
    fresh_prompt(machine)
    text = machine.shell("run blktest depth 4 load 2000", 50)
    claim(ended(text, "blktest"), "blktest passes", text)
