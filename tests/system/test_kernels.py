# SPDX-License-Identifier: MIT
"""The kernels that are not the usual one: built by Clang, and with its assertions switched on."""

import pytest
from shell import claim

KERNELS = ["clang", "debug", "clang-debug"]


@pytest.mark.parametrize("variant", KERNELS)
@pytest.mark.parametrize("cpus", [1, 2])
def test_kernel(boot, variant, cpus):
    """Each of the other kernels boots, runs demo, rttest and attacks, and halts. Else: an assertion
    of the debug kernel in an epitaph, or a program that fails on one kernel only."""
    machine = boot(cpus=cpus, kernel=f"build/kernel-{variant}/capos.elf")
    for program in ("demo", "rttest", "hostile forge indices die faults"):
        text = machine.shell(f"run {program}", 60)
        claim(text.endswith(f"{program.split()[0]}: exit code 0"), f"{program} passes", text)
    machine.halt()
