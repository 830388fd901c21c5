# SPDX-License-Identifier: MIT
"""Interrupts of pins (INTx): declared, granted, shared, contained (docs/design/0016-intx.md). What the
holder of a capability sees user/apps/intxtest judges.

QEMU's q35 wires pin A of slot N (below 19h) to input 20 + N % 4 of its I/O APIC, so edu devices in slots
4, 8 and 12 share input 20."""

import audit
import intx
import oracle
import pytest
from oracle import pci
from shell import SERVICES, claim, until, wait_processes

BY_PIN = {**intx.EDU, "byPin": True}
# What user/apps/intxtest/routing.c has refused: why, which pin, which input. Not of places without a function.
REFUSED = [("badRange", 0, 16), ("badRange", 5, 16), *[("badRange", 1, line) for line in (16, 16, 16, 24, 0xFFFFFFFF)],
           ("unsupported", 1, 16), *[("denied", 1, line) for line in (4, 2, 9)], ("busy", 1, 17), ("busy", 2, 16)]


def two_edus(devices):
    devices.edu(slot=4)
    devices.edu(slot=8)


def test_nobody_has_declared(boot, logs):
    """A function that has nothing but its pin cannot be claimed, and one that has messages not by its pin,
    before somebody has declared where the pin leads; what firmware's tables deny is not believed, and in the
    audit log. Else: a claim that is granted, a check FAILED, or another record."""
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
    claim("cannot be claimed by its pin" in text, "a refusal with the reason", text)
    intx.run(machine, "routing refusals")
    refused = [(record["status"], record["operation"], record["method"], record["detail"] >> 32,
                record["detail"] & 0xFFFFFFFF)
               for record in audit.read(machine) if (record["kind"], record["event"]) == (
                   "interruptRouting", "refused")]
    claim(refused == [(status, "call", 0, pin, line) for status, pin, line in REFUSED], REFUSED, refused)
    claim("cannot be claimed: noInterruptRoute" in machine.shell("run e1000 e1000"), "still", machine.tail())
    intx.run(machine, "routing declare")
    intx.run(machine, "e1000 e1000")
    text = machine.shell("audit")
    claim("pinDeclared" in text, "an audit record of a declaration", text)
    oracle.inspect(machine)
    machine.halt()


@pytest.mark.parametrize("cpus, remapped", [(1, True), (2, True), (2, False)])
def test_grant(boot, logs, cpus, remapped):
    """The owner of a pin gets its interrupts when they are unmasked, one for each unmask as long as the
    device asserts it, none when they are masked, and leaves nothing behind though its device asserts its
    pin to the end. With interrupt remapping and without. Else: a check FAILED, or a difference."""
    machine, devices = intx.start(boot, logs, {"tester": BY_PIN, "e1000": intx.E1000},
                                  lambda devices: (devices.edu(slot=5), devices.add("e1000", slot=6)),
                                  cpus=cpus, intremap=remapped)
    claim("edu: 0 of its claims failed" in machine.shell("run edu", 60), "the driver of edu, too",
          machine.tail())
    intx.run(machine, "tester grant")
    intx.run(machine, "e1000 e1000")
    before = oracle.Snapshot(machine)
    intx.run(machine, "tester clean")
    intx.run(machine, "e1000 e1000")
    oracle.Snapshot(machine).must_equal(before)
    row = intx.line(machine, 21)
    claim(row["sharers"] == 0 and row["state"] == "closed", "a line that is masked", row)
    machine.halt()


