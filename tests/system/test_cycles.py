# SPDX-License-Identifier: MIT
"""Starting and ending processes leaves nothing behind: not in the kernel's accounts, and not in
page tables and frames, which the oracle counts itself."""

import re

import oracle
import pytest
from shell import claim, ended


@pytest.mark.deadline(120)
@pytest.mark.parametrize("cpus, cycles", [(1, 1000), (4, 300)])
def test_cycles(boot, cpus, cycles):
    """After a thousand processes that exited, crashed or were killed, every frame, page table,
    capability, object and account is as it was before them. Else: the difference, by name."""
    machine = boot(cpus=cpus)
    machine.expect(machine.PROMPT)
    machine.shell("run hostile cycles 3", 20)
    before = oracle.Snapshot(machine)
    text = machine.shell(f"run hostile cycles {cycles}", 100)
    claim(re.search(rf"{cycles} cycles, 0 ended in another way", text) and
          ended(text, "hostile"), f"{cycles} cycles, each ended as meant", text[-300:])
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()


@pytest.mark.deadline(120)
def test_programs_come_and_go(boot):
    """The same through the launcher, with services, memory, threads and a kill in between. Else:
    the difference, by name."""
    machine = boot(cpus=2)
    machine.expect(machine.PROMPT)

    def once():
        for command in ("run hello", "run demo", "run rttest threads heap mappings"):
            text = machine.shell(command, 40)
            claim(ended(text, command.split()[1]), f"{command}: exit code 0", text)
        number = re.search(r"process (\d+)", machine.shell("run echo &")).group(1)
        machine.shell(f"kill {number}")
        machine.shell("run nothing")

    once()
    before = oracle.Snapshot(machine)
    for _ in range(5):
        once()
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()
