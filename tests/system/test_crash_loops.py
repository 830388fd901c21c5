# SPDX-License-Identifier: MIT
"""A driver that crashes again and again, each time with everything of a device in its hands and a transfer
under way. LOOPS=1000 in the environment repeats it so often: `make crash-loops`."""

import os
import re

import devtest
import oracle
import pytest
from harness import Unexpected
from oracle import pci
from shell import claim, wait_processes

LOOPS = int(os.environ.get("LOOPS", "20"))
ENDS = ["crash", "touch", "leave"]  # no instruction, registers that are gone, exit with all of it


@pytest.mark.deadline(90 + 6 * LOOPS)
def test_crash_loops(boot, logs):
    """After each of many crashes of a driver the machine is exactly as after the first few: frames, page
    tables, VT-d's tables, capabilities, objects, accounts, by the oracle; and the device is free. Else:
    the difference, and after how many crashes."""
    machine, devices = devtest.start(boot, logs)
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    addresses, before = [], None
    for loop in range(LOOPS + len(ENDS)):
        end = ENDS[loop % len(ENDS)]
        text = machine.shell(f"run devtest {end}")
        wait_processes(machine, devtest.SERVICES)
        claim(re.search(rf"devtest: {'exit code 0' if end == 'leave' else '.*(crash|fault)'}", text)
              and "FAILED" not in text, f"{end}: the end that was meant", text)
        found = re.search(r"holding 0x([0-9a-f]+)", text)
        addresses += [int(found.group(1), 16)] if found else []
        if loop < len(ENDS) - 1:
            continue
        try:
            after = oracle.Snapshot(machine)
            if before is not None:
                after.must_equal(before)
        except Unexpected as error:
            raise Unexpected(error.expected, f"after {loop + 1} ends: {error.seen}") from error
        before = after
    claim(addresses == sorted(set(addresses)), "addresses that only grow", len(addresses))
    row = next(line for line in machine.shell("devices").splitlines() if bdf in line)
    claim(" free " in row, "a free function", row)
    machine.halt()