@pytest.mark.parametrize("cpus", [1, 2])
def test_shared(boot, logs, cpus):
    """Two owners share a line. One takes an interrupt and never acknowledges it, its device asserting the
    line; the other gets all of its own, meanwhile and after the first was killed. Else: an owner that
    waits for ever, or a line that is masked."""
    machine, devices = intx.start(boot, logs, {"first": BY_PIN, "second": {**BY_PIN, "nth": 1}}, two_edus,
                                  cpus=cpus)
    first, second = (pci.name_of(machine.bdf(name)) for name in devices.names)
    intx.live(machine, "first cling", "intxtest: clinging")
    intx.live(machine, "second count", "intxtest: counting")
    row = intx.line(machine, 20)
    claim(row["state"] == "open" and row["sharers"] == 2, "an open line with two sharers", row)
    seen = next(row for row in intx.irqs(machine, "input") if row["input"] == 20)
    claim((seen["masked"], seen["trigger"], seen["active"]) == (False, "level", "high"), "a level, active high", seen)
    intx.goes_on(machine, second)
    route = intx.route(machine, first)
    claim(route["delivered"] == 1 and route["masked"] and route["pin"] == "INTA", "one that is taken", route)
    claim("masked" in next(row for row in machine.shell("irqs").splitlines() if first in row),
          "masked", machine.tail())
    oracle.inspect(machine)
    machine.qmp.execute("cont")
    machine.shell("kill first")
    wait_processes(machine, SERVICES | {"second"})
    intx.goes_on(machine, second)
    claim(intx.line(machine, 20)["sharers"] == 1, "one sharer", machine.tail())
    machine.shell("kill second")
    wait_processes(machine, SERVICES)
    row = intx.line(machine, 20)
    claim(row["sharers"] == 0 and row["state"] == "closed" and row["storms"] == 0, "a closed line", row)
    claim(row["unadmitted"] == 0, "no interrupt that came twice", row)
    oracle.inspect(machine)
    machine.halt()


def test_next_owner(boot, logs):
    """A device whose owner was killed asserts its pin on: its next owner is told nothing of it, and
    neither is the line. Else: `delivered` that is not 0, or a line that is open."""
    machine, devices = intx.start(boot, logs, {"tester": BY_PIN}, lambda devices: devices.edu(slot=4))
    intx.run(machine, "tester grant")
    before = oracle.Snapshot(machine)
    intx.live(machine, "tester cling", "intxtest: clinging")
    machine.shell("kill tester")
    wait_processes(machine, SERVICES)
    edu = intx.OutsideEduPin(machine, devices.names[0])
    left = edu.qtest.load(edu.config + 4, 2)
    edu.command(on=2)
    claim(edu.qtest.load(edu.bar + 0x24) != 0, "a device that would interrupt", "one that does not")
    claim(left & intx.INTX_DISABLE, "its pin disabled", "enabled")
    arrived = intx.line(machine, 20)["arrived"]
    intx.run(machine, "tester clean")
    claim(intx.line(machine, 20)["arrived"] == arrived, "no arrivals", intx.line(machine, 20))
    edu.drop_pin()
    edu.qtest.store(edu.config + 4, left, 2)

    # The owner's end disables a pin that was open, too.
    intx.live(machine, "tester wait", "intxtest: waiting")
    claim(not edu.qtest.load(edu.config + 4, 2) & intx.INTX_DISABLE, "a pin that is open", "it is disabled")
    machine.shell("kill tester")
    wait_processes(machine, SERVICES)
    until(machine, "a pin that is disabled",
          lambda: edu.qtest.load(edu.config + 4, 2) & intx.INTX_DISABLE)
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()


@pytest.mark.parametrize("cpus", [1, 2])
def test_storm(boot, logs, cpus):
    """A device that nobody owns asserts a line, whatever its command register was told: the line is masked
    and that is said; programs run, and the owner of another device on the line gets its interrupts. With a
    change of the sharers the line gets another chance. Else: a machine that does nothing but interrupt."""
    def place(devices):
        two_edus(devices)
        devices.edu(slot=12)
    machine, devices = intx.start(boot, logs, {"first": BY_PIN, "second": {**BY_PIN, "nth": 1}}, place,
                                  cpus=cpus)
    first = pci.name_of(machine.bdf(devices.names[0]))
    intx.live(machine, "first count", "intxtest: counting")
    rogue = intx.OutsideEduPin(machine, devices.names[2])
    rogue.raise_pin()
    row = until(machine, "a storm on line 20", lambda: intx.line(machine, 20)["storms"] and intx.line(machine, 20))
    claim(row["state"] == "storm", "a line in a storm", row)
    claim("line 20: 64 interrupts that none of its 1 functions admits to; masked" in machine.shell("log"),
          "a line in the log", machine.tail())
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    intx.goes_on(machine, first)
    arrived = intx.line(machine, 20)["arrived"]
    intx.goes_on(machine, first)
    claim(intx.line(machine, 20)["arrived"] == arrived, "a line that stays masked", intx.line(machine, 20))

    intx.live(machine, "second cling", "intxtest: clinging")
    until(machine, "another storm", lambda: intx.line(machine, 20)["storms"] == 2)
    rogue.drop_pin()
    machine.shell("kill second")
    wait_processes(machine, SERVICES | {"first"})
    row = intx.line(machine, 20)
    claim(row["state"] == "open", "an open line", row)
    intx.goes_on(machine, first)
    claim(intx.line(machine, 20)["arrived"] > row["arrived"], "interrupts that arrive", row)
    rogue.command(on=intx.INTX_DISABLE, off=2)
    oracle.inspect(machine)
    machine.halt()


