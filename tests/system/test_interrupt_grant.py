# SPDX-License-Identifier: MIT
"""Gate run-interrupt-grant: Interrupt is granted, used, refused, stale and released as the schema says,
and a device raises nothing else. What the holder sees user/apps/devtest judges."""

import devtest
import oracle
from oracle import pci
from outside_edu import ACKNOWLEDGE, RAISE, OutsideEdu
from shell import claim, report_rows, until, wait_processes


def test_grant(boot, logs):
    """The owner of edu gets its interrupts when they are unmasked, by waiting and by notification, none
    when they are masked, and none after the release. Else: a line FAILED of devtest, or a difference
    that the oracle finds."""
    machine, _ = devtest.start(boot, logs)
    devtest.run_twice(machine, "interrupt")
    machine.halt()


def test_interrupt_after_the_owners_end(boot, logs):
    """A device that raises interrupts after its owner was killed, and while the next one has the same
    vector masked, reaches neither: the remapping entry is gone, and none is delivered to the new
    generation. Else: an entry that the oracle finds, or `delivered` that is not 0."""
    machine, devices = devtest.start(boot, logs)
    edu = OutsideEdu(machine, devices.names[0])
    devtest.run(machine, "release")  # the first owner makes tables that stay
    before = oracle.Snapshot(machine)
    devtest.hold(machine)
    state = oracle.settle(machine)
    claim([irte.source for irte in state.hardware.units[0].irtes if irte.source == edu.bdf],
          "an interrupt-remapping entry for edu", state.hardware.units[0].irtes)
    machine.qmp.execute("cont")
    machine.shell("kill devtest")
    wait_processes(machine, devtest.SERVICES)
    bar = edu.bar
    for _ in range(20):
        machine.qtest.store(bar + RAISE, 1)
        machine.qtest.store(bar + ACKNOWLEDGE, 1)
    oracle.Snapshot(machine).must_equal(before)
    devtest.run(machine, "interrupt")
    oracle.Snapshot(machine).must_equal(before)
    machine.halt()


def test_storms_are_told_of_a_few_times(boot, logs):
    """An owner whose device storms and who unmasks it again, forty times, fills neither the log nor the
    serial line. Else: more lines than sixteen."""
    machine, _ = devtest.start(boot, logs)
    devtest.run(machine, "stormy")
    lines = machine.output.count("interrupts that nobody looks at; masked")
    claim(lines == 16, "16 lines", lines)
    machine.halt()


def test_storm(boot, logs):
    """Interrupts that nobody takes, thousands of them, are masked, and do not keep the system from its
    work. Else: a route that is open, or a prompt that does not come."""
    machine, devices = devtest.start(boot, logs)
    devtest.hold(machine)
    edu = OutsideEdu(machine, devices.names[0])
    bar = edu.bar

    def masked():
        """After three thousand more; those that come while a CPU stands still are one."""
        for _ in range(3000):
            machine.qtest.store(bar + RAISE, 1)
            machine.qtest.store(bar + ACKNOWLEDGE, 1)
        rows = report_rows(machine, "irqs", "route")
        return next(row for row in rows if row["bdf"] == pci.name_of(edu.bdf))["masked"]
    until(machine, "a route that is masked", masked)
    claim("demo: exit code 0" in machine.shell("run demo", 30), "services that answer", machine.tail())
    oracle.inspect(machine)
    machine.halt()
