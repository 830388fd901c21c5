# SPDX-License-Identifier: MIT
"""What device authority costs in instructions, and that it does not grow with what is alive."""

import json
import pathlib

import device_cost
import pytest
from shell import claim

RECORDS = pathlib.Path("build/bench/device-cost.json")
LIVE = [1, 100, 1000, 10000]

# Of what it is with one buffer alive, what each may be with any number of LIVE. A page of memory may come from a
# larger block that is split first.
FLAT = {"device-claim": 1.05, "device-alloc": 1.1, "device-map": 1.05, "device-use": 1.05, "device-submit": 1.05,
        "device-complete": 1.05, "device-unmap": 1.05, "device-revoke": 1.05}


def start(boot, logs, **options):
    """A machine at the prompt in which devicecost can claim two edu."""
    machine = boot(devices=device_cost.devices(), package=device_cost.package().write(logs), cpus=1, icount=0,
                   **options)
    machine.expect(machine.PROMPT)
    return machine


@pytest.mark.deadline(120)
def test_flat(boot, logs):
    """Every operation on device authority costs as many instructions with 10,000 buffers alive as with one, within a
    twentieth (a page of memory: a tenth), and the teardown of a device that has them at most 500 for each. Else:
    the costs."""
    machine = start(boot, logs)
    text = machine.shell("run devicecost " + " ".join(map(str, LIVE)), 90)
    claim("devicecost: exit code 0" in text, "exit code 0", text[-400:])
    machine.halt()
    found = device_cost.records(text)
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.write_text(json.dumps(list(found.values()), indent=1) + "\n")
    for name, most in FLAT.items():
        costs = {live: found[name, live]["p50"] for live in LIVE}
        claim(all(cost <= most * costs[1] for cost in costs.values()), f"{name}: at most {most} of the first", costs)
    costs = {live: found["device-teardown", live]["p50"] for live in LIVE}
    claim(all(costs[live] - costs[1] <= 500 * (live - 1) for live in LIVE), "device-teardown: 500 each", costs)


# For how many instructions at most a CPU may have had interrupts off meanwhile.
LIMITS = {device_cost.PROGRAM: 60_000, device_cost.DEVICE: 50_000,
          ("dma", None): 4_000, ("dma -j", None): 36_000}  # with a table of 10,000 buffers, of which none is left


@pytest.mark.deadline(120)
def test_longest_sections(boot, logs):
    """In no entry to the kernel for a program's work, for device authority, for the teardown of a device with
    10,000 buffers, or for listing what is left of them, are interrupts off and the kernel lock held for longer than the limits above. Else: the time,
    and where the lock was taken and given back."""
    machine = start(boot, logs, kernel=str(device_cost.LOCK_TIMES))
    found = {}
    for work, limit in LIMITS.items():
        found[work[0]] = device_cost.longest_holds(machine, *work)
        claim(0 < found[work[0]]["kernel"][0] <= limit, f"{work[0]}: at most {limit} instructions", found)
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.with_name("lock-holds.json").write_text(json.dumps(found, indent=1) + "\n")
    machine.halt()
