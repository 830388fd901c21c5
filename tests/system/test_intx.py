# SPDX-License-Identifier: MIT
"""Interrupts of pins (INTx): declared, granted, shared, contained (docs/design/0016-intx.md). What the
holder of a capability sees user/apps/intxtest judges.

QEMU's q35 wires pin A of slot N (below 19h) to input 20 + N % 4 of its I/O APIC, so edu devices in slots
4, 8 and 12 share input 20."""

import intx
import oracle
import pytest
from oracle import pci
from shell import claim, wait_processes

SERVICES = {"init", "echo", "share", "shell"}
BY_PIN = {**intx.EDU, "byPin": True}


def two_edus(devices):
    devices.edu(slot=4)
    devices.edu(slot=8)


def test_nobody_has_declared(boot, logs):
    """A function that has nothing but its pin cannot be claimed, and one that has messages not by its pin,
    before somebody has declared where the pin leads; what firmware's tables deny is not believed. Else: a
    claim that is granted, or a check FAILED."""
    def place(devices):
        devices.add("e1000", slot=4)
        devices.edu(slot=8)
    machine, devices = intx.start(boot, logs, {"e1000": intx.E1000, "pin": BY_PIN, "message": intx.EDU},
                                  place, declare=False)
    name = pci.name_of(machine.bdf(devices.names[0]))
    row = next(row for row in machine.shell("devices").splitlines() if name in row)
    claim("noInterruptRoute" in row, "the reason", row)
    text = machine.shell("run e1000 e1000")
    claim("cannot be claimed: noInterruptRoute" in text, "a refusal with the reason", text)
    text = machine.shell("run pin grant")
    claim("cannot be claimed: unsupported" in text and "pin" in text, "a refusal with the reason", text)
    intx.run(machine, "routing refusals")
    claim("cannot be claimed: noInterruptRoute" in machine.shell("run e1000 e1000"), "still", machine.tail())
    intx.run(machine, "routing declare")
    intx.run(machine, "e1000 e1000")
    audit = machine.shell("audit")
    claim("pinDeclared" in audit, "an audit record of a declaration", audit)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("cpus, remapped", [(1, True), (2, True), (2, False)])
def test_grant(boot, logs, cpus, remapped):
    """The owner of a pin gets its interrupts when they are unmasked, one for each unmask as long as the
    device asserts it, none when they are masked, and leaves nothing behind though its device asserts its
    pin to the end. With interrupt remapping and without. Else: a check FAILED, or a difference."""
    machine, devices = intx.start(boot, logs, {"edu": BY_PIN, "e1000": intx.E1000},
                                  lambda devices: (devices.edu(slot=5), devices.add("e1000", slot=6)),
                                  cpus=cpus, intremap=remapped)
    intx.run(machine, "edu grant")
    intx.run(machine, "e1000 e1000")
    before = oracle.Snapshot(machine)
    intx.run(machine, "edu clean")
    intx.run(machine, "e1000 e1000")
    oracle.Snapshot(machine).must_equal(before)
    row = intx.line(machine, 21)
    claim(row["sharers"] == 0 and row["state"] == "closed", "a line that is masked", row)
    machine.halt()
