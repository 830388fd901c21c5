# SPDX-License-Identifier: MIT
"""Handles of device authority that are of yesterday: whatever they were good for is refused, and nobody who
has the device today notices. The ledger's own tests go through all of it; here it is the booted system."""

import re
import struct

import audit
import devtest
import disks
import oracle
import pytest
from harness import Devices
from oracle import pci
from oracle.state import State
from shell import claim, fresh_prompt, wait_processes

LAST = (1 << 64) - 1


def start(boot, logs, cpus=2):
    """(machine, the device's place, its number in the ledger); devtest and devtest-b are granted it"""
    devices = Devices()
    devices.edu(port=True)
    package = devtest.package(logs, devtest.EDU, "devtest-b",
                              base=devtest.package(logs, devtest.EDU, base=devtest.Package()))
    machine = boot(cpus=cpus, devices=devices, package=package.write(logs), qtest=True)
    machine.expect(machine.PROMPT)
    bdf = pci.name_of(machine.bdf(devices.names[0]))
    return machine, bdf, audit.function_index(machine, bdf)


@pytest.mark.parametrize("action", ["revoke", "reset", "disable"])
def test_former_owner(boot, logs, action):
    """An owner whose device was taken goes on to use every handle that it has, while the next owner works
    with the device: registers, configuration, pool, buffer and interrupt are refused from the first
    moment on, and the next owner's tests pass. Else: one of nine uses that is done."""
    machine, bdf, index = start(boot, logs)
    machine.write("run devtest stale &\r")
    machine.expect("devtest: 9 of 9 done", 20)
    fresh_prompt(machine)
    machine.write(f"run manage {action} {index}\r")
    match = machine.expect(re.compile(r"devtest: refusals: registers (\w+), buffer (\w+), its end (\w+), "
                                      r"interrupt (\w+)\r"), 20)
    claim(set(match.groups()) == {"stale"}, "stale, each of them", match.group(0))
    fresh_prompt(machine)
    audit.wait(machine, bdf, "freed")
    if action == "disable":
        claim("manage: ok, free" in machine.shell(f"run manage enable {index}"), "enabled", machine.tail())
    for trial in ("buffer", "interrupt", "window"):
        text = machine.shell(f"run devtest-b {trial}", 60)
        claim(re.search(r"devtest: \d+ checks, 0 failed", text), "the next owner's tests pass", text[-300:])
        wait_processes(machine, devtest.SERVICES | {"devtest"})
    # What it says on its way from nine to none may be any number, but it never grows.
    counts = [int(count) for count in re.findall(r"devtest: (\d) of 9 done", machine.output)]
    claim(counts == sorted(counts, reverse=True) and counts[-1] == 0, "nothing that works again", counts)
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    oracle.inspect(machine)
    machine.halt()


def set_generation(machine, index, member, value):
    """Change a generation of a function in the kernel's ledger behind its back."""
    machine.qmp.execute("stop")
    state = State(machine)
    function = state.variable("ledger", "kernel/device_manager/device_manager.c").functions[index]
    state.ram.write(state.physical(getattr(function, member).at), struct.pack("<Q", value))
    machine.qmp.execute("cont")


@pytest.mark.parametrize("member", ["generation", "owner_generation"])
def test_generations_end(boot, logs, member):
    """A function whose generations are used up is retired at its owner's end: `devices` says so, and nobody
    gets it any more. Else: a generation that begins again."""
    machine, bdf, index = start(boot, logs)
    set_generation(machine, index, member, LAST - 3)
    machine.shell("run devtest release")
    for _ in range(3):
        wait_processes(machine, devtest.SERVICES)
        if "retired" in disks.device_row(machine, bdf):
            break
        devtest.run(machine, "release")
    row = disks.device_row(machine, bdf)
    claim("retired" in row, "a function that is retired", row)
    records = audit.of(audit.read(machine), bdf)
    claim(records[-1]["event"] == "retired" and records[-1]["status"] == "retired", "a record of it",
          audit.shown(records[-1]))
    generations = [record["generation"] for record in records]
    claim(generations == sorted(generations), "generations that grow", generations)
    claim("cannot be claimed" in machine.shell("run devtest release"), "no claim", machine.tail())
    claim("claim: retired" in machine.shell(f"run manage claim {index}"), "none without looking either",
          machine.tail())
    oracle.inspect(machine)
    machine.halt()