def test_behind_a_bridge(boot, logs):
    """What is behind a root port is wired to the port's pins. Else: a claim that is refused, or an
    interrupt that does not come."""
    machine, devices = intx.start(boot, logs, {"tester": BY_PIN}, lambda devices: devices.edu(slot=6, port=True))
    intx.run(machine, "tester grant")
    claim(intx.line(machine, 22)["arrived"] > 0, "arrivals at input 22", machine.tail())
    machine.halt()


@pytest.mark.parametrize("cpus, total", [(1, 160), (2, 256)])
def test_vectors(boot, logs, cpus, total):
    """A function's many vectors are spread over the CPUs, and when there are no more that is a clear
    refusal: the vectors of one CPU, or the routes of the ledger. Else: a check FAILED, or a CPU that has
    more of a function than another."""
    def place(devices):
        for _ in range(5):
            devices.entropy(port=False, vectors=64)
    machine, devices = intx.start(boot, logs, {}, place, cpus=cpus, declare=False)
    names = [pci.name_of(machine.bdf(name)) for name in devices.names]
    numbers = [next(row["index"] for row in intx.report(machine, "devices", "device") if row["bdf"] == name)
               for name in names]
    intx.live(machine, f"owner vectors {' '.join(map(str, numbers))}", "intxtest: all taken")
    claim("FAILED" not in machine.tail(20), "no check FAILED", machine.tail(20))
    rows = intx.irqs(machine, "route")
    claim(len(rows) == total, f"{total} routes", len(rows))
    for name in names[:2]:
        spread = [sum(row["bdf"] == name and row["cpu"] == cpu for row in rows) for cpu in range(cpus)]
        claim(max(spread) - min(spread) <= 1 and sum(spread) in (63, 64), "vectors on every CPU", spread)
    machine.shell("kill owner")
    wait_processes(machine, SERVICES)
    until(machine, "no routes", lambda: not intx.irqs(machine, "route"))
    oracle.inspect(machine)
    machine.halt()


def test_unexpected(boot, logs):
    """Vectors that lead nowhere are counted, and harm nobody; one of a line that is nobody's in the end is
    counted there. Else: another count, or a machine that has stopped."""
    machine, devices = intx.start(boot, logs, {"tester": BY_PIN}, lambda devices: devices.edu(slot=4), cpus=1)
    intx.live(machine, "tester cling", "intxtest: clinging")
    row, arrivals = intx.line(machine, 20), intx.irqs(machine, "arrivals")[0]
    name = pci.name_of(machine.bdf(devices.names[0]))
    # To the local APIC of CPU 0, as a bus would (Intel SDM volume 3A section 11.11).
    for vector in (0x25, 0x3F, 0x77, 0xDF, 0xF0, int(row["vector"], 16)):
        machine.qtest.store(0xFEE00000, vector)
    seen = until(machine, "five unexpected vectors", lambda: [
        counts for counts in intx.irqs(machine, "arrivals") if counts["unexpected"] == arrivals["unexpected"] + 5])
    claim(seen[0]["stale"] == arrivals["stale"], "no stale ones", seen)
    now = intx.line(machine, 20)
    claim((now["arrived"], now["unadmitted"]) == (row["arrived"] + 1, row["unadmitted"] + 1),
          "one that nobody admits to", now)
    claim(intx.route(machine, name)["delivered"] == 1, "nothing delivered", intx.route(machine, name))
    oracle.inspect(machine)
    machine.halt()
